"""Bugs of webhooks: the outbox, leases, signatures, the schedule, and who is told."""

from __future__ import annotations

from mutant import Mutant

TESTS = "workers/test_deliver.py"
COME_BACK = f"{TESTS}::TestReceivers::test_that_fail_hang_redirect_and_come_back_get_every_event"
TAKE_OVER = f"{TESTS}::TestSenders::test_take_over_from_one_that_died_and_whose_word_counts_no_more"
ROTATION = f"{TESTS}::TestEndpoints::test_get_both_signatures_for_the_overlap_and_one_after_it"
FIVE_DAYS = f"{TESTS}::TestEndpoints::test_that_fail_for_five_days_are_disabled_and_begin_anew"
HOW_FAR = f"{TESTS}::TestReceivers::test_hear_how_far_the_account_had_come"
API = "api/test_webhook_endpoints.py"
SAVE = "    await save(connection, batch_id, written, loaded, decided.kept, encoded=decided.encoded)\n"

MUTANTS = [
    Mutant(
        "webhooks follow redirects",
        "engine/outbound.py",
        "            reading.status = response.status\n",
        """            reading.status = response.status
            for name, value in response.headers:
                if name.lower() == b"location":
                    return await self._exchange(_text(value), headers, body, reading)
""",
        COME_BACK,
    ),
    Mutant(
        "the signature is over JSON that was read and written again",
        "workers/deliver.py",
        "        headers = signed_headers(delivery.event_id, body, at=started_at, secrets=secrets)\n",
        """        import json

        signed = json.dumps(json.loads(body)).encode()
        headers = signed_headers(delivery.event_id, signed, at=started_at, secrets=secrets)
""",
        COME_BACK,
    ),
    Mutant(
        "the outbox row is written in another transaction",
        "engine/batch.py",
        SAVE,
        """    from vinr_server.core.webhook_rows import Delivery

    later = {realm: Layer(layer) for realm, layer in written.items()}
    for realm, layer in written.items():
        for row in layer._rows.pop(Delivery, {}).values():
            later[realm].put(row)
    await save(connection, batch_id, written, loaded, decided.kept, encoded=decided.encoded)
    await connection.execute("commit")
    await connection.execute("begin")
    await save(connection, uuid.uuid4(), later, loaded, [], encoded={})
""",
        f"{API}::TestOutbox::test_is_written_with_its_event_or_not_at_all",
    ),
    Mutant(
        "the outbox is read by a cursor, id > last",
        "storage/deliveries.py",
        "    where realm = w.realm and endpoint_id = w.endpoint_id and status = 'pending' and next_attempt_at <= $1\n",
        """    where realm = w.realm and endpoint_id = w.endpoint_id and status = 'pending' and next_attempt_at <= $1
      and id > coalesce((select max(x.id) from deliveries x where x.attempt_count > 0), '')
""",
        COME_BACK,
    ),
    Mutant(
        "whoever asks may claim what is leased",
        "storage/deliveries.py",
        "  update deliveries t set lease = $2, next_attempt_at = $3\n",
        "  update deliveries t set lease = $2, next_attempt_at = least(t.next_attempt_at, $3)\n",
        f"{TESTS}::TestSenders::test_never_attempt_one_delivery_at_once",
    ),
    Mutant(
        "whose lease is over may still say what came of it",
        "storage/deliveries.py",
        " and t.id = r.id and t.lease = r.lease and t.bucket = any($2)\n",
        " and t.id = r.id and r.lease is not null and t.bucket = any($2)\n",
        TAKE_OVER,
    ),
    Mutant(
        "a lease never ends",
        "storage/deliveries.py",
        "    records = await pool.fetch(CLAIM, now, lease, now + lease_for, limit,",
        "    records = await pool.fetch(CLAIM, now, lease, now + lease_for * 1000, limit,",
        TAKE_OVER,
    ),
    Mutant(
        "any answer will do",
        "core/webhook_schedule.py",
        "    if status_code is not None and 200 <= status_code < 300:\n",
        "    if status_code is not None and 200 <= status_code < 400:\n",
        COME_BACK,
    ),
    Mutant(
        "the old secret signs for good",
        "storage/deliveries.py",
        "case when e.old_secret_until > $1 then e.sealed_old_secret end",
        "e.sealed_old_secret",
        ROTATION,
    ),
    Mutant(
        "the old secret signs no more at once",
        "storage/deliveries.py",
        "case when e.old_secret_until > $1 then e.sealed_old_secret end",
        "case when e.old_secret_until < $1 then e.sealed_old_secret end",
        ROTATION,
    ),
    Mutant(
        "the secret's text is the key",
        "engine/sealing.py",
        "    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)\n",
        "    return secret.encode()\n",
        COME_BACK,
    ),
    Mutant(
        "410 is an answer like others",
        "core/webhook_schedule.py",
        "    if status_code == GONE:\n",
        "    if status_code == GONE and number > 1000:\n",
        f"{TESTS}::TestEndpoints::test_that_are_gone_are_told_nothing_more",
    ),
    Mutant(
        "who fails is never disabled",
        "workers/deliver.py",
        '            await self._disable(by_endpoint[endpoint], "failing")\n',
        "            by_endpoint[endpoint]\n",
        FIVE_DAYS,
    ),
    Mutant(
        "Retry-After hurries the next attempt",
        "core/webhook_schedule.py",
        "        wait = max(wait, min(retry_after, RETRY_AFTER_MAX))\n",
        "        wait = min(retry_after, RETRY_AFTER_MAX)\n",
        f"{TESTS}::TestReceivers::test_may_ask_for_more_time_and_never_for_less",
    ),
    Mutant(
        "the schedule skips a step",
        "core/webhook_schedule.py",
        "    wait = WAITS[number - 1]\n",
        "    wait = WAITS[min(number, len(WAITS) - 1)]\n",
        f"{TESTS}::TestReceivers::test_are_tried_ten_times_in_three_days",
    ),
    Mutant(
        "an endpoint may take every place",
        "workers/deliver.py",
        "            per_endpoint=PER_ENDPOINT_MAX,\n",
        "            per_endpoint=UNDER_WAY_MAX,\n",
        f"{TESTS}::TestSenders::test_probe_who_fails_with_few_at_once",
    ),
    Mutant(
        "bulk imports are told to everybody",
        "core/announcements.py",
        "    if not event.is_deliverable:\n        return\n",
        "",
        f"{API}::TestOutbox::test_holds_no_bulk_import_unless_asked_for",
    ),
    Mutant(
        "secrets are stored as they are",
        "engine/sealing.py",
        "        return self._fernet.encrypt(text.encode())\n",
        "        return text.encode()\n",
        f"{API}::TestSecrets::test_are_shown_once_and_stored_sealed",
    ),
    Mutant(
        "a URL is checked when it is made and not when it is changed",
        "api/webhook_operations.py",
        '        await _check_url(call, body.url)\n        changes["url"] = body.url\n',
        '        changes["url"] = body.url\n',
        f"{API}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "a payment's event does not tell how far the account had come",
        "core/payments.py",
        'type="payment.completed", members=accounts, bucket',
        'type="payment.completed", bucket',
        HOW_FAR,
    ),
    Mutant(
        "an event tells the sequence from before its entry",
        "core/announcements.py",
        "    account = draft.get(Account, accounts[0].id) or accounts[0]\n    return account.sequence\n",
        "    return max(accounts[0].sequence - 1, 0)\n",
        HOW_FAR,
    ),
    Mutant(
        "what a sender had under way when it died is never sent again",
        "workers/deliver.py",
        "            lease_for=self._lease_for,\n",
        "            lease_for=timedelta(days=30),\n",
        "workers/test_sender_kills.py::TestKills",
    ),
]

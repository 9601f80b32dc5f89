"""Bugs of webhooks: the outbox, leases, signatures, the schedule, and who is notified."""

from __future__ import annotations

from mutant import Mutant

TESTS = "workers/test_deliver.py"
COME_BACK = f"{TESTS}::TestReceivers::test_that_fail_hang_redirect_and_come_back_get_every_event"
TAKE_OVER = f"{TESTS}::TestSenders::test_take_over_from_one_that_died_and_whose_word_counts_no_more"
ROTATION = f"{TESTS}::TestEndpoints::test_get_both_signatures_for_the_overlap_and_one_after_it"
FIVE_DAYS = f"{TESTS}::TestEndpoints::test_that_fail_for_five_days_are_disabled_and_begin_anew"
HOW_FAR = f"{TESTS}::TestReceivers::test_hear_how_far_the_account_had_come"
API = "api/test_webhook_endpoints.py"
IS_DUE = "where realm = w.realm and endpoint_id = w.endpoint_id and status = 'pending' and next_attempt_at <= $1"

MUTANTS = [
    Mutant(
        "webhooks follow redirects",
        "Sender._exchange",
        "reading.status = response.status",
        """
        reading.status = response.status
        for name, value in response.headers:
            if name.lower() == b"location":
                return await self._exchange(_text(value), headers, body, reading)
        """,
        COME_BACK,
    ),
    Mutant(
        "the signature is over JSON that was read and written again",
        "DeliveryWorker._send",
        "headers = signed_headers(delivery.event_id, body, at=started_at, secrets=secrets)",
        """
        import json

        signed = json.dumps(json.loads(body)).encode()
        headers = signed_headers(delivery.event_id, signed, at=started_at, secrets=secrets)
        """,
        COME_BACK,
    ),
    Mutant(
        "the outbox row is written in another transaction",
        "run_batch",
        "await save(connection, batch_id, written, loaded, decided.kept, encoded=decided.encoded,"
        " is_distributed=is_distributed)",
        """
        later = {realm: Layer(layer) for realm, layer in written.items()}
        for realm, layer in written.items():
            for kind in [kind for kind in layer._rows if kind.__name__ == "Delivery"]:
                for row in layer._rows.pop(kind).values():
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
        "CLAIM",
        IS_DUE,
        f"{IS_DUE} and id > coalesce((select max(x.id) from deliveries x where x.attempt_count > 0), '')",
        COME_BACK,
    ),
    Mutant(
        "whoever asks may claim what is leased",
        "CLAIM",
        "update deliveries t set lease = $2, next_attempt_at = $3",
        "update deliveries t set lease = $2, next_attempt_at = least(t.next_attempt_at, $3)",
        f"{TESTS}::TestSenders::test_never_attempt_one_delivery_at_once",
    ),
    Mutant(
        "whose lease is over may still say what came of it",
        "RECORD",
        "and t.id = r.id and t.lease = r.lease and t.bucket = any($2)",
        "and t.id = r.id and r.lease is not null and t.bucket = any($2)",
        TAKE_OVER,
    ),
    Mutant(
        "a lease never ends",
        "claim",
        "now + lease_for",
        "now + lease_for * 1000",
        TAKE_OVER,
    ),
    Mutant(
        "any answer will do",
        "judge",
        "if status_code is not None and 200 <= status_code < 300:",
        "if status_code is not None and 200 <= status_code < 400:",
        COME_BACK,
    ),
    Mutant(
        "the old secret signs for good",
        "CLAIM",
        "case when e.old_secret_until > $1 then e.sealed_old_secret end",
        "e.sealed_old_secret",
        ROTATION,
    ),
    Mutant(
        "the old secret signs no more at once",
        "CLAIM",
        "case when e.old_secret_until > $1 then e.sealed_old_secret end",
        "case when e.old_secret_until < $1 then e.sealed_old_secret end",
        ROTATION,
    ),
    Mutant(
        "the secret's text is the key",
        "secret_bytes",
        "return base64.b64decode(secret.removeprefix(PREFIX), validate=True)",
        "return secret.encode()",
        COME_BACK,
    ),
    Mutant(
        "410 is an answer like others",
        "judge",
        "if status_code == GONE:",
        "if status_code == GONE and number > 1000:",
        f"{TESTS}::TestEndpoints::test_that_are_gone_are_told_nothing_more",
    ),
    Mutant(
        "who fails is never disabled",
        "DeliveryWorker._persist",
        'await self._disable(by_endpoint[endpoint], "failing")',
        "by_endpoint[endpoint]",
        FIVE_DAYS,
    ),
    Mutant(
        "Retry-After hurries the next attempt",
        "judge",
        "wait = max(wait, min(retry_after, RETRY_AFTER_MAX))",
        "wait = min(retry_after, RETRY_AFTER_MAX)",
        f"{TESTS}::TestReceivers::test_may_ask_for_more_time_and_never_for_less",
    ),
    Mutant(
        "the schedule skips a step",
        "judge",
        "wait = WAITS[number - 1]",
        "wait = WAITS[min(number, len(WAITS) - 1)]",
        f"{TESTS}::TestReceivers::test_are_tried_ten_times_in_three_days",
    ),
    Mutant(
        "an endpoint may take every place",
        "DeliveryWorker.claim_once",
        "per_endpoint=PER_ENDPOINT_MAX,",
        "per_endpoint=UNDER_WAY_MAX,",
        f"{TESTS}::TestSenders::test_probe_who_fails_with_few_at_once",
    ),
    Mutant(
        "bulk imports are told to everybody",
        "emit",
        """
        if not event.is_deliverable:
            return
        """,
        "",
        f"{API}::TestOutbox::test_holds_no_bulk_import_unless_asked_for",
    ),
    Mutant(
        "secrets are stored as they are",
        "Seal.close",
        "return self._fernet.encrypt(text.encode())",
        "return text.encode()",
        f"{API}::TestSecrets::test_are_shown_once_and_stored_sealed",
    ),
    Mutant(
        "a URL is checked when it is made and not when it is changed",
        "update_webhook_endpoint",
        """
        await _check_url(call, body.url)
        changes["url"] = body.url
        """,
        'changes["url"] = body.url',
        f"{API}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "a payment's event does not tell how far the account had come",
        "_record",
        "members=accounts",
        "",
        HOW_FAR,
    ),
    Mutant(
        "an event tells the sequence from before its entry",
        "sequence_of",
        """
        (account,) = accounts
        newest: Account | Wallet | None = draft.get(type(account), account.id)
        return (newest or account).sequence
        """,
        "return max(accounts[0].sequence - 1, 0)",
        HOW_FAR,
    ),
    Mutant(
        "what a sender had under way when it died is never sent again",
        "DeliveryWorker.claim_once",
        "lease_for=self._lease_for,",
        "lease_for=timedelta(days=30),",
        "workers/test_sender_kills.py::TestKills",
    ),
]

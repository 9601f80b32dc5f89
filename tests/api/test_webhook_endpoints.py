"""Webhook endpoints over the API: their secrets, URLs and patterns, and the outbox that events fill."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import psycopg
import pytest
from hooks import ENDPOINTS, Hooks, Moved

from conftest import PEPPER, SECRETS_KEY
from vinr_server.api.edge.app import App
from vinr_server.engine.sealing import Seal
from vinr_server.storage.reads.reader import Reader

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
async def hooks(database: str) -> AsyncIterator[Hooks]:
    """An engine whose senders send nothing unless told to."""
    made = Hooks(database, Moved())
    await made.start()
    yield made
    await made.stop()


class TestSecrets:
    async def test_are_shown_once_and_stored_sealed(self, hooks: Hooks) -> None:
        body = {"url": URL, "events": ["*"]}
        made = await hooks.post(ENDPOINTS, body, **{"Idempotency-Key": "make"})
        again = await hooks.post(ENDPOINTS, body, **{"Idempotency-Key": "make"})
        dry = await hooks.post(f"{ENDPOINTS}?dry_run=true", body)
        path = f"{ENDPOINTS}/{made['id']}"
        rotated = await hooks.post(f"{path}/rotate", {}, **{"Idempotency-Key": "rotate"})
        rotated_again = await hooks.post(f"{path}/rotate", {}, **{"Idempotency-Key": "rotate"})

        assert made["id"].startswith("we_") and made["secret"].startswith("whsec_")
        assert len(base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)) == 32
        assert again == made | {"secret": None}
        assert dry["secret"] is None and rotated_again["secret"] is None
        assert rotated["secret"] not in (None, made["secret"])
        assert rotated["old_secret_until"] == int(hooks.clock.now.timestamp()) + 86_400
        for shown in (await hooks.get(path), (await hooks.get(ENDPOINTS))["data"][0]):
            assert "secret" not in shown
        stored = _everything(hooks.database_url)
        for secret in (made["secret"], rotated["secret"]):
            raw = base64.b64decode(secret.removeprefix("whsec_"))
            assert secret not in stored and raw.hex() not in stored and secret.encode().hex() not in stored
        sealed = hooks.one("select sealed_secret from webhook_endpoints")
        assert Seal(SECRETS_KEY).open(sealed) == rotated["secret"]

    async def test_can_be_opened_when_the_key_was_replaced(self) -> None:
        other = "b3RoZXItdGVzdHMtMDEyMzQ1Njc4OS1hYmNkZWZnaGk="

        sealed = Seal(SECRETS_KEY).close("whsec_x")

        assert Seal(f"{other}, {SECRETS_KEY}").open(sealed) == "whsec_x"


def _everything(database_url: str) -> str:
    """All that is stored, as text; bytes in hex."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("select relname::text from pg_class where relkind = 'r' and relnamespace = 2200")
        names = [str(row[0]) for row in tables]
        assert "webhook_endpoints" in names
        rows = [connection.execute(f"select t::text from {name} t".encode()).fetchall() for name in names]
    return "\n".join(str(row[0]) for found in rows for row in found)


class TestUrls:
    async def test_that_lead_inside_are_refused(self, hooks: Hooks) -> None:
        production: Any = App(Reader(hooks.pool), hooks.writer, pepper=PEPPER, seal=Seal(SECRETS_KEY))
        transport = httpx2.ASGITransport(production)
        headers = {"Authorization": f"Bearer {hooks.realm.key}"}
        endpoint = await hooks.post(ENDPOINTS, {"url": URL, "events": ["*"]})
        urls = (
            *(URL, "https://127.0.0.1/", "https://localhost/", "https://169.254.169.254/latest", "https://10.0.0.8/"),
            *("https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://0x7f000001/", "https://2130706433/"),
            *(
                "http://93.184.215.14/",
                "https://93.184.215.14:8443/",
                "ftp://93.184.215.14/",
                "https://u:p@93.184.215.14/",
            ),
            *("https://93.184.215.14/#x", "hooks", "https://intranet/"),
        )
        async with httpx2.AsyncClient(transport=transport, base_url="http://vinr", headers=headers) as client:
            for url in urls:
                made = await client.post(ENDPOINTS, json={"url": url, "events": ["*"]})
                changed = await client.post(f"{ENDPOINTS}/{endpoint['id']}", json={"url": url})
                for answer in (made, changed):
                    error = answer.json()["error"]
                    assert (answer.status_code, error["code"], error["param"]) == (400, "parameter_invalid", "url"), url
            fine = await client.post(ENDPOINTS, json={"url": "https://93.184.215.14/hooks", "events": ["a.b"]})
            assert fine.status_code == 201, fine.text


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern",
        ["*", "loyalty.*", "loyalty.points.*", "payment.refunded", "campaign.*", "store_credit.*", "review.posted",
         "review.*", "subscription.created", "order.created", "webhook_endpoint.disabled"],
    )  # fmt: skip
    async def test_that_can_match_are_taken(self, hooks: Hooks, pattern: str) -> None:
        made = await hooks.post(ENDPOINTS, {"url": URL, "events": [pattern, pattern]})

        assert made["events"] == [pattern]

    @pytest.mark.parametrize(
        ("pattern", "hint"),
        [
            ("loyalty.point.earned", "loyalty.points.earned"),
            ("loyalty.pionts.*", "loyalty.points.*"),
            ("payment.refund", "payment.refunded"),
            ("payments.completed", "payment.completed"),
            ("loyalty.*.earned", ""),
            ("**", ""),
            ("a b", ""),
        ],
    )
    async def test_that_match_nothing_are_refused_with_the_nearest(self, hooks: Hooks, pattern: str, hint: str) -> None:
        answer = await hooks.client.post(ENDPOINTS, json={"url": URL, "events": ["*", pattern]})

        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("parameter_invalid", "events[1]")
        assert not hint or f"Did you mean {hint}?" in error["message"]


class TestOutbox:
    async def test_is_written_with_its_event_or_not_at_all(self, hooks: Hooks) -> None:
        await hooks.endpoint(await hooks.receiver(), "loyalty.points.earned", "review.*")
        await hooks.award(5)
        await hooks.post("/v1/events", {"type": "review.posted", "id": "evt_review"})

        together = """
          select count(*) filter (where d.xmin::text = e.xmin::text), count(*) from events e
          left join deliveries d on d.event_id = e.id where e.type in ('loyalty.points.earned', 'review.posted')"""
        with psycopg.connect(hooks.database_url) as connection:
            assert connection.execute(together).fetchone() == (6, 6)
            connection.execute("revoke insert on deliveries from vinr_app")
        answer = await hooks.client.post("/v1/loyalty/points/award", json={"account": hooks.account, "points": 9})

        assert answer.status_code == 500
        assert hooks.one("select count(*) from entries where points = 9") == 0

    async def test_holds_what_each_endpoint_asks_for(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        asked = (("loyalty.*",), ("payment.completed",), ("*",), ("review.*", "review.posted"), ("campaign.*",))
        endpoints = [await hooks.endpoint(receiver, *events) for events in asked]
        off = await hooks.endpoint(receiver)
        await hooks.post(f"{ENDPOINTS}/{off['id']}", {"status": "disabled"})

        await hooks.award()
        await hooks.post("/v1/payments", {"amount": 1, "currency": "EUR"})
        await hooks.post("/v1/events", {"type": "review.posted"})
        await hooks.post("/v1/loyalty/points/award?dry_run=true", {"account": hooks.account, "points": 1})

        seen = [[one["event_type"] for one in await hooks.deliveries(endpoint)] for endpoint in (*endpoints, off)]
        everything = ["review.posted", "payment.completed", "loyalty.points.earned", "webhook_endpoint.disabled"]
        assert seen == [[everything[2]], [everything[1]], everything, [everything[0]], [], []]

    async def test_holds_no_bulk_import_unless_asked_for(self, hooks: Hooks) -> None:
        endpoint = await hooks.endpoint(await hooks.receiver(), "payment.*")
        payment = {"amount": 1, "currency": "EUR"}
        await hooks.post("/v1/payments/bulk", {"payments": [payment]})
        assert await hooks.deliveries(endpoint) == []
        replayed = await hooks.post(f"{ENDPOINTS}/{endpoint['id']}/replay", {"starts_at": 0})
        assert replayed["events"] == 0

        await hooks.post("/v1/payments/bulk", {"payments": [payment], "deliver_events": True})

        assert len(await hooks.deliveries(endpoint)) == 1

    async def test_counts_for_the_next_request_on_another_process(self, hooks: Hooks) -> None:
        other = Hooks(hooks.database_url, hooks.clock)
        other.realm = hooks.realm
        await other.start()
        await other.award()  # it knows the catalogue now
        endpoint = await hooks.endpoint(await hooks.receiver(), "loyalty.points.earned")

        await other.award()

        assert len(await hooks.deliveries(endpoint)) == 1
        await other.stop()


class TestOnceMore:
    async def test_goes_one_event_whether_or_not_it_was_asked_for(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        endpoint = await hooks.endpoint(receiver, "payment.*")
        [event] = await hooks.award()
        path = f"{ENDPOINTS}/{endpoint['id']}/resend"

        made = [await hooks.post(path, {"event": event}) for _ in range(2)]
        await hooks.send()

        assert [one.id for one in receiver.requests] == [event, event]
        assert {one["status"] for one in made} == {"pending"} and made[0]["id"] != made[1]["id"]
        unknown = await hooks.client.post(path, json={"event": "evt_unknown"})
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "event")

    async def test_go_the_events_of_a_span_page_by_page(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        hooks.clock.on(hours=1)
        before = await hooks.award(3)
        hooks.clock.on(hours=1)
        since = int(hooks.clock.now.timestamp())
        wanted = await hooks.award(25)
        await hooks.post("/v1/payments", {"amount": 1, "currency": "EUR"})
        hooks.clock.on(hours=1)
        until = int(hooks.clock.now.timestamp())
        after = await hooks.award(2)
        endpoint = await hooks.endpoint(receiver, "loyalty.points.*")
        path, span = f"{ENDPOINTS}/{endpoint['id']}/replay", {"starts_at": since, "ends_at": until, "limit": 10}

        pages = [await hooks.post(path, span)]
        while pages[-1]["has_more"]:
            pages.append(await hooks.post(path, {**span, "starting_after": pages[-1]["last_event"]}))
        await hooks.send()

        assert [one["events"] for one in pages] == [10, 10, 5]
        assert sorted(receiver.received()) == sorted(wanted)
        assert not {*before, *after} & set(receiver.received())
        named = await hooks.post(path, {**span, "events": ["payment.completed"]})
        assert named["events"] == 1

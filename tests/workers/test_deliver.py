"""Every event arrives, however its receiver behaves; once where that can be known; and nobody waits for another."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hooks import ENDPOINTS, Hooks, Moved
from webhook_runs import receivers_down

from conftest import PATIENCE_SECONDS
from vinr import webhooks
from vinr_server.core.events.schedule import WAITS
from vinr_server.workers.deliver import LEASE, PER_ENDPOINT_MAX, PER_FAILING_MAX


@pytest.fixture
async def hooks(database: str) -> AsyncIterator[Hooks]:
    """An engine whose deliveries go by a clock of its own."""
    made = Hooks(database, Moved())
    await made.start()
    yield made
    await made.stop()


class TestReceivers:
    async def test_that_fail_hang_redirect_and_come_back_get_every_event(self, hooks: Hooks) -> None:
        # So that the last attempt happens about now: the package of Standard Webhooks looks at the wall's clock.
        hooks.clock.now = datetime.now(UTC) - sum(WAITS[:4], timedelta())
        receiver, elsewhere = await hooks.receiver(), await hooks.receiver()
        receiver.redirects_to = elsewhere.url
        endpoint = await hooks.endpoint(receiver, "loyalty.points.*")
        await hooks.post("/v1/loyalty/points/adjust", {"account": hooks.account, "points": 3, "reason": "größe 中 €"})
        events = set(await hooks.award(30))

        for mood, wait in zip(("fail", "hang", "redirect", "closed", "ok"), (*WAITS[:4], None), strict=True):
            receiver.mood = mood
            if mood == "closed":
                receiver.close()
            elif receiver._server is None:
                await receiver.open()
            made = await hooks.send()
            assert made == 31, mood
            if wait is not None:
                hooks.clock.now += wait

        assert elsewhere.requests == []
        assert set(receiver.received()) >= events and Counter(receiver.received()).most_common(1)[0][1] == 1
        by_id: dict[str, set[bytes]] = {}
        for one in receiver.requests:
            by_id.setdefault(one.id, set()).add(one.body)
            assert json.loads(one.body)["id"] == one.id
            if one.mood == "ok":
                one.verify(endpoint["secret"])
        assert len(by_id) == 31 and all(len(bodies) == 1 for bodies in by_id.values())
        assert Counter(one.id for one in receiver.requests) == Counter(dict.fromkeys(by_id, 4))
        for delivery in await hooks.deliveries(endpoint):
            assert (delivery["status"], delivery["next_attempt_at"]) == ("succeeded", None)
            told = [(one["number"], one["status_code"], bool(one["error"])) for one in delivery["attempts"]]
            assert told == [(1, 500, False), (2, None, True), (3, 302, False), (4, None, True), (5, 200, False)]
            assert delivery["attempts"][2]["response_headers"]["Location"] == elsewhere.url
            assert delivery["attempts"][0]["request_headers"]["Webhook-Id"] == delivery["event"]

    async def test_hear_the_event_as_the_api_shows_it(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        await hooks.endpoint(receiver)
        data = {"amount": 1.50, "note": 'ä"\\\u2028', "metadata": {"b": 1, "a": 2}, "big": 9007199254740993}
        await hooks.post("/v1/events", {"type": "review.posted", "id": "evt_mine", "data": data})
        numbers = b'{"list":[1.10,1e2,-0,0.0000001,1E-400]}'
        await hooks.client.post("/v1/events", content=b'{"type":"review.spelled","data":' + numbers + b"}")
        await hooks.post("/v1/payments", {"id": "pay_1", "amount": 500, "currency": "EUR", "customer": "cust_ada"})
        await hooks.post("/v1/payments/pay_1/refund", {"id": "re_1", "amount": 200})

        await hooks.send()

        for one in receiver.requests:
            told, shown = json.loads(one.body), await hooks.get(f"/v1/events/{one.id}")
            assert told == {name: shown[name] for name in told}
            assert list(told) == ["id", "object", "type", "created", "livemode", "sequence", "data", "request"]
        refunded = next(json.loads(one.body) for one in receiver.requests if b'"payment.refunded"' in one.body)
        assert [numbers in one.body for one in receiver.requests if b"review.spelled" in one.body] == [True]
        assert refunded["data"]["amount_refunded"] == 200
        assert {name: refunded["data"]["refund"][name] for name in ("id", "amount")} == {"id": "re_1", "amount": 200}

    async def test_hear_how_far_the_account_had_come(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        await hooks.endpoint(receiver)
        account = await hooks.get(f"/v1/loyalty/accounts/{hooks.account}")
        reward = {"id": "rwd_a", "program": account["program"], "name": "A", "points_cost": 3}
        await hooks.post("/v1/loyalty/rewards", {**reward, "benefit": {"type": "voucher"}})
        points, paid = {"account": hooks.account, "points": 5}, {"amount": 500, "currency": "EUR"}

        await hooks.post("/v1/loyalty/points/award", points)
        redeemed = await hooks.post("/v1/loyalty/redemptions", {"account": hooks.account, "reward": "rwd_a"})
        await hooks.post(f"/v1/loyalty/redemptions/{redeemed['id']}/cancel", {})
        await hooks.post("/v1/payments", {"id": "pay_1", "customer": "cust_ada", **paid})
        await hooks.post("/v1/loyalty/points/award", {**points, "payment": "pay_1"})
        await hooks.post("/v1/payments/pay_1/refund", {"id": "re_1"})
        await hooks.post("/v1/events", {"type": "review.posted", "data": {"customer": "cust_ada"}})
        await hooks.post("/v1/payments", paid)
        other = await hooks.post("/v1/loyalty/programs", {"name": "Other"})
        await hooks.post("/v1/loyalty/accounts", {"program": other["id"], "customer": "cust_ada"})
        await hooks.post("/v1/payments", {"customer": "cust_ada", **paid})
        await hooks.send()

        told = [json.loads(one.body) for one in receiver.requests]
        assert Counter((one["type"], one["sequence"]) for one in told) == Counter(
            [
                ("loyalty.points.earned", 1),
                ("loyalty.reward.redeemed", 2),
                ("loyalty.redemption.canceled", 3),
                ("payment.completed", 3),
                ("loyalty.points.earned", 4),
                ("loyalty.points.reversed", 5),
                ("payment.refunded", 5),
                ("review.posted", 5),
                ("payment.completed", None),
                ("loyalty.account.created", 0),
                ("payment.completed", None),
            ]
        )

    async def test_hear_of_events_whatever_their_ids_are(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        endpoint = await hooks.endpoint(receiver)
        ids = ["evt_日本", 'evt_a:b; c="d"', "evt_ä b", "evt_%41", "evt_" + "x" * 250]
        for id in ids:
            await hooks.post("/v1/events", {"type": "review.posted", "id": id})

        await hooks.send()

        assert sorted(json.loads(one.body)["id"] for one in receiver.requests) == sorted(ids)
        assert len({one.id for one in receiver.requests}) == len(ids)
        for one in receiver.requests:
            webhooks.verify(one.body, one.headers["x-vinr-signature"], endpoint["secret"], tolerance=None)
            standard = {name: value for name, value in one.headers.items() if name != "x-vinr-signature"}
            webhooks.verify(one.body, standard, endpoint["secret"], tolerance=None)

    async def test_may_ask_for_more_time_and_never_for_less(self, hooks: Hooks) -> None:
        dated = (hooks.clock.now + timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        waits = {"600": 600, "1": 5, "soon": 5, "-5": 5, "999999999": 86_400, dated: 3 * 3600}
        for said, seconds in waits.items():
            answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode()
            receiver = await hooks.receiver(answer)
            endpoint = await hooks.endpoint(receiver)
            await hooks.award()
            before = hooks.clock.now

            await hooks.send()

            [delivery] = await hooks.deliveries(endpoint)
            assert abs(delivery["next_attempt_at"] - before.timestamp() - seconds) <= 1, said
            await hooks.client.delete(f"{ENDPOINTS}/{endpoint['id']}")

    async def test_are_tried_ten_times_in_three_days(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("fail")
        endpoint = await hooks.endpoint(receiver)
        await hooks.award()
        late = hooks.make_sender(jitter=100)
        began = hooks.clock.now

        await hooks.send_until(began + timedelta(days=6), late)

        [delivery] = await hooks.deliveries(endpoint)
        assert (delivery["status"], delivery["next_attempt_at"], len(delivery["attempts"])) == ("failed", None, 10)
        at = [one["attempted_at"] for one in delivery["attempts"]]
        gaps = [after - before for before, after in pairwise(at)]
        assert all(0 <= gap - wait.total_seconds() * 1.1 + 1 <= 2 for gap, wait in zip(gaps, WAITS, strict=True)), gaps
        assert [round(wait.total_seconds()) for wait in WAITS] == [
            *(5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
        ]


class TestEndpoints:
    async def test_that_are_gone_are_told_nothing_more(self, hooks: Hooks) -> None:
        receiver, other = await hooks.receiver("gone"), await hooks.receiver()
        endpoint, _watcher = await hooks.endpoint(receiver), await hooks.endpoint(other, "webhook_endpoint.disabled")
        await hooks.award(3)

        await hooks.send()
        await hooks.award()
        await hooks.send()

        shown = await hooks.get(f"{ENDPOINTS}/{endpoint['id']}")
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
        told = [json.loads(one.body) for one in other.requests]
        assert [(one["type"], one["data"]["id"], one["data"]["disabled_reason"]) for one in told] == [
            ("webhook_endpoint.disabled", endpoint["id"], "gone")
        ]
        assert len(receiver.requests) == 3 and "secret" not in told[0]["data"]

    async def test_that_fail_for_five_days_are_disabled_and_begin_anew(self, hooks: Hooks) -> None:
        receiver, other = await hooks.receiver("fail"), await hooks.receiver()
        endpoint, watcher = await hooks.endpoint(receiver), await hooks.endpoint(other, "webhook_endpoint.*")
        began = hooks.clock.now
        path = f"{ENDPOINTS}/{endpoint['id']}"
        for hours in range(0, 5 * 24, 12):
            await hooks.send_until(began + timedelta(hours=hours))
            await hooks.award()
        assert (await hooks.get(path))["status"] == "enabled"

        await hooks.send_until(began + timedelta(days=6))

        shown = await hooks.get(path)
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing")
        await hooks.send()
        assert [one["event_type"] for one in await hooks.deliveries(watcher)] == ["webhook_endpoint.disabled"]
        refused = await hooks.client.post(f"{path}/resend", json={"event": (await hooks.award())[0]})
        assert refused.json()["error"]["code"] == "webhook_endpoint_disabled"

        hooks.clock.on(days=10)
        await hooks.send()
        hooks.sender._tidy_at = hooks.clock.now
        await hooks.sender._look_after()
        await hooks.post(path, {"status": "enabled"})
        await hooks.send()
        assert (await hooks.get(path))["status"] == "enabled", "it has only just failed again"
        receiver.mood = "ok"
        hooks.clock.on(days=2)
        await hooks.send()
        pending = await hooks.deliveries(endpoint, status="pending")
        assert pending == [] and len(receiver.received()) > 0, "what waited has come"

    async def test_get_both_signatures_for_the_overlap_and_one_after_it(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        endpoint = await hooks.endpoint(receiver)
        old = endpoint["secret"]
        new = (await hooks.post(f"{ENDPOINTS}/{endpoint['id']}/rotate", {}))["secret"]
        assert old != new

        signed_by = []
        for _ in range(2):
            await hooks.award()
            await hooks.send()
            request = receiver.requests[-1]
            counts = (
                request.headers["x-vinr-signature"].count("v1="),
                request.headers["webhook-signature"].count("v1,"),
            )
            fits = []
            for secret in (old, new):
                try:
                    webhooks.verify(request.body, request.headers["x-vinr-signature"], secret, tolerance=None)
                    fits.append(True)
                except webhooks.SignatureError:
                    fits.append(False)
            signed_by.append((counts, fits))
            hooks.clock.on(hours=24)

        assert signed_by == [((2, 2), [True, True]), ((1, 1), [False, True])]

    async def test_that_are_deleted_are_sent_nothing_more(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("fail")
        endpoint = await hooks.endpoint(receiver)
        await hooks.award()
        await hooks.send()
        assert (await hooks.client.delete(f"{ENDPOINTS}/{endpoint['id']}")).json()["deleted"]

        await hooks.award()
        await hooks.sender._look_after()
        await hooks.send_until(hooks.clock.now + timedelta(days=4))

        assert len(receiver.requests) == 1
        assert hooks.one("select count(*) from deliveries where status = 'pending'") == 0


class TestSenders:
    async def test_never_attempt_one_delivery_at_once(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("slow")
        await hooks.endpoint(receiver)
        events = await hooks.award(60)
        senders = [hooks.make_sender() for _ in range(3)]

        while sum(await asyncio.gather(*(one.claim_once() for one in senders))):
            await asyncio.gather(*(one.until_idle() for one in senders))

        assert sorted(receiver.received()) == sorted(events)

    async def test_take_over_from_one_that_died_and_whose_word_counts_no_more(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("hang")
        endpoint = await hooks.endpoint(receiver)
        [event] = await hooks.award()
        stuck, other = hooks.make_sender(hang_seconds=30), hooks.make_sender()
        assert await stuck.claim_once() == 1
        while not receiver.requests:
            await asyncio.sleep(0.005)

        receiver.mood = "ok"
        hooks.clock.now += LEASE - timedelta(seconds=1)
        assert await other.claim_once() == 0, "the lease is still held"
        hooks.clock.on(seconds=1)
        assert await hooks.send(other) == 1
        await stuck._sender.close()
        async with asyncio.timeout(20):
            await stuck.until_idle()

        [delivery] = await hooks.deliveries(endpoint)
        assert (delivery["status"], [one["status_code"] for one in delivery["attempts"]]) == ("succeeded", [200])
        assert [one.id for one in receiver.requests] == [event, event]

    async def test_that_are_stopped_give_back_what_they_had_not_sent(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("hang")
        endpoint = await hooks.endpoint(receiver)
        await hooks.award(2)
        sender = hooks.make_sender(hang_seconds=60)
        running = asyncio.create_task(sender.run())
        while len(receiver.requests) < 2:
            await asyncio.sleep(0.005)

        sender.stop()
        await asyncio.wait_for(running, 20)

        receiver.mood = "ok"
        assert await hooks.send() == 2
        assert [one["attempts"][0]["status_code"] for one in await hooks.deliveries(endpoint)] == [200, 200]

    async def test_wait_for_a_secret_that_they_can_open(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver()
        endpoint = await hooks.endpoint(receiver)
        await hooks.award()
        with_another = hooks.make_sender()
        with_another._seal = type(hooks.sender._seal)("b3RoZXItdGVzdHMtMDEyMzQ1Njc4OS1hYmNkZWZnaGk=")

        assert await with_another.claim_once() == 1
        await with_another.until_idle()
        assert receiver.requests == []
        hooks.clock.now += LEASE
        await hooks.send()

        assert len(receiver.requests) == 1
        assert len((await hooks.deliveries(endpoint))[0]["attempts"]) == 1, "that was no fault of the receiver"

    async def test_do_not_let_one_receiver_wait_for_another(self, hooks: Hooks) -> None:
        healthy, hanging, dead = await hooks.receiver(), await hooks.receiver("hang"), await hooks.receiver()
        dead.close()
        sender = hooks.make_sender(hang_seconds=15)
        running = asyncio.create_task(sender.run())
        await hooks.endpoint(healthy)
        alone = await _seconds_for(hooks, healthy, 100)
        for receiver in (hanging, dead):
            await hooks.endpoint(receiver)
        await hooks.award(200)  # a backlog that hangs, and one that is refused

        for _ in range(3):  # whatever else the machine does meanwhile, it does not do all the time
            beside = await _seconds_for(hooks, healthy, 100)
            if beside < 3 * alone + 1.0:
                break

        sender.stop()
        await sender._sender.close()
        await running
        assert beside < 3 * alone + 1.0, f"{beside:.2f} s beside a receiver that hangs, {alone:.2f} s alone"
        assert hanging.most_at_once <= PER_ENDPOINT_MAX
        print(f"100 events: {alone:.2f} s alone, {beside:.2f} s beside two that don't answer")

    async def test_probe_who_fails_with_few_at_once(self, hooks: Hooks) -> None:
        receiver = await hooks.receiver("hang")
        await hooks.endpoint(receiver)
        await hooks.award(40)
        sender = hooks.make_sender(hang_seconds=1.0)
        await sender.claim_once()
        await sender.until_idle()
        assert receiver.most_at_once == PER_ENDPOINT_MAX
        receiver.most_at_once = 0

        for _ in range(3):
            await sender.claim_once()
            await sender.until_idle()

        assert receiver.most_at_once == PER_FAILING_MAX


async def _seconds_for(hooks: Hooks, receiver: object, count: int) -> float:
    """How long it takes until so many new events have arrived."""
    wanted = len(receiver.received()) + count  # type: ignore[attr-defined]
    events = set(await hooks.award(count))
    began = time.monotonic()
    while not events <= set(receiver.received()):  # type: ignore[attr-defined]
        assert time.monotonic() - began < PATIENCE_SECONDS, f"{len(receiver.received())} of {wanted}"  # type: ignore[attr-defined]
        await asyncio.sleep(0.005)
    return time.monotonic() - began


class TestRunI:
    """One receiver down for six hours, one that hangs, one that is well."""

    async def test_loses_nothing_and_slows_nobody(self, hooks: Hooks) -> None:
        (await receivers_down(hooks, seed="", events=60)).require()

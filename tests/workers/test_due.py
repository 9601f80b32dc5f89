"""Expiry is true before it is written, and written once, whoever writes it; clocks are ready when all of it is."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx2
import psycopg
import pytest

from conftest import PEPPER, WITHOUT_LIMITS, RunningServer, make_realm, wait_until
from vinr_server.api.edge.app import App
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.reads.reader import Reader
from vinr_server.workers.due import ACCOUNTS_MAX, DueWorker

Json = dict[str, Any]


class Engine:
    """An API without a server and two workers that work only when told to, all on one database."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.realm = make_realm(database_url)

    async def start(self) -> None:
        """Everything is connected."""
        self.writers = [Writer(partial(connect_writer, self.database_url)) for _ in range(3)]
        for writer in self.writers:
            await writer.start()
        self.pool = await connect_readers(self.database_url, size=4)
        self.workers = [DueWorker(self.pool, writer) for writer in self.writers[1:]]
        app: Any = App(Reader(self.pool), self.writers[0], pepper=PEPPER)
        headers = {"Authorization": f"Bearer {self.realm.key}"}
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://vinr", headers=headers)

    async def give_readers_time(self) -> None:
        """No read is broken off because it waits for longer than reads may: the test decides for how long."""
        readers = [await self.pool.acquire() for _ in range(self.pool.get_max_size())]
        for reader in readers:
            await reader.execute(WITHOUT_LIMITS)
            await self.pool.release(reader)

    async def stop(self) -> None:
        """Everything is closed."""
        await self.client.aclose()
        for writer in self.writers:
            await writer.stop()
        await self.pool.close()

    async def post(self, path: str, body: Json) -> Json:
        """The answer of an accepted write."""
        async with asyncio.timeout(60):
            answer = await self.client.post(path, json=body)
        assert answer.is_success, (path, answer.text)
        return dict(answer.json())

    async def get(self, path: str) -> Json:
        """The answer of a read."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return dict(answer.json())

    async def program(self, *, at: str = "2026-01-31T12:00:00Z", **currency: Any) -> tuple[str, str]:
        """A program whose points expire after a month, and the clock it lives on."""
        clock = (await self.post("/v1/test_helpers/test_clocks", {"frozen_time": at}))["id"]
        body = {"name": "Due", "test_clock": clock, "currency": {"expiry_months": 1, **currency}}
        return str((await self.post("/v1/loyalty/programs", body))["id"]), str(clock)

    async def members(self, program: str, count: int, *points: int) -> list[str]:
        """Accounts of a program, each with a lot for each number of points."""
        path = "/v1/loyalty/accounts"
        made = [self.post(path, {"program": program, "customer": f"cust_{number}"}) for number in range(count)]
        accounts = [one["id"] for one in await asyncio.gather(*made)]
        for some in points:
            awards = [self.post("/v1/loyalty/points/award", {"account": one, "points": some}) for one in accounts]
            await asyncio.gather(*awards)
        return accounts

    async def advance(self, clock: str, to: str) -> Json:
        """The clock stands at the instant."""
        return await self.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": to})

    async def work(self) -> None:
        """The first worker works until there is nothing left to do."""
        for _ in range(20):
            if not await self.workers[0].work_once():
                return
        raise AssertionError("the worker finds work without end")

    def figures(self, query: str) -> tuple[Any, ...]:
        """A row from the database."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return tuple(row)


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine of the test's own."""
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()


class TestBalance:
    async def test_is_the_same_before_and_after_the_expiry_is_written(self, engine: Engine) -> None:
        program, clock = await engine.program()
        account = (await engine.members(program, 1, 100))[0]
        await engine.advance(clock, "2026-02-10T00:00:00Z")
        await engine.work()
        await engine.post("/v1/loyalty/points/award", {"account": account, "points": 50})
        # The first lot is over at the end of February, the second on 10 March (R1).
        path, entries = f"/v1/loyalty/accounts/{account}", f"/v1/loyalty/points?account={account}"
        reward = {"program": program, "name": "Cup", "points_cost": 60, "benefit": {"type": "voucher"}}
        redemption = {"account": account, "reward": (await engine.post("/v1/loyalty/rewards", reward))["id"]}
        first_over, second_over = "2026-02-28T12:00:00Z", "2026-03-10T00:00:00Z"

        seen = []
        for at in ("2026-02-28T11:59:59Z", first_over, "2026-03-09T23:59:59Z", second_over, "2027-01-01T00:00:00Z"):
            await engine.advance(clock, at)
            before, listed = await engine.get(path), (await engine.get("/v1/loyalty/accounts"))["data"][0]
            written = len((await engine.get(entries))["data"])
            refused = await engine.client.post("/v1/loyalty/redemptions", json=redemption) if at >= first_over else None
            await engine.work()
            after = await engine.get(path)
            seen.append((before["balance"], written, len((await engine.get(entries))["data"])))
            assert listed == before, at
            assert {**before, "sequence": 0} == {**after, "sequence": 0}, at
            if refused is not None:
                assert refused.json()["error"]["details"]["balance"] == before["balance"], at

        assert seen == [(150, 2, 2), (50, 2, 3), (50, 3, 3), (0, 3, 4), (0, 4, 4)]
        expiries = [one for one in (await engine.get(entries))["data"] if one["kind"] == "expiry"]
        assert [one["points"] for one in expiries] == [-50, -100]
        assert [one["balance_after"] for one in expiries] == [0, 50]
        assert expiries[0]["occurred_at"] == int(datetime.fromisoformat(second_over).timestamp())

    async def test_tells_what_expires_next(self, engine: Engine) -> None:
        program, clock = await engine.program(expiry_rounding="month")
        account = (await engine.members(program, 1, 100, 20))[0]
        end = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())

        shown = await engine.get(f"/v1/loyalty/accounts/{account}")
        await engine.advance(clock, "2026-03-01T00:00:00Z")
        lazily = await engine.get(f"/v1/loyalty/accounts/{account}")
        await engine.work()
        written = await engine.get(f"/v1/loyalty/accounts/{account}")

        assert shown["next_expiry"] == {"at": end, "points": 120}
        assert lazily["next_expiry"] is None and written["next_expiry"] is None

    async def test_pays_with_what_has_not_expired(self, engine: Engine) -> None:
        """A redemption sweeps by itself what the worker has not written yet."""
        program, clock = await engine.program()
        account = (await engine.members(program, 1, 100))[0]
        await engine.advance(clock, "2026-02-10T00:00:00Z")
        await engine.work()
        await engine.post("/v1/loyalty/points/award", {"account": account, "points": 50})
        reward = {"program": program, "name": "Cup", "points_cost": 50, "benefit": {"type": "voucher"}}
        redemption = {"account": account, "reward": (await engine.post("/v1/loyalty/rewards", reward))["id"]}
        await engine.advance(clock, "2026-03-01T00:00:00Z")

        await engine.post("/v1/loyalty/redemptions", redemption)
        before = (await engine.get(f"/v1/loyalty/points?account={account}"))["data"]
        await engine.work()
        after = (await engine.get(f"/v1/loyalty/points?account={account}"))["data"]

        assert before == after
        assert [(one["kind"], one["points"]) for one in reversed(after)] == [
            ("award", 100),
            ("award", 50),
            ("expiry", -100),
            ("redemption", -50),
        ]

    async def test_is_true_while_the_expiry_is_being_written(self, engine: Engine) -> None:
        """A read between two reads of its own: the account before the sweep, its lots after it."""
        program, clock = await engine.program()
        account = (await engine.members(program, 1, 100))[0]
        await engine.advance(clock, "2026-06-01T00:00:00Z")
        command = ledger_commands.ExpireLots(account)
        digest = hashlib.sha256(repr(command).encode()).digest()
        sweep = Submission(engine.realm.id, False, "ExpireLots", command, digest)
        await engine.give_readers_time()
        holder = await asyncpg.connect(engine.database_url)
        held = holder.transaction()
        await held.start()
        # The account's row is read without the programs, what is overdue is read with them.
        await holder.execute("lock table programs in access exclusive mode")
        reading = asyncio.create_task(engine.client.get(f"/v1/loyalty/accounts/{account}"))
        waiting = """
          select count(*) from pg_stat_activity
          where wait_event_type = 'Lock' and application_name = 'vinr reader' and datname = current_database()"""
        while not reading.done() and not await holder.fetchval(waiting):
            await asyncio.sleep(0.01)

        swept = await engine.writers[0].submit(sweep)
        await held.rollback()
        answer = await reading
        await holder.close()

        assert isinstance(swept, Reply), swept
        assert answer.status_code == 200, answer.text
        assert answer.json()["balance"] == 0


class TestClocks:
    async def test_are_ready_when_all_that_is_due_is_written(self, engine: Engine) -> None:
        program, clock = await engine.program()
        count = ACCOUNTS_MAX * 2 + 20
        await engine.members(program, count, 10)

        advanced = await engine.advance(clock, "2026-06-01T00:00:00Z")
        states = [advanced["status"]]
        written = [0]
        while states[-1] == "advancing" and len(states) < 10:
            await engine.workers[0].work_once()
            states.append((await engine.get(f"/v1/test_helpers/test_clocks/{clock}"))["status"])
            written.append(engine.figures("select count(*) from entries where kind = 'expiry'")[0])

        assert states == ["advancing", "advancing", "advancing", "ready"]
        assert written == [0, ACCOUNTS_MAX, 2 * ACCOUNTS_MAX, count]
        assert (await engine.advance(clock, "2026-07-01T00:00:00Z"))["status"] == "advancing"

    async def test_that_are_advancing_are_not_moved_elsewhere(self, engine: Engine) -> None:
        _program, clock = await engine.program()
        url = f"/v1/test_helpers/test_clocks/{clock}/advance"
        await engine.advance(clock, "2026-06-01T00:00:00Z")

        elsewhere = await engine.client.post(url, json={"frozen_time": "2026-07-01T00:00:00Z"})
        again = await engine.client.post(url, json={"frozen_time": "2026-06-01T00:00:00Z"})
        await engine.work()
        back = await engine.client.post(url, json={"frozen_time": "2026-05-01T00:00:00Z"})

        assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (409, "clock_advancing")
        assert (again.status_code, again.json()["status"]) == (200, "advancing")
        assert (back.status_code, back.json()["error"]["param"]) == (400, "frozen_time")

    async def test_stand_for_their_own_programs_only(self, engine: Engine) -> None:
        mine, clock = await engine.program()
        other, _other_clock = await engine.program()
        both = [(await engine.members(program, 1, 10))[0] for program in (mine, other)]

        await engine.advance(clock, "2026-06-01T00:00:00Z")
        await engine.work()

        balances = [(await engine.get(f"/v1/loyalty/accounts/{account}"))["balance"] for account in both]
        assert balances == [0, 10]

    async def test_that_were_deleted_stand_still(self, engine: Engine) -> None:
        program, clock = await engine.program()
        account = (await engine.members(program, 1, 10))[0]
        await engine.advance(clock, "2026-06-01T00:00:00Z")
        deleted = await engine.client.request("DELETE", f"/v1/test_helpers/test_clocks/{clock}")

        await engine.work()

        assert deleted.json() == {"id": clock, "object": "test_clock", "deleted": True}
        assert (await engine.get(f"/v1/loyalty/accounts/{account}"))["balance"] == 0
        late = await engine.post("/v1/loyalty/points/award", {"account": account, "points": 5})
        assert late["created"] == int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())


class TestReminders:
    async def test_reach_members_whom_nothing_touches(self, engine: Engine) -> None:
        """A program on real time gets reminders when its members have points already, more of them than one round."""
        program = str((await engine.post("/v1/loyalty/programs", {"name": "Live"}))["id"])
        accounts = await engine.members(program, ACCOUNTS_MAX + 20)
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
        award = {"points": 10, "expires_at": end.isoformat()}
        await asyncio.gather(
            *(engine.post("/v1/loyalty/points/award", {"account": one, **award}) for one in accounts[1:])
        )
        await engine.work()

        await engine.post(f"/v1/loyalty/programs/{program}", {"expiry_reminders": [50, 30, 7]})
        await engine.work()
        added = engine.figures(PLANNED)
        await engine.post(f"/v1/loyalty/programs/{program}", {"expiry_reminders": [7]})
        await engine.work()
        left = engine.figures(PLANNED)

        assert added == (len(accounts) - 1, end - timedelta(days=30), end - timedelta(days=30))
        assert left == (len(accounts) - 1, end - timedelta(days=7), end - timedelta(days=7))
        assert engine.figures("select count(*) from events where type = 'loyalty.points.expiring'") == (0,)

    async def test_are_sent_before_their_clock_is_ready(self, engine: Engine) -> None:
        program, clock = await engine.program()
        await engine.post(f"/v1/loyalty/programs/{program}", {"expiry_reminders": [7]})
        await engine.members(program, ACCOUNTS_MAX + 20, 10)
        await engine.advance(clock, "2026-02-22T00:00:00Z")

        seen = []
        for _round in range(2):
            await engine.workers[0].work_once()
            sent = engine.figures("select count(*) from events where type = 'loyalty.points.expiring'")
            seen.append((*sent, (await engine.get(f"/v1/test_helpers/test_clocks/{clock}"))["status"]))

        assert seen == [(ACCOUNTS_MAX, "advancing"), (ACCOUNTS_MAX + 20, "ready")]

    async def test_of_workers_at_once_come_once(self, engine: Engine) -> None:
        program, clock = await engine.program()
        await engine.post(f"/v1/loyalty/programs/{program}", {"expiry_reminders": [30, 7]})
        await engine.members(program, 150, 10, 20)
        await engine.advance(clock, "2026-06-01T00:00:00Z")

        for _ in range(3):
            await asyncio.gather(*(worker.work_once() for worker in engine.workers))

        sent = engine.figures("select count(*) from events where type = 'loyalty.points.expiring'")
        assert sent == (150,)  # 30 days before the end of February the clock had passed already


PLANNED = """
select count(*), min(next_reminder_at), max(next_reminder_at) from accounts where next_reminder_at is not null"""


class TestWorkers:
    async def test_at_once_write_each_expiry_once(self, engine: Engine) -> None:
        program, clock = await engine.program()
        count = 150
        await engine.members(program, count, 10, 20)
        await engine.advance(clock, "2026-06-01T00:00:00Z")

        for _ in range(3):
            await asyncio.gather(*(worker.work_once() for worker in engine.workers))

        entries = engine.figures("select count(*), count(distinct source_id) from entries where kind = 'expiry'")
        events = """
          select count(*), count(distinct data -> 'source' ->> 'id') from events
          where type = 'loyalty.points.expired'"""
        lots = engine.figures("select sum(remaining_points), sum(expired_points), count(*) from lots")
        accounts = engine.figures(
            "select sum(ledger_balance_points), sum(sequence), count(next_expiry_at) from accounts"
        )
        assert entries == engine.figures(events) == (2 * count, 2 * count)
        assert lots == (0, 30 * count, 2 * count)
        assert accounts == (0, 4 * count, 0)

    async def test_say_what_expired(self, engine: Engine) -> None:
        program, clock = await engine.program()
        account = (await engine.members(program, 1, 30))[0]
        lot = (await engine.get(f"/v1/loyalty/points?account={account}"))["data"][0]["id"]
        await engine.advance(clock, "2026-02-28T12:00:00Z")

        await engine.work()

        event = (await engine.get("/v1/events?type=loyalty.points.expired"))["data"][0]
        data = event["data"]
        assert (data["account"], data["points"], data["kind"]) == (account, -30, "expiry")
        assert data["source"] == {"type": "points_transaction", "id": lot}
        assert event["created"] == int(datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp())

    async def test_are_not_held_up_by_one_account_that_fails(self, engine: Engine) -> None:
        program, clock = await engine.program()
        accounts = await engine.members(program, 5, 10)
        _other, other_clock = await engine.program()
        with psycopg.connect(engine.database_url) as connection:
            broken = (
                f"alter table entries add constraint broken check (kind <> 'expiry' or account_id <> '{accounts[2]}')"
            )
            connection.execute(broken.encode())
        await engine.advance(clock, "2026-06-01T00:00:00Z")
        await engine.advance(other_clock, "2026-06-01T00:00:00Z")

        for _ in range(4):
            await asyncio.gather(engine.workers[0].work_once(), return_exceptions=True)

        assert engine.figures("select count(*) from entries where kind = 'expiry'") == (4,)
        states = [(await engine.get(f"/v1/test_helpers/test_clocks/{one}"))["status"] for one in (clock, other_clock)]
        assert states == ["advancing", "ready"]


class TestProcess:
    def test_writes_an_expiry_within_a_second(self, shared_server: RunningServer) -> None:
        """On the wall's time: a lot of four years ago that is over in a moment (four, for the sake of 29 February).

        On a busy machine the moment may go by before anybody looks, or the worker get no time: the best of five counts.
        """
        realm = make_realm(shared_server.database_url, "tnt_due")
        with shared_server.client(realm.key) as client:
            currency = {"expiry_months": 48}
            program = client.post("/v1/loyalty/programs", json={"name": "Due", "currency": currency}).json()["id"]
            late_by: list[int] = []
            for number, seconds in enumerate((2, 3, 5, 8, 13)):
                body = {"program": program, "customer": f"cust_{number}"}
                account = client.post("/v1/loyalty/accounts", json=body).json()["id"]
                late = self._expire(client, account, seconds)
                late_by += [] if late is None else [late]
                if late_by and min(late_by) <= 2:
                    break

        assert late_by and min(late_by) <= 2, late_by

    def _expire(self, client: httpx2.Client, account: str, seconds: int) -> int | None:
        """Points expire after so many seconds; how late that was written, None if nobody saw them before."""
        over_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        past = over_at.replace(year=over_at.year - 4).isoformat()
        award = {"account": account, "points": 10, "occurred_at": past}
        awarded = client.post("/v1/loyalty/points/award", json=award).json()
        path = f"/v1/loyalty/accounts/{account}"
        shown = client.get(path).json()
        if time.time() >= over_at.timestamp():
            return None

        wait_until(lambda: client.get(path).json()["balance"] == 0, what="the points are over")
        noticed = time.time()
        expired = f"/v1/loyalty/points?account={account}&kind=expiry"
        wait_until(lambda: bool(client.get(expired).json()["data"]), what="the expiry is written")
        entry = client.get(expired).json()["data"][0]

        assert awarded["balance_after"] == 10
        assert (shown["balance"], shown["next_expiry"]) == (10, {"at": int(over_at.timestamp()), "points": 10})
        assert noticed >= over_at.timestamp() - 0.05, "expired too early"
        assert entry["occurred_at"] == int(over_at.timestamp())
        return int(entry["created"]) - int(over_at.timestamp())

"""Members are told of where they enter and leave dynamic segments: once, by their program's clock, page by page."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.segments.commands import AnnounceSegments, CreateSegment, DeleteSegment, UpdateSegment
from vinr_server.core.segments.conditions import Bounds, PaymentCount, SegmentConditions
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import decode_json
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.tenants import ensure_realm
from vinr_server.workers import segments
from vinr_server.workers.segments import SegmentWorker

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAPSED = SegmentConditions(days_since_last_purchase=Bounds(at_least=90))
RICH = SegmentConditions(balance=Bounds(at_least=100))


class Ground:
    """A realm, an engine, a worker, and a wall clock that tests move."""

    def __init__(self, url: str) -> None:
        self.url, self.now = url, NOW
        with psycopg.connect(url) as connection:
            self.realm = ensure_realm(connection, "tnt_a", "A", livemode=False)
        self.writer = Writer(partial(connect_writer, url), clock=lambda: self.now)
        self.pool: Any = None

    async def start(self) -> None:
        await self.writer.start()
        self.pool = await connect_readers(self.url, size=1)
        self.worker = SegmentWorker(self.pool, self.writer, clock=lambda: self.now)

    def submission(self, command: Command) -> Submission:
        fingerprint = hashlib.sha256(repr(command).encode()).digest()
        return Submission(self.realm, False, type(command).__name__, command, fingerprint)

    async def do(self, command: Command) -> Any:
        outcome = await self.writer.submit(self.submission(command))
        assert isinstance(outcome, Reply), outcome
        return decode_json(outcome.body)

    async def announced(self) -> list[tuple[str, str, str]]:
        """What a pass announces: event, segment and customer, sorted."""
        before = await self.pool.fetchval("select coalesce(max(id), '') from events")
        await self.worker.work_once()
        records = await self.pool.fetch(
            "select type, data ->> 'segment', data ->> 'customer' from events where id > $1 and type like 'segment.%'",
            before,
        )
        return sorted((type, segment, customer) for type, segment, customer in records)


@pytest.fixture
async def ground(database: str) -> AsyncIterator[Ground]:
    made = Ground(database)
    await made.start()
    yield made
    await made.writer.stop()
    await made.pool.close()


async def members(ground: Ground, count: int, *, clock: str | None = None) -> list[str]:
    await ground.do(programs_commands.CreateProgram("P", id=f"prog_{clock or 'wall'}", clock_id=clock))
    enrolments = [
        members_commands.CreateAccount(f"prog_{clock or 'wall'}", f"cust_{number}") for number in range(count)
    ]
    return [(await ground.do(one))["id"] for one in enrolments]


class TestBatches:
    """What a batch has at hand counts as it stands there, once."""

    async def run(self, ground: Ground, *made: Command) -> list[Any]:
        """All of them are in the queue before the writer wakes up."""
        sizes, size = ground.writer.batch_sizes, len(made)
        before = sizes.get(size, 0)
        outcomes = await asyncio.gather(*(ground.writer.enqueue(ground.submission(one)) for one in made))
        assert (sizes[size], ground.writer.figures.halvings) == (before + 1, 0), "they were not decided in one batch"
        return [decode_json(one.body) if isinstance(one, Reply) else one for one in outcomes]

    async def test_a_payment_that_is_refunded_in_part_is_one_purchase(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        once = SegmentConditions(payments=PaymentCount(Bounds(at_most=1)))
        await ground.do(CreateSegment("Once", "dynamic", once, id="once"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_1", customer_id="cust_0"))

        told = await self.run(
            ground, payments_commands.RefundPayment("pay_1", amount_minor=1), AnnounceSegments(account, ("once",))
        )

        assert told[1]["moved"] == ["once"]

    async def test_a_refund_of_the_last_purchase_leaves_the_one_before(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await ground.do(CreateSegment("Lapsed", "dynamic", LAPSED, id="lapsed"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))
        ground.now += timedelta(days=90)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_2", customer_id="cust_0"))

        told = await self.run(
            ground,
            AnnounceSegments(account, ("lapsed",)),
            payments_commands.RefundPayment("pay_2"),
            AnnounceSegments(account, ("lapsed",)),
        )

        assert [one["moved"] for one in (told[0], told[2])] == [[], ["lapsed"]]

    async def test_a_segment_that_the_batch_makes_is_judged_in_it(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))
        recent = SegmentConditions(payments=PaymentCount(Bounds(at_least=1), days=7))

        told = await self.run(
            ground, CreateSegment("Recent", "dynamic", recent, id="recent"), AnnounceSegments(account, ("recent",))
        )

        assert told[1]["moved"] == ["recent"]

    async def test_a_clock_that_the_batch_moves_moves_the_windows(self, ground: Ground) -> None:
        clock = (await ground.do(clocks_commands.CreateTestClock(ground.now)))["id"]
        await ground.do(programs_commands.CreateProgram("Timed", id="timed", clock_id=clock))
        account = (await ground.do(members_commands.CreateAccount("timed", "cust_0")))["id"]
        recent = SegmentConditions(payments=PaymentCount(Bounds(at_least=1), days=7))
        await ground.do(CreateSegment("Recent", "dynamic", recent, id="recent"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))

        told = await self.run(
            ground,
            AnnounceSegments(account, ("recent",)),
            clocks_commands.AdvanceTestClock(clock, ground.now + timedelta(days=7)),
            AnnounceSegments(account, ("recent",)),
        )

        assert [one["moved"] for one in (told[0], told[2])] == [["recent"], ["recent"]]

    async def test_a_program_that_the_batch_makes_may_live_by_another_clock(self, ground: Ground) -> None:
        clock = (await ground.do(clocks_commands.CreateTestClock(ground.now)))["id"]
        await members(ground, 1)
        often = SegmentConditions(payments=PaymentCount(Bounds(at_most=0), days=7))
        await ground.do(CreateSegment("Idle", "dynamic", often, id="idle"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_old", customer_id="cust_0"))

        told = await self.run(
            ground,
            clocks_commands.AdvanceTestClock(clock, ground.now + timedelta(days=7)),
            programs_commands.CreateProgram("Timed", id="timed", clock_id=clock),
            members_commands.CreateAccount("timed", "cust_0", account_id="loy_timed"),
            AnnounceSegments("loy_timed", ("idle",)),
        )

        assert told[3]["moved"] == ["idle"]


class TestPasses:
    async def test_tell_who_entered_and_who_left_once(self, ground: Ground) -> None:
        account, _other = await members(ground, 2)
        await ground.do(CreateSegment("Rich", "dynamic", RICH, id="rich"))

        assert await ground.announced() == []
        await ground.do(ledger_commands.AwardPoints(account, 100))
        assert await ground.announced() == [("segment.entered", "rich", "cust_0")]
        assert await ground.announced() == []
        await ground.do(ledger_commands.AdjustPoints(account, -1, "spent"))
        assert await ground.announced() == [("segment.left", "rich", "cust_0")]
        assert await ground.announced() == []

    async def test_tell_of_what_only_time_changed(self, ground: Ground) -> None:
        await members(ground, 2)
        await ground.do(CreateSegment("Lapsed", "dynamic", LAPSED, id="lapsed"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_1"))

        ground.now += timedelta(days=90, seconds=-1)
        assert await ground.announced() == []
        ground.now += timedelta(seconds=1)
        assert await ground.announced() == [("segment.entered", "lapsed", "cust_1")]
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_1"))
        assert await ground.announced() == [("segment.left", "lapsed", "cust_1")]

    async def test_go_by_the_programs_clock(self, ground: Ground) -> None:
        clock = (await ground.do(clocks_commands.CreateTestClock(NOW)))["id"]
        await members(ground, 1, clock=clock)
        await ground.do(CreateSegment("Lapsed", "dynamic", LAPSED, id="lapsed"))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))

        ground.now += timedelta(days=1_000)
        assert await ground.announced() == []
        await ground.do(clocks_commands.AdvanceTestClock(clock, NOW + timedelta(days=90)))
        assert await ground.announced() == [("segment.entered", "lapsed", "cust_0")]

    async def test_reach_every_member_page_by_page(self, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(segments, "MEMBERS_MAX", 2)
        await members(ground, 5)
        poor = SegmentConditions(balance=Bounds(at_most=0))
        for name in ("poor", "also"):
            await ground.do(CreateSegment(name, "dynamic", poor, id=name))

        told = await ground.announced()

        assert told == [("segment.entered", name, f"cust_{n}") for name in ("also", "poor") for n in range(5)]

    async def test_follow_other_conditions_and_closed_accounts(self, ground: Ground) -> None:
        account, _other = await members(ground, 2)
        await ground.do(CreateSegment("All", "dynamic", SegmentConditions(balance=Bounds(at_least=0)), id="all"))
        assert len(await ground.announced()) == 2

        await ground.do(members_commands.CloseAccount(account))
        assert await ground.announced() == [("segment.left", "all", "cust_0")]
        await ground.do(UpdateSegment("all", {"conditions": RICH}))
        assert await ground.announced() == [("segment.left", "all", "cust_1")]
        await ground.do(UpdateSegment("all", {"conditions": SegmentConditions(balance=Bounds(at_least=0))}))
        await ground.do(DeleteSegment("all"))
        assert await ground.announced() == []

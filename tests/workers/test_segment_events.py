"""Members enter and leave dynamic segments: found by the instants that are due, announced once, by their own clock."""

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
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import OfferTerms, PointsBonus, Targeting
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.segments.commands import CreateSegment, DeleteSegment, JudgeSegments, ScanSegment, UpdateSegment
from vinr_server.core.segments.conditions import Bounds, PaymentCount, SegmentConditions
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import decode_json
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.tenants import ensure_realm
from vinr_server.workers import due
from vinr_server.workers.due import DueWorker

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAPSED = SegmentConditions(days_since_last_purchase=Bounds(at_least=90))
RICH = SegmentConditions(balance=Bounds(at_least=100))
RECENT = SegmentConditions(payments=PaymentCount(Bounds(at_least=1), days=7))


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
        self.worker = DueWorker(self.pool, self.writer, clock=lambda: self.now)

    def submission(self, command: Command) -> Submission:
        fingerprint = hashlib.sha256(repr(command).encode()).digest()
        return Submission(self.realm, False, type(command).__name__, command, fingerprint)

    async def do(self, command: Command) -> Any:
        outcome = await self.writer.submit(self.submission(command))
        assert isinstance(outcome, Reply), outcome
        return decode_json(outcome.body)

    async def announced(self) -> list[tuple[str, str, str]]:
        """What a worker that comes now announces: event, segment and customer, sorted."""
        before = await self.pool.fetchval("select coalesce(max(id), '') from events")
        while await self.worker.work_once():
            pass
        records = await self.pool.fetch(
            "select type, data ->> 'segment', data ->> 'customer' from events where id > $1 and type like 'segment.%'",
            before,
        )
        return sorted((type, segment, customer) for type, segment, customer in records)

    async def moves(self) -> list[str]:
        """All that was announced so far, whoever found it."""
        records = await self.pool.fetch("select type from events where type like 'segment.%' order by id")
        return [record["type"] for record in records]


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


def offer_for(segment_id: str) -> list[Command]:
    """An offer that asks for the segment, so that whoever is shown its offers shows whether it is in there."""
    terms = OfferTerms(bonus=PointsBonus(1), application="opt_in", targeting=Targeting(segments=(segment_id,)))
    made = offer_commands.CreateOffer("engagement", "O", terms, "draft", id=f"ofr_{segment_id}")
    return [made, offer_commands.PublishOffer(made.id or "")]


class TestBatches:
    """What a batch has loaded counts as it stands there, once."""

    async def run(self, ground: Ground, *made: Command) -> list[Any]:
        """All of them are in the queue before the writer wakes up."""
        sizes, size = ground.writer.batch_sizes, len(made)
        before = sizes.get(size, 0)
        outcomes = await asyncio.gather(*(ground.writer.enqueue(ground.submission(one)) for one in made))
        assert (sizes[size], ground.writer.figures.halvings) == (before + 1, 0), "they were not decided in one batch"
        return [decode_json(one.body) if isinstance(one, Reply) else one for one in outcomes]

    async def inside(self, ground: Ground, *made: Command) -> list[bool]:
        """Whether the member is in the segment, by each time that its offers are shown."""
        shown = await self.run(ground, *made)
        return [one["data"][0]["eligible"] for one in shown if one["object"] == "eligible_offers"]

    async def make(self, ground: Ground, segment_id: str, conditions: SegmentConditions) -> None:
        for command in (CreateSegment("S", "dynamic", conditions, id=segment_id), *offer_for(segment_id)):
            await ground.do(command)

    async def test_a_payment_that_is_refunded_in_part_is_one_purchase(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await self.make(ground, "once", SegmentConditions(payments=PaymentCount(Bounds(at_most=1))))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_1", customer_id="cust_0"))

        found = await self.inside(
            ground,
            payments_commands.RefundPayment("pay_1", amount_minor=1),
            offer_commands.ShowEligibleOffers(account),
        )

        assert found == [True]

    async def test_a_refund_of_the_last_purchase_leaves_the_one_before(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await self.make(ground, "lapsed", LAPSED)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))
        ground.now += timedelta(days=90)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_2", customer_id="cust_0"))

        found = await self.inside(
            ground,
            offer_commands.ShowEligibleOffers(account),
            payments_commands.RefundPayment("pay_2"),
            offer_commands.ShowEligibleOffers(account),
        )

        assert found == [False, True]

    async def test_a_segment_that_the_batch_makes_is_judged_in_it(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))

        found = await self.inside(
            ground,
            CreateSegment("Recent", "dynamic", RECENT, id="recent"),
            *offer_for("recent"),
            offer_commands.ShowEligibleOffers(account),
        )

        assert found == [True]
        assert await ground.moves() == ["segment.entered"]

    async def test_a_clock_that_the_batch_moves_moves_the_windows(self, ground: Ground) -> None:
        clock = (await ground.do(clocks_commands.CreateTestClock(ground.now)))["id"]
        await ground.do(programs_commands.CreateProgram("Timed", id="timed", clock_id=clock))
        account = (await ground.do(members_commands.CreateAccount("timed", "cust_0")))["id"]
        await self.make(ground, "recent", RECENT)
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0"))

        found = await self.inside(
            ground,
            offer_commands.ShowEligibleOffers(account),
            clocks_commands.AdvanceTestClock(clock, ground.now + timedelta(days=7)),
            offer_commands.ShowEligibleOffers(account),
        )

        assert found == [True, False]

    async def test_a_program_that_the_batch_makes_may_live_by_another_clock(self, ground: Ground) -> None:
        clock = (await ground.do(clocks_commands.CreateTestClock(ground.now)))["id"]
        await members(ground, 1)
        await self.make(ground, "idle", SegmentConditions(payments=PaymentCount(Bounds(at_most=0), days=7)))
        await ground.do(payments_commands.CreatePayment(100, "EUR", 100, id="pay_old", customer_id="cust_0"))

        found = await self.inside(
            ground,
            clocks_commands.AdvanceTestClock(clock, ground.now + timedelta(days=7)),
            programs_commands.CreateProgram("Timed", id="timed", clock_id=clock),
            members_commands.CreateAccount("timed", "cust_0", account_id="loy_timed"),
            offer_commands.ShowEligibleOffers("loy_timed"),
        )

        assert found == [True]

    async def test_a_member_that_moves_twice_in_one_batch_moves_twice(self, ground: Ground) -> None:
        (account,) = await members(ground, 1)
        await ground.do(CreateSegment("Rich", "dynamic", RICH, id="rich"))
        await ground.announced()

        await self.run(
            ground,
            ledger_commands.AwardPoints(account, 100),
            ledger_commands.AdjustPoints(account, -1, "spent"),
            JudgeSegments(account),
        )

        assert await ground.moves() == ["segment.entered", "segment.left"]


class TestMoves:
    async def test_are_announced_once(self, ground: Ground) -> None:
        account, _other = await members(ground, 2)
        await ground.do(CreateSegment("Rich", "dynamic", RICH, id="rich"))

        assert await ground.announced() == []
        await ground.do(ledger_commands.AwardPoints(account, 100))
        assert await ground.announced() == [("segment.entered", "rich", "cust_0")]
        assert await ground.announced() == []
        await ground.do(ledger_commands.AdjustPoints(account, -1, "spent"))
        assert await ground.announced() == [("segment.left", "rich", "cust_0")]
        assert await ground.announced() == []

    async def test_by_time_alone_are_found_when_they_are_due(self, ground: Ground) -> None:
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

    async def test_by_new_conditions_are_found_page_by_page(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(due, "ACCOUNTS_MAX", 2)
        await members(ground, 5)
        poor = SegmentConditions(balance=Bounds(at_most=0))
        for name in ("poor", "also"):
            await ground.do(CreateSegment(name, "dynamic", poor, id=name))
        ids = [record["id"] for record in await ground.pool.fetch("select id from accounts order by id limit 2")]
        pages = [await ground.do(ScanSegment("poor", 1, "", tuple(ids), is_last=False)) for _time in range(2)]
        assert [page["members"] for page in pages] == [2, 0]
        left = await ground.moves()

        announced = await ground.announced()

        assert len(left) + len(announced) == 10
        entered = await ground.pool.fetch("select account_id, segment_id from segment_members where left_at is null")
        assert len(entered) == 10
        scans = await ground.pool.fetch("select members, done_at is not null as is_done from segment_scans")
        assert [tuple(scan) for scan in scans] == [(5, True), (5, True)]

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

    async def test_of_a_member_with_more_purchases_than_are_read_at_first(self, ground: Ground) -> None:
        await members(ground, 1)
        twice = SegmentConditions(payments=PaymentCount(Bounds(at_least=2), days=7))
        await ground.do(CreateSegment("Twice", "dynamic", twice, id="twice"))
        first = payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_0")
        await ground.do(first)
        ground.now += timedelta(days=6)
        for _time in range(3):
            await ground.do(first)
        assert await ground.moves() == ["segment.entered"]

        ground.now += timedelta(days=7, seconds=-1)
        assert await ground.announced() == []
        ground.now += timedelta(seconds=1)
        assert await ground.announced() == [("segment.left", "twice", "cust_0")]

    async def test_of_a_customer_whose_newest_purchases_are_of_another_account(self, ground: Ground) -> None:
        (mine,) = await members(ground, 1)
        await ground.do(programs_commands.CreateProgram("Other", id="other"))
        theirs = (await ground.do(members_commands.CreateAccount("other", "cust_0")))["id"]
        often = SegmentConditions(payments=PaymentCount(Bounds(at_least=2)))
        await ground.do(CreateSegment("Often", "dynamic", often, id="often"))
        for account in (mine, mine, theirs, theirs):
            await ground.do(payments_commands.CreatePayment(100, "EUR", 100, metadata={"loyalty_account": account}))
        await ground.announced()
        await ground.do(members_commands.UpdateAccount(mine, {"a": 1}))
        await ground.announced()

        assert await ground.moves() == ["segment.entered", "segment.entered"]

"""A member's segments are exact at the instant that matters: within a batch, over any split of it, and in SQL.

What is expected comes from the rows by a second, slower reading of each condition, which shares nothing with core's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from databases import Database, open_database
from engines import WALL, CoreRun, normalised
from examples import expect, hold
from histories import MOVE_BYTES, History, splits
from hypothesis import strategies as st
from segment_moves import STATIC, plan_segments
from steps import batches
from worlds import core_run, step_of

from conftest import SCALE, make_database
from vinr_server.core.clocks.commands import AdvanceTestClock
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.conditions.membership import lacking
from vinr_server.core.conditions.tree import Predicate
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.ledger.rows import Hold, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.rows import Program
from vinr_server.core.segments.commands import ScanSegment
from vinr_server.core.segments.conditions import Bounds, SegmentConditions
from vinr_server.core.segments.rows import Segment, SegmentMember
from vinr_server.storage.postgres.connect import connect_readers
from vinr_server.storage.postgres.embedded import EmbeddedServer
from vinr_server.storage.reads.reader import Reader
from vinr_server.storage.reads.segments import count_matching

counted: Counter[str] = Counter()
move = st.binary(min_size=MOVE_BYTES, max_size=MOVE_BYTES)
histories = st.builds(plan_segments, st.integers(0, 11), st.lists(move, min_size=6, max_size=24))


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


@pytest.fixture(scope="module")
def reader(database: Database) -> Iterator[Reader]:
    pool = database.runner.run(connect_readers(database.url, size=1))
    yield Reader(pool)
    database.runner.run(pool.close())


# ---- the oracle


def inside(layer: Layer, segment: Segment, account: Account) -> bool:
    """Whether the account is in the segment, read off all rows there are."""
    if account.status == "closed":
        return False
    if segment.type == "static":
        place = layer.get(SegmentMember, (segment.id, account.id))
        return place is not None and place.left_at is None
    now = now_of(layer, account)
    return holds(segment.conditions, layer, account, bought_by(account, layer, now), now)


# What was bought: how long ago, in which currency, and how much of it was kept.
Bought = list[tuple[timedelta, str, int]]


def bought_by(account: Account, layer: Layer, now: datetime) -> Bought:
    """What the member has bought and not given back in full."""
    return [
        (now - one.occurred_at, one.currency, one.amount_minor - one.refunded_minor)
        for one in rows(layer, Payment)
        if one.customer_id == account.customer_id
        and one.account_id in (None, account.id)
        and one.amount_minor > one.refunded_minor
    ]


def holds(asked: SegmentConditions, layer: Layer, account: Account, bought: Bought, now: datetime) -> bool:
    """Condition by condition; days are counted in seconds."""
    answers = [all(holds(part, layer, account, bought, now) for part in asked.all_of)]
    if asked.any_of:
        answers.append(any(holds(part, layer, account, bought, now) for part in asked.any_of))
    if asked.never_purchased is not None:
        answers.append((not bought) == asked.never_purchased)
    if (days := asked.days_since_last_purchase) is not None:
        ages = [max(age.total_seconds(), 0) for age, _currency, _minor in bought]
        answers.append(bool(ages) and between(days, int(min(ages, default=0) // 86_400)))
    for wanted, of in ((asked.payments, lambda found: len(found)), (asked.spend, None)):
        if wanted is not None:
            near = [one for one in bought if wanted.days is None or one[0] < timedelta(days=wanted.days)]
            if of is None:
                near = [one for one in near if one[1] == getattr(wanted, "currency", None)]
                answers.append(between(wanted.bounds, sum(minor for _age, _currency, minor in near)))
            else:
                answers.append(between(wanted.bounds, of(near)))
    if asked.tiers:
        answers.append(account.tier in asked.tiers)
    if asked.balance is not None:
        lots = [lot for lot in rows(layer, Lot) if lot.account_id == account.id]
        ends = [account.inactive_at if lot.by_inactivity else lot.expires_at for lot in lots]
        over = sum(lot.remaining_points for lot, end in zip(lots, ends, strict=True) if end is not None and end <= now)
        answers.append(between(asked.balance, account.ledger_balance_points - over))
    for key, value in (asked.metadata or {}).items():
        answers.append(repr(account.metadata.get(key)) == repr(value))
    if asked.enrolled_after is not None:
        answers.append(account.created_at >= asked.enrolled_after)
    if asked.days_since_enrolled is not None:
        answers.append(between(asked.days_since_enrolled, int((now - account.created_at).total_seconds() // 86_400)))
    if asked.not_of is not None:
        answers.append(not holds(asked.not_of, layer, account, bought, now))
    if asked.predicate is not None:
        ages = [int(max(one[0].total_seconds(), 0) // 86_400) for one in bought]
        values = {
            "purchases.count": len([one for one in bought if one[0] < timedelta(days=asked.predicate.days or 99_999)]),
            "purchases.days_since_last": min(
                (int(max(one[0].total_seconds(), 0) // 86_400) for one in bought), default=None
            ),
            "account.metadata.vip": account.metadata.get("vip"),
            "account.days_since_enrolled": max(int((now - account.created_at).total_seconds() // 86_400), 0),
            "account.enrolled_at": account.created_at,
        }
        answers.append(_is_met(asked.predicate, values[asked.predicate.field], now))
    return all(answers)


def _is_met(asked: Predicate, value: Any, now: datetime) -> bool:
    """The operators that the segments of these histories use."""
    if asked.exists is not None:
        return asked.exists == (value is not None)
    if value is None:
        return False
    if asked.within is not None:
        return bool(now - value < timedelta(days=asked.within))
    is_one = value in asked.values if asked.values else True
    return is_one and (asked.gt is None or value > asked.gt) and (asked.lt is None or value < asked.lt)


def between(bounds: Bounds, value: int) -> bool:
    low, high = bounds.at_least, bounds.at_most
    return (low is None or low <= value) and (high is None or value <= high)


def rows(layer: Layer, kind: Any) -> list[Any]:
    return layer.all_here(kind)


def now_of(layer: Layer, account: Account) -> datetime:
    program = layer.get(Program, account.program_id)
    clock = layer.get(TestClock, program.clock_id) if program and program.clock_id else None
    return clock.frozen_at if clock else WALL


# ---- the laws


def test_of_a_batch_are_those_of_any_split_of_it_and_of_all_rows(database: Database, reader: Reader) -> None:
    def law(history: History, sizes: list[int], is_distributed: bool) -> None:
        counted["histories"] += 1
        layer = history.run.layers[history.run.realms[0]]
        accounts, segments = rows(layer, Account), [one for one in rows(layer, Segment) if one.deleted_at is None]
        for way in ([1], [16], sizes):
            run = database.postgres_run(history.variant, has_two_realms=False, is_distributed=is_distributed)
            for batch in batches(history.steps, way):
                run.submit(batch)
                counted["batches"] += len(batch) > 1
            in_memory = {number: history.run.outcomes[number] for number in run.outcomes}
            assert normalised(run.outcomes, []) == normalised(in_memory, []), f"in batches of {way}"
        for segment in segments:
            expected = sum(inside(layer, segment, account) for account in accounts)
            counted["members"] += expected
            counted["others"] += len(accounts) - expected
            if segment.type == "dynamic":
                count = count_matching(reader, run.realms[0], segment.conditions, WALL)
                assert database.runner.run(count) == expected, f"SQL counts otherwise in {segment.id}"
        _count_moves(history)

    more = hold(law, examples=20, history=histories, sizes=splits, is_distributed=st.booleans())

    expect(counted, {"batches": 1_000, "members": 5_000, "others": 10_000, "moved": 1_500, "unmoved": 200}, more)


def test_in_memory_are_those_that_all_rows_say() -> None:
    def law(history: History) -> None:
        layer = history.run.layers[history.run.realms[0]]
        live = [one for one in rows(layer, Segment) if one.deleted_at is None]
        pairs = [(segment, account) for segment in live for account in rows(layer, Account)]

        found = {(one.id, two.id) for one, two in pairs if not lacking(layer, one.id, two, now_of(layer, two))}

        assert found == {(one.id, two.id) for one, two in pairs if inside(layer, one, two)}

    hold(law, examples=60, history=histories)


def _count_moves(history: History) -> None:
    moves = len(announced(history.run))
    counted["moved"] += moves
    counted["unmoved"] += not moves


# ---- moves, announced at their instants

Move = tuple[str, datetime, str, str]


def announced(run: CoreRun) -> list[Move]:
    """What events said of dynamic segments: account, instant, segment and whether it was entered or left."""
    return sorted(
        (event.data["account"], datetime.fromtimestamp(event.data["at"], UTC), event.data["segment"], event.type)
        for event in rows(run.layers[run.realms[0]], Event)
        if event.type.startswith("segment.") and event.data["segment"] != STATIC
    )


class Naive:
    """Looks at all members at every instant at which any of them might move, and notes who has."""

    def __init__(self, run: CoreRun) -> None:
        self.run, self.inside, self.moves = run, set[tuple[str, str]](), list[Move]()

    def look(self, after: timedelta = timedelta()) -> None:
        """Everybody is judged so long after now, with all that was due by then done."""
        layer = self.run.settled(0, after=after)
        live = [one for one in rows(self.run.layers[1], Segment) if one.type == "dynamic" and one.deleted_at is None]
        for account in rows(layer, Account):
            now = now_of(layer, account) + (after if is_timed(layer, account) else timedelta())
            bought = bought_by(account, layer, now)
            for segment in live:
                key = (account.id, segment.id)
                is_in = account.status == "active" and holds(segment.conditions, layer, account, bought, now)
                if is_in != (key in self.inside):
                    self.inside ^= {key}
                    kind = "segment.entered" if is_in else "segment.left"
                    self.moves.append((account.id, now.replace(microsecond=0), segment.id, kind))

    def pass_time(self, goal: datetime) -> None:
        """The clock moves on, by all instants on the way."""
        layer = self.run.layers[1]
        (clock,) = rows(layer, TestClock)
        accounts, lots = rows(layer, Account), rows(layer, Lot)
        starts = {one.occurred_at for one in rows(layer, Payment)} | {one.created_at for one in accounts}
        found: set[Any] = {start + timedelta(days=days) for start in starts for days in DAYS}
        found.update(at for lot in lots for at in (lot.available_at, lot.expires_at))
        found.update(one.inactive_at for one in accounts)
        found.update(hold.expires_at for hold in rows(layer, Hold))
        held = [one.standing for one in accounts if one.standing is not None]
        found.update(at for one in held for at in (one.expires_at, one.grace_until, one.locked_until))
        found.discard(None)
        for at in sorted(at for at in found if clock.frozen_at < at < goal):
            self.look(at - clock.frozen_at)


def is_timed(layer: Layer, account: Account) -> bool:
    program = layer.get(Program, account.program_id)
    return program is not None and program.clock_id is not None


# As many days as the segments of these histories ask about.
DAYS = (1, 2, 3, 5, 6, 7, 10, 20, 30, 41)


def test_each_move_is_announced_as_looking_at_all_members_at_every_instant_finds_it() -> None:
    def law(history: History, sizes: list[int]) -> None:
        naive = Naive(core_run(history.variant))
        for step in history.steps:
            if isinstance(step.command, AdvanceTestClock) and not step.is_dry_run:
                naive.pass_time(step.command.frozen_at)
            naive.run.submit([step])
            naive.look()
        in_batches = core_run(history.variant)
        for batch in batches(history.steps, sizes):
            in_batches.submit(batch)
        for way, run in (([1], naive.run), (sizes, in_batches)):
            for segment in rows(run.layers[1], Segment):
                finish(run, segment)
            assert announced(run) == sorted(naive.moves), f"in batches of {way}"
        counted["announced"] += len(naive.moves)

    hold(law, examples=25, history=histories, sizes=splits)
    assert counted["announced"] > 25 * min(SCALE, 1)


def finish(run: CoreRun, segment: Segment) -> None:
    """All members are looked through, and judged."""
    ids = tuple(sorted(account.id for account in rows(run.layers[1], Account)))
    run.submit([step_of(9_000, 0, ScanSegment(segment.id, segment.revision, "", ids, is_last=True))])

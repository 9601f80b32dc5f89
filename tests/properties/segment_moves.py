"""Moves about segments, among payments, refunds, awards and time: who is in which is asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from engines import WALL
from histories import History
from moves import advance, award, enrol, pay, redeem, refund, return_goods
from planner import Planner

from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.conditions.tree import Predicate
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members_commands
from vinr_server.core.segments.commands import (
    AddSegmentMembers,
    CreateSegment,
    DeleteSegment,
    JudgeSegments,
    RemoveSegmentMembers,
    ScanSegment,
    UpdateSegment,
)
from vinr_server.core.segments.conditions import Bounds, PaymentCount, SegmentConditions, Spend
from vinr_server.core.segments.rows import Segment

DYNAMIC: dict[str, SegmentConditions] = {
    "seg_lapsed": SegmentConditions(days_since_last_purchase=Bounds(3, None)),
    "seg_recent": SegmentConditions(days_since_last_purchase=Bounds(None, 2)),
    "seg_never": SegmentConditions(never_purchased=True),
    "seg_often": SegmentConditions(payments=PaymentCount(Bounds(2, None), 30)),
    "seg_rare": SegmentConditions(payments=PaymentCount(Bounds(None, 1))),
    "seg_big": SegmentConditions(spend=Spend("EUR", Bounds(3_000, None), 7)),
    "seg_small": SegmentConditions(spend=Spend("EUR", Bounds(None, 4_999))),
    "seg_rich": SegmentConditions(balance=Bounds(50, None), tiers=("silver", "gold", "star")),
    "seg_mixed": SegmentConditions(
        any_of=(
            SegmentConditions(metadata={"vip": True}),
            SegmentConditions(
                spend=Spend("USD", Bounds(1, None)), all_of=(SegmentConditions(balance=Bounds(None, 20)),)
            ),
        )
    ),
    "seg_unlike": SegmentConditions(
        not_of=SegmentConditions(tiers=("silver", "gold"), any_of=(SegmentConditions(balance=Bounds(20, None)),)),
    ),
    "seg_few": SegmentConditions(predicate=Predicate("purchases.count", gt=0, lt=3, days=20)),
    "seg_plain": SegmentConditions(
        any_of=(
            SegmentConditions(predicate=Predicate("account.metadata.vip", exists=False)),
            SegmentConditions(predicate=Predicate("purchases.days_since_last", one_of=(1, 2, 5))),
            SegmentConditions(predicate=Predicate("account.days_since_enrolled", lt=3)),
        ),
        not_of=SegmentConditions(predicate=Predicate("account.enrolled_at", within=1)),
    ),
    "seg_old": SegmentConditions(days_since_enrolled=Bounds(10, 40), enrolled_after=WALL),
}
OTHERS = (*DYNAMIC.values(), SegmentConditions(payments=PaymentCount(Bounds(1, None), 5)))
STATIC = "seg_listed"


def judge(plan: Planner) -> None:
    """What an account has entered and left is announced, as a worker that comes now would do it."""
    plan.do(JudgeSegments(plan.account()))


def scan(plan: Planner, name: str | None = None) -> None:
    """All members are looked through for a segment's new conditions, if it has any."""
    segment = plan.run.layers[1].get(Segment, name or plan.dice.pick((*DYNAMIC, "seg_new")))
    if segment is not None:
        page = ScanSegment(segment.id, segment.revision, "", tuple(plan.world.accounts), is_last=True)
        plan.do(page, is_plain=True)


def list_members(plan: Planner) -> None:
    """Accounts join or leave the static segment, one of them perhaps twice, another unknown."""
    accounts = tuple(plan.account() for _time in range(1 + plan.dice.roll(2)))
    make = plan.dice.pick((AddSegmentMembers, RemoveSegmentMembers))
    unknown = ("loy_nobody",) if plan.dice.one_in(6) else ()
    plan.do(make(plan.dice.pick((STATIC, STATIC, STATIC, "seg_lapsed")), (*dict.fromkeys(accounts), *unknown)))


def change(plan: Planner) -> None:
    """A segment asks something else, goes, or comes: what nobody could know when the batch was loaded."""
    dice = plan.dice
    segment = dice.pick(list(DYNAMIC))
    scan(plan, segment)  # conditions that are replaced before anybody was looked at are never announced
    made: Sequence[Command] = (
        UpdateSegment(segment, {"conditions": dice.pick(OTHERS)}),
        UpdateSegment(segment, {"conditions": dice.pick(OTHERS)}),
        CreateSegment("New", "dynamic", dice.pick(OTHERS), id="seg_new"),
        DeleteSegment(segment),
    )
    plan.do(dice.pick(made))
    plan.do(JudgeSegments(plan.account()))


def relabel(plan: Planner) -> None:
    """An account has other metadata: 1 is not true."""
    plan.do(members_commands.UpdateAccount(plan.account(), plan.dice.pick(({"vip": True}, {"vip": 1}, {"vip": None}))))


def wait(plan: Planner) -> None:
    """The clock moves by whole days, to the very edge of a window, or a moment before."""
    goal = plan.world.clock_at + timedelta(days=plan.dice.pick((1, 2, 3, 7, 30)))
    plan.do(clocks_commands.AdvanceTestClock(plan.world.clock, goal), is_plain=True)  # type: ignore[arg-type]
    plan.do(clocks_commands.FinishTestClock(plan.world.clock, goal), is_plain=True)  # type: ignore[arg-type]


def outlast(plan: Planner) -> None:
    """Time passes, and who is where is asked at once: what was bought before may lie outside its window by then."""
    wait(plan)
    plan.do(JudgeSegments(plan.account()))


MOVES: list[Callable[[Planner], None]] = [
    *([judge] * 4), *([scan] * 3), *([pay] * 5), *([refund] * 3), *([list_members] * 3), *([wait] * 2),
    *([outlast] * 3), *([change] * 2), award, redeem, relabel, enrol, advance, return_goods,
]  # fmt: skip


def plan_segments(variant: int, moves: Sequence[bytes]) -> History:
    """A history in a world with segments, which its first steps make."""
    planner = Planner(variant)
    planner.do(CreateSegment("Listed", "static", id=STATIC), is_plain=True)
    for name, conditions in DYNAMIC.items():
        planner.do(CreateSegment(name, "dynamic", conditions, id=name), is_plain=True)
    for thrown in moves:
        planner.throw(thrown)
        planner.dice.pick(MOVES)(planner)
    return History(variant, planner.steps, planner.run)

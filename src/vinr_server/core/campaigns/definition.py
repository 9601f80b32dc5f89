"""What a campaign says, read once: entry, steps, goal. Frozen with its revision (R40)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

from vinr_server.core.budgets.rows import Budget
from vinr_server.core.campaigns.challenges.targets import Progressing
from vinr_server.core.campaigns.pacing import FrequencyCap, SendWindow
from vinr_server.core.conditions.tree import Asked, asked_by, predicates_of
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.segments.conditions import SegmentConditions, tree_of

StepKind = Literal[
    "wait",
    "branch",
    "split",
    "exit",
    "award_points",
    "send_event",
    "set_metadata",
    "issue_reward",
    "grant_offer",
    "issue_code",
]
ReentryMode = Literal["once", "after_exit", "per_key"]
Every = Literal["once", "day", "week", "month"]
Since = Literal["entry", "step"]
ClawbackBy = Literal["entry_payment", "contributions", "none"]
OfferState = Literal["granted", "claimed", "redeemed"]

# What the shares of a split come to.
SHARES = 10_000
# No month is longer.
_MONTH_MOST = timedelta(days=31)
# Steps that give something, each of which is a use of a budget.
GIVING = ("award_points", "issue_reward", "grant_offer", "issue_code")
# What a step leads to where it ends the enrollment.
EXIT = "exit"


def longest(duration: Duration) -> timedelta:
    """The most that it can last."""
    return timedelta(seconds=duration.seconds) + duration.months * _MONTH_MOST


@dataclass(frozen=True, slots=True)
class Trigger:
    """A type of events, and what is asked of one."""

    type: str
    conditions: Conditions = Conditions()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When those who are in a segment, or all members, enter: at a local time of day, minutes after midnight.

    `on`: the day of `once`; `days`: weekdays from 0, Monday, of `week`; `day` of the month: 31 is its last.
    """

    every: Every
    at_minutes: int
    on: date | None = None
    days: tuple[int, ...] = ()
    day: int | None = None
    segment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """How members enter: by an event that is not older than `max_age`, or by a schedule; always by a call.

    `member`: what must hold of them then. `segment_id`: the event is that they come into this segment.
    `contribution`: by the first of what counts towards a challenge, which has its own bounds.
    """

    event: Trigger | None = None
    schedule: Schedule | None = None
    segment_id: str | None = None
    member: SegmentConditions | None = None
    max_age: Duration = Duration(seconds=72 * 3600)
    contribution: bool = False


@dataclass(frozen=True, slots=True)
class Reentry:
    """How often a member can be in a campaign (R42).

    `cooldown`: so much after the last entry at the earliest. `key_from`: the path in the event's data whose value may
    enter once.
    """

    mode: ReentryMode = "once"
    cooldown: Duration | None = None
    key_from: str | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a campaign is for: an event of the member less than `within` after its entry (R50).

    `is_exit`: it ends the passage.
    """

    event: Trigger
    within: Duration
    is_exit: bool = False


@dataclass(frozen=True, slots=True)
class Awaited:
    """An event that ends a wait: the `count`th of those that fit, with `same` metadata as the entry event."""

    event: Trigger
    same: tuple[str, ...] = ()
    count: int = 1
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when a step waits (R45): a length of time, a local time of day after it, an instant, or an event.

    `at_minutes`: minutes after midnight; `days`: weekdays from 0, Monday, all if empty. `zone_from`: the account's
    metadata key that names a zone.
    """

    wait_for: Duration | None = None
    at_minutes: int | None = None
    days: tuple[int, ...] = ()
    until: datetime | None = None
    zone_from: str | None = None
    events: tuple[Awaited, ...] = ()
    timeout: Duration | None = None
    timeout_next: str | None = None
    since: Since = "entry"


@dataclass(frozen=True, slots=True)
class Taken:
    """What an earlier step came to: its outcome."""

    step_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AskedOffer:
    """How far a member must be with an offer: has a grant to use, has opted in, or has redeemed it."""

    offer_id: str
    state: OfferState


@dataclass(frozen=True, slots=True)
class Case:
    """One way of a branch: all that is given must hold."""

    next: str | None
    member: SegmentConditions | None = None
    segments: tuple[str, ...] = ()
    entry: Conditions | None = None
    taken: Taken | None = None
    offer: AskedOffer | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """The first case that holds, else `otherwise` (R46)."""

    cases: tuple[Case, ...]
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a split; `share` of 10,000 go it."""

    name: str
    share: int
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Ways that members go by chance, each for good (R47)."""

    key: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Award:
    """Points that a step gives."""

    points: int
    reason: str | None = None
    clawback: ClawbackBy | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a step announces by `campaign.message`; `{"$ref": …}` in its data is filled in."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Marks:
    """What a step sets of the account: metadata, where null removes a key, and places in static segments."""

    account: Mapping[str, Any]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """An offer of which a step gives the member one use; `valid_for`: None, as long as the offer."""

    offer_id: str
    valid_for: Duration | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A batch of which a step gives the member a code; `expires_in`: None, as long as the code lasts by itself."""

    batch_id: str
    expires_in: Duration | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Of the fields after `on_refused`, the one of its kind is set.

    `on_capped`: where a message leads that a cap keeps back; None: where any refused one leads.
    """

    kind: StepKind
    next: str | None = None
    on_refused: str | None = None
    wait: Wait | None = None
    branch: Branch | None = None
    split: Split | None = None
    outcome: str | None = None
    award: Award | None = None
    message: Message | None = None
    marks: Marks | None = None
    reward_id: str | None = None
    grant: Granted | None = None
    on_capped: str | None = None
    issue: Issued | None = None

    def ways_out(self) -> Iterator[tuple[str, str | None]]:
        """Where the step can lead, each with its place in the definition; None ends the enrollment."""
        if self.wait is not None and (self.wait.events or self.wait.timeout is not None):
            yield from ((f"events[{n}].next", awaited.next) for n, awaited in enumerate(self.wait.events))
            yield "timeout_next", self.wait.timeout_next
        elif self.branch is not None:
            yield from ((f"when[{n}].next", case.next) for n, case in enumerate(self.branch.cases))
            yield "else", self.branch.otherwise
        elif self.split is not None:
            yield from ((f"ways[{n}].next", way.next) for n, way in enumerate(self.split.ways))
        elif self.kind != EXIT:
            yield "next", self.next
        for place, target in (("on_refused", self.on_refused), ("on_capped", self.on_capped)):
            if target is not None:
                yield place, None if target == EXIT else target

    @property
    def longest_wait(self) -> timedelta:
        """The most that the step can wait."""
        wait = self.wait
        if wait is None:
            return timedelta(0)
        lasts = max(map(longest, filter(None, (wait.wait_for, wait.timeout))), default=timedelta(0))
        # The next such time of day on one of so few weekdays is a week away, at most.
        return lasts + (timedelta(days=8) if wait.at_minutes is not None else timedelta(0))


def cost_of(budget: Budget, step: Step) -> int:
    """What the step takes of a campaign's budget, if it is done: its points, or one use of whatever it gives."""
    if budget.measure == "points":
        return step.award.points if step.award is not None else 0
    return 1 if step.kind in GIVING else 0


def reached_from(steps: Mapping[str, Step], start: str, *, until_wait: bool = False) -> set[str]:
    """The steps that the first one leads to, itself included; of waits that come later, none, `until_wait`."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        id = waiting.pop()
        if id in reached or id not in steps or (until_wait and id != start and steps[id].wait is not None):
            continue
        reached.add(id)
        waiting += [target for _place, target in steps[id].ways_out() if target is not None]
    return reached


@dataclass(frozen=True, slots=True)
class Definition:
    """All that one revision of a campaign says. `holdout`: of 10,000 members, so many are held out (R47).

    `entry_rate`: so many members enter in a minute, at most, of those who enter many at once (R51).
    """

    entry: Entry
    start: str
    steps: Mapping[str, Step]
    reentry: Reentry = Reentry()
    group: str | None = None
    announce: tuple[str, ...] = ()
    exit_when: tuple[Trigger, ...] = ()
    exit_on_refund: bool = True
    progress: Progressing | None = None
    holdout: int = 0
    goal: Goal | None = None
    caps: tuple[FrequencyCap, ...] = ()
    send_window: SendWindow | None = None
    budget: Budget | None = None
    entry_rate: int | None = None

    @property
    def starts(self) -> tuple[str, ...]:
        """The steps that others need not lead to."""
        on_expire = self.progress.on_expire if self.progress is not None else None
        return (self.start,) if on_expire is None else (self.start, on_expire)

    @property
    def member_conditions(self) -> list[SegmentConditions]:
        """All that it asks of members."""
        cases = (case for step in self.steps.values() if step.branch is not None for case in step.branch.cases)
        asked = [self.entry.member, *(case.member for case in cases)]
        return [conditions for conditions in asked if conditions is not None]

    @property
    def segments_named(self) -> frozenset[str]:
        """The segments whose members it asks for."""
        cases = (case for step in self.steps.values() if step.branch is not None for case in step.branch.cases)
        return frozenset(id for case in cases for id in case.segments)

    @property
    def asked(self) -> Asked:
        """What has to be known of a member to judge what it asks."""
        trees = map(tree_of, self.member_conditions)
        return asked_by(asked for tree in trees for asked in predicates_of(tree)) | Asked(segments=self.segments_named)

    @property
    def triggers(self) -> Iterator[Trigger]:
        """Every event that it listens to."""
        if self.entry.event is not None:
            yield self.entry.event
        if self.progress is not None:
            yield Trigger(self.progress.type, self.progress.conditions)
        yield from self.exit_when
        if self.goal is not None:
            yield self.goal.event
        for step in self.steps.values():
            for awaited in step.wait.events if step.wait is not None else ():
                yield awaited.event

"""How far a challenge has come: computed from what counts towards it, never counted up (R54, R55).

One pure function: any order of arrival gives the same, and a refund needs no separate way back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from vinr_server.core.campaigns.challenges.targets import Contribution, Era, Streak, Target
from vinr_server.core.kernel.calendar import LAST_INSTANT, local_day
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.spans.periods import Period, period_end, period_of
from vinr_server.core.kernel.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Attempt:
    """Contributions that belong together, complete or not.

    `length`, `freezes`: of a streak, how many periods are in it and how many misses it can still bridge. `ends`: the
    place of the last contribution that belongs to no later attempt.
    """

    contributions: tuple[Contribution, ...] = ()
    length: int = 0
    freezes: int = 0
    ends: tuple[datetime, int] | None = None

    @property
    def amount(self) -> int:
        """What its contributions come to."""
        return sum(contribution.amount for contribution in self.contributions)


@dataclass(frozen=True, slots=True)
class Progress:
    """The attempts that are complete, in their order, and the one that runs; None after the last that there may be."""

    completed: tuple[Attempt, ...]
    running: Attempt | None


def progress_of(
    contributions: Iterable[Contribution], eras: Sequence[Era], entered_at: datetime, zone: str
) -> Progress:
    """What kept contributions come to, in order of (occurred_at, sequence).

    An attempt that was complete under an earlier revision stays; the one that ran when the next came is computed again.
    Expects: contributions that are in time, at least one era, and that the last one's `attempts` are None.
    """
    ordered = sorted(contributions, key=lambda contribution: contribution.place)
    completed: list[Attempt] = []
    running: Attempt | None = None
    for era in eras:
        counted = _of_each_day(ordered, era.target, zone)
        most = _attempts_most(era, len(completed))
        running, found = None, 0
        while most is None or found < most:
            behind = completed[-1].ends if completed else None
            left = (
                counted[bisect_right(counted, behind, key=lambda contribution: contribution.place) :]
                if behind
                else counted
            )
            attempt, is_complete = _first_attempt(left, era.target, entered_at, zone)
            if not is_complete:
                running = attempt
                break
            completed.append(attempt)
            found += 1
    return Progress(tuple(completed), running)


def _attempts_most(era: Era, completed: int) -> int | None:
    if era.attempts is not None:
        return era.attempts
    return None if era.target.repeat is None else max(era.target.repeat - completed, 0)


def _of_each_day(ordered: Sequence[Contribution], target: Target, zone: str) -> list[Contribution]:
    """The contributions that count: the first ones of each local day."""
    most = target.a_day
    if most is None:
        return [*ordered]
    seen: Counter[date] = Counter()
    counted: list[Contribution] = []
    for contribution in ordered:
        day = local_day(contribution.occurred_at, zone)
        seen[day] += 1
        if seen[day] <= most:
            counted.append(contribution)
    return counted


def _first_attempt(left: list[Contribution], target: Target, entered_at: datetime, zone: str) -> tuple[Attempt, bool]:
    """The first attempt among the contributions that are left, and whether it is complete."""
    if target.streak is not None:
        return _in_a_row(left, target.target, target.streak, zone)
    window = target.window
    if window.calendar is not None:
        periods = _by_period(left, window.calendar, zone)
        return _in_a_period([*periods.values()], target.target)
    if window.is_from_entry:
        assert window.length is not None, "a window from the entry has a length"
        end = later(entered_at, window.length, zone)
        left = [contribution for contribution in left if entered_at <= contribution.occurred_at < end]
    return _in_a_stretch(left, target, zone)


def _in_a_stretch(left: Sequence[Contribution], target: Target, zone: str) -> tuple[Attempt, bool]:
    """Whatever lies in a window that ends at the newest contribution; without one, all."""
    length = None if target.window.is_from_entry else target.window.length
    inside: list[tuple[datetime, Contribution]] = []
    for contribution in left:
        at = contribution.occurred_at
        ends_at = later(at, length, zone) if length is not None else LAST_INSTANT
        inside = [*(each for each in inside if each[0] > at), (ends_at, contribution)]
        if sum(each.amount for _ends_at, each in inside) >= target.target:
            return Attempt(tuple(each for _ends_at, each in inside), ends=contribution.place), True
    return Attempt(tuple(each for _ends_at, each in inside)), False


def _in_a_period(periods: Sequence[Sequence[Contribution]], target: int) -> tuple[Attempt, bool]:
    """The first calendar period in which the target is reached: a period is one attempt, its further ones are spare."""
    for members in periods:
        for count in range(1, len(members) + 1):
            if sum(contribution.amount for contribution in members[:count]) >= target:
                return Attempt(tuple(members[:count]), ends=members[-1].place), True
    return Attempt(tuple(periods[-1]) if periods else ()), False


def _in_a_row(left: Sequence[Contribution], target: int, streak: Streak, zone: str) -> tuple[Attempt, bool]:
    """The first streak that is long enough. Its next one begins with a later period."""
    attempt = Attempt(freezes=streak.freezes)
    for attempt in _streaks(left, streak, zone):
        if attempt.length == target:
            return attempt, True
    return replace(attempt, ends=None), False


def best_streak(contributions: Iterable[Contribution], target: Target, zone: str) -> int:
    """How long the longest streak was, whatever attempts it belongs to."""
    assert target.streak is not None, "it is a streak that is measured"
    counted = _of_each_day(sorted(contributions, key=lambda contribution: contribution.place), target, zone)
    return max((attempt.length for attempt in _streaks(counted, target.streak, zone)), default=0)


def _streaks(left: Sequence[Contribution], streak: Streak, zone: str) -> Iterator[Attempt]:
    """The streak as it stands after each period that has enough."""
    attempt, before = Attempt(freezes=streak.freezes), None
    for members in _by_period(left, streak.every, zone).values():
        if len(members) < streak.least:
            continue
        missed = None if before is None else missed_between(before, members[0].occurred_at, streak, zone)
        if missed is not None and missed <= attempt.freezes:
            attempt = Attempt((*attempt.contributions, *members), attempt.length + 1, attempt.freezes - missed)
        else:
            attempt = Attempt(tuple(members), 1, streak.freezes)
        attempt, before = replace(attempt, ends=members[-1].place), members[0].occurred_at
        yield attempt


def missed_between(before: datetime, after: datetime, streak: Streak, zone: str) -> int:
    """How many periods lie between those of two instants; one more than the freezes, where there are more."""
    name = period_of(streak.every, after, zone)
    missed, end = -1, before
    while period_of(streak.every, end, zone) != name and missed <= streak.freezes:
        following = period_end(streak.every, end, zone)
        if following is None:
            break
        missed, end = missed + 1, following
    return max(missed, 0)


def _by_period(left: Iterable[Contribution], every: Period, zone: str) -> Mapping[str, list[Contribution]]:
    """The contributions of each period, by its name, in the order of time."""
    periods: dict[str, list[Contribution]] = {}
    for contribution in left:
        periods.setdefault(period_of(every, contribution.occurred_at, zone), []).append(contribution)
    return periods

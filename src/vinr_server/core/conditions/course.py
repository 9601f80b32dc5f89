"""What becomes of a member if nothing happens to it: what it is at each later instant, and when that changes an answer.

Only five fields move by themselves: the days since enrollment and since the last purchase, `within` of an instant, what
was bought in a window, and the balance, of which points end. Everything else changes by commands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import takewhile
from typing import Any

from vinr_server.core.conditions.judging import DAY, holds
from vinr_server.core.conditions.member import Facts, MemberValues, Totals, window_start
from vinr_server.core.conditions.tree import Condition, Days, Predicate, predicates_of
from vinr_server.core.kernel.calendar import LAST_INSTANT
from vinr_server.core.kernel.values import dataclass

OF_WINDOWS = ("purchases.count", "purchases.spend")


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is left of one purchase, in its currency's minor units; more than 0."""

    occurred_at: datetime
    currency: str
    kept_minor: int


@dataclass(frozen=True, slots=True)
class Course:
    """A member from an instant on.

    purchases        newest first; `is_whole`: all of them, not only the newest
    balance_until    the first instant at which points end; None: none does. From then on the balance is not known
    """

    tier: str | None
    metadata: Mapping[str, Any]
    enrolled_at: datetime
    balance_points: int
    balance_until: datetime | None = None
    purchases: tuple[Purchase, ...] = ()
    is_whole: bool = True

    @property
    def last_at(self) -> datetime | None:
        """When the last purchase was."""
        return self.purchases[0].occurred_at if self.purchases else None

    def values_at(self, at: datetime, windows: Iterable[Days]) -> MemberValues:
        """What the member is at this instant; `windows`: those that are asked for."""
        totals = {days: self._totals(window_start(days, at)) for days in windows}
        facts = Facts(self.tier, self.balance_points, self.metadata, self.enrolled_at, self.last_at, totals)
        return MemberValues(facts, at)

    def _totals(self, start: datetime) -> Totals:
        count, spent_minor = 0, dict[str, int]()
        for bought in takewhile(lambda bought: bought.occurred_at > start, self.purchases):
            count += 1
            spent_minor[bought.currency] = spent_minor.get(bought.currency, 0) + bought.kept_minor
        return Totals(count, spent_minor)

    def decides(self, asked: Predicate, at: datetime) -> bool:
        """Whether the newest purchases are enough to answer a question, now and whenever time passes.

        They are where they reach back beyond its window, or are already more than it can tell apart.
        """
        if self.is_whole or not asked.field.startswith("purchases."):
            return True
        if not self.purchases or asked.field not in OF_WINDOWS:
            return bool(self.purchases)
        if asked.days is not None and self.purchases[-1].occurred_at <= window_start(asked.days, at):
            return True
        return self._leaving(asked, max(steps_of(asked), default=0)) is not None

    def _leaving(self, asked: Predicate, total: int) -> datetime | None:
        """When the purchase was with which the total is reached, counted from the newest; None: it is not."""
        reached = 0
        for bought in self.purchases:
            if asked.field == "purchases.count":
                reached += 1
            elif bought.currency == asked.currency:
                reached += bought.kept_minor
            if reached >= total:
                return bought.occurred_at
        return None


def next_change(condition: Condition, course: Course, at: datetime) -> datetime | None:
    """The first instant after `at` at which time alone changes whether the condition holds; None: it never does.

    Never later than that. Earlier only where the balance is asked: then it is the instant at which points end, if that
    is first. Expects purchases that decide each question.
    """
    asked = list(predicates_of(condition))
    windows = windows_of(asked)
    until = course.balance_until if any(each.field == "balance" for each in asked) else None
    instants = {instant for each in asked for instant in _instants(each, course) if instant > at}
    is_met = holds(condition, course.values_at(at, windows)) if instants else None
    for instant in sorted(instants):
        if until is not None and instant >= until:
            break
        if holds(condition, course.values_at(instant, windows)) != is_met:
            return instant
    return until


def windows_of(asked: Iterable[Predicate]) -> frozenset[Days]:
    """The windows of purchases that are asked for."""
    return frozenset(each.days for each in asked if each.field in OF_WINDOWS)


def _instants(asked: Predicate, course: Course) -> Iterator[datetime]:
    """When time may change the answer to one question, some of it in the past."""
    if asked.field == "account.enrolled_at":
        yield from _days_after(course.enrolled_at, [asked.within] if asked.within is not None else [])
    elif asked.field == "account.days_since_enrolled":
        yield from _days_after(course.enrolled_at, steps_of(asked))
    elif asked.field == "purchases.days_since_last":
        yield from _days_after(course.last_at, steps_of(asked))
    elif asked.field in OF_WINDOWS and asked.days is not None:
        for total in steps_of(asked):
            if total > 0:
                yield from _days_after(course._leaving(asked, total), [asked.days])


def steps_of(asked: Predicate) -> set[int]:
    """The numbers that a question distinguishes from the one below each."""
    from_it = [bound for bound in (asked.gte, asked.lt) if isinstance(bound, int)]
    above_it = [bound + 1 for bound in (asked.gt, asked.lte) if isinstance(bound, int)]
    wanted = [value for value in asked.values if isinstance(value, int)]
    return {*from_it, *above_it, *wanted, *(value + 1 for value in wanted)}


def _days_after(since: datetime | None, days: Iterable[int]) -> Iterator[datetime]:
    for count in days:
        if since is not None and (LAST_INSTANT - since) // DAY >= count:
            yield since + count * DAY

"""Which tiers a member's credits confirm, and until when: a pure function of the credits (R12c, R12d).

A credit confirms every tier whose threshold the metric reaches with it, until the end of the next window. So more
points never end a tier sooner, and credits give the same tiers in whatever order they arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from vinr_server.core.kernel import calendar
from vinr_server.core.kernel.calendar import LAST_INSTANT
from vinr_server.core.kernel.numbers import Exact
from vinr_server.core.programs.rows import Tier, TierPolicy

# The end of what is confirmed for good.
FOR_GOOD = LAST_INSTANT


class Credit(NamedTuple):
    """What counts towards tiers, from an instant on. `amount` >= 0 in the unit of the metric, exact."""

    at: datetime
    amount: Exact


class Scale(NamedTuple):
    """What credits are held against: tiers by ascending threshold, their policy, and the zone of its calendar."""

    tiers: Sequence[Tier]
    policy: TierPolicy
    zone: str


def confirmations(credits: Sequence[Credit], scale: Scale, *, at: datetime) -> list[datetime | None]:
    """For each tier, the latest end of its confirmations by credits up to and at `at`, where that is after `at`.

    FOR_GOOD: it does not end. None: the tier is not confirmed.
    """
    ends: list[datetime | None] = [FOR_GOOD if tier.threshold == 0 else None for tier in scale.tiers]
    for instant, value in values(credits, scale, until=at):
        end = window_end(scale, instant)
        if end <= at:
            continue
        for rank, tier in enumerate(scale.tiers):
            if tier.threshold > value:
                break
            ends[rank] = max(ends[rank] or end, end)
    return ends


def values(credits: Sequence[Credit], scale: Scale, *, until: datetime) -> Iterator[tuple[datetime, Exact]]:
    """The metric at the instant of each credit up to and at `until`, with that credit, in the order of time.

    What has nothing left is no credit: an order that was given back, or that store credit paid, confirms nothing.
    """
    coming = sorted(credit for credit in credits if credit.at <= until and credit.amount)
    leaving = sorted((counts_until(scale, credit.at), credit.amount) for credit in coming)
    total: Exact = 0
    left = 0
    for place, credit in enumerate(coming):
        total += credit.amount
        if place + 1 < len(coming) and coming[place + 1].at == credit.at:
            continue
        while leaving[left][0] <= credit.at:
            total -= leaving[left][1]
            left += 1
        yield credit.at, total


def value_at(credits: Sequence[Credit], scale: Scale, at: datetime) -> Exact:
    """The metric at an instant."""
    return sum(credit.amount for credit in credits if credit.at <= at < counts_until(scale, credit.at))


def falls_at(credits: Sequence[Credit], scale: Scale, at: datetime) -> datetime | None:
    """When the metric next falls by time alone; None: never."""
    ends = [counts_until(scale, credit.at) for credit in credits if credit.at <= at and credit.amount]
    return min((end for end in ends if at < end < FOR_GOOD), default=None)


def counts_until(scale: Scale, instant: datetime) -> datetime:
    """The first instant at which a credit no longer counts (R12c); a tier that is landed on lasts as long (R12f)."""
    if scale.policy.window == "lifetime":
        return FOR_GOOD
    if scale.policy.window == "rolling_months":
        return _months_later(scale, instant)
    return new_year(scale.zone, _year(scale.zone, instant) + 1)


def window_end(scale: Scale, instant: datetime) -> datetime:
    """Until when a credit of this instant confirms tiers: the end of the next window (R12d)."""
    if scale.policy.window == "calendar_year":
        return new_year(scale.zone, _year(scale.zone, instant) + 2)
    return counts_until(scale, instant)


def value_in_grace(credits: Sequence[Credit], scale: Scale, end: datetime, *, at: datetime) -> Exact:
    """What a calendar year counts for a tier that ended at `end`: on from the beginning of that year (R12f)."""
    since = new_year(scale.zone, _year(scale.zone, end - calendar.INSTANT))
    return sum(credit.amount for credit in credits if since <= credit.at <= at)


def highest(ends: Sequence[datetime | None]) -> int:
    """The rank of the highest tier that is confirmed, as `confirmations` gives their ends; -1 for none."""
    return max((rank for rank, end in enumerate(ends) if end is not None), default=-1)


def new_year(zone: str, year: int) -> datetime:
    """The first instant of a year in the zone; FOR_GOOD after the year 9999."""
    return calendar.start_of_day(date(year, 1, 1), zone) if year <= date.max.year else FOR_GOOD


def _year(zone: str, instant: datetime) -> int:
    return calendar.local_day(instant, zone).year


def _months_later(scale: Scale, instant: datetime) -> datetime:
    end = calendar.expires_at(instant, months=scale.policy.months, rounding="none", zone=scale.zone)
    return end if end is not None else FOR_GOOD

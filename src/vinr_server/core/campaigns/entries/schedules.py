"""When members enter a campaign by its schedule: once, or each day, week or month at a local time (R41)."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from vinr_server.core.campaigns.definition import Schedule
from vinr_server.core.campaigns.rows import Campaign
from vinr_server.core.kernel.calendar import INSTANT, LAST_INSTANT, local_day, next_time_of_day, start_of_day

# What is found this late is not made up for: it is only said that it was missed.
LATE_MAX = timedelta(hours=24)


def next_occurrence(schedule: Schedule, after: datetime, zone: str) -> datetime | None:
    """The first instant later than this one at which the schedule lets members in; None where there is no other."""
    if schedule.every == "once":
        assert schedule.on is not None, "once says when"
        at = _at(schedule.on, schedule, zone)
        return at if at > after else None
    if schedule.every == "month":
        return _next_month(schedule, after, zone)
    at = next_time_of_day(after + INSTANT, schedule.at_minutes, schedule.days, zone)
    return None if at == LAST_INSTANT else at


def next_entry(campaign: Campaign, schedule: Schedule | None, after: datetime, zone: str) -> datetime | None:
    """When the campaign's schedule next lets members in, while it goes on; None: never again."""
    if schedule is None:
        return None
    begins_at = after if campaign.starts_at is None else max(after, campaign.starts_at - INSTANT)
    at = next_occurrence(schedule, begins_at, zone)
    return None if at is None or (campaign.ends_at is not None and at >= campaign.ends_at) else at


def occurrence_name(at: datetime, zone: str) -> str:
    """The name of an occurrence, its local time: whatever is saved or published again, it is the same one."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def _at(day: date, schedule: Schedule, zone: str) -> datetime:
    return next_time_of_day(start_of_day(day, zone), schedule.at_minutes, (), zone)


def _next_month(schedule: Schedule, after: datetime, zone: str) -> datetime | None:
    """A day 31 is the last of its month, where that is shorter."""
    assert schedule.day is not None, "month says on which day"
    first = local_day(after, zone).replace(day=1)
    for _month in range(3):
        if first.year == date.max.year and first.month == 12:
            return None
        days = calendar.monthrange(first.year, first.month)[1]
        at = _at(first.replace(day=min(schedule.day, days)), schedule, zone)
        if at > after:
            return at.astimezone(UTC)
        first = (first + timedelta(days=31)).replace(day=1)
    return None

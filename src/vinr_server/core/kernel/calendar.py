"""Calendar months, periods and days in a program's time zone (R1, R23). Instants are aware UTC datetimes.

Two rules settle local times. A time that does not exist (the clock skipped it) moves later by the gap; a time that
happens twice means the first. That is also what fold=0 means, so local times here have fold=0.
Python knows the years 1 to 9999, in local time too: instants beyond them become `FIRST_INSTANT` or `LAST_INSTANT`.
The zones' rules come from the Python package `tzdata` that is installed with the engine, never from the host, even if
PYTHONTZPATH is set (vinr_server/__init__.py). A process reads each zone once: an update takes effect after a restart.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from vinr_server.core.kernel.numbers import floor_div

ExpiryRounding = Literal["none", "day", "month", "quarter", "year"]

FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

# The step from one instant to the next.
INSTANT = timedelta(microseconds=1)

DAY_MINUTES = 24 * 60

_NO_OFFSET = timedelta(0)
_DAY = timedelta(days=1)
_PERIOD_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


# Most awards have the instant of their batch.
@lru_cache(maxsize=256)
def expires_at(available_at: datetime, *, months: int | None, rounding: ExpiryRounding, zone: str) -> datetime | None:
    """Return the instant from which a lot can no longer be spent; None means never.

    It is `months` calendar months after `available_at`, at the same local time, on the month's last day where
    the month is too short; then, if rounded, the first instant after the period it falls in. An expiry at a
    period's very first instant belongs to that period and moves to its end (R23).
    Shape: aware UTC; `LAST_INSTANT` when it, or the end of its period, lies after 9999 in UTC or locally.
    Expects: available_at in UTC, months >= 0 (both asserted), a zone that `is_zone`.
    Ties: a local time that happens twice means the first. A time that does not exist moves later before rounding.
    """
    if months is None:
        return None
    assert months >= 0, months
    assert available_at.utcoffset() == _NO_OFFSET, available_at
    try:
        instant = _months_later(_local(available_at, zone), months).astimezone(UTC)
        if rounding != "none":
            instant = start_of_day(_next_period_start(_local(instant, zone), rounding), zone)
    except OverflowError:
        return LAST_INSTANT
    return min(instant, LAST_INSTANT)


def days_later(instant: datetime, days: int, zone: str) -> datetime:
    """Return the same local time so many calendar days later in the zone (R10).

    Shape: aware UTC; `LAST_INSTANT` where it lies after 9999.
    Expects: instant in UTC, days >= 0 (both asserted), a zone that `is_zone`.
    Ties: a local time that happens twice means the first. A time that does not exist moves later.
    """
    assert days >= 0, days
    assert instant.utcoffset() == _NO_OFFSET, instant
    try:
        later = (_local(instant, zone) + timedelta(days=days)).replace(fold=0).astimezone(UTC)
    except OverflowError:
        return LAST_INSTANT
    return min(later, LAST_INSTANT)


def next_time_of_day(instant: datetime, minutes: int, days: Collection[int], zone: str) -> datetime:
    """Return the first instant, this one or a later one, at which the zone's clocks show this time of day (R45).

    `minutes`: after midnight; `days`: weekdays from 0, Monday, any if empty.
    Shape: aware UTC; `LAST_INSTANT` where it lies after 9999.
    Ties: a time that happens twice means the first. A time that does not exist moves later.
    """
    try:
        first = _local(instant, zone)
        for later in range(9):
            day = first.date() + later * _DAY
            if days and day.weekday() not in days:
                continue
            shown = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=first.tzinfo)
            found = shown.astimezone(UTC)
            if found >= instant:
                return min(found, LAST_INSTANT)
    except OverflowError:
        pass
    return LAST_INSTANT


def whole_second(instant: datetime) -> datetime:
    """Cut an instant to the second that the API shows, so that things end at exactly the second people read."""
    return instant.replace(microsecond=0)


def start_of_day(day: date, zone: str) -> datetime:
    """Return the first instant of a calendar day in the zone: midnight, or the first instant after a skipped midnight.

    Shape: aware UTC; `FIRST_INSTANT` where the year 1 starts before it.
    Expects: a zone that `is_zone`. A day that the zone skipped entirely starts where the next day does.
    Ties: a midnight that happens twice means the first.
    """
    if zone == "UTC":
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone_info(zone))
    try:
        instant = midnight.astimezone(UTC)
        other = midnight.replace(fold=1).astimezone(UTC)
    except OverflowError:
        return FIRST_INSTANT
    # Only in a gap does fold=1 name an earlier instant than fold=0 does.
    return _gap_end(midnight, after=other, until=instant) if other < instant else instant


def end_of_day(day: date, zone: str) -> datetime:
    """Return the first instant after a calendar day in the zone, so that the day is [start_of_day, end_of_day).

    Shape: aware UTC; `LAST_INSTANT` for 9999-12-31.
    Expects: a zone that `is_zone`.
    """
    try:
        return start_of_day(_next_period_start(day, "day"), zone)
    except OverflowError:
        return LAST_INSTANT


def end_of_month(day: date, zone: str) -> datetime:
    """The first instant after the calendar month of a day in the zone; `LAST_INSTANT` for December 9999.

    Expects: a zone that `is_zone`.
    """
    try:
        return start_of_day(_next_period_start(day, "month"), zone)
    except OverflowError:
        return LAST_INSTANT


def local_day(instant: datetime, zone: str) -> date:
    """The calendar day of an instant in the zone; the last there is where that lies after 9999.

    Expects: a zone that `is_zone`.
    """
    try:
        return _local(instant, zone).date()
    except OverflowError:
        return date.max


def minutes_of_day(instant: datetime, zone: str) -> int:
    """How many minutes after midnight the zone's clocks show at an instant. Expects: a zone that `is_zone`."""
    shown = _local(instant, zone)
    return shown.hour * 60 + shown.minute


def is_zone(name: str) -> bool:
    """Whether the name is a key of the IANA database, spelled exactly as it is there; never raises.

    The name is compared with the known names, which a process reads once, so it never becomes a path.
    """
    return name in _zone_names()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _zone_info(zone: str) -> ZoneInfo:
    # ZoneInfo's own cache keeps only the last 8 zones alive.
    return ZoneInfo(zone)


def _months_later(local: datetime, months: int) -> datetime:
    """The same time of day `months` later, clamped to the month's end; OverflowError after the year 9999."""
    year, month = _year_and_month(local.year * 12 + local.month - 1 + months)
    day = local.day
    if day > 28:
        day = min(day, _days_in_month(year, month))
    return local.replace(year=year, month=month, day=day, fold=0)


def _next_period_start(day: date, rounding: ExpiryRounding) -> date:
    """The first day after the period that holds the day; OverflowError after the year 9999."""
    if rounding == "day":
        return date(day.year, day.month, day.day) + _DAY
    period_months = _PERIOD_MONTHS[rounding]
    periods = floor_div(day.month - 1, period_months) + 1
    year, month = _year_and_month(day.year * 12 + periods * period_months)
    return date(year, month, 1)


def _year_and_month(month_index: int) -> tuple[int, int]:
    """The calendar month that many months after January of the year 0; OverflowError after the year 9999."""
    year = floor_div(month_index, 12)
    if year > 9999:
        raise OverflowError("month out of range")
    return year, month_index - year * 12 + 1


def _days_in_month(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _MONTH_DAYS[month - 1]


def _local(instant: datetime, zone: str) -> datetime:
    """The local time of an instant, not before the year 1; OverflowError after the year 9999."""
    if zone == "UTC":
        return instant
    zone_info = _zone_info(zone)
    try:
        return instant.astimezone(zone_info)
    except OverflowError:
        if instant.year > 1:
            raise
        return FIRST_INSTANT.replace(tzinfo=zone_info)


def _gap_end(midnight: datetime, *, after: datetime, until: datetime) -> datetime:
    """The instant in (after, until] at which the clock jumps over `midnight`, by halving.

    Midnight plus the gap would be too late where the jump starts before midnight: Toronto went from 23:30 on
    30 March 1919 to 00:30, so the 31st starts at 00:30, not at 01:00.
    """
    gap = until - after
    # Transitions fall on whole seconds.
    low_seconds, high_seconds = 0, gap.days * 86_400 + gap.seconds
    while high_seconds - low_seconds > 1:
        middle_seconds = floor_div(low_seconds + high_seconds, 2)
        # Datetimes of one zone compare by their local times, as this search needs.
        if (after + timedelta(seconds=middle_seconds)).astimezone(midnight.tzinfo) < midnight:
            low_seconds = middle_seconds
        else:
            high_seconds = middle_seconds
    return after + timedelta(seconds=high_seconds)

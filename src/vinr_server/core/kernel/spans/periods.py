"""Calendar periods that counters are kept for, each with a name: 2026-11-30, 2026-W49, 2026-11, 2026."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from vinr_server.core.kernel.calendar import LAST_INSTANT, end_of_day, end_of_month, local_day, start_of_day

Period = Literal["day", "week", "month", "year"]

# How much of 2026-11-30 names a period.
_DATE_LENGTHS = {"day": 10, "month": 7, "year": 4}
_SUNDAY = 7


def period_of(per: Period, at: datetime, zone: str) -> str:
    """The name of the period that holds an instant in the zone. Weeks begin on Monday, and are those of ISO 8601."""
    day = local_day(at, zone)
    if per == "week":
        year, week, _weekday = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return day.isoformat()[: _DATE_LENGTHS[per]]


def period_end(per: Period, at: datetime, zone: str) -> datetime | None:
    """When the next period begins in the zone; None where that is beyond all time."""
    day = local_day(at, zone)
    if per in ("day", "week"):
        last = day if per == "day" else _sunday_of(day)
        end = end_of_day(last, zone)
    else:
        end = end_of_month(day if per == "month" else day.replace(month=12), zone)
    return None if end == LAST_INSTANT else end


def period_start(per: Period, at: datetime, zone: str) -> datetime:
    """When the period that holds an instant began in the zone."""
    day = local_day(at, zone)
    if per == "week":
        day -= timedelta(days=min(day.isoweekday() - 1, day.toordinal() - 1))
    elif per != "day":
        day = day.replace(day=1) if per == "month" else day.replace(month=1, day=1)
    return start_of_day(day, zone)


def _sunday_of(day: date) -> date:
    """The last day of the week; the last of all where that is nearer."""
    try:
        return day + timedelta(days=_SUNDAY - day.isoweekday())
    except OverflowError:
        return date.max

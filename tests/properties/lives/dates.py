"""Instants at which calendars are hard: ends of months, 29 February, hours that are skipped or come twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from oracle_tiers import months_on

# Skips and repeats whole hours, half an hour, or midnight itself.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "UTC")
BEGIN = datetime(2027, 1, 31, 10, tzinfo=UTC)
MONTHS = 24
END = datetime(2029, 1, 31, 10, tzinfo=UTC)


@cache
def changes_of_clocks(zone: str) -> tuple[datetime, ...]:
    """The instants at which the zone's offset changes, on a whole or half hour; never twice in one day."""
    info, day, half_hour = ZoneInfo(zone), timedelta(days=1), timedelta(minutes=30)
    found, at = [], BEGIN - timedelta(days=31)

    def changes(start: datetime, length: timedelta) -> bool:
        return start.astimezone(info).utcoffset() != (start + length).astimezone(info).utcoffset()

    while at < END + timedelta(days=400):
        if changes(at, day):
            found += [at + n * half_hour for n in range(1, 49) if changes(at + (n - 1) * half_hour, half_hour)]
        at += day
    return tuple(found)


@cache
def corners(zone: str, days: tuple[int, ...], months: tuple[int, ...]) -> tuple[datetime, ...]:
    """Hard instants of two years, and those that lie so many days or months before a change of clocks."""
    info = ZoneInfo(zone)
    found: set[datetime] = set()
    for month in range(MONTHS + 1):
        first = datetime(2027 + month // 12, month % 12 + 1, 1, tzinfo=info)
        for local in (first, first - timedelta(days=1, hours=-10), first.replace(day=28, hour=12)):
            found.add(local.astimezone(UTC))
    found |= {datetime(2028, 2, 29, hour, 30, tzinfo=info).astimezone(UTC) for hour in (0, 2, 12)}
    for change in changes_of_clocks(zone):
        within = change + timedelta(minutes=15)
        local = (change - timedelta(minutes=1)).astimezone(info).replace(tzinfo=None) + timedelta(minutes=16)
        found |= {change, within, change - timedelta(minutes=15), change + timedelta(hours=1)}
        before = [local - timedelta(days=each) for each in days]
        found |= {at.replace(tzinfo=info).astimezone(UTC) for at in before}
        plain = local.replace(tzinfo=UTC)
        found |= {
            months_on(plain, -each, "UTC").replace(tzinfo=info).astimezone(UTC) for each in months
        }  # fmt: skip
    return tuple(sorted(at for at in found if BEGIN <= at <= END))

"""Durations as callers write them: 30m, 72h, 14d, 2w, 3mo (R45).

Seconds, minutes, hours, days (of 24 hours) and weeks are exact; months are calendar months in a program's zone (R1).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from vinr_server.core.kernel.calendar import LAST_INSTANT, expires_at
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.values import dataclass

_WRITTEN = re.compile(r"([1-9][0-9]{0,5})(mo|[smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# Ten years: no duration is longer.
SECONDS_MAX, MONTHS_MAX = 3_653 * 86_400, 120


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months, or seconds: one of the two is 0."""

    months: int = 0
    seconds: int = 0


def read_duration(text: str) -> Duration | None:
    """The duration that a text such as 14d names; None where it names none, or one of more than ten years."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        return None
    number, unit = int(written[1]), written[2]
    if unit == "mo":
        return Duration(months=number) if number <= MONTHS_MAX else None
    seconds = number * _SECONDS[unit]
    return Duration(seconds=seconds) if seconds <= SECONDS_MAX else None


def spelled(duration: Duration) -> str:
    """The duration as callers write it, in the largest unit that fits: 7d."""
    if duration.months:
        return f"{duration.months}mo"
    unit = next(unit for unit in "dhms" if duration.seconds % _SECONDS[unit] == 0)
    return f"{floor_div(duration.seconds, _SECONDS[unit])}{unit}"


def later(instant: datetime, duration: Duration, zone: str) -> datetime:
    """The instant so much later; months are counted in the zone, and end with the month where that is shorter (R1).

    Shape: aware UTC; `LAST_INSTANT` where it lies after 9999.
    """
    try:
        instant += timedelta(seconds=duration.seconds)
    except OverflowError:
        return LAST_INSTANT
    return expires_at(instant, months=duration.months, rounding="none", zone=zone) or instant

"""Instants as callers write them: RFC 3339 with offset, a date, or Unix seconds. Output is always Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.calendar import end_of_day, start_of_day, whole_second

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
# Far enough below the year 9999 for every expiry that is counted from it.
UNIX_MAX = 250_000_000_000


def is_date(value: Any) -> bool:
    """Whether the value is a bare date, whose instant depends on a time zone."""
    return isinstance(value, str) and _DATE.match(value) is not None


def read_instant(value: Any, *, param: str, zone: str = "UTC", is_end: bool = False) -> datetime:
    """The instant in UTC. A bare date is midnight in the zone; as the end of a window, the end of that day."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= UNIX_MAX:
            raise _invalid(f"{value} is out of range for Unix seconds (0 to {UNIX_MAX}; not milliseconds)", param)
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str):
        raise _invalid("an instant is an RFC 3339 string, a date or an integer of Unix seconds", param)
    try:
        instant = _read_text(value, zone=zone, is_end=is_end)
    except (ValueError, OverflowError) as error:
        raise _invalid(f"{value!r} is not a date that exists: {error}", param) from None
    if instant is not None:
        if instant.timestamp() < 0:
            raise _invalid(f"{value} is before 1970", param)
        return instant
    if _NAIVE.match(value):
        raise _invalid(f"{value!r} has no offset; write for example {value}Z or {value}+02:00", param)
    raise _invalid(f"{value[:60]!r} is not RFC 3339 (2026-06-06T00:00:00Z), a date (2026-06-06) or Unix seconds", param)


def _read_text(value: str, *, zone: str, is_end: bool) -> datetime | None:
    """The instant of a bare date or an RFC 3339 text, as it will be shown, without a fraction; None for other texts."""
    if _DATE.match(value):
        day = date.fromisoformat(value)
        return end_of_day(day, zone) if is_end else start_of_day(day, zone)
    if _RFC_3339.match(value):
        return whole_second(datetime.fromisoformat(value.upper()).astimezone(UTC))
    return None


def read_instant_or_none(value: Any, *, param: str, zone: str = "UTC", is_end: bool = False) -> datetime | None:
    """The instant, or None if none was given."""
    return None if value is None else read_instant(value, param=param, zone=zone, is_end=is_end)


def _invalid(what: str, param: str) -> Problem:
    return Problem("parameter_invalid", f"{param}: {what}.", param=param)

"""How a file writes dates: the order of day and month is found in the file, or said; never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from vinr_server.cli.imports.refusals import ImportRefused, invalid

ORDERS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
_TIME_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}\Z", re.ASCII)
# What makes a strptime format say a time beside the day.
_TIME_DIRECTIVES = ("%H", "%I", "%X", "%c")
_DATE = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})"
    r"(?:(?:\s+|,\s*|T)(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?\Z",
    re.ASCII,
)
_COMPACT = re.compile(r"(19|20)\d{6}\Z", re.ASCII)
_UNIX = re.compile(r"\d{9,10}\Z", re.ASCII)


@dataclass(slots=True)
class DateEvidence:
    """What the dates seen so far say of their order: a row and a date for each."""

    by_order: dict[str, tuple[int, str]]
    ambiguous: tuple[int, str] | None = None

    def see(self, row: int, text: str) -> None:
        """Take a date into account."""
        match = _DATE.match(text.strip())
        if match is None or len(match[1]) > 2:
            return
        first, second = int(match[1]), int(match[3])
        if len(match[4]) != 4 or first == second:
            return
        if 12 < first <= 31:
            self.by_order.setdefault("dmy", (row, text.strip()))
        elif 12 < second <= 31:
            self.by_order.setdefault("mdy", (row, text.strip()))
        else:
            self.ambiguous = self.ambiguous or (row, text.strip())

    @property
    def is_settled(self) -> bool:
        """Whether a date has said it, or none needs to."""
        return bool(self.by_order) or self.ambiguous is None

    def order(self) -> str | None:
        """The order of day and month; None where no date needs one. Refuses a file that says both, or neither."""
        if len(self.by_order) == 2:
            (day_row, day), (month_row, month) = self.by_order["dmy"], self.by_order["mdy"]
            raise ImportRefused(
                f"dates are written in two ways: {day!r} (row {day_row}) has the day first, {month!r} (row {month_row})"
                " the month. Say how they are meant, with --date-order dmy or --date-order mdy: the others are then"
                " refused row by row."
            )
        if self.by_order:
            return next(iter(self.by_order))
        if self.ambiguous:
            row, text = self.ambiguous
            raise ImportRefused(
                f"the date {text!r} (row {row}) can be read in two ways, and no other row settles it. Say how it is"
                " meant, with --date-order dmy (day first) or --date-order mdy (month first)"
            )
        return None


@dataclass(frozen=True, slots=True)
class DateStyle:
    """How dates are meant: an order of day and month, or a strptime format; and what completes them."""

    order: str | None = None
    date_format: str | None = None
    time_of_day: str = "00:00"
    timezone: str = "UTC"


def instant_reader(style: DateStyle, *, field: str = "date", is_end: bool = False) -> Callable[[str], datetime]:
    """A function from a date's text to its instant; raises RowRefused. Remembers recent dates.

    `is_end`: a date without a time means the end of that day.

    A local time in a gap moves later by the gap, one that happens twice is the first (R23): what fold=0 means.
    """
    zone = ZoneInfo(style.timezone)
    default_time = parse_time_of_day(style.time_of_day)
    parse = format_parser(style.date_format) if style.date_format else _free_parser(style.order)

    @lru_cache(maxsize=4096)
    def read_instant(text: str) -> datetime:
        try:
            moment, has_time = parse(text)
        except (ValueError, OverflowError):
            raise invalid(f"{field} {text[:40]!r} {_wanted(style)}.") from None
        if not has_time:
            day = moment.date() + timedelta(days=1) if is_end else moment.date()
            moment = datetime.combine(day, default_time, tzinfo=moment.tzinfo)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        if moment.timestamp() < 0:
            raise invalid(f"{field} {text[:40]} lies before 1970.")
        return moment

    return read_instant


def _wanted(style: DateStyle) -> str:
    if style.date_format:
        return f"does not match the format {style.date_format}"
    if style.order in (None, "ymd"):
        return "is not a date such as 2026-06-30; say how it is written with --date-format"
    return f"is not a date ({ORDERS[style.order or 'ymd']}); say how it is written with --date-format"


def wire_instant(moment: datetime) -> int | str:
    """Unix seconds; a time with a fraction of a second goes as text."""
    return moment.isoformat() if moment.microsecond else int(moment.timestamp())


def _free_parser(order: str | None) -> Callable[[str], tuple[datetime, bool]]:
    def parse(text: str) -> tuple[datetime, bool]:
        if text[4:5] == "-":
            try:
                return datetime.fromisoformat(text), len(text) > len("2026-06-30")
            except ValueError:
                pass  # such as 2026-06-30 12:00:00 +0200
        match = _DATE.match(text)
        if match is None:
            return _number(text)
        return _moment(match, order)

    return parse


def _number(text: str) -> tuple[datetime, bool]:
    """A date without signs: 20260630, or Unix seconds."""
    if _COMPACT.match(text):
        return datetime.strptime(text, "%Y%m%d"), False  # noqa: DTZ007 -- the caller adds the zone
    if _UNIX.match(text):
        return datetime.fromtimestamp(int(text), UTC), True
    raise ValueError(text)


def _moment(match: re.Match[str], order: str | None) -> tuple[datetime, bool]:
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        year, month, day = first, second, third
    elif len(match[4]) != 4:
        raise ValueError("a year of two digits")
    elif first == second or order == "dmy":
        day, month, year = first, second, third
    elif order == "mdy":
        month, day, year = first, second, third
    else:
        raise ValueError("day and month in an order that nobody has said")
    if match[5] is None:
        return datetime(year, month, day), False  # noqa: DTZ001 -- the caller adds the zone
    hour = _hour(int(match[5]), match[9])
    fraction = int((match[8] or ".0")[1:].ljust(6, "0"))
    moment = datetime(year, month, day, hour, int(match[6]), int(match[7] or 0), fraction, tzinfo=_offset(match[10]))
    return moment, True


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("an hour of a half day")
    return hour % 12 + (12 if half[0] in "Pp" else 0)


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "UTC", "GMT"):
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def format_parser(date_format: str) -> Callable[[str], tuple[datetime, bool]]:
    """A parser for a strptime format; refuses one that can't tell a day."""
    probe = datetime(2001, 12, 30, 10, 20, 30, tzinfo=UTC)
    try:
        is_day = _strptime(probe.strftime(date_format), date_format).date() == probe.date()
    except ValueError as error:
        raise ImportRefused(f"--date-format {date_format!r} is not a strptime format: {error}.") from None
    if not is_day:
        raise ImportRefused(f"--date-format {date_format!r} does not say day, month and year; %Y-%m-%d does.")
    has_time = any(directive in date_format.replace("%%", "") for directive in _TIME_DIRECTIVES)
    return lambda text: (_strptime(text, date_format), has_time)


def _strptime(text: str, date_format: str) -> datetime:
    return datetime.strptime(text, date_format)  # noqa: DTZ007 -- the caller adds --timezone where the format has none


def parse_time_of_day(text: str) -> time:
    """What --time says."""
    try:
        if not _TIME_OF_DAY.match(text):
            raise ValueError(text)
        return time.fromisoformat(text)
    except ValueError:
        raise ImportRefused(f"--time: {text!r} is not a time of day such as 12:00.") from None

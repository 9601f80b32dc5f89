"""Currencies by ISO 4217: current ones, and withdrawn ones with the days between which they were in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache

import iso4217
from babel.core import get_global

from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.commands import InUse

# `iso4217` lists current currencies only, and so does pycountry. Babel has CLDR's list, with the days between which
# each was legal tender, and where. CLDR's digits are those that prices are shown with, not ISO's exponents (15 current
# currencies differ: IDR has 0 instead of 2), so the exponents are written here: 2, except for these.
WITHOUT_MINOR_UNITS = frozenset(("ADP", "BEF", "BYB", "BYR", "ESP", "GRD", "ITL", "LUF", "MGF", "PTE", "TPE", "TRL"))
# Codes that CLDR made up, for currencies that had none of ISO's.
NEVER_ISO = frozenset(("ARL", "BAN", "CLE", "MCF", "MKN", "MVP", "VNN", "YUR"))
# Instants begin in 1970 (times.py).
OLDEST = date(1970, 1, 1)
# In some places a day begins 14 hours before it does in UTC, and in others it ends 12 hours after.
BEGINS_AHEAD, ENDS_BEHIND = timedelta(hours=14), timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency with its minor units per unit; `in_use` is None if it is current."""

    code: str
    minor_per_unit: int
    in_use: InUse | None = None

    def was_in_use_at(self, instant: datetime | None) -> bool:
        """Whether something that happened at the instant, or happens now (None), can be in this currency."""
        return self.in_use is None or (instant is not None and self.in_use.holds(instant))


@lru_cache(maxsize=512)
def find_currency(code: str) -> Currency | None:
    """The currency with this code in capitals, current or withdrawn; None if there never was one."""
    try:
        exponent = iso4217.Currency(code).exponent
    except ValueError:
        return _withdrawn().get(code)
    return None if exponent is None else Currency(code, 10**exponent)


@cache
def _withdrawn() -> Mapping[str, Currency]:
    spans: dict[str, list[tuple[date, date]]] = {}
    for uses in get_global("territory_currencies").values():
        for code, first, last, is_tender in uses:
            if is_tender and code not in NEVER_ISO:
                span = (date(*first) if first else date.min, date(*last) if last else date.max)
                spans.setdefault(code, []).append(span)
    return {
        code: Currency(code, 1 if code in WITHOUT_MINOR_UNITS else 100, _in_use(found))
        for code, found in spans.items()
        if OLDEST < max(last for _first, last in found) < date.max
    }


def _in_use(spans: list[tuple[date, date]]) -> InUse:
    """From the first day anywhere to the end of the last day."""
    first, last = min(first for first, _last in spans), max(last for _first, last in spans)
    starts_at = FIRST_INSTANT if first <= OLDEST else datetime.combine(first, time(), UTC) - BEGINS_AHEAD
    ends_at = datetime.combine(last + timedelta(days=1), time(), UTC) + ENDS_BEHIND
    return InUse(first, last, starts_at, ends_at)


def minor_per_unit(code: str) -> int | None:
    """How many minor units make one unit of a currency, current or withdrawn; None if there never was one."""
    known = find_currency(code)
    return None if known is None else known.minor_per_unit


def read_any_currency(given: str, *, param: str = "currency") -> Currency:
    """The currency, current or withdrawn, of something that may be long past."""
    known = find_currency(given.upper())
    if known is None:
        message = f"{param}: {given[:20]!r} is not an ISO 4217 currency such as EUR."
        raise Problem("parameter_invalid", message, param=param)
    return known


def read_currency(given: str, *, param: str = "currency") -> str:
    """The code of a current currency, in capitals."""
    known = read_any_currency(given, param=param)
    if known.in_use is not None:
        message = f"{param}: {known.code} was in use until {known.in_use.last_day}. Send the currency that replaced it."
        raise Problem("parameter_invalid", message, param=param)
    return known.code


def read_currency_or_none(given: str | None, *, param: str) -> str | None:
    """The code of a current currency, or None if none was given."""
    return None if given is None else read_currency(given, param=param)


def read_any_currency_or_none(given: str | None, *, param: str) -> str | None:
    """The code of a currency that payments may be in, or None if none was given."""
    return None if given is None else read_any_currency(given, param=param).code

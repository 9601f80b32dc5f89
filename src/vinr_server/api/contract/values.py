"""Values that a type alone can't check: metadata, currencies, rates, windows, and the ids that free-form data holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import iso4217

from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.core.kernel.metadata import KEYS_MAX
from vinr_server.core.kernel.numbers import SCALE, parse_decimal

KEY_LENGTH_MAX, VALUE_LENGTH_MAX = 40, 500


def read_metadata(given: Mapping[str, Any], *, param: str = "metadata", allows_null: bool = False) -> Mapping[str, Any]:
    """Metadata within its bounds: 50 keys of 40 characters, values are strings of 500, integers or booleans."""
    if len(given) > KEYS_MAX:
        raise Problem("parameter_invalid", f"{param} has {len(given)} keys; {KEYS_MAX} are allowed.", param=param)
    for key, value in given.items():
        at = f"{param}.{key[:KEY_LENGTH_MAX]}"
        if not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise Problem("parameter_invalid", f"{at}: keys have 1 to {KEY_LENGTH_MAX} characters.", param=at)
        if value is None and allows_null:
            continue
        if isinstance(value, str):
            if len(value) > VALUE_LENGTH_MAX:
                raise Problem("parameter_invalid", f"{at}: text has at most {VALUE_LENGTH_MAX} characters.", param=at)
        elif not isinstance(value, int) or abs(value) > INTEGER_MAX:
            raise Problem("parameter_invalid", f"{at}: send a string, an integer (±(2^53-1)) or a boolean.", param=at)
    return given


@lru_cache(maxsize=512)
def minor_per_unit(currency: str) -> int | None:
    """How many minor units make one unit of an ISO 4217 currency; None for what is not one."""
    try:
        exponent = iso4217.Currency(currency).exponent
    except ValueError:
        return None
    return None if exponent is None else 10**exponent


def read_currency(given: str, *, param: str = "currency") -> tuple[str, int]:
    """The currency's code in capitals, and its minor units per unit."""
    code = given.upper()
    units = minor_per_unit(code)
    if units is None:
        raise Problem(
            "parameter_invalid", f"{param}: {given[:20]!r} is not an ISO 4217 currency such as EUR.", param=param
        )
    return code, units


def read_currency_or_none(given: str | None, *, param: str) -> str | None:
    """The currency's code, or None where none was given."""
    return None if given is None else read_currency(given, param=param)[0]


def read_rate(given: Any, *, param: str, lowest_e4: int = 0) -> int:
    """A rate, factor or percent as ten-thousandths."""
    if not isinstance(given, (int, str, Decimal)) or isinstance(given, bool):
        raise Problem("parameter_invalid", f"{param}: send a number, or a string with at most 4 decimals.", param=param)
    try:
        scaled = parse_decimal(given)
    except ValueError as error:
        raise Problem("parameter_invalid", f"{param}: {error}", param=param) from None
    if scaled < lowest_e4:
        raise Problem("parameter_invalid", f"{param}: {given} is below {lowest_e4 / SCALE:g}.", param=param)
    if scaled > 1_000_000_000 * SCALE:
        raise Problem("parameter_invalid", f"{param}: {given} is above 1000000000.", param=param)
    return scaled


def read_percent(given: Any, *, param: str) -> int:
    """A percent above 0 and up to 100, as ten-thousandths."""
    percent_e4 = read_rate(given, param=param, lowest_e4=1)
    if percent_e4 > 100 * SCALE:
        raise Problem("parameter_invalid", f"{param}: {given} is above 100.", param=param)
    return percent_e4


def read_window(starts: Any, ends: Any, *, param: str, zone: str) -> tuple[Any, Any]:
    """The window [starts_at, ends_at), either end open."""
    starts_at = read_instant_or_none(starts, param=f"{param}starts_at", zone=zone)
    ends_at = read_instant_or_none(ends, param=f"{param}ends_at", zone=zone, is_end=True)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise Problem("parameter_invalid", f"{param}ends_at must lie after {param}starts_at.", param=f"{param}ends_at")
    return starts_at, ends_at


def member_link(metadata: Mapping[str, Any], *, param: str) -> str | None:
    """The account that metadata links to, in either casing; refused where the two differ."""
    given = {metadata[name] for name in ("loyalty_account", "loyaltyAccount") if metadata.get(name) is not None}
    if len(given) > 1:
        raise Problem("parameter_conflict", f"{param} is given in two spellings with different values.", param=param)
    return id_within(next(iter(given), None), prefix="loy_", param=param)


def id_within(value: Any, *, prefix: str, param: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(prefix) or len(value) > 255:
        raise Problem("parameter_invalid", f"{param} must be an id that starts with {prefix}.", param=param)
    return value

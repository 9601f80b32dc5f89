"""Values that a type alone can't check: metadata, currencies, rates, windows, and the ids that free-form data holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.api.edge.identity import require_clean
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.core.kernel.commands import KEYS_MAX
from vinr_server.core.kernel.numbers import SCALE, parse_decimal
from vinr_server.core.kernel.spans.durations import Duration, read_duration

KEY_LENGTH_MAX, VALUE_LENGTH_MAX = 40, 500


def read_metadata(given: Mapping[str, Any], *, param: str = "metadata", allows_null: bool = False) -> Mapping[str, Any]:
    """Metadata within its bounds: 50 keys of 40 characters, values are strings of 500, integers or booleans."""
    if len(given) > KEYS_MAX:
        message = f"{param} has {len(given)} keys; at most {KEYS_MAX} are allowed."
        raise Problem("parameter_invalid", message, param=param)
    for key, value in given.items():
        at = f"{param}.{key[:KEY_LENGTH_MAX]}"
        if not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise Problem("parameter_invalid", f"{at}: a key must have 1 to {KEY_LENGTH_MAX} characters.", param=at)
        if value is None and allows_null:
            continue
        if isinstance(value, str):
            if len(value) > VALUE_LENGTH_MAX:
                message = f"{at}: text can have at most {VALUE_LENGTH_MAX} characters."
                raise Problem("parameter_invalid", message, param=at)
        elif not isinstance(value, int) or abs(value) > INTEGER_MAX:
            raise Problem("parameter_invalid", f"{at}: send a string, an integer (±(2^53-1)) or a boolean.", param=at)
    return given


def read_rate(given: Any, *, param: str, lowest_e4: int = 0) -> int:
    """A rate, factor or percent as ten-thousandths."""
    if not isinstance(given, (int, str, Decimal)) or isinstance(given, bool):
        raise Problem("parameter_invalid", f"{param}: send a number, or a string with at most 4 decimals.", param=param)
    try:
        scaled = parse_decimal(given)
    except ValueError as error:
        raise Problem("parameter_invalid", f"{param}: {error}", param=param) from None
    if scaled < lowest_e4:
        message = f"{param}: {given} is below the minimum, {lowest_e4 / SCALE:g}."
        raise Problem("parameter_invalid", message, param=param)
    if scaled > 1_000_000_000 * SCALE:
        raise Problem("parameter_invalid", f"{param}: {given} is above the maximum, 1000000000.", param=param)
    return scaled


def read_percent(given: Any, *, param: str) -> int:
    """A percent above 0 and up to 100, as ten-thousandths."""
    percent_e4 = read_rate(given, param=param, lowest_e4=1)
    if percent_e4 > 100 * SCALE:
        raise Problem("parameter_invalid", f"{param}: {given} is above the maximum, 100.", param=param)
    return percent_e4


def read_window(starts: Any, ends: Any, *, param: str, zone: str) -> tuple[Any, Any]:
    """The window [starts_at, ends_at); an end that was left out is open."""
    starts_at = read_instant_or_none(starts, param=f"{param}starts_at", zone=zone)
    ends_at = read_instant_or_none(ends, param=f"{param}ends_at", zone=zone, is_end=True)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise Problem("parameter_invalid", f"{param}ends_at must be after {param}starts_at.", param=f"{param}ends_at")
    return starts_at, ends_at


def read_span(given: object, *, param: str) -> Duration | None:
    """How long something lasts, such as 14d; None where it was left out."""
    if given is None:
        return None
    duration = read_duration(given) if isinstance(given, str) else None
    if duration is None:
        message = (
            f"{param}: {str(given)[:40]!r} is not a duration. Write a whole number and s, m, h, d, w or mo, such as"
            " 14d: at most ten years."
        )
        raise Problem("parameter_invalid", message, param=param)
    return duration


def member_link(metadata: Mapping[str, Any], *, param: str) -> str | None:
    """The account that metadata links to, in either casing; refused if the two differ."""
    given = {metadata[name] for name in ("loyalty_account", "loyaltyAccount") if metadata.get(name) is not None}
    if len(given) > 1:
        message = f"{param} is given in two spellings with different values. Send one of them."
        raise Problem("parameter_conflict", message, param=param)
    account_id = next(iter(given), None)
    if account_id is not None and not is_id(account_id, prefix="loy_"):
        raise Problem("parameter_invalid", f"{param} must be an id that starts with loy_.", param=param)
    if account_id is not None:
        require_clean(account_id, param=param)
    return account_id


def is_id(value: Any, *, prefix: str) -> bool:
    """Whether a value of any type is an id of this kind."""
    return isinstance(value, str) and value.startswith(prefix) and len(prefix) < len(value) <= 255

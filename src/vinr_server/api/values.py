"""Values that a type alone can't check: metadata, currencies, rates, rules, benefits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vinr_server.api.currencies import read_any_currency_or_none, read_currency, read_currency_or_none
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.inputs import (
    INTEGER_MAX,
    BenefitInput,
    ConditionsInput,
    EarnInput,
    MultiplierInput,
    TierInput,
    WindowInput,
)
from vinr_server.core.earning.rules import Conditions, EarnRate, Multiplier
from vinr_server.core.kernel.metadata import KEYS_MAX
from vinr_server.core.kernel.numbers import SCALE, parse_decimal
from vinr_server.core.programs.rows import Tier

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


def read_earn(given: EarnInput) -> EarnRate:
    """What a rule gives: a rate per currency unit, or flat points."""
    currency = read_any_currency_or_none(given.currency, param="earn.currency")
    if (given.points is None) == (given.points_per_currency_unit is None):
        message = "earn needs either points_per_currency_unit or points, and not both."
        raise Problem("parameter_invalid", message, param="earn.points_per_currency_unit")
    if given.points is not None:
        return EarnRate(points=given.points, currency=currency)
    rate_e4 = read_rate(given.points_per_currency_unit, param="earn.points_per_currency_unit", lowest_e4=1)
    return EarnRate(rate_e4=rate_e4, currency=currency, rounding=given.rounding)


def read_conditions(given: ConditionsInput | None, *, zone: str) -> Conditions:
    """What a rule asks."""
    if given is None:
        return Conditions()
    starts_at, ends_at = _window(given.window, param="conditions.window", zone=zone)
    return Conditions(
        metadata=None if given.metadata is None else read_metadata(given.metadata, param="conditions.metadata"),
        min_amount_minor=given.min_amount,
        currency=read_any_currency_or_none(given.currency, param="conditions.currency"),
        skus=tuple(given.skus),
        categories=tuple(given.categories),
        first_payment=given.first_payment,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def read_multipliers(given: list[MultiplierInput], *, zone: str) -> tuple[Multiplier, ...]:
    """Factors, each with when it applies."""
    return tuple(_multiplier(one, f"multipliers[{position}]", zone) for position, one in enumerate(given))


def _multiplier(given: MultiplierInput, param: str, zone: str) -> Multiplier:
    when = given.when
    if when.tier is None and when.metadata is None and when.window is None:
        message = (
            f"{param}.when names no condition. Give tier, metadata or window; a factor for all belongs in the rate."
        )
        raise Problem("parameter_invalid", message, param=f"{param}.when")
    starts_at, ends_at = _window(when.window, param=f"{param}.when.window", zone=zone)
    return Multiplier(
        factor_e4=read_rate(given.factor, param=f"{param}.factor"),
        tiers=(when.tier,) if isinstance(when.tier, str) else tuple(when.tier or ()),
        metadata=None if when.metadata is None else read_metadata(when.metadata, param=f"{param}.when.metadata"),
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _window(given: WindowInput | None, *, param: str, zone: str) -> tuple[Any, Any]:
    if given is None:
        return None, None
    return read_window(given.starts_at, given.ends_at, param=f"{param}.", zone=zone)


def read_window(starts: Any, ends: Any, *, param: str, zone: str) -> tuple[Any, Any]:
    """The window [starts_at, ends_at), either end open."""
    starts_at = read_instant_or_none(starts, param=f"{param}starts_at", zone=zone)
    ends_at = read_instant_or_none(ends, param=f"{param}ends_at", zone=zone, is_end=True)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise Problem("parameter_invalid", f"{param}ends_at must lie after {param}starts_at.", param=f"{param}ends_at")
    return starts_at, ends_at


def read_tiers(given: list[TierInput]) -> tuple[Tier, ...]:
    """Tiers by ascending threshold, each id and threshold once."""
    tiers = tuple(
        sorted(
            (Tier(one.id, one.name or one.id, one.threshold) for one in given), key=lambda tier: tier.threshold_points
        )
    )
    for field in ("id", "threshold_points"):
        values = [getattr(tier, field) for tier in tiers]
        if len(set(values)) != len(values):
            shown = field.removesuffix("_points")
            raise Problem("parameter_invalid", f"tiers: two tiers have the same {shown}.", param=f"tiers.{shown}")
    return tiers


def read_benefit(given: BenefitInput) -> dict[str, Any]:
    """What a reward gives, with just the fields of its type."""
    benefit: dict[str, Any] = {"type": given.type}
    if given.type == "discount":
        benefit |= _discount(given)
    elif given.amount is not None or given.percent is not None or given.currency is not None:
        message = f"benefit.amount, percent and currency belong to type discount, not {given.type}."
        raise Problem("parameter_invalid", message, param="benefit.type")
    if given.type == "product" and given.sku is None:
        raise Problem("parameter_missing", "benefit.sku is required for a product.", param="benefit.sku")
    return benefit | {name: value for name in ("sku", "description") if (value := getattr(given, name)) is not None}


def _discount(given: BenefitInput) -> dict[str, Any]:
    if (given.amount is None) == (given.percent is None):
        raise Problem(
            "parameter_invalid", "A discount needs either benefit.amount or benefit.percent.", param="benefit.amount"
        )
    if given.percent is not None:
        percent_e4 = read_percent(given.percent, param="benefit.percent")
        currency = read_currency_or_none(given.currency, param="benefit.currency")
        return {"percent_e4": percent_e4} | ({"currency": currency} if currency else {})
    if given.currency is None:
        raise Problem(
            "parameter_missing", "benefit.currency is required with benefit.amount.", param="benefit.currency"
        )
    return {"amount": given.amount, "currency": read_currency(given.currency, param="benefit.currency")}

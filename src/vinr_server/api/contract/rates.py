"""What a rule gives, within which caps and at which exchange rates: as it is sent, as it is judged, as it is shown."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from msgspec import field as called

from vinr_server.api.contract.currencies import read_any_currency, read_any_currency_or_none
from vinr_server.api.contract.input import Count, Input, Name, Rate
from vinr_server.api.contract.reply import Reply, ShownRate
from vinr_server.api.contract.values import read_rate
from vinr_server.api.edge.problems import Problem
from vinr_server.core.conditions.fields import field_of
from vinr_server.core.earning import caps, rates

# As rates are bounded (values.py): more points for a minor unit than anybody gives.
StepPoints = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Rounding = Literal["floor", "half_even", "ceil"]
CapPer = Literal["payment", "day", "month", "member"]

EXCHANGE_DECIMALS_MAX = 12
RATES_MAX = 300
_EXCHANGE_RATE = re.compile(rf"[0-9]{{1,9}}(\.[0-9]{{1,{EXCHANGE_DECIMALS_MAX}}})?")

# By currency: what one unit of it is in the rule's, an exact decimal that is checked by hand.
ExchangeRates = Annotated[dict[str, Any], Meta(min_length=1, max_length=RATES_MAX)]


class BandInput(Input):
    up_to: Count | UnsetType = UNSET
    points_per_currency_unit: Rate = None
    points: StepPoints | UnsetType = UNSET
    per_amount: Count | UnsetType = UNSET


class PerUnitInput(Input):
    field: Name
    unit: Rate


class EarnInput(Input):
    points_per_currency_unit: Rate = None
    points: Count | None = None
    currency: str | None = None
    rounding: Rounding = "floor"
    per_amount: Count | UnsetType = UNSET
    full_steps: bool | UnsetType = UNSET
    bands: Annotated[list[BandInput], Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    graduated: bool | UnsetType = UNSET
    per_unit: PerUnitInput | UnsetType = UNSET


class CapsInput(Input):
    points: Count
    per: CapPer


class ExchangeInput(Input):
    in_: str = called(name="in")
    rates: ExchangeRates


class Band(Reply):
    up_to: int | UnsetType = UNSET
    points_per_currency_unit: ShownRate | UnsetType = UNSET
    points: int | UnsetType = UNSET
    per_amount: int | UnsetType = UNSET


class PerUnit(Reply):
    field: str
    unit: ShownRate


class Earn(Reply):
    points_per_currency_unit: ShownRate | UnsetType = UNSET
    points: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    rounding: Rounding | UnsetType = UNSET
    per_amount: int | UnsetType = UNSET
    full_steps: bool | UnsetType = UNSET
    bands: list[Band] | UnsetType = UNSET
    graduated: bool | UnsetType = UNSET
    per_unit: PerUnit | UnsetType = UNSET


class Caps(Reply):
    points: int
    per: CapPer


class Exchange(Reply):
    in_: str = called(name="in")
    rates: dict[str, str]


def read_earn(given: EarnInput) -> rates.EarnRate:
    """What a rule gives: a rate per currency unit, points for each amount or unit, bands of these, or flat points."""
    currency = read_any_currency_or_none(given.currency, param="earn.currency")
    forms = (given.points_per_currency_unit is not None, given.points is not None, given.bands is not UNSET)
    if sum(forms) != 1:
        message = (
            "earn needs exactly one of points_per_currency_unit, points (flat, with per_amount for each such amount,"
            " or with per_unit for each such unit) and bands."
        )
        raise Problem("parameter_invalid", message, param="earn.points_per_currency_unit")
    _refuse_strays(given)
    common: dict[str, Any] = {"currency": currency, "rounding": given.rounding}
    if given.bands is not UNSET:
        return rates.EarnRate(bands=_bands(given.bands), **common)
    if given.points is None:
        rate_e4 = read_rate(given.points_per_currency_unit, param="earn.points_per_currency_unit", lowest_e4=1)
        return rates.EarnRate(rate_e4=rate_e4, **common)
    if given.per_unit is not UNSET:
        return rates.EarnRate(points=_step_points(given.points), per_unit=_per_unit(given.per_unit), **common)
    if given.per_amount is UNSET:
        return rates.EarnRate(points=given.points, currency=currency)
    return rates.EarnRate(
        points=_step_points(given.points),
        per_amount_minor=given.per_amount,
        full_steps=given.full_steps is True,
        **common,
    )


def _refuse_strays(given: EarnInput) -> None:
    """Refuse what says nothing of the form that was chosen, rather than ignore it."""
    if given.per_amount is not UNSET and given.points is None:
        message = "earn.per_amount goes with points: so many points for each such amount. Add earn.points."
        raise Problem("parameter_invalid", message, param="earn.per_amount")
    if given.per_unit is not UNSET and given.points is None:
        message = "earn.per_unit goes with points: so many points for each such unit. Add earn.points."
        raise Problem("parameter_invalid", message, param="earn.per_unit")
    if given.per_unit is not UNSET and given.per_amount is not UNSET:
        message = "earn.per_unit counts a quantity, earn.per_amount an amount. Send one of them."
        raise Problem("parameter_invalid", message, param="earn.per_unit")
    if given.full_steps is True and given.per_amount is UNSET:
        message = "earn.full_steps counts whole steps of an amount. Add earn.points and earn.per_amount."
        raise Problem("parameter_invalid", message, param="earn.full_steps")
    if given.bands is UNSET and given.graduated is True:
        message = "earn.graduated goes with bands. Add earn.bands, or leave it out."
        raise Problem("parameter_invalid", message, param="earn.graduated")
    if given.bands is not UNSET and given.graduated is not True:
        message = (
            "earn.bands count each part of a purchase in its band: say so with graduated: true. For one rate on the"
            " whole purchase, make a rule for each band, with conditions.min_amount and conditions.max_amount."
        )
        raise Problem("parameter_invalid", message, param="earn.graduated")


def _step_points(points: int) -> int:
    most = 1_000_000_000
    if points > most:
        message = f"earn.points: {points} for each per_amount or per_unit is above {most}."
        raise Problem("parameter_invalid", message, param="earn.points")
    return points


def _per_unit(given: PerUnitInput) -> rates.PerUnit:
    """The quantity that is counted: a field of an event's data, and how much of it gives points."""
    field = field_of(given.field)
    if field is None or field.of != "event":
        param = "earn.per_unit.field"
        message = f"{param}: {given.field!r} is no field of an event's data. Send one such as data.distance_km."
        raise Problem("parameter_invalid", message, param=param)
    return rates.PerUnit(given.field, read_rate(given.unit, param="earn.per_unit.unit", lowest_e4=1))


def _bands(given: list[BandInput]) -> tuple[rates.Band, ...]:
    """Bands that ascend, of which the last, and only that, is open."""
    bands = tuple(_band(band, f"earn.bands[{position}]") for position, band in enumerate(given))
    below_minor = 0
    for position, band in enumerate(bands):
        param = f"earn.bands[{position}].up_to"
        is_last = position == len(bands) - 1
        if is_last and band.up_to_minor is not None:
            message = f"{param}: the last band is for all the rest. Leave its up_to out, or add a band after it."
            raise Problem("parameter_invalid", message, param=param)
        if not is_last and band.up_to_minor is None:
            message = f"{param} is missing: only the last band has no end."
            raise Problem("parameter_invalid", message, param=param)
        if band.up_to_minor is not None:
            if band.up_to_minor <= below_minor:
                message = f"{param}: {band.up_to_minor} is not above {below_minor}, where the band starts."
                raise Problem("parameter_invalid", message, param=param)
            below_minor = band.up_to_minor
    if not any(band.rate_e4 or band.points for band in bands):
        message = "earn.bands: no band gives any points. Give at least one of them a rate above 0."
        raise Problem("parameter_invalid", message, param="earn.bands")
    return bands


def _band(given: BandInput, param: str) -> rates.Band:
    up_to = None if given.up_to is UNSET else given.up_to
    has_steps = given.points is not UNSET or given.per_amount is not UNSET
    if has_steps == (given.points_per_currency_unit is not None):
        message = f"{param} needs either points_per_currency_unit, or points and per_amount."
        raise Problem("parameter_invalid", message, param=f"{param}.points_per_currency_unit")
    if not has_steps:
        rate_param = f"{param}.points_per_currency_unit"
        return rates.Band(up_to, rate_e4=read_rate(given.points_per_currency_unit, param=rate_param))
    if given.points is UNSET or given.per_amount is UNSET:
        missing = "points" if given.points is UNSET else "per_amount"
        message = f"{param}.{missing} is missing: a band gives so many points for each per_amount."
        raise Problem("parameter_invalid", message, param=f"{param}.{missing}")
    return rates.Band(up_to, points=given.points, per_amount_minor=given.per_amount)


def read_caps(given: CapsInput | None) -> caps.Cap | None:
    """What a rule gives a member at most; None where nothing bounds it."""
    return None if given is None else caps.Cap(given.points, given.per)


def read_exchange(given: ExchangeInput | None) -> rates.Exchange | None:
    """The currency that a rule counts in, and the rates of others in it."""
    if given is None:
        return None
    target = read_any_currency(given.in_, param="exchange.in")
    found: dict[str, str] = {}
    for code, rate in given.rates.items():
        param = f"exchange.rates.{code[:20]}"
        source = read_any_currency(code, param=param)
        if source.code == target.code:
            message = f"{param}: the rule counts in {target.code} itself. Leave it out."
            raise Problem("parameter_invalid", message, param=param)
        if source.code in found:
            raise Problem("parameter_invalid", f"{param}: {source.code} has two rates. Send one.", param=param)
        found[source.code] = _exchange_rate(rate, param)
    return rates.Exchange(target.code, target.minor_per_unit, found)


def _exchange_rate(given: Any, param: str) -> str:
    """The rate as the shortest exact decimal of its value."""
    is_number = isinstance(given, (int, str, Decimal)) and not isinstance(given, bool)
    text = format(given, "f") if isinstance(given, Decimal) and given.is_finite() else str(given)
    if not is_number or _EXCHANGE_RATE.fullmatch(text) is None or not Decimal(text):
        message = (
            f"{param}: send what one unit is in the rule's currency, as a number above 0 with at most"
            f' {EXCHANGE_DECIMALS_MAX} decimals, such as "0.051".'
        )
        raise Problem("parameter_invalid", message, param=param)
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole

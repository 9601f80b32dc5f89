"""What an eligible part or a quantity is worth in points: rates, steps, bands, exact but for one rounding (R9, R76)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from vinr_server.core.kernel.numbers import SCALE, Exact, Rounding, divide, exact_div, floor_div, show_decimal
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """The rate of the part above the band before and up to `up_to_minor` (None: of all the rest).

    Either `rate_e4` (ten-thousandths of a point for each currency unit) or `points` for each `per_amount_minor`.
    """

    up_to_minor: int | None = None
    rate_e4: int | None = None
    points: int | None = None
    per_amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class PerUnit:
    """The quantity that is counted: what an event's data has at `field` (data.…), in units of `unit_e4` / 10,000."""

    field: str
    unit_e4: int


@dataclass(frozen=True, slots=True)
class EarnRate:
    """What a rule gives: one of five forms.

    rate_e4                      ten-thousandths of a point for each currency unit
    points, per_amount_minor     so many points for each such amount; of `full_steps` only the whole ones count
    points, per_unit             so many points for each whole unit of a quantity that an event carries
    bands                        each part of the purchase at the rate of its band; they ascend, the last is open
    points alone                 a flat bonus
    """

    rate_e4: int | None = None
    points: int | None = None
    currency: str | None = None
    rounding: Rounding = "floor"
    per_amount_minor: int | None = None
    full_steps: bool = False
    bands: tuple[Band, ...] = ()
    per_unit: PerUnit | None = None

    @property
    def flat_points(self) -> int | None:
        """The flat bonus; None where points go by an amount or a quantity."""
        return self.points if self.per_amount_minor is None and self.per_unit is None else None

    @property
    def whole_step(self) -> Exact | None:
        """How much gives points where only whole steps do: minor units, or of a quantity its unit."""
        if self.per_unit is not None:
            return exact_div(self.per_unit.unit_e4, SCALE)
        return self.per_amount_minor if self.full_steps else None


# ---- from an amount to points


def points_of(
    earn: EarnRate, counted: Exact, *, minor_per_unit: int, factor_e4: int = SCALE, offer_factor_e4: int = SCALE
) -> int:
    """Rate times factor, times the offer's where there is one, of what is counted; rounded once at the end (R9).

    `counted`: an eligible part in minor units, or the quantity that an event carries.
    Expects: a rate that is not flat (asserted).
    """
    assert earn.flat_points is None, "a flat bonus goes by no amount"
    numerator, denominator = _unrounded(earn, counted, minor_per_unit)
    scaled = numerator * factor_e4 * offer_factor_e4
    return divide(scaled, denominator * SCALE * SCALE, earn.rounding)


def _unrounded(earn: EarnRate, counted: Exact, minor_per_unit: int) -> tuple[int, int]:
    """The points before factors, as numerator and denominator: for most rules that is cheaper than a Fraction."""
    numerator, denominator = counted.numerator, counted.denominator
    if earn.bands:
        points = _in_bands(earn.bands, counted, minor_per_unit)
        return points.numerator, points.denominator
    step = earn.whole_step
    if step is not None:
        assert earn.points is not None, earn
        return earn.points * floor_div(numerator * step.denominator, denominator * step.numerator), 1
    of_rate, of_minor = _per_minor(earn, minor_per_unit)
    return numerator * of_rate, denominator * of_minor


def _per_minor(rate: EarnRate | Band, minor_per_unit: int) -> tuple[int, int]:
    """The points for one minor unit, as numerator and denominator."""
    if rate.per_amount_minor is not None:
        assert rate.points is not None, rate
        return rate.points, rate.per_amount_minor
    assert rate.rate_e4 is not None, rate
    return rate.rate_e4, SCALE * minor_per_unit


def _in_bands(bands: Sequence[Band], eligible_minor: Exact, minor_per_unit: int) -> Fraction:
    """Each part of the eligible part at the rate of its band."""
    points, start_minor = Fraction(0), 0
    for band in bands:
        end_minor = eligible_minor if band.up_to_minor is None else min(eligible_minor, band.up_to_minor)
        if end_minor <= start_minor:
            break
        points += (end_minor - start_minor) * Fraction(*_per_minor(band, minor_per_unit))
        start_minor = band.up_to_minor or 0
    return points


# ---- from points to an amount


def first_point(
    earn: EarnRate, *, minor_per_unit: int, factor_e4: int, offer_factor_e4: int = SCALE
) -> tuple[Fraction, bool] | None:
    """The least of what is counted that earns a point, and whether it takes more than that; None where none ever does.

    Expects: factors above 0, a rate that is not flat.
    """
    factor = Fraction(factor_e4, SCALE) * Fraction(offer_factor_e4, SCALE)
    # Before its rounding a value has to reach the first number or (is_above) to exceed it.
    target, is_above = {
        "floor": (Fraction(1), False),
        "half_even": (Fraction(1, 2), True),
        "ceil": (Fraction(0), True),
    }[earn.rounding]
    target /= factor
    step = earn.whole_step
    if step is not None:
        assert earn.points is not None, earn
        steps = target / earn.points
        whole_steps = steps.__floor__() + 1 if is_above else steps.__ceil__()
        return Fraction(whole_steps * step), False
    reached, start_minor = Fraction(0), 0
    for band in earn.bands or (_as_band(earn),):
        per_minor = Fraction(*_per_minor(band, minor_per_unit))
        if per_minor:
            at_minor = start_minor + (target - reached) / per_minor
            is_within = band.up_to_minor is None or at_minor < band.up_to_minor
            if is_within or (at_minor == band.up_to_minor and not is_above):
                return at_minor, is_above
        if band.up_to_minor is not None:
            reached += (band.up_to_minor - start_minor) * per_minor
            start_minor = band.up_to_minor
    return None


def _as_band(earn: EarnRate) -> Band:
    return Band(None, earn.rate_e4, earn.points, earn.per_amount_minor)


# ---- in a receipt


def frozen_rate(earn: EarnRate) -> dict[str, Any]:
    """The rate as a receipt keeps it."""
    if earn.bands:
        bands = [
            {name: value for name, value in _frozen_band(band).items() if value is not None} for band in earn.bands
        ]
        return {"bands": bands}
    if earn.per_unit is not None:
        unit = {"field": earn.per_unit.field, "unit": show_decimal(earn.per_unit.unit_e4)}
        return {"points_per_step": earn.points, "per_unit": unit}
    if earn.per_amount_minor is not None:
        rate = {"points_per_step": earn.points, "per_amount": earn.per_amount_minor}
        return rate | ({"full_steps": True} if earn.full_steps else {})
    return {"rate_e4": earn.rate_e4}


def _frozen_band(band: Band) -> dict[str, int | None]:
    return {
        "up_to": band.up_to_minor,
        "rate_e4": band.rate_e4,
        "points_per_step": band.points,
        "per_amount": band.per_amount_minor,
    }


def spell_rate(earn: EarnRate, counted: int | str, minor_per_unit: int) -> str:
    """The points before factors, as a formula has them: `5 x full steps of 250 in 300`."""
    if earn.bands:
        return f"{counted} in {len(earn.bands)} bands"
    if earn.per_unit is not None:
        return f"{earn.points} x whole units of {show_decimal(earn.per_unit.unit_e4)} in {counted}"
    if earn.full_steps:
        return f"{earn.points} x full steps of {earn.per_amount_minor} in {counted}"
    if earn.per_amount_minor is not None:
        return f"{counted} / {earn.per_amount_minor} x {earn.points}"
    return f"{counted} / {minor_per_unit} x {show_decimal(earn.rate_e4 or 0)}"


# ---- in another currency


@dataclass(frozen=True, slots=True)
class Exchange:
    """The currency that a rule counts in, and what one unit of each other is in it, as exact decimals.

    They are part of the rule's revision: what was given stays as it was counted.
    """

    currency: str
    minor_per_unit: int
    rates: Mapping[str, str]

    def rate(self, currency: str | None) -> str | None:
        """What one unit of a currency is in the rule's; None where the rule has no rate for it."""
        return "1" if currency == self.currency else self.rates.get(currency or "")

    def per_minor(self, rate: str, *, minor_per_unit: int) -> Fraction:
        """What one minor unit at this rate is in the rule's minor units; `minor_per_unit` are those of the payment."""
        return Fraction(rate) * Fraction(self.minor_per_unit, minor_per_unit)

"""Earning rules: what an occasion earns under a rule, why not, and what remains earned after a refund (R7, R9).

All arithmetic is in integers and exact rationals; the receipt keeps every input, so that the points of an award, and of
what is kept of it after a refund, can be recomputed from the receipt alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from vinr_server.core.conditions.judging import Unmet, Values, differences, spelled, unmet_in, unmet_of
from vinr_server.core.conditions.tree import Condition
from vinr_server.core.earning.caps import Room
from vinr_server.core.earning.conditions import (
    Conditions,
    Occasion,
    OccasionValues,
    eligible_part,
    in_window,
    unmet_conditions,
    value_at,
)
from vinr_server.core.earning.rates import EarnRate, Exchange, PerUnit, first_point, frozen_rate, points_of, spell_rate
from vinr_server.core.kernel.numbers import (
    NUMBER_MAX,
    SCALE,
    Exact,
    ceil_div,
    exact_of,
    floor_div,
    show_decimal,
    show_exact,
)
from vinr_server.core.kernel.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A factor (in ten-thousandths) for members of certain tiers, occasions, a window, or any other conditions."""

    factor_e4: int
    tiers: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Boost:
    """The multiplier of an offer at one revision, in ten-thousandths; frozen in the receipt of what it multiplied."""

    offer_id: str
    revision: int
    factor_e4: int


@dataclass(frozen=True, slots=True)
class Earned:
    """Points, and the receipt from which they can be recomputed."""

    points: int
    receipt: Mapping[str, Any]


def evaluate_rule(
    *,
    rule_id: str,
    revision: int,
    earn: EarnRate,
    conditions: Conditions,
    multipliers: Sequence[Multiplier],
    occasion: Occasion,
    tier: str | None,
    boost: Boost | None = None,
    exchange: Exchange | None = None,
    room: Room | None = None,
    member: Values | None = None,
) -> Earned | list[Unmet]:
    """What a rule gives for an occasion, or every condition that stands in the way.

    `room` is what the rule's cap leaves, None where it has no cap. `member`: what conditions may ask about.
    Units: whole points; amounts in minor units. Ties: of several multipliers that match, the highest applies. An
    offer's boost multiplies what the rule's own factor leaves; flat points are never multiplied (R23); caps come last.
    Points beyond all that an account can hold stay what they are, cap or not: the event is refused (core/decide.py).
    Source: R9, R76; the fraction lost to rounding down stays with the program.
    """
    receipt: dict[str, Any] = {
        "rule": rule_id,
        "revision": revision,
        "trigger": occasion.trigger,
        "currency": occasion.currency,
    }
    if exchange is not None:
        rate = exchange.rate(occasion.currency)
        if rate is None:
            return _no_rate(exchange, conditions, occasion, member, tier)
        paid = show_exact(eligible_part(conditions, occasion))
        receipt |= {"exchange": {"in": exchange.currency, "rate": rate, "eligible": paid}}
        occasion = _exchanged(occasion, exchange, rate)
    counted: Exact = eligible_part(conditions, occasion)
    receipt |= {"eligible": show_exact(counted), "min_amount": conditions.min_amount_minor}
    if earn.per_unit is not None:
        counted = _quantity(earn.per_unit, occasion)
        receipt |= {"quantity": show_exact(counted)}
    factor_e4, reason = _best_factor(multipliers, occasion, tier, member)
    if earn.flat_points is not None:
        points = earn.flat_points
        receipt |= {"flat": points}
    else:
        receipt |= {"minor_per_unit": occasion.minor_per_unit, **frozen_rate(earn)}
        receipt |= {"factor_e4": factor_e4, "rounding": earn.rounding}
        if boost is not None:
            offer = {"offer": boost.offer_id, "offer_revision": boost.revision, "offer_factor_e4": boost.factor_e4}
            receipt |= offer
        points = _points_of(earn, receipt, counted)
        receipt |= {"tier": reason, "formula": _formula(earn, receipt, points)}
    unmet = unmet_conditions(conditions, occasion, currency=earn.currency, member=member, tier=tier)
    if points == 0:
        unmet += _too_little(earn, receipt, occasion, counted)
    if room is not None and (earn.per_unit is None or points <= NUMBER_MAX):
        receipt |= room.frozen(points)
        unmet += _no_room(room) if room.points == 0 else []
        points = min(points, room.points)
    return unmet or Earned(points, receipt | {"points": points})


def _quantity(per_unit: PerUnit, occasion: Occasion) -> Exact:
    """The quantity that the event carries; 0 where it carries none."""
    return max(exact_of(value_at(occasion.data, per_unit.field)) or 0, 0)


def _points_of(earn: EarnRate, receipt: Mapping[str, Any], counted: Exact) -> int:
    """What the rate gives with the factors that the receipt has."""
    return points_of(
        earn,
        counted,
        minor_per_unit=receipt["minor_per_unit"],
        factor_e4=receipt["factor_e4"],
        offer_factor_e4=receipt.get("offer_factor_e4", SCALE),
    )


# ---- exchange


def _exchanged(occasion: Occasion, exchange: Exchange, rate: str) -> Occasion:
    """The occasion with all its amounts in the rule's own currency, exactly."""
    per_minor = exchange.per_minor(rate, minor_per_unit=occasion.minor_per_unit)
    return replace(
        occasion,
        eligible_minor=occasion.eligible_minor * per_minor,
        lines=[(sku, categories, counted_minor * per_minor) for sku, categories, counted_minor in occasion.lines],
        minor_per_unit=exchange.minor_per_unit,
        exchanged=per_minor,
    )


def _no_rate(
    exchange: Exchange, conditions: Conditions, occasion: Occasion, member: Values | None, tier: str | None
) -> list[Unmet]:
    """Say that the currency has no rate, and what else fails that no rate is needed for."""
    known = ", ".join((exchange.currency, *exchange.rates))
    got = f"this was {occasion.currency}" if occasion.currency else "this names no currency"
    message = f"The rule counts in {exchange.currency} and has rates for {known} only; {got}."
    others = unmet_conditions(_but_amounts(conditions), occasion, member=member, tier=tier)
    return [Unmet("currency", message, f"pay in {exchange.currency}"), *others]


def _but_amounts(conditions: Conditions) -> Conditions:
    return replace(conditions, min_amount_minor=None, max_amount_minor=None)


def _no_room(room: Room) -> list[Unmet]:
    """The cap is used up: say since when it counts, and when there is room again."""
    periods = {
        "day": f"on {room.period}",
        "month": f"in {room.period}",
        "year": f"in {room.period}",
        "member": "for good",
    }
    given = f"The rule gives a member at most {room.cap.points} points {periods[room.cap.per]}, and has given them."
    change = None if room.frees_at is None else f"wait until {room.frees_at.isoformat()}"
    return [Unmet("caps", given, change)]


# ---- factors and the first point


def _best_factor(
    multipliers: Sequence[Multiplier], occasion: Occasion, tier: str | None, member: Values | None
) -> tuple[int, str | None]:
    """The highest factor among those that match, in ten-thousandths, and the tier it was for."""
    matching = [
        (multiplier.factor_e4, tier if multiplier.tiers else None)
        for multiplier in multipliers
        if (not multiplier.tiers or tier in multiplier.tiers) and _matches(multiplier, occasion, member)
    ]
    return max(matching, key=lambda pair: pair[0], default=(SCALE, None))


def _matches(multiplier: Multiplier, occasion: Occasion, member: Values | None) -> bool:
    """Whether the occasion, and its member, meet all that the multiplier asks beside the tier."""
    values = OccasionValues(occasion, member)
    asked = [*in_window(multiplier.starts_at, multiplier.ends_at), *differences("metadata.", multiplier.metadata)]
    if any(unmet_of(predicate, values) for predicate in asked):
        return False
    return multiplier.where is None or not unmet_in(multiplier.where, values)


def whole_part(eligible_minor: Exact) -> int:
    """The whole minor units of an eligible part, as messages show it: a fraction that is missing counts as one."""
    return floor_div(eligible_minor.numerator, eligible_minor.denominator)


def _spend_more(occasion: Occasion, short_minor: Exact, *, is_above: bool) -> str:
    """The least whole amount, as it is paid, that adds what is short; `is_above`: that adds more than it."""
    short = Fraction(short_minor) / occasion.exchanged
    more = whole_part(short) + 1 if is_above else ceil_div(short.numerator, short.denominator)
    return f"spend {more} more"


def _too_little(earn: EarnRate, receipt: Mapping[str, Any], occasion: Occasion, counted: Exact) -> list[Unmet]:
    """Say what would have earned the first point: another factor than 0, and how much more.

    Expects: a rate above 0.
    """
    unmet: list[Unmet] = []
    if receipt["factor_e4"] == 0:
        whom = f" for tier {receipt['tier']}" if receipt["tier"] else ""
        unmet.append(Unmet("factor", f"The rule multiplies by 0{whom}.", "raise its factor to 1"))
    first = first_point(
        earn,
        minor_per_unit=receipt["minor_per_unit"],
        factor_e4=receipt["factor_e4"] or SCALE,
        offer_factor_e4=receipt.get("offer_factor_e4", SCALE),
    )
    message = f"An eligible part of {whole_part(counted)} earns less than one point."
    if first is None:
        return [*unmet, Unmet("amount", message, None)]
    least, is_above = first
    if earn.per_unit is not None:
        return unmet + (_too_small(earn.per_unit.field, occasion, least) if counted < least else [])
    if counted < least or (is_above and counted == least):
        change = _spend_more(occasion, least - counted, is_above=is_above)
        unmet.append(Unmet("amount", message, change))
    return unmet


def _too_small(field: str, occasion: Occasion, least: Fraction) -> list[Unmet]:
    """Say what the event carries as a quantity, if anything, and the least that earns a point."""
    value = value_at(occasion.data, field)
    found = "not set" if value is None else spelled(value)
    needed = show_decimal(floor_div(least.numerator * SCALE, least.denominator))
    message = f"{field} is {found} (required: a number of at least {needed})."
    return [Unmet("per_unit", message, f"set {field} to {needed}")]


def _formula(earn: EarnRate, receipt: Mapping[str, Any], points: int) -> str:
    factors = [receipt[name] for name in ("factor_e4", "offer_factor_e4") if name in receipt]
    worth = spell_rate(earn, receipt.get("quantity", receipt["eligible"]), receipt["minor_per_unit"])
    product = " x ".join((worth, *(str(show_decimal(factor)) for factor in factors)))
    return f"{receipt['rounding']}({product}) = {points}"

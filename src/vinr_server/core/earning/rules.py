"""Earning rules: what an occasion earns under a rule, why not, and what remains earned after a refund (R7, R9).

All arithmetic is in integers and exact rationals; the receipt keeps every input, so that the points of an award, and of
what is kept of it after a refund, can be recomputed from the receipt alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from vinr_server.core.earning.caps import Room
from vinr_server.core.earning.exchange import Exchange
from vinr_server.core.earning.lines import CountedLine, is_selected
from vinr_server.core.earning.rates import EarnRate, first_point, frozen_rate, points_of, spell_rate
from vinr_server.core.kernel.numbers import SCALE, Exact, ceil_div, floor_div, show_decimal, show_exact
from vinr_server.core.kernel.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must all hold for a rule to apply; None or empty asks nothing. The eligible part is in [min, max).

    `skus` and `categories` name the lines that count, all of them where both are empty; what is excluded never counts.
    """

    metadata: Mapping[str, Any] | None = None
    min_amount_minor: int | None = None
    max_amount_minor: int | None = None
    currency: str | None = None
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    first_payment: bool | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A factor (in ten-thousandths) for members of certain tiers, occasions or a window."""

    factor_e4: int
    tiers: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What happened, as rules see it. `occurred_at` None means now.

    Units: minor units, exact: an eligible part, or what a line counts for, need not be whole. `exchanged` is how many
    of them one minor unit is that was paid. `purchase` is there where programs may count different parts of it.
    """

    trigger: str
    source_type: str
    source_id: str
    occurred_at: datetime | None = None
    currency: str | None = None
    eligible_minor: Exact = 0
    minor_per_unit: int = 1
    metadata: Mapping[str, Any] | None = None
    lines: Sequence[CountedLine] = ()
    is_first_payment: bool = False
    exchanged: Exact = 1


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


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition that failed, in words, and the smallest change that would meet it; None where none would."""

    condition: str
    message: str
    change: str | None


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
) -> Earned | list[Unmet]:
    """What a rule gives for an occasion, or every condition that stands in the way.

    `room` is what the rule's cap leaves, None where it has no cap.
    Units: whole points; amounts in minor units. Ties: of several multipliers that match, the highest applies. An
    offer's boost multiplies what the rule's own factor leaves; flat points are never multiplied (R23); caps come last.
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
            return [*_no_rate(exchange, occasion), *unmet_conditions(_but_amounts(conditions), occasion)]
        paid = show_exact(eligible_part(conditions, occasion))
        receipt |= {"exchange": {"in": exchange.currency, "rate": rate, "eligible": paid}}
        occasion = _exchanged(occasion, exchange, rate)
    eligible_minor = eligible_part(conditions, occasion)
    receipt |= {"eligible": show_exact(eligible_minor), "min_amount": conditions.min_amount_minor}
    factor_e4, reason = _best_factor(multipliers, occasion, tier)
    if earn.flat_points is not None:
        points = earn.flat_points
        receipt |= {"flat": points}
    else:
        receipt |= {"minor_per_unit": occasion.minor_per_unit, **frozen_rate(earn)}
        receipt |= {"factor_e4": factor_e4, "rounding": earn.rounding}
        if boost is not None:
            offer = {"offer": boost.offer_id, "offer_revision": boost.revision, "offer_factor_e4": boost.factor_e4}
            receipt |= offer
        points = _points_of(earn, receipt, eligible_minor)
        receipt |= {"tier": reason, "formula": _formula(earn, receipt, points)}
    unmet = unmet_conditions(conditions, occasion, currency=earn.currency)
    if points == 0:
        unmet += _too_little(earn, receipt, occasion, eligible_minor)
    if room is not None:
        receipt |= room.frozen(points)
        unmet += _no_room(room) if room.points == 0 else []
        points = min(points, room.points)
    return unmet or Earned(points, receipt | {"points": points})


def _points_of(earn: EarnRate, receipt: Mapping[str, Any], eligible_minor: Exact) -> int:
    """What the rate gives with the factors that the receipt has."""
    return points_of(
        earn,
        eligible_minor,
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


def _no_rate(exchange: Exchange, occasion: Occasion) -> list[Unmet]:
    known = ", ".join((exchange.currency, *exchange.rates))
    got = f"this was {occasion.currency}" if occasion.currency else "this names no currency"
    message = f"The rule counts in {exchange.currency} and has rates for {known} only; {got}."
    return [Unmet("currency", message, f"pay in {exchange.currency}")]


def _but_amounts(conditions: Conditions) -> Conditions:
    return replace(conditions, min_amount_minor=None, max_amount_minor=None)


def _no_room(room: Room) -> list[Unmet]:
    """The cap is used up: say since when it counts, and when there is room again."""
    periods = {"day": f"on {room.period}", "month": f"in {room.period}", "member": "for good"}
    given = f"The rule gives a member at most {room.cap.points} points {periods[room.cap.per]}, and has given them."
    change = None if room.frees_at is None else f"wait until {room.frees_at.isoformat()}"
    return [Unmet("caps", given, change)]


# ---- conditions


def eligible_part(conditions: Conditions, occasion: Occasion) -> Exact:
    """The minor units a rule counts: what the lines it names count for, or all but the lines it excludes (R70, R78).

    What was paid beside the lines can't be excluded.
    """
    if conditions.skus or conditions.categories:
        return sum(minor for sku, categories, minor in occasion.lines if is_selected(conditions, sku, categories))
    if conditions.exclude_skus or conditions.exclude_categories:
        excluded = (minor for sku, categories, minor in occasion.lines if not is_selected(conditions, sku, categories))
        return occasion.eligible_minor - sum(excluded)
    return occasion.eligible_minor


def _no_line_counts(conditions: Conditions, occasion: Occasion) -> list[Unmet]:
    """Say that the lines hold nothing that counts: none of those that are named, or only excluded ones."""
    if any(is_selected(conditions, sku, categories) for sku, categories, _minor in occasion.lines):
        return []
    excluded = ", ".join((*conditions.exclude_skus, *conditions.exclude_categories))
    if conditions.skus or conditions.categories:
        named = ", ".join((*conditions.skus, *conditions.categories))
        but = f" (and none of {excluded})" if excluded else ""
        message = f"No line has any of these SKUs or categories: {named}{but}."
        return [Unmet("lines", message, f"add a line of {named}")]
    if excluded and occasion.lines and eligible_part(conditions, occasion) <= 0:
        message = f"Every line has one of these excluded SKUs or categories: {excluded}."
        return [Unmet("lines", message, "add another line")]
    return []


def unmet_conditions(
    conditions: Conditions, occasion: Occasion, *, currency: str | None = None, subject: str = "rule"
) -> list[Unmet]:
    """Every condition that the occasion does not meet, with the smallest change that would meet it.

    `currency` must match as well; `subject` is what asks: a rule or an offer.
    """
    unmet: list[Unmet] = []
    eligible_minor = eligible_part(conditions, occasion)
    for wanted in dict.fromkeys((currency, conditions.currency)):
        if wanted is not None and wanted != occasion.currency:
            got = occasion.currency or "no currency"
            unmet.append(Unmet("currency", f"The {subject} counts only {wanted}; this was {got}.", f"pay in {wanted}"))
    unmet += _outside_window(conditions.starts_at, conditions.ends_at, occasion.occurred_at)
    unmet += metadata_differences(conditions.metadata, occasion.metadata)
    if conditions.first_payment is not None and conditions.first_payment != occasion.is_first_payment:
        which = "the member's first payment" if conditions.first_payment else "a payment after the first"
        unmet.append(Unmet("first_payment", f"The {subject} is for {which}.", f"report {which}"))
    unmet += _no_line_counts(conditions, occasion)
    threshold = conditions.min_amount_minor
    if threshold is not None and eligible_minor < threshold:
        message = f"The eligible part is {whole_part(eligible_minor)}; the {subject} starts at {threshold}."
        change = _spend_more(occasion, threshold - eligible_minor, is_above=False)
        unmet.append(Unmet("min_amount", message, change))
    limit = conditions.max_amount_minor
    if limit is not None and eligible_minor >= limit:
        over = whole_part((eligible_minor - limit) / Fraction(occasion.exchanged)) + 1
        message = f"The eligible part is {whole_part(eligible_minor)}; the {subject} ends below {limit}."
        unmet.append(Unmet("max_amount", message, f"spend {over} less"))
    return unmet


def _outside_window(starts_at: datetime | None, ends_at: datetime | None, at: datetime | None) -> list[Unmet]:
    if starts_at is None and ends_at is None:
        return []
    assert at is not None, "the occasion's instant is settled before its rules are evaluated"
    if starts_at is not None and at < starts_at:
        return [Unmet("window", f"The rule starts at {starts_at.isoformat()}.", f"wait until {starts_at.isoformat()}")]
    if ends_at is not None and at >= ends_at:
        return [Unmet("window", f"The rule ended at {ends_at.isoformat()}.", f"be before {ends_at.isoformat()}")]
    return []


def metadata_differences(wanted: Mapping[str, Any] | None, got: Mapping[str, Any] | None) -> list[Unmet]:
    """Every key of the wanted metadata that has another value, or none, in what there is; 1 is not true."""
    have = got or {}
    return [
        Unmet(
            "metadata",
            f"metadata.{key} must be {_json(value)}; it is {_json(have[key]) if key in have else 'not set'}.",
            f"set metadata.{key} to {_json(value)}",
        )
        for key, value in (wanted or {}).items()
        if key not in have or have[key] != value or isinstance(have[key], bool) != isinstance(value, bool)
    ]


def _json(value: Any) -> str:
    """A value as it stands in a body."""
    return json.dumps(value, ensure_ascii=False)


def _best_factor(multipliers: Sequence[Multiplier], occasion: Occasion, tier: str | None) -> tuple[int, str | None]:
    """The highest factor among those that match, in ten-thousandths, and the tier it was for."""
    matching = [
        (multiplier.factor_e4, tier if multiplier.tiers else None)
        for multiplier in multipliers
        if (not multiplier.tiers or tier in multiplier.tiers)
        and not metadata_differences(multiplier.metadata, occasion.metadata)
        and not _outside_window(multiplier.starts_at, multiplier.ends_at, occasion.occurred_at)
    ]
    return max(matching, key=lambda pair: pair[0], default=(SCALE, None))


def whole_part(eligible_minor: Exact) -> int:
    """The whole minor units of an eligible part, as messages show it: a fraction that is missing counts as one."""
    return floor_div(eligible_minor.numerator, eligible_minor.denominator)


def _spend_more(occasion: Occasion, short_minor: Exact, *, is_above: bool) -> str:
    """The least whole amount, as it is paid, that adds what is short; `is_above`: that adds more than it."""
    short = Fraction(short_minor) / occasion.exchanged
    more = whole_part(short) + 1 if is_above else ceil_div(short.numerator, short.denominator)
    return f"spend {more} more"


def _too_little(earn: EarnRate, receipt: Mapping[str, Any], occasion: Occasion, eligible_minor: Exact) -> list[Unmet]:
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
    message = f"An eligible part of {whole_part(eligible_minor)} earns less than one point."
    if first is None:
        return [*unmet, Unmet("amount", message, None)]
    first_minor, is_above = first
    if eligible_minor < first_minor or (is_above and eligible_minor == first_minor):
        change = _spend_more(occasion, first_minor - eligible_minor, is_above=is_above)
        unmet.append(Unmet("amount", message, change))
    return unmet


def _formula(earn: EarnRate, receipt: Mapping[str, Any], points: int) -> str:
    factors = [receipt[name] for name in ("factor_e4", "offer_factor_e4") if name in receipt]
    worth = spell_rate(earn, receipt["eligible"], receipt["minor_per_unit"])
    product = " x ".join((worth, *(str(show_decimal(factor)) for factor in factors)))
    return f"{receipt['rounding']}({product}) = {points}"

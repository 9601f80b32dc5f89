"""The oracle's arithmetic: what a rule earns and what is kept of it after refunds, in exact rationals (R7, R9)."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle_units import Lot


def earned_by(rule: dict[str, Any], facts: dict[str, Any], tier: str | None, *, is_first: bool, at: datetime) -> Any:
    """What a rule freezes into its award, or None where a condition is not met."""
    asks, earn = rule["conditions"], rule["earn"]
    eligible = facts.get("eligible", 0)
    all_lines = facts.get("lines", ())
    share = min(Fraction(eligible, sum(map(net_of, all_lines)) or 1), Fraction(1))
    out = [line for line in all_lines if is_of(line, asks.exclude_skus, asks.exclude_categories)]
    if asks.skus or asks.categories:
        lines = [line for line in all_lines if is_of(line, asks.skus, asks.categories) and line not in out]
        if not lines:
            return None
        eligible = share * sum(map(net_of, lines))
    elif out:
        eligible -= share * sum(map(net_of, out))
        if len(out) == len(all_lines) and eligible <= 0:
            return None
    met = (
        all(wanted in (None, facts.get("currency")) for wanted in (earn.currency, asks.currency))
        and all(facts["metadata"].get(name) == value for name, value in (asks.metadata or {}).items())
        and asks.first_payment in (None, is_first)
        and (asks.where is None or all(says(facts.get("data"), part.predicate) for part in asks.where.all_of))
        and eligible >= (asks.min_amount_minor or 0)
        and (asks.starts_at or at) <= at
        and (asks.ends_at is None or at < asks.ends_at)
    )
    if not met:
        return None
    factors = [
        Fraction(one.factor_e4, 10_000)
        for one in rule["multipliers"]
        if (not one.tiers or tier in one.tiers)
        and all(facts["metadata"].get(name) == value for name, value in (one.metadata or {}).items())
    ]
    if earn.per_unit is not None:
        found = value_of(facts.get("data"), earn.per_unit.field)
        quantity = Fraction(found) if isinstance(found, int | Decimal) and found >= 0 else Fraction(0)
        counted = {"eligible": earn.points * (quantity // Fraction(earn.per_unit.unit_e4, 10_000)), "units": 1}
        return {**counted, "flat": None, "rounding": earn.rounding, "rate": 1, "factor": max(factors, default=1)}
    return {
        "eligible": eligible,
        "units": facts.get("units", 1),
        "flat": earn.points,
        "rounding": earn.rounding,
        "rate": Fraction(earn.rate_e4 or 0, 10_000),
        "factor": max(factors, default=Fraction(1)),
        "threshold": asks.min_amount_minor or 0,
    }


def value_of(data: Any, field: str) -> Any:
    """R78: what stands in an event's data, each dot one object deeper."""
    for name in field.split(".")[1:]:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def says(data: Any, asked: Any) -> bool:
    """Whether an event's data has the value that is asked for."""
    return bool(value_of(data, asked.field) == asked.equals)


def is_of(line: dict[str, Any], skus: Any, categories: Any) -> bool:
    """Whether a line has one of these."""
    return line["sku"] in skus or bool(set(line["categories"]) & set(categories))


def net_of(line: dict[str, Any]) -> int:
    """R70: what a line adds to the purchase."""
    return int(line["unit_price"] * line["quantity"] - line.get("discount", 0) - line.get("tax", 0))


def points_for(frozen: dict[str, Any], eligible: Any) -> int:
    """R9: in exact rationals, rounded once."""
    if frozen["flat"] is not None:
        return int(frozen["flat"])
    exact = Fraction(eligible) / frozen["units"] * frozen["rate"] * frozen["factor"]
    return {"floor": math.floor, "ceil": math.ceil, "half_even": round}[frozen["rounding"]](exact)


def kept_of(payment: dict[str, Any]) -> Fraction:
    """R7: the eligible part less what each refund took of it, by its own word or by its share of the amount.

    Of a payment that was refunded whole nothing is kept, whatever its refunds said.
    """
    kept = Fraction(payment["eligible"])
    if payment["refunds"] and sum(amount for amount, *_ in payment["refunds"].values()) == payment["amount"]:
        return Fraction(0)
    for amount, eligible, _points in payment["refunds"].values():
        share = Fraction(amount, payment["amount"]) if payment["amount"] else 0
        kept -= payment["eligible"] * share if eligible is None else eligible
    return max(kept, Fraction(0))


def kept_points(payment: dict[str, Any], lot: Lot) -> int:
    """R7: what the frozen award gives for what is kept."""
    refunded = sum(amount for amount, _eligible, _points in payment["refunds"].values())
    if refunded == payment["amount"]:
        share = Fraction(0)
    elif payment["eligible"]:
        share = kept_of(payment) / payment["eligible"]
    else:
        share = 1 - Fraction(refunded, payment["amount"])
    if lot.frozen is None:
        return math.floor(len(lot.units) * share)
    kept = lot.frozen["eligible"] * share
    if kept < lot.frozen["threshold"] or (lot.frozen["flat"] is not None and refunded == payment["amount"]):
        return 0
    return points_for(lot.frozen, kept)

"""Earning rules as the wire shows them."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.conditions.payloads import where_payload
from vinr_server.core.earning.caps import Cap
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import Band, EarnRate, Exchange
from vinr_server.core.earning.rows import CONVERTED, EarningRule
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.kernel.numbers import show_decimal
from vinr_server.core.kernel.payloads import Wire, given, unix, unix_or_none


def rule_payload(rule: EarningRule, *, livemode: bool) -> Wire:
    """The earning_rule object, at its revision in force."""
    return {
        "id": rule.id,
        "object": "earning_rule",
        "program": rule.program_id,
        "revision": rule.revision,
        "trigger": rule.trigger,
        "earn": _earn(rule.earn),
        "conditions": conditions_payload(rule.conditions),
        "multipliers": [_multiplier(multiplier) for multiplier in rule.multipliers],
        "caps": _caps(rule.caps),
        "exchange": _exchange(rule.exchange),
        "pending_days": rule.pending_days,
        "recipients": list(rule.recipients) if rule.trigger == CONVERTED else [],
        "active": rule.is_active,
        "metadata": rule.metadata,
        "created": unix(rule.created_at),
        "livemode": livemode,
    }


def _earn(earn: EarnRate) -> Wire:
    if earn.flat_points is not None:
        return given({"points": earn.flat_points, "currency": earn.currency})
    common = {"currency": earn.currency, "rounding": earn.rounding}
    if earn.bands:
        return given({"bands": [_band(band) for band in earn.bands], "graduated": True, **common})
    if earn.per_unit is not None:
        unit = {"field": earn.per_unit.field, "unit": show_decimal(earn.per_unit.unit_e4)}
        return given({"points": earn.points, "per_unit": unit, **common})
    if earn.per_amount_minor is not None:
        steps = {"full_steps": earn.full_steps or None}
        return given({"points": earn.points, "per_amount": earn.per_amount_minor, **steps, **common})
    return given({"points_per_currency_unit": show_decimal(earn.rate_e4 or 0), **common})


def _band(band: Band) -> Wire:
    rate = None if band.rate_e4 is None else show_decimal(band.rate_e4)
    steps = {"points": band.points, "per_amount": band.per_amount_minor}
    return given({"up_to": band.up_to_minor, "points_per_currency_unit": rate, **steps})


def _caps(caps: Cap | None) -> Wire | None:
    return None if caps is None else {"points": caps.points, "per": caps.per}


def _exchange(exchange: Exchange | None) -> Wire | None:
    return None if exchange is None else {"in": exchange.currency, "rates": exchange.rates}


def conditions_payload(conditions: Conditions) -> Wire:
    """What a rule or an offer asks of an occasion, where it asks anything."""
    return given(
        {
            "metadata": conditions.metadata,
            "min_amount": conditions.min_amount_minor,
            "max_amount": conditions.max_amount_minor,
            "currency": conditions.currency,
            "skus": list(conditions.skus) or None,
            "categories": list(conditions.categories) or None,
            "exclude_skus": list(conditions.exclude_skus) or None,
            "exclude_categories": list(conditions.exclude_categories) or None,
            "first_payment": conditions.first_payment,
            "window": _window(conditions.starts_at, conditions.ends_at),
            "tiers": list(conditions.tiers) or None,
            "conversion_number": given({"gte": conditions.conversions_from, "lte": conditions.conversions_to}) or None,
            **where_payload(conditions.where),
        }
    )


def _multiplier(multiplier: Multiplier) -> Wire:
    tiers = multiplier.tiers
    when = {
        "tier": (tiers[0] if len(tiers) == 1 else list(tiers)) if tiers else None,
        "metadata": multiplier.metadata,
        "window": _window(multiplier.starts_at, multiplier.ends_at),
        **where_payload(multiplier.where),
    }
    return {"when": given(when), "factor": show_decimal(multiplier.factor_e4)}


def _window(starts_at: datetime | None, ends_at: datetime | None) -> Wire | None:
    return given({"starts_at": unix_or_none(starts_at), "ends_at": unix_or_none(ends_at)}) or None

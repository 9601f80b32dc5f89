"""Conditions as the wire shows them: as they were sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.conditions.tree import Condition, Predicate
from vinr_server.core.kernel.payloads import Wire, given, unix


def where_payload(condition: Condition | None) -> Wire:
    """The groups of a condition: all, any and not, where it has them."""
    if condition is None:
        return {}
    return given(
        {
            "all": [condition_payload(part) for part in condition.all_of] or None,
            "any": [condition_payload(part) for part in condition.any_of] or None,
            "not": condition_payload(condition.not_of) if condition.not_of is not None else None,
        }
    )


def condition_payload(condition: Condition) -> Wire:
    """One node."""
    shown = predicate_payload(condition.predicate) if condition.predicate is not None else {}
    return shown | where_payload(condition)


def predicate_payload(asked: Predicate) -> Wire:
    """A question about a field, with only what was given."""
    bounds = {name: _shown(getattr(asked, name)) for name in ("gt", "gte", "lt", "lte")}
    lines = ("skus", "categories", "exclude_skus", "exclude_categories")
    return given(
        {
            "field": asked.field,
            "eq": asked.equals,
            "in": list(asked.one_of) or None,
            "exists": asked.exists,
            **bounds,
            "within": asked.within,
            "days": asked.days,
            "currency": asked.currency,
            **{name: list(getattr(asked.lines, name)) or None for name in lines},
        }
    )


def _shown(bound: Any) -> Any:
    return unix(bound) if isinstance(bound, datetime) else bound

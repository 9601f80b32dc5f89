"""Segments as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.conditions.payloads import predicate_payload
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.segments.conditions import Bounds, SegmentConditions
from vinr_server.core.segments.rows import Segment, SegmentMember, SegmentScan


def segment_payload(segment: Segment, scan: SegmentScan | None, *, livemode: bool) -> Wire:
    """The segment object; `scan`: how far its members are looked through, of a dynamic one."""
    return {
        "id": segment.id,
        "object": "segment",
        "name": segment.name,
        "type": segment.type,
        "revision": segment.revision,
        "conditions": None if segment.type == "static" else conditions_payload(segment.conditions),
        "scan": scan_payload(scan) if scan is not None else None,
        "metadata": segment.metadata,
        "created": unix(segment.created_at),
        "livemode": livemode,
    }


def scan_payload(scan: SegmentScan) -> Wire:
    """How many members were looked through for the newest conditions, and since when all of them have been."""
    return {
        "status": "running" if scan.done_at is None else "done",
        "members": scan.members,
        "started_at": unix(scan.started_at),
        "done_at": unix_or_none(scan.done_at),
    }


def segment_member_payload(member: SegmentMember, *, livemode: bool) -> Wire:
    """The segment_member object."""
    return {
        "id": member.account_id,
        "object": "segment_member",
        "segment": member.segment_id,
        "account": member.account_id,
        "entered_at": unix(member.entered_at),
        "livemode": livemode,
    }


def conditions_payload(conditions: SegmentConditions) -> Wire:
    """Conditions with only the fields that are set."""
    purchases, spend = conditions.payments, conditions.spend
    shown = {
        "days_since_last_purchase": _bounds(conditions.days_since_last_purchase),
        "never_purchased": conditions.never_purchased,
        "payments": None if purchases is None else _windowed(purchases.days, purchases.bounds),
        "spend": None if spend is None else {"currency": spend.currency, **_windowed(spend.days, spend.bounds)},
        "tier": list(conditions.tiers) or None,
        "balance": _bounds(conditions.balance),
        "metadata": conditions.metadata,
        "enrolled_before": unix_or_none(conditions.enrolled_before),
        "enrolled_after": unix_or_none(conditions.enrolled_after),
        "days_since_enrolled": _bounds(conditions.days_since_enrolled),
        "all": [conditions_payload(part) for part in conditions.all_of] or None,
        "any": [conditions_payload(part) for part in conditions.any_of] or None,
        "not": conditions_payload(conditions.not_of) if conditions.not_of is not None else None,
        **(predicate_payload(conditions.predicate) if conditions.predicate is not None else {}),
    }
    return _given(shown)


def _windowed(days: int | None, bounds: Bounds) -> Wire:
    return _given({"days": days}) | (_bounds(bounds) or {})


def _bounds(bounds: Bounds | None) -> Wire | None:
    return None if bounds is None else _given({"gte": bounds.at_least, "lte": bounds.at_most})


def _given(fields: Mapping[str, Any]) -> Wire:
    return {name: value for name, value in fields.items() if value is not None}

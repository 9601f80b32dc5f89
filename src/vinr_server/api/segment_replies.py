"""What callers are answered about segments."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.core.segments.rows import SegmentType


class SegmentBounds(Reply):
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET


class SegmentPayments(Reply):
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET
    days: int | UnsetType = UNSET


class SegmentSpend(Reply):
    currency: str
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET
    days: int | UnsetType = UNSET


class SegmentConditions(Reply):
    days_since_last_purchase: SegmentBounds | UnsetType = UNSET
    never_purchased: bool | UnsetType = UNSET
    payments: SegmentPayments | UnsetType = UNSET
    spend: SegmentSpend | UnsetType = UNSET
    tier: list[str] | UnsetType = UNSET
    balance: SegmentBounds | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET
    enrolled_before: int | UnsetType = UNSET
    enrolled_after: int | UnsetType = UNSET
    days_since_enrolled: SegmentBounds | UnsetType = UNSET
    all: list[SegmentConditions] | UnsetType = UNSET
    any: list[SegmentConditions] | UnsetType = UNSET


class Segment(Reply):
    id: str
    object: Literal["segment"]
    name: str
    type: SegmentType
    revision: int
    conditions: SegmentConditions | None
    metadata: Json
    created: int
    livemode: bool


class SegmentMember(Reply):
    id: str
    object: Literal["segment_member"]
    segment: Reference
    account: Reference
    entered_at: int
    livemode: bool


class SegmentAddition(Reply):
    object: Literal["segment_addition"]
    segment: Reference
    added: int
    already_members: int
    unknown: list[str]


class SegmentRemoval(Reply):
    object: Literal["segment_removal"]
    segment: Reference
    removed: int
    not_members: int
    unknown: list[str]


class SegmentSize(Reply):
    object: Literal["segment_size"]
    segment: Reference | None
    count: int
    is_estimate: Literal[False]


class SegmentChange(Reply):
    segment: Reference
    revision: int
    account: Reference
    program: Reference
    customer: Reference
    at: int


SEGMENT_OBJECTS: dict[str, type[Reply]] = {
    "segment": Segment,
    "segment_member": SegmentMember,
    "segment_addition": SegmentAddition,
    "segment_removal": SegmentRemoval,
    "segment_size": SegmentSize,
    "segment_change": SegmentChange,
}

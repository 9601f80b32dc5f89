"""The rows of segments: what they ask, who is in them, and what a batch knows of its members' purchases."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.segments.conditions import Days, SegmentConditions, Totals

SegmentType = Literal["static", "dynamic"]


@dataclass(frozen=True, slots=True)
class Segment(Row):
    """A named set of members: listed by hand (static), or those who meet its conditions (dynamic)."""

    is_catalogue = True
    immutable_fields = ("type",)
    id: str
    name: str
    type: SegmentType
    revision: int
    conditions: SegmentConditions
    metadata: Json
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SegmentMember(Row):
    """A member's place in a segment, from `entered_at` on; `left_at` says that it is there no more.

    Of a static segment this is the truth. Of a dynamic one it is what was told by events last: who is in it is judged
    by its conditions, whenever it matters.
    """

    parent_field = "account_id"
    bucket: int
    segment_id: str
    account_id: str
    entered_at: datetime
    left_at: datetime | None = None

    @property
    def key(self) -> Hashable:
        """Segment and member: one row each."""
        return (self.segment_id, self.account_id)


# ---- in memory only


@dataclass(frozen=True, slots=True)
class Purchases(Row):
    """What a batch read of a member's purchases, without the payments that it has as rows; never stored.

    `owner` is an account's id; or a customer's and a program's, for an account that the batch itself enrols. Where this
    row is, the account's memberships were read too. `totals` by the instant after which each window starts;
    `has_last`: whether `last_at` was read.
    """

    key_field = "owner"
    owns = False
    owner: Hashable
    totals: Mapping[datetime, Totals]
    last_at: datetime | None = None
    has_last: bool = True


@dataclass(frozen=True, slots=True)
class SegmentUses(Row):
    """What is asked of purchases by the segments of a catalogue that something live names, and by all of them; never
    stored. `named`: the ids of the former.
    """

    is_catalogue = True
    id: str
    named: frozenset[str]
    windows: frozenset[Days]
    all_windows: frozenset[Days]
    asks_last: bool

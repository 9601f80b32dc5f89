"""Segments as they are stored: their conditions and members; and what a batch knows of members' purchases."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Literal

from vinr_server.core.conditions.course import Purchase
from vinr_server.core.conditions.member import Totals
from vinr_server.core.conditions.tree import Asked, Condition, Days, Predicate, asked_by, predicates_of
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.segments.conditions import SegmentConditions, tree_of

SegmentType = Literal["static", "dynamic"]
USES = "uses"


@dataclass(frozen=True, slots=True)
class Segment(Row):
    """A named set of members: listed by hand (static), or those who meet its conditions (dynamic).

    New conditions are in force since `revised_at`, real time. All members are looked through for them, once: when that
    is done, the segment `is_scanned`.
    """

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
    revised_at: datetime | None = None
    is_scanned: bool = True

    @property
    def tree(self) -> Condition:
        """Its conditions as they are judged."""
        return tree_of(self.conditions)

    @property
    def asked(self) -> Asked:
        """What has to be known of a member to judge them."""
        return asked_by(predicates_of(self.tree))


@dataclass(frozen=True, slots=True)
class SegmentMember(Row):
    """A member's place in a segment, since `entered_at`; `left_at` says when it left.

    For a static segment this is the truth. For a dynamic segment it is what events last announced, up to the instant at
    which the account is due to be judged again: its conditions decide who is in it, whenever that matters.
    """

    parent_field = "account_id"
    bucket: int
    segment_id: str
    account_id: str
    entered_at: datetime
    left_at: datetime | None = None

    @property
    def key(self) -> Hashable:
        """Segment and member: each pair has one row."""
        return (self.segment_id, self.account_id)


@dataclass(frozen=True, slots=True)
class SegmentScan(Row):
    """How far the members are looked through for a segment's newest conditions, in the order of the accounts' ids.

    `id` is the segment's; `cursor`: the last account that was reached, empty at first; `members`: how many were.
    """

    id: str
    revision: int
    cursor: str
    members: int
    started_at: datetime
    done_at: datetime | None = None


# ---- in memory only


@dataclass(frozen=True, slots=True)
class Purchases(Row):
    """What a batch read of a member's purchases, without the payments that it has as rows; never stored.

    `owner` is an account's id, or a customer's and a program's for an account that the batch itself enrolls. If this
    row exists, the account's memberships were read, too. `totals` are keyed by the instant after which each window
    starts; `has_last`: whether `last_at` was read.
    """

    key_field = "owner"
    owns = False
    owner: Hashable
    totals: Mapping[datetime, Totals]
    last_at: datetime | None = None
    has_last: bool = True


@dataclass(frozen=True, slots=True)
class PurchasesSince(Row):
    """Asks for what an owner of purchases has bought since an instant; never stored, nor loaded as a row."""

    key_field = "owned_since"
    owns = False
    owned_since: tuple[Hashable, datetime]


@dataclass(frozen=True, slots=True)
class PurchaseLog(Row):
    """A customer's purchases, each with its payment and the account that it is linked to, newest first; never stored.

    `is_whole`: all of them, not only the newest. If this row exists, the places of the customer's accounts in segments
    were read, too.
    """

    key_field = "customer_id"
    owns = False
    customer_id: str
    purchases: tuple[tuple[str, str | None, Purchase], ...]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Watched(Row):
    """A dynamic segment, compiled. Never stored."""

    id: str
    revision: int
    tree: Condition
    asked: tuple[Predicate, ...]
    revised_at: datetime | None
    is_scanned: bool

    @property
    def scan(self) -> str:
        """The name of the scan for its newest conditions."""
        return f"{self.id}:{self.revision}"


@dataclass(frozen=True, slots=True)
class SegmentUses(Row):
    """What conditions ask of members' purchases: those of live rules and offers and of the segments that they name
    (`named`), and those of all segments (`all_windows`). `asks`: whether anything that is live asks about purchases, or
    names a segment. Never stored.

    `watched`: the dynamic segments, whose moves events announce; `scanning`: those of them whose members are still
    looked through for new conditions; `watches`: what they ask of a member; `purchases_max`:
    so many of its newest purchases nearly always decide.
    """

    is_catalogue = True
    id: str
    named: frozenset[str]
    windows: frozenset[Days]
    all_windows: frozenset[Days]
    asks_last: bool
    asks: bool
    watched: tuple[Watched, ...] = ()
    watches: Asked = Asked()
    purchases_max: int = 0
    scanning: tuple[Watched, ...] = ()

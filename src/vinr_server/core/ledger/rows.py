"""The ledger as it is stored: entries, lots, what lots paid for, and deficits."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Entry(Row):
    """One immutable movement of points; public name points_transaction.

    `points` moves the ledger balance, `pending_points` what is awarded and not available yet (R10). Listed under what
    caused it: the award that it reverses or activates, else its source (a payment, for example).
    """

    is_append_only = True
    bucket: int
    id: str
    account_id: str
    sequence: int
    kind: str
    points: int
    balance_after_points: int
    reason: str | None
    source_type: str | None
    source_id: str | None
    rule_id: str | None
    rule_revision: int | None
    reverses_id: str | None
    receipt: Json
    metadata: Json
    occurred_at: datetime
    created_at: datetime
    pending_points: int = 0

    @property
    def parent(self) -> Hashable:
        """The award it reverses or activates, or its source."""
        return self.reverses_id or self.source_id

    @property
    def moved_points(self) -> int:
        """All that it moves, whether available or pending: of an award what it granted, of a reversal what it took."""
        return self.points + self.pending_points


@dataclass(frozen=True, slots=True)
class Lot(Row):
    """What is left of one accrual; its id is the accrual's entry id.

    Always: points == remaining_points + pending_points + sum of its uses (its own expiries and clawbacks are uses too).
    All of it is pending, or none: until `available_at`, which is moved where it is activated before. Of what remains,
    `held_points` are reserved by holds.
    `reversed_points` counts every clawback of the accrual, whichever lots paid for it. `moved_to` are the lots of
    another account that hold what was left when its member was merged into that account's; of a lot that only paid
    what the member owed then, none. One that ends `by_inactivity` ends at its account's `inactive_at` (R84). `origin`:
    why store credit was granted; None for points.
    """

    parent_field = "account_id"
    immutable_fields = ("account_id", "sequence", "points", "by_inactivity", "origin")
    bucket: int
    id: str
    account_id: str
    sequence: int
    points: int
    remaining_points: int
    expired_points: int
    reversed_points: int
    available_at: datetime
    expires_at: datetime | None
    moved_to: tuple[str, ...] | None = None
    by_inactivity: bool = False
    pending_points: int = 0
    held_points: int = 0
    origin: str | None = None

    @property
    def free_points(self) -> int:
        """What it can pay, as long as it is not over."""
        return self.remaining_points - self.held_points

    @property
    def reversible_points(self) -> int:
        """What a clawback may still take: neither expired nor reversed before (R6)."""
        return max(self.points - self.expired_points - self.reversed_points, 0)


@dataclass(frozen=True, slots=True)
class LotUse(Row):
    """Points of a lot that paid for a debit; negative when a cancellation returned them.

    `cause_id` is the entry whose transaction wrote the use: the debit itself, or the credit that paid a deficit later.
    """

    parent_field = "entry_id"
    is_append_only = True
    bucket: int
    entry_id: str
    lot_id: str
    cause_id: str
    points: int

    @property
    def key(self) -> Hashable:
        """Debit, lot and cause: one row each."""
        return (self.entry_id, self.lot_id, self.cause_id)


@dataclass(frozen=True, slots=True)
class HeldLot:
    """Points of a lot that a hold reserves."""

    lot_id: str
    points: int


@dataclass(frozen=True, slots=True)
class Hold(Row):
    """Points of an account that are reserved for an authorized redemption, whose id it has, or credit for a session.

    In force on [created_at, expires_at), until it is captured or released at `ended_at`. `lots` are in the order of
    their use. `reward_id` and `discount_id` are what the end of a redemption's gives back (R11).
    """

    parent_field = "account_id"
    owns = False
    immutable_fields = ("account_id", "lots", "reward_id", "discount_id")
    bucket: int
    id: str
    account_id: str
    lots: tuple[HeldLot, ...]
    reward_id: str | None
    discount_id: str | None
    expires_at: datetime
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def key(self) -> Hashable:
        """Redemption and bucket: a merge ends it here, and another of its name goes on there."""
        return (self.id, self.bucket)

    @property
    def points(self) -> int:
        """All that it reserves."""
        return sum(held.points for held in self.lots)


@dataclass(frozen=True, slots=True)
class Deficit(Row):
    """What no lot could pay of a clawback, or of an imported debt; the next credits pay it, oldest first."""

    key_field = "entry_id"
    parent_field = "account_id"
    immutable_fields = ("account_id", "sequence", "points")
    bucket: int
    entry_id: str
    account_id: str
    sequence: int
    points: int
    remaining_points: int


@dataclass(frozen=True, slots=True)
class Opening(Row):
    """What a member brought from another system, once: the entries of the balance follow `sequence`.

    `lifetime_points` is what the old system's lifetime counts beyond these entries: points that were earned there and
    are spent or expired since. It may be negative, where some points of the balance never counted as earned.
    """

    key_field = "account_id"
    parent_field = "account_id"
    is_append_only = True
    owns = False
    bucket: int
    account_id: str
    sequence: int
    points: int
    lifetime_points: int
    tier: str | None
    joined_at: datetime | None
    fingerprint: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EndSpan:
    """Every live lot that ends in (after, until] is loaded, and the first one that ends later, at `later`, if any."""

    after: datetime
    until: datetime
    later: datetime | None


@dataclass(frozen=True, slots=True)
class Endings(Row):
    """Which lots of an account were loaded by their ends, in addition to those that pay first. In memory only."""

    key_field = "account_id"
    owns = False
    account_id: str
    spans: tuple[EndSpan, ...]

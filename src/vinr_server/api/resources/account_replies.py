"""An account, as calls for one and calls in bulk answer it."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.reply import Json, Reference, Reply

AccountStatus = Literal["active", "closed", "merged"]
MemberStatus = Literal["active", "closed"]


TierMetric = Literal["lifetime_points", "points_earned", "spend", "payment_count"]
TierWindowType = Literal["lifetime", "calendar_year", "rolling_months"]
TierBasis = Literal["confirmed", "landed", "set", "settings"]
TierLock = Literal["at_least", "exactly"]


class TierWindow(Reply):
    type: TierWindowType
    ends_at: int | None


class TierKeep(Reply):
    needed: int
    until: int


class TierProgress(Reply):
    metric: TierMetric
    currency: str | None
    value: int
    window: TierWindow
    next_tier: str | None
    needed: int | None
    until: int | None
    keep: TierKeep | None
    points_needed: int | None


class ProjectedTier(Reply):
    tier: str | None
    at: int


class NextExpiry(Reply):
    at: int
    points: int


class NextPending(Reply):
    at: int
    points: int


class LoyaltyAccount(Reply):
    id: str
    object: Literal["loyalty_account"]
    program: Reference
    customer: Reference
    balance: int
    pending: int
    next_pending: NextPending | None
    held: int
    lifetime_points: int
    tier: str | None
    tier_since: int | None
    tier_expires_at: int | None
    tier_grace_until: int | None
    tier_basis: TierBasis | None
    tier_lock: TierLock | None
    tier_locked_until: int | None
    tier_progress: TierProgress | None
    projected_tier: ProjectedTier | None
    next_expiry: NextExpiry | None
    sequence: int
    status: AccountStatus
    merged_into: Reference | None
    metadata: Json
    created: int
    livemode: bool


class Lot(Reply):
    """What is left of one accrual. Its id is that of the accrual's points_transaction."""

    id: Reference
    object: Literal["lot"]
    account: Reference
    points: int
    remaining: int
    pending: int
    held: int
    available_at: int
    expires_at: int | None
    by_inactivity: bool
    livemode: bool


class MemberLot(Reply):
    points: int
    available_at: int
    expires_at: int | None


class LoyaltyMember(Reply):
    """An account with all that leaves with it."""

    id: str
    object: Literal["loyalty_member"]
    program: Reference
    customer: Reference
    email: str | None
    points: int
    lots: list[MemberLot]
    lifetime_points: int
    tier: str | None
    status: MemberStatus
    metadata: Json
    created: int
    livemode: bool

"""An account, as calls for one and calls in bulk answer it."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.reply import Json, Reference, Reply

AccountStatus = Literal["active", "closed", "merged"]
MemberStatus = Literal["active", "closed"]


class TierProgress(Reply):
    next_tier: str
    points_needed: int


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
    tier_progress: TierProgress | None
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

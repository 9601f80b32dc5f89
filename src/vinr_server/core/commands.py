"""Every change a caller or a worker can ask for, as frozen values in the imperative.

A command `AwardPoints` has three companions of the same stem: `keys_award_points` (which rows it needs),
`decide_award_points` (what becomes of them) and the operation `award_points` (how it is called).
Shapes are checked before a command is made; what depends on the state is decided in core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, ClassVar

from vinr_server.core.calendar import ExpiryRounding
from vinr_server.core.earning import Conditions, EarnRate, Multiplier
from vinr_server.core.rows import Tier
from vinr_server.core.values import dataclass

Json = Mapping[str, Any]
EMPTY: Json = {}


class Command:
    """The base of all commands. `is_ledger_write`: its idempotency key is kept for good, not for 30 days."""

    __slots__ = ()
    is_ledger_write: ClassVar[bool] = False


# ---- configuration


@dataclass(frozen=True, slots=True)
class CreateProgram(Command):
    name: str
    id: str | None = None
    currency_name: str = "points"
    expiry_months: int | None = None
    expiry_rounding: ExpiryRounding = "none"
    timezone: str = "UTC"
    tiers: tuple[Tier, ...] = ()
    clock_id: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateProgram(Command):
    """`changes` maps Program fields to their new values."""

    program_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class CreateEarningRule(Command):
    """A rule in force. `id` is chosen by the seeded sandbox alone."""

    program_id: str
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...] = ()
    is_active: bool = True
    metadata: Json = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateEarningRule(Command):
    """A new revision with `changes` to EarningRule fields."""

    rule_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class DeleteEarningRule(Command):
    rule_id: str


@dataclass(frozen=True, slots=True)
class CreateReward(Command):
    program_id: str
    name: str
    cost_points: int
    benefit: Json
    id: str | None = None
    stock: int | None = None
    per_member_limit: int | None = None
    tiers: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateReward(Command):
    """A new revision with `changes` to Reward fields."""

    reward_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class ArchiveReward(Command):
    reward_id: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts upon API keys: a key, from an address; the command line where `key_id` is None."""

    key_id: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class CreateApiKey(Command):
    """`hint`: what of the secret may be shown again. `permissions`: resource -> read or write, of a restricted key."""

    actor: Actor
    kind: str
    key_hash: bytes
    hint: str
    name: str | None = None
    permissions: Json = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RollApiKey(Command):
    """`expires_at` of the new key, None: as the old one; the old one lives on for `overlap_seconds`."""

    actor: Actor
    key_id: str
    key_hash: bytes
    hint: str
    overlap_seconds: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevokeApiKey(Command):
    actor: Actor
    key_id: str


@dataclass(frozen=True, slots=True)
class CreateTestClock(Command):
    frozen_at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AdvanceTestClock(Command):
    clock_id: str
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class FinishTestClock(Command):
    """The worker's word that all work due by the clock's instant is written."""

    clock_id: str
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class DeleteTestClock(Command):
    clock_id: str


# ---- members


@dataclass(frozen=True, slots=True)
class CreateCustomer(Command):
    id: str | None = None
    name: str | None = None
    email: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCustomer(Command):
    customer_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class CreateAccount(Command):
    """Enrol a customer. `account_id` is chosen by the seeded sandbox alone."""

    is_ledger_write = True
    program_id: str
    customer_id: str
    metadata: Json = field(default_factory=dict)
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateAccount(Command):
    account_id: str
    metadata: Json


@dataclass(frozen=True, slots=True)
class CloseAccount(Command):
    account_id: str


# ---- points


@dataclass(frozen=True, slots=True)
class AwardPoints(Command):
    is_ledger_write = True
    account_id: str
    points: int
    reason: str | None = None
    payment_id: str | None = None
    occurred_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdjustPoints(Command):
    """Correct a balance by hand: positive points are an accrual, negative ones a debit by R3."""

    is_ledger_write = True
    account_id: str
    points: int
    reason: str
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReversePoints(Command):
    """Claw back an award; all that is left of it unless `points` says how much."""

    is_ledger_write = True
    transaction_id: str
    points: int | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpireLots(Command):
    """Write the expiry of an account's lots that are over."""

    account_id: str


# ---- redemptions and discounts


@dataclass(frozen=True, slots=True)
class CreateRedemption(Command):
    is_ledger_write = True
    account_id: str
    reward_id: str
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelRedemption(Command):
    is_ledger_write = True
    redemption_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ConsumeDiscount(Command):
    is_ledger_write = True
    discount_id: str
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseDiscount(Command):
    is_ledger_write = True
    discount_id: str


# ---- payments and events


@dataclass(frozen=True, slots=True)
class CreatePayment(Command):
    """A payment reported by the merchant. `enrol_in`: the program an unknown customer joins (bulk imports, R22)."""

    is_ledger_write = True
    amount_minor: int
    currency: str
    minor_per_unit: int
    id: str | None = None
    customer_id: str | None = None
    tax_minor: int = 0
    shipping_minor: int = 0
    tenders: tuple[Json, ...] = ()
    discount_ids: tuple[str, ...] = ()
    lines: tuple[Json, ...] = ()
    occurred_at: datetime | None = None
    metadata: Json = field(default_factory=dict)
    session_id: str | None = None
    enrol_in: str | None = None
    is_deliverable: bool = True

    @property
    def linked_account_id(self) -> str | None:
        """The member named in the metadata, in either casing."""
        return linked_account(self.metadata)


@dataclass(frozen=True, slots=True)
class RefundPayment(Command):
    """Refund a payment: `amount_minor` None means all that is left."""

    is_ledger_write = True
    payment_id: str
    id: str | None = None
    amount_minor: int | None = None
    eligible_minor: int | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportEvent(Command):
    """A business event of the merchant's own; `data` is kept as it came.

    The link to a member, the condition metadata and the amount are read out of `data` at the edge.
    """

    is_ledger_write = True
    type: str
    data: Json
    id: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    currency: str | None = None
    amount_minor: int = 0
    minor_per_unit: int = 1
    occurred_at: datetime | None = None


def linked_account(metadata: Json) -> str | None:
    """The account id that a metadata object links to, or None."""
    link = metadata.get("loyalty_account", metadata.get("loyaltyAccount"))
    return link if isinstance(link, str) else None

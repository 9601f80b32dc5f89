"""The rows of the engine as frozen values: what is loaded, decided upon and saved.

A row is never changed: a decision puts a new version of it into the draft. `key` is unique within one realm
(one tenant's test or live data); `parent` groups rows that are asked for together, such as the lots of an account.
Every member-owned row carries the `bucket` of its customer.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from vinr_server.core.calendar import ExpiryRounding
from vinr_server.core.earning import Conditions, EarnRate, Multiplier
from vinr_server.core.values import dataclass

Json = Mapping[str, Any]


class Row:
    """What every row answers: its key, and the parent it is listed under (None: under nothing)."""

    __slots__ = ()
    key_field: ClassVar[str] = "id"
    parent_field: ClassVar[str | None] = None
    # Configuration: a change to such a row is a new revision of the realm's catalogue.
    is_catalogue: ClassVar[bool] = False

    if TYPE_CHECKING:

        @property
        def key(self) -> Hashable:
            """The row's name within its realm."""

        @property
        def parent(self) -> Hashable:
            """What the row is listed under."""

    def __init_subclass__(cls) -> None:
        if "key" not in vars(cls):
            cls.key = property(attrgetter(cls.key_field))  # type: ignore[assignment,method-assign]
        if "parent" not in vars(cls):
            cls.parent = property(attrgetter(cls.parent_field)) if cls.parent_field else None  # type: ignore[assignment]


# ---- configuration: the catalogue of a realm


@dataclass(frozen=True, slots=True)
class Tier:
    """A rank held by members whose lifetime points reach `threshold_points`."""

    id: str
    name: str
    threshold_points: int


@dataclass(frozen=True, slots=True)
class Program(Row):
    """A loyalty program: its currency, zone, tiers, and the test clock it may live on."""

    is_catalogue = True
    id: str
    name: str
    currency_name: str
    expiry_months: int | None
    expiry_rounding: ExpiryRounding
    timezone: str
    tiers: tuple[Tier, ...]
    status: str
    clock_id: str | None
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EarningRule(Row):
    """The revision in force of an earning rule; older revisions stay in their own table."""

    is_catalogue = True
    parent_field = "program_id"
    id: str
    program_id: str
    revision: int
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...]
    is_active: bool
    metadata: Json
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleRevision(Row):
    """What an earning rule said at one revision, for good; awards name theirs."""

    parent_field = "rule_id"
    rule_id: str
    revision: int
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...]
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Rule and revision."""
        return (self.rule_id, self.revision)


@dataclass(frozen=True, slots=True)
class Reward(Row):
    """Something points buy, with its stock, limits and window."""

    is_catalogue = True
    parent_field = "program_id"
    id: str
    program_id: str
    revision: int
    name: str
    cost_points: int
    benefit: Json
    stock: int | None
    per_member_limit: int | None
    tiers: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    status: str
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TestClock(Row):
    """A frozen clock of the test mode, and whether the work due by its instant is still being written."""

    __test__: ClassVar[bool] = False  # not a test class, whatever its name says to pytest
    id: str
    name: str | None
    frozen_at: datetime
    status: str
    created_at: datetime
    deleted_at: datetime | None = None


# ---- who may call


@dataclass(frozen=True, slots=True)
class ApiKey(Row):
    """A key to the realm, by its hash: what it may do (`permissions` of a restricted one) and until when.

    `last_used_at` is coarse, and kept by whoever looks keys up; the engine writes it never.
    """

    id: str
    key_hash: bytes
    kind: str
    hint: str
    name: str | None
    permissions: Json
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKeyAct(Row):
    """One act upon a key, for good: who (a key's id or `cli`) did what, when, and from which address."""

    id: str
    key_id: str
    action: str
    actor: str
    address: str | None
    request_id: str | None
    details: Json
    created_at: datetime


# ---- member-owned rows


@dataclass(frozen=True, slots=True)
class Customer(Row):
    """What the merchant told us of a customer; the customer itself lives in the merchant's system."""

    bucket: int
    id: str
    name: str | None
    email: str | None
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account(Row):
    """A member: one customer's points account in one program.

    Always: ledger_balance_points == sum of its entries == remaining points of its lots - those of its deficits.
    """

    parent_field = "customer_id"
    bucket: int
    id: str
    program_id: str
    customer_id: str
    ledger_balance_points: int
    lifetime_points: int
    sequence: int
    payment_count: int
    tier: str | None
    next_expiry_at: datetime | None
    status: str
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Entry(Row):
    """One immutable movement of points; public name points_transaction.

    Listed under what caused it: the award it reverses, else its source (a payment, for example).
    """

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

    @property
    def parent(self) -> Hashable:
        """The award it reverses, or its source."""
        return self.reverses_id or self.source_id


@dataclass(frozen=True, slots=True)
class Lot(Row):
    """What is left of one accrual; its id is the accrual's entry id.

    Always: points == remaining_points + sum of its uses (expiries and clawbacks of its own are uses too).
    `reversed_points` counts every clawback of the accrual, whichever lots paid for it.
    """

    parent_field = "account_id"
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
class Deficit(Row):
    """What no lot could pay of a clawback; the next credits pay it, oldest first."""

    key_field = "entry_id"
    parent_field = "account_id"
    bucket: int
    entry_id: str
    account_id: str
    sequence: int
    points: int
    remaining_points: int


@dataclass(frozen=True, slots=True)
class Redemption(Row):
    """Points spent on a reward, with the benefit as it was promised then. A gift cost none and has no entry."""

    bucket: int
    id: str
    account_id: str
    reward_id: str
    reward_revision: int
    status: str
    points_spent: int
    entry_id: str | None
    cancellation_id: str | None
    discount_id: str | None
    voucher_code: str | None
    took_stock: bool
    benefit: Json
    metadata: Json
    created_at: datetime
    canceled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Discount(Row):
    """What a redemption issued for use on a payment.

    status: issued, reserved by the checkout session that is named, consumed, or void (the redemption was canceled).
    """

    bucket: int
    id: str
    account_id: str
    redemption_id: str
    benefit: Json
    status: str
    payment_id: str | None
    created_at: datetime
    consumed_at: datetime | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Payment(Row):
    """A payment the merchant reported, and what it earned."""

    parent_field = "customer_id"
    bucket: int
    id: str
    customer_id: str | None
    account_id: str | None
    amount_minor: int
    currency: str
    minor_per_unit: int
    eligible_minor: int
    tax_minor: int
    shipping_minor: int
    tenders: tuple[Json, ...]
    discount_ids: tuple[str, ...]
    lines: tuple[Json, ...]
    refunded_minor: int
    refund_count: int
    outcome: Json
    metadata: Json
    occurred_at: datetime
    created_at: datetime
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refund(Row):
    """One refund of a payment, whole or part; `eligible_minor` only where the merchant named it."""

    parent_field = "payment_id"
    bucket: int
    id: str
    payment_id: str
    amount_minor: int
    eligible_minor: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event(Row):
    """Something that happened, told once. `data` is the payload as the wire shows it.

    `sequence` is that of the last entry of its account by then; None where it is of no account, or of several.
    `outcome` holds what a reported event earned.
    """

    bucket: int
    id: str
    type: str
    account_id: str | None
    data: Any
    sequence: int | None
    created_at: datetime
    outcome: Json | None
    is_deliverable: bool
    request_id: str | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Counter(Row):
    """How much of a cap is used, and how much checkout sessions hold besides (of an offer's cap only).

    Its id names the cap's owner: a reward or an offer, or either of them and a member.
    """

    bucket: int
    id: str
    used: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Claim(Row):
    """An id the caller chose: where its row lives, and the fingerprint of the body that made it.

    Its own `bucket` is that of the id's hash, so that an id is unique whichever member it belongs to.
    """

    bucket: int
    id: str
    owner_bucket: int
    fingerprint: bytes

"""What callers are answered, field by field: from here OpenAPI and the SDKs know the objects.

Instants are Unix seconds, money is in minor units, references are ids. A field with UNSET as default is there only when
it says something; every other one always is. tests/api/test_replies.py compares these types with the server's answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, UnsetType, field

from vinr_server.api.checkout_replies import CHECKOUT_OBJECTS
from vinr_server.api.contract.reply import Conditions, Data, Figures, Json, Rate, Reference, Reply, Unmet, Window
from vinr_server.api.offer_replies import OFFER_OBJECTS, PaymentRedemption
from vinr_server.api.segment_replies import SEGMENT_OBJECTS
from vinr_server.api.webhook_replies import WEBHOOK_OBJECTS

if TYPE_CHECKING:
    from vinr_server.api.contract.operation import Operation

ExpiryRounding = Literal["none", "day", "month", "quarter", "year"]
EntryKind = Literal["award", "adjustment", "redemption", "redemption_cancellation", "reversal", "expiry"]
BenefitType = Literal["discount", "free_shipping", "product", "voucher"]
CatalogueStatus = Literal["active", "archived"]
AccountStatus = Literal["active", "closed"]
RedemptionStatus = Literal["confirmed", "canceled"]
ClockStatus = Literal["ready", "advancing"]
KeyKind = Literal["secret", "restricted", "publishable"]
KeyAction = Literal["created", "rolled", "revoked"]


class ProgramCurrency(Reply):
    name: str
    expiry_months: int | None
    expiry_rounding: ExpiryRounding
    pending_days: int


class Tier(Reply):
    id: str
    name: str
    threshold: int


class Program(Reply):
    id: str
    object: Literal["program"]
    name: str
    currency: ProgramCurrency
    timezone: str
    tiers: list[Tier]
    status: CatalogueStatus
    test_clock: Reference | None
    metadata: Json
    created: int
    livemode: bool


class TierProgress(Reply):
    next_tier: str
    points_needed: int


class NextExpiry(Reply):
    at: int
    points: int


class LoyaltyAccount(Reply):
    id: str
    object: Literal["loyalty_account"]
    program: Reference
    customer: Reference
    balance: int
    pending: int
    lifetime_points: int
    tier: str | None
    tier_progress: TierProgress | None
    next_expiry: NextExpiry | None
    sequence: int
    status: AccountStatus
    metadata: Json
    created: int
    livemode: bool


class Earn(Reply):
    points_per_currency_unit: Rate | UnsetType = UNSET
    points: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    rounding: Literal["floor", "half_even", "ceil"] | UnsetType = UNSET


class When(Reply):
    tier: str | list[str] | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET
    window: Window | UnsetType = UNSET


class Multiplier(Reply):
    when: When
    factor: Rate


class EarningRule(Reply):
    id: str
    object: Literal["earning_rule"]
    program: Reference
    revision: int
    trigger: str
    earn: Earn
    conditions: Conditions
    multipliers: list[Multiplier]
    active: bool
    metadata: Json
    created: int
    livemode: bool


class Source(Reply):
    type: str
    id: str


class PointsTransaction(Reply):
    id: str
    object: Literal["points_transaction"]
    account: Reference
    kind: EntryKind
    points: int
    balance_after: int
    sequence: int
    reason: str | None
    source: Source | None
    payment: Reference | None
    rule: Reference | None
    reverses: Reference | None
    receipt: Figures
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    already_reversed: bool | UnsetType = UNSET


class TierCause(Reply):
    points_transaction: Reference
    lifetime_points: int


class TierChange(Reply):
    account: Reference
    program: Reference
    customer: Reference
    from_: str | None = field(name="from")
    to: str
    cause: TierCause
    sequence: int


class Benefit(Reply):
    type: BenefitType
    amount: int | UnsetType = UNSET
    percent: Rate | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Reward(Reply):
    id: str
    object: Literal["reward"]
    program: Reference
    revision: int
    name: str
    points_cost: int
    cost: int
    benefit: Benefit
    stock: int | None
    per_member_limit: int | None
    tiers: list[str]
    starts_at: int | None
    ends_at: int | None
    status: CatalogueStatus
    metadata: Json
    created: int
    livemode: bool


class Redemption(Reply):
    id: str
    object: Literal["redemption"]
    account: Reference
    reward: Reference
    status: RedemptionStatus
    points_spent: int
    points_transaction: Reference | None
    cancellation: Reference | None
    discount: Reference | None
    voucher_code: str | None
    benefit: Benefit
    receipt: Figures
    metadata: Json
    created: int
    canceled_at: int | None
    livemode: bool


class Discount(Reply):
    id: str
    object: Literal["discount"]
    account: Reference
    redemption: Reference
    type: Literal["amount", "percent", "free_shipping"]
    amount: int | None
    percent: Rate | None
    currency: str | None
    status: Literal["issued", "reserved", "consumed", "void"]
    payment: Reference | None
    checkout_session: Reference | None
    created: int
    consumed_at: int | None
    livemode: bool


class Tender(Reply):
    type: str
    amount: int


class Line(Reply):
    unit_price: int
    quantity: int
    sku: str | None
    categories: list[str]
    discount: int | UnsetType = UNSET


class Award(Reply):
    account: Reference
    points_transaction: Reference
    points: int
    rule: Reference | UnsetType = UNSET
    offer: Reference | UnsetType = UNSET


class Skipped(Reply):
    account: Reference | None
    unmet: list[Unmet]
    rule: Reference | UnsetType = UNSET
    offer: Reference | UnsetType = UNSET


class Refund(Reply):
    id: str
    object: Literal["refund"]
    payment: Reference
    amount: int
    eligible_amount: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created: int


class Payment(Reply):
    id: str
    object: Literal["payment"]
    amount: int
    amount_refunded: int
    currency: str
    customer: Reference | None
    account: Reference | None
    eligible_amount: int
    tax: int
    shipping: int
    tenders: list[Tender]
    discounts: list[str]
    checkout_session: Reference | None
    lines: list[Line]
    refunded: bool
    awards: list[Award]
    skipped: list[Skipped]
    offer_redemptions: list[PaymentRedemption]
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    refund: Refund | UnsetType = UNSET


class Customer(Reply):
    id: str
    object: Literal["customer"]
    name: str | None
    email: str | None
    metadata: Json
    created: int
    livemode: bool


class EventRequest(Reply):
    id: str | None
    idempotency_key: str | None


class Event(Reply):
    id: str
    object: Literal["event"]
    type: str
    created: int
    livemode: bool
    sequence: int | None
    data: Data
    request: EventRequest
    awards: list[Award] | UnsetType = UNSET
    skipped: list[Skipped] | UnsetType = UNSET


class TestClock(Reply):
    id: str
    object: Literal["test_clock"]
    name: str | None
    frozen_time: int
    status: ClockStatus
    created: int
    livemode: bool


class ApiKey(Reply):
    id: str
    object: Literal["api_key"]
    kind: KeyKind
    name: str | None
    hint: str
    permissions: Json
    status: Literal["active", "expired", "revoked"]
    expires_at: int | None
    revoked_at: int | None
    replaced_by: str | None
    last_used_at: int | None
    created: int
    livemode: bool
    secret: str | UnsetType | None = UNSET


class ApiKeyAct(Reply):
    id: str
    object: Literal["api_key_act"]
    api_key: Reference
    action: KeyAction
    actor: str | None
    address: str | None
    request: str | None
    details: Figures
    created: int
    livemode: bool


class Deleted(Reply):
    id: str
    object: str
    deleted: Literal[True]


class Error(Reply):
    type: str
    code: str
    message: str
    doc_url: str
    request_id: str
    param: str | UnsetType = UNSET
    details: Figures | UnsetType = UNSET


class BulkResult(Reply):
    status: int
    payment: Payment | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class BulkPayments(Reply):
    object: Literal["list"]
    url: str
    has_more: bool
    created: int
    existing: int
    failed: int
    data: list[BulkResult]


OBJECTS: dict[str, type[Reply]] = {
    "program": Program,
    "loyalty_account": LoyaltyAccount,
    "earning_rule": EarningRule,
    "points_transaction": PointsTransaction,
    "tier_change": TierChange,
    "reward": Reward,
    "redemption": Redemption,
    "discount": Discount,
    "payment": Payment,
    "customer": Customer,
    "event": Event,
    "test_clock": TestClock,
    "api_key": ApiKey,
    "api_key_act": ApiKeyAct,
    **OFFER_OBJECTS,
    **SEGMENT_OBJECTS,
    **WEBHOOK_OBJECTS,
    **CHECKOUT_OBJECTS,
    "deleted": Deleted,
    "error": Error,
}


def object_of(operation: Operation, table: Iterable[Operation]) -> type[Reply] | None:
    """The type of what the operation answers; of a list, of its items. None where it is not described here."""
    if operation.is_bulk:
        return BulkPayments
    if operation.reply != "list":
        return _named(operation.reply) or _named(operation.id.partition("_")[2])
    resource = operation.sdk.removesuffix(".list")
    one = next((other for other in table if other.sdk == f"{resource}.retrieve"), None)
    return _named(_singular(operation.id.removeprefix("list_"))) if one is None else object_of(one, ())


def _named(kind: str) -> type[Reply] | None:
    name = kind.lower().replace(" ", "_")
    return OBJECTS.get({"account": "loyalty_account"}.get(name, name))


def _singular(plural: str) -> str:
    return f"{plural.removesuffix('ies')}y" if plural.endswith("ies") else plural.removesuffix("s")

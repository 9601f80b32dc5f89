"""What callers may send, field by field, with its bounds. Shapes only: what depends on the state is decided in core."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

INTEGER_MAX = 2**53 - 1

Count = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Minor = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Key = Annotated[str, Meta(min_length=1, max_length=100)]

ProgramId = Annotated[str, Meta(pattern="^prog_.", max_length=255)]
CustomerId = Annotated[str, Meta(pattern="^cust_.", max_length=255)]
AccountId = Annotated[str, Meta(pattern="^loy_.", max_length=255)]
RewardId = Annotated[str, Meta(pattern="^rwd_.", max_length=255)]
EntryId = Annotated[str, Meta(pattern="^ptx_.", max_length=255)]
PaymentId = Annotated[str, Meta(pattern="^pay_.", max_length=255)]
RefundId = Annotated[str, Meta(pattern="^re_.", max_length=255)]
SessionId = Annotated[str, Meta(pattern="^cs_.", max_length=255)]
DiscountId = Annotated[str, Meta(pattern="^disc_.", max_length=255)]
EventId = Annotated[str, Meta(pattern="^evt_.", max_length=255)]
ClockId = Annotated[str, Meta(pattern="^clock_.", max_length=255)]

# Checked by hand: a decimal of at most four places, an instant, free-form metadata.
Rate = Any
Instant = Any
Metadata = dict[str, Any]


class Input(Struct, kw_only=True):
    """The base of all bodies."""


class CurrencyInput(Input):
    name: Key = "points"
    expiry_months: Annotated[int, Meta(ge=1, le=1200)] | None = None
    expiry_rounding: Literal["none", "day", "month", "quarter", "year"] = "none"
    pending_days: Annotated[int, Meta(ge=0, le=0)] = 0


class TierInput(Input):
    id: Key
    threshold: Minor
    name: Name | None = None


class CreateProgramInput(Input):
    name: Name
    id: ProgramId | None = None
    currency: CurrencyInput | None = None
    timezone: Name = "UTC"
    tiers: Annotated[list[TierInput], Meta(max_length=50)] = []
    test_clock: ClockId | None = None
    metadata: Metadata = {}


class CurrencyChanges(Input):
    name: Key | UnsetType = UNSET
    expiry_months: Annotated[int, Meta(ge=1, le=1200)] | UnsetType | None = UNSET
    expiry_rounding: Literal["none", "day", "month", "quarter", "year"] | UnsetType = UNSET


class UpdateProgramInput(Input):
    name: Name | UnsetType = UNSET
    currency: CurrencyChanges | UnsetType = UNSET
    tiers: Annotated[list[TierInput], Meta(max_length=50)] | UnsetType = UNSET
    status: Literal["active", "archived"] | UnsetType = UNSET
    metadata: Metadata = {}


class WindowInput(Input):
    starts_at: Instant = None
    ends_at: Instant = None


class EarnInput(Input):
    points_per_currency_unit: Rate = None
    points: Count | None = None
    currency: str | None = None
    rounding: Literal["floor", "half_even", "ceil"] = "floor"


class ConditionsInput(Input):
    metadata: Metadata | None = None
    min_amount: Minor | None = None
    currency: str | None = None
    skus: Annotated[list[Name], Meta(max_length=1000)] = []
    categories: Annotated[list[Name], Meta(max_length=1000)] = []
    first_payment: bool | None = None
    window: WindowInput | None = None


class WhenInput(Input):
    tier: Key | Annotated[list[Key], Meta(max_length=50)] | None = None
    metadata: Metadata | None = None
    window: WindowInput | None = None


class MultiplierInput(Input):
    factor: Rate
    when: WhenInput


class CreateEarningRuleInput(Input):
    program: ProgramId
    trigger: Key
    earn: EarnInput
    conditions: ConditionsInput | None = None
    multipliers: Annotated[list[MultiplierInput], Meta(max_length=50)] = []
    active: bool = True
    metadata: Metadata = {}


class UpdateEarningRuleInput(Input):
    earn: EarnInput | UnsetType = UNSET
    conditions: ConditionsInput | UnsetType = UNSET
    multipliers: Annotated[list[MultiplierInput], Meta(max_length=50)] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    metadata: Metadata = {}


class BenefitInput(Input):
    type: Literal["discount", "free_shipping", "product", "voucher"]
    amount: Count | None = None
    percent: Rate = None
    currency: str | None = None
    sku: Name | None = None
    description: Text | None = None


class CreateRewardInput(Input):
    program: ProgramId
    name: Name
    points_cost: Count
    benefit: BenefitInput
    id: RewardId | None = None
    stock: Minor | None = None
    per_member_limit: Count | None = None
    tiers: Annotated[list[Key], Meta(max_length=50)] = []
    starts_at: Instant = None
    ends_at: Instant = None
    metadata: Metadata = {}


class UpdateRewardInput(Input):
    name: Name | UnsetType = UNSET
    points_cost: Count | UnsetType = UNSET
    benefit: BenefitInput | UnsetType = UNSET
    stock: Minor | UnsetType | None = UNSET
    per_member_limit: Count | UnsetType | None = UNSET
    tiers: Annotated[list[Key], Meta(max_length=50)] | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    metadata: Metadata = {}


class CreateApiKeyInput(Input):
    kind: Literal["secret", "restricted", "publishable"] = "secret"
    name: Name | None = None
    permissions: dict[str, Any] = {}
    expires_at: Instant = None


class RollApiKeyInput(Input):
    expires_at: Instant = None
    overlap_seconds: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 86_400


class CreateTestClockInput(Input):
    frozen_time: Instant
    name: Name | None = None


class AdvanceTestClockInput(Input):
    frozen_time: Instant


class CreateCustomerInput(Input):
    id: CustomerId | None = None
    name: Name | None = None
    email: Name | None = None
    metadata: Metadata = {}


class UpdateCustomerInput(Input):
    name: Name | UnsetType | None = UNSET
    email: Name | UnsetType | None = UNSET
    metadata: Metadata = {}


class CreateAccountInput(Input):
    program: ProgramId
    customer: CustomerId
    metadata: Metadata = {}


class UpdateAccountInput(Input):
    metadata: Metadata = {}


class AwardPointsInput(Input):
    account: AccountId
    points: Count
    reason: Text | None = None
    payment: PaymentId | None = None
    occurred_at: Instant = None
    metadata: Metadata = {}


class AdjustPointsInput(Input):
    account: AccountId
    points: Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
    reason: Text
    metadata: Metadata = {}


class ReversePointsInput(Input):
    transaction: EntryId
    points: Count | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class CreateRedemptionInput(Input):
    account: AccountId
    reward: RewardId
    metadata: Metadata = {}


class CancelRedemptionInput(Input):
    reason: Text | None = None


class ConsumeDiscountInput(Input):
    payment: PaymentId | None = None


class NoInput(Input):
    pass


class LineInput(Input):
    unit_price: Minor
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    sku: Name | None = None
    categories: Annotated[list[Name], Meta(max_length=50)] = []


class TenderInput(Input):
    type: Key
    amount: Minor


class CreatePaymentInput(Input):
    amount: Minor
    currency: str
    id: PaymentId | None = None
    customer: CustomerId | None = None
    tax: Minor = 0
    shipping: Minor = 0
    tenders: Annotated[list[TenderInput], Meta(max_length=20)] = []
    discounts: Annotated[list[DiscountId], Meta(max_length=20)] = []
    checkout_session: SessionId | None = None
    lines: Annotated[list[LineInput], Meta(max_length=500)] = []
    occurred_at: Instant = None
    metadata: Metadata = {}


class CreatePaymentsInput(Input):
    payments: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    program: ProgramId | None = None
    deliver_events: bool = False


class RefundPaymentInput(Input):
    id: RefundId | None = None
    amount: Count | None = None
    eligible_amount: Minor | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class ReportEventInput(Input):
    type: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
    id: EventId | None = None
    data: dict[str, Any] = {}
    occurred_at: Instant = None

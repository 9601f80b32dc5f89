"""What callers may send of offers, field by field, with its bounds (see inputs.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.inputs import (
    AccountId,
    ConditionsInput,
    Count,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    Name,
    ProgramId,
    Rate,
    RewardId,
)

OfferId = Annotated[str, Meta(pattern="^ofr_.", max_length=255)]
Priority = Annotated[int, Meta(ge=-1000, le=1000)]
StackingMode = Literal["stack", "exclusive", "best"]
Names = Annotated[list[Name], Meta(max_length=1000)]
Segments = Annotated[list[Name], Meta(max_length=50)]


class IncentiveInput(Input):
    type: Literal["points_multiplier", "points_bonus", "percentage_discount", "gift_reward"]
    multiplier: Rate = None
    points: Count | None = None
    percent: Rate = None
    max_discount: Count | None = None
    reward: RewardId | None = None


class TargetingInput(Input):
    segments: Segments = []
    tiers: Annotated[list[Key], Meta(max_length=50)] = []
    min_balance: Minor | None = None
    enrolled_before: Instant = None
    metadata: Metadata | None = None


class CreateEngagementOfferInput(Input):
    name: Name
    incentive: IncentiveInput
    id: OfferId | None = None
    program: ProgramId | None = None
    targeting: TargetingInput | None = None
    conditions: ConditionsInput | None = None
    application: Literal["auto", "opt_in"] | None = None
    starts_at: Instant = None
    ends_at: Instant = None
    max_redemptions: Count | None = None
    per_member_limit: Count | None = 1
    stacking: StackingMode = "stack"
    stacking_group: Key | None = None
    priority: Priority = 0
    metadata: Metadata = {}


class UpdateEngagementOfferInput(Input):
    name: Name | UnsetType = UNSET
    incentive: IncentiveInput | UnsetType = UNSET
    targeting: TargetingInput | UnsetType = UNSET
    conditions: ConditionsInput | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    max_redemptions: Count | UnsetType | None = UNSET
    per_member_limit: Count | UnsetType | None = UNSET
    stacking: StackingMode | UnsetType = UNSET
    stacking_group: Key | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    metadata: Metadata = {}


class ActivateOfferInput(Input):
    offer: OfferId
    account: AccountId


class EligibleOffersInput(Input):
    account: AccountId


class CriteriaInput(Input):
    min_subtotal: Minor | None = None
    min_quantity: Count | None = None
    skus: Names = []
    categories: Names = []
    currency: str | None = None
    segments: Segments = []
    first_order: bool | None = None
    buy_quantity: Count | None = None
    get_quantity: Count | None = None


class CreateOfferInput(Input):
    name: Name
    type: Literal["bogo", "free_shipping", "fixed_discount"]
    value: Minor | None = None
    per: Literal["order", "unit"] | None = None
    criteria: CriteriaInput | None = None
    active: bool = True
    starts_at: Instant = None
    ends_at: Instant = None
    id: OfferId | None = None
    stacking: StackingMode = "stack"
    stacking_group: Key | None = None
    priority: Priority = 0
    metadata: Metadata = {}


class UpdateOfferInput(Input):
    active: bool | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET

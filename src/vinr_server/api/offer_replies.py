"""What calls on offers answer, and what their events hold (see replies.py)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.reply import Conditions, Json, Rate, Reference, Reply, Unmet

IncentiveType = Literal["points_multiplier", "points_bonus", "percentage_discount", "gift_reward"]
OfferStatus = Literal["draft", "scheduled", "active", "paused", "expired", "exhausted"]
StackingMode = Literal["stack", "exclusive", "best"]


class Incentive(Reply):
    type: IncentiveType
    multiplier: Rate | UnsetType = UNSET
    points: int | UnsetType = UNSET
    percent: Rate | UnsetType = UNSET
    max_discount: int | UnsetType = UNSET
    reward: Reference | UnsetType = UNSET


class Targeting(Reply):
    segments: list[str] | UnsetType = UNSET
    tiers: list[str] | UnsetType = UNSET
    min_balance: int | UnsetType = UNSET
    enrolled_before: int | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET


class Criteria(Reply):
    min_subtotal: int | UnsetType = UNSET
    min_quantity: int | UnsetType = UNSET
    skus: list[str] | UnsetType = UNSET
    categories: list[str] | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    segments: list[str] | UnsetType = UNSET
    first_order: bool | UnsetType = UNSET
    buy_quantity: int | UnsetType = UNSET
    get_quantity: int | UnsetType = UNSET


class AnyOffer(Reply):
    """What offers of both kinds have."""

    id: str
    object: Literal["offer"]
    name: str
    revision: int
    starts_at: int | None
    ends_at: int | None
    stacking: StackingMode
    stacking_group: str | None
    priority: int
    metadata: Json
    created: int
    livemode: bool


class EngagementOffer(AnyOffer):
    kind: Literal["engagement"]
    program: Reference | None
    status: OfferStatus
    incentive: Incentive
    targeting: Targeting
    conditions: Conditions
    application: Literal["auto", "opt_in"]
    max_redemptions: int | None
    per_member_limit: int | None
    remaining: int | None


class Offer(AnyOffer):
    kind: Literal["checkout"]
    type: Literal["bogo", "free_shipping", "fixed_discount"]
    value: int | None
    per: Literal["order", "unit"] | None
    criteria: Criteria
    active: bool


class OfferEvent(AnyOffer):
    """The data of offer.created, offer.updated and offer.ended: an offer of either kind, and what ended it."""

    kind: Literal["engagement", "checkout"]
    reason: Literal["window", "max_redemptions", "deactivated", "deleted"] | UnsetType = UNSET
    program: Reference | UnsetType | None = UNSET
    status: OfferStatus | UnsetType = UNSET
    incentive: Incentive | UnsetType = UNSET
    targeting: Targeting | UnsetType = UNSET
    conditions: Conditions | UnsetType = UNSET
    application: Literal["auto", "opt_in"] | UnsetType = UNSET
    max_redemptions: int | UnsetType | None = UNSET
    per_member_limit: int | UnsetType | None = UNSET
    remaining: int | UnsetType | None = UNSET
    type: Literal["bogo", "free_shipping", "fixed_discount"] | UnsetType = UNSET
    value: int | UnsetType | None = UNSET
    per: Literal["order", "unit"] | UnsetType | None = UNSET
    criteria: Criteria | UnsetType = UNSET
    active: bool | UnsetType = UNSET


RedemptionStatus = Literal["reserved", "confirmed", "released", "refunded"]


class OfferClaim(Reply):
    object: Literal["offer_claim"]
    offer: Reference
    account: Reference
    revision: int
    created: int
    livemode: bool


class OfferDiscount(Reply):
    amount: int
    currency: str


class OfferRedemption(Reply):
    id: str
    object: Literal["offer_redemption"]
    offer: Reference
    revision: int
    account: Reference | None
    status: RedemptionStatus
    points_transaction: Reference | None
    discount: OfferDiscount | None
    redemption: Reference | None
    payment: Reference | None
    checkout_session: Reference | None
    receipt: Json
    created: int
    redeemed_at: int | None
    freed_at: int | None
    livemode: bool


class OfferRedemptionEvent(OfferRedemption):
    sequence: int | None


class PaymentRedemption(Reply):
    """A redemption as the payment shows it that redeemed the offer."""

    id: str
    offer: Reference
    account: Reference | None
    points_transaction: Reference | None


class OfferActivation(Reply):
    object: Literal["offer_activation"]
    offer: Reference
    account: Reference
    revision: int
    status: Literal["claimed", "redeemed"]
    redemption: OfferRedemption | None
    created: int
    livemode: bool


class EligibleOffer(Reply):
    offer: Reference
    name: str
    incentive: Incentive
    application: Literal["auto", "opt_in"]
    eligible: bool
    claimed: bool
    unmet: list[Unmet]
    starts_at: int | None
    ends_at: int | None


class EligibleOffers(Reply):
    object: Literal["eligible_offers"]
    account: Reference
    data: list[EligibleOffer]


OFFER_OBJECTS: dict[str, type[Reply]] = {
    "engagement_offer": EngagementOffer,
    "offer": Offer,
    "offer_event": OfferEvent,
    "offer_claim": OfferClaim,
    "offer_redemption": OfferRedemption,
    "offer_redemption_event": OfferRedemptionEvent,
    "offer_activation": OfferActivation,
    "eligible_offers": EligibleOffers,
}

"""What calls on carts and checkouts answer (see replies.py)."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.reply import Figures, Json, Reference, Reply, Unmet

PromotionType = Literal["fixed_discount", "percentage", "bogo", "free_product", "free_shipping"]


class CartLine(Reply):
    id: str | None
    sku: str
    unit_price: int
    quantity: int
    categories: list[str]
    shippable: bool
    metadata: Json
    subtotal: int
    discount: int
    total: int


class CartShipping(Reply):
    amount: int
    discount: int
    total: int


class AppliedPromotion(Reply):
    offer: Reference | None
    discount: Reference | None
    name: str
    type: PromotionType
    account: Reference | None
    amount: int
    receipt: Figures


class RejectedPromotion(Reply):
    offer: Reference | None
    discount: Reference | None
    name: str
    type: PromotionType
    unmet: list[Unmet]


class PricedCart(Reply):
    """A cart with everything it gets."""

    customer: Reference | None
    discounts: list[str]
    currency: str
    lines: list[CartLine]
    subtotal: int
    shipping: CartShipping
    total_discount: int
    total: int
    applied: list[AppliedPromotion]
    rejected: list[RejectedPromotion]


class CheckoutEvaluation(PricedCart):
    object: Literal["checkout_evaluation"]
    livemode: bool


class CheckoutSession(PricedCart):
    id: str
    object: Literal["checkout_session"]
    status: Literal["open", "completed", "expired"]
    payment: Reference | None
    metadata: Json
    created: int
    expires_at: int
    completed_at: int | None
    expired_at: int | None
    livemode: bool


CHECKOUT_OBJECTS: dict[str, type[Reply]] = {
    "checkout_evaluation": CheckoutEvaluation,
    "checkout_session": CheckoutSession,
}

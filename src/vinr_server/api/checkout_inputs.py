"""What callers may send of carts and checkouts, field by field, with its bounds (see inputs.py)."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.inputs import CustomerId, DiscountId, Input, Metadata, Minor, Name, PaymentId

# A week.
MINUTES_MAX = 7 * 24 * 60


class CartLineInput(Input):
    sku: Name
    unit_price: Minor
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    id: Name | None = None
    categories: Annotated[list[Name], Meta(max_length=50)] = []
    shippable: bool = True
    metadata: Metadata = {}


class ShippingInput(Input):
    amount: Minor


Lines = Annotated[list[CartLineInput], Meta(min_length=1, max_length=500)]
Discounts = Annotated[list[DiscountId], Meta(max_length=20)]


class EvaluateCartInput(Input):
    currency: str
    lines: Lines
    customer: CustomerId | None = None
    shipping: ShippingInput | None = None
    discounts: Discounts = []
    metadata: Metadata = {}


class CreateCheckoutSessionInput(Input):
    currency: str
    lines: Lines
    customer: CustomerId | None = None
    shipping: ShippingInput | None = None
    discounts: Discounts = []
    expires_in_minutes: Annotated[int, Meta(ge=1, le=MINUTES_MAX)] = 30
    metadata: Metadata = {}


class UpdateCheckoutSessionInput(Input):
    lines: Lines | UnsetType = UNSET
    shipping: ShippingInput | UnsetType | None = UNSET
    discounts: Discounts | UnsetType = UNSET
    metadata: Metadata = {}


class CompleteCheckoutSessionInput(Input):
    payment: PaymentId | None = None

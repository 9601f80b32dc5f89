"""Carts and what they get: what an evaluation and a checkout session have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.currencies import read_currency
from vinr_server.api.contract.input import CodeText, CustomerId, DiscountId, Input, Metadata, Minor, Name
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply, Unmet
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.problems import Problem
from vinr_server.core.carts import cart as carts
from vinr_server.core.checkout.presenting import Reason
from vinr_server.core.checkout.rows import CreditTender
from vinr_server.core.kernel.numbers import NUMBER_MAX


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


Codes = Annotated[list[CodeText], Meta(max_length=10)]


# The merchant's name for a shopper, such as a session or a hashed address.
Client = Annotated[str, Meta(min_length=1, max_length=64)]


class CartCreditInput(Input):
    """Store credit up to an amount."""

    amount: Minor


CreditToPay = bool | CartCreditInput | None


class CartInput(Input):
    """A cart, with or without its customer: what an evaluation and a session both take."""

    currency: str
    lines: Lines
    prices_include_tax: bool = True
    customer: CustomerId | None = None
    shipping: ShippingInput | None = None
    discounts: Discounts = []
    store_credit: CreditToPay = None
    codes: Codes = []
    client: Client | None = None


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
    code: Reference | None
    amount: int
    receipt: Figures


class RejectedPromotion(Reply):
    offer: Reference | None
    discount: Reference | None
    name: str
    type: PromotionType
    unmet: list[Unmet]


class CartCredit(Reply):
    """What store credit pays of the total, and the balance at the time."""

    account: Reference | None
    balance: int
    applied: int


class CartCode(Reply):
    """A code that the cart presents: applied, or why not. `shopper_reason` is what may be shown to the shopper."""

    code: str
    status: Literal["applied", "rejected"]
    offer: Reference | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    shopper_reason: str | UnsetType = UNSET
    change: str | UnsetType = UNSET
    frees_at: int | UnsetType = UNSET


class PricedCart(Reply):
    """A cart with everything that it gets."""

    customer: Reference | None
    discounts: list[str]
    currency: str
    prices_include_tax: bool
    lines: list[CartLine]
    subtotal: int
    shipping: CartShipping
    total_discount: int
    total: int
    applied: list[AppliedPromotion]
    rejected: list[RejectedPromotion]
    codes: list[CartCode]
    store_credit: CartCredit | None
    amount_due: int


CART_EXAMPLE: dict[str, Any] = {
    "currency": "EUR",
    "customer": "cust_abc123",
    "lines": [{"sku": "shoe", "unit_price": 3000, "quantity": 2, "categories": ["sport"]}],
    "shipping": {"amount": 499},
}
CART_REFUSALS = ("resource_missing", "parameter_conflict", "not_eligible", "discount_consumed", "discount_not_usable")


def read_cart(body: CartInput) -> carts.Cart:
    """The cart of a body."""
    currency = read_currency(body.currency)
    shipping_minor = body.shipping.amount if body.shipping is not None else 0
    cart = carts.Cart(currency, read_lines(body.lines), shipping_minor, body.prices_include_tax)
    if cart.subtotal_minor + cart.shipping_minor > NUMBER_MAX:
        message = f"The cart adds up to more than {NUMBER_MAX} minor units. Reduce its prices or quantities."
        raise Problem("parameter_invalid", message, param="lines")
    return cart


def read_credit(given: CreditToPay) -> CreditTender | None:
    """What store credit is to pay: all there is, up to an amount, or nothing."""
    if isinstance(given, CartCreditInput):
        return CreditTender(most_minor=given.amount)
    return CreditTender() if given else None


def read_lines(given: Sequence[CartLineInput]) -> tuple[carts.CartLine, ...]:
    """The lines of a cart, each with its categories once."""
    lines = tuple(
        carts.CartLine(
            sku=line.sku,
            unit_price_minor=line.unit_price,
            quantity=line.quantity,
            categories=tuple(dict.fromkeys(line.categories)),
            id=line.id,
            is_shippable=line.shippable,
            metadata=read_metadata(line.metadata, param=f"lines[{position}].metadata") if line.metadata else None,
        )
        for position, line in enumerate(given)
    )
    if sum(line.price_minor for line in lines) > NUMBER_MAX:
        message = f"lines add up to more than {NUMBER_MAX} minor units. Reduce their prices or quantities."
        raise Problem("parameter_invalid", message, param="lines")
    return lines


def read_discounts(given: Sequence[str]) -> tuple[str, ...]:
    """The ids of discounts, each once."""
    if len(set(given)) != len(given):
        message = "discounts: contains a duplicate id. Send each id once."
        raise Problem("parameter_invalid", message, param="discounts")
    return tuple(given)

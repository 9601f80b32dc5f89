"""From a body to a command on carts and checkouts, one function for each operation (see translate.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from vinr_server.api.checkout_inputs import (
    CartLineInput,
    CompleteCheckoutSessionInput,
    CreateCheckoutSessionInput,
    EvaluateCartInput,
    UpdateCheckoutSessionInput,
)
from vinr_server.api.currencies import read_currency
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.values import read_metadata
from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout.commands import (
    CompleteCheckoutSession,
    CreateCheckoutSession,
    EvaluateCart,
    ExpireCheckoutSession,
    UpdateCheckoutSession,
)
from vinr_server.core.kernel.numbers import NUMBER_MAX


def evaluate_cart(call: Call) -> EvaluateCart:
    body: EvaluateCartInput = call.body
    return EvaluateCart(
        cart=_cart(body),
        customer_id=body.customer,
        discount_ids=_discounts(body.discounts),
        metadata=read_metadata(body.metadata),
    )


def create_checkout_session(call: Call) -> CreateCheckoutSession:
    body: CreateCheckoutSessionInput = call.body
    return CreateCheckoutSession(
        cart=_cart(body),
        customer_id=body.customer,
        discount_ids=_discounts(body.discounts),
        minutes=body.expires_in_minutes,
        metadata=read_metadata(body.metadata),
    )


def update_checkout_session(call: Call) -> UpdateCheckoutSession:
    body: UpdateCheckoutSessionInput = call.body
    changes: dict[str, Any] = {}
    if body.lines is not UNSET:
        changes["lines"] = _lines(body.lines)
    if body.shipping is not UNSET:
        changes["shipping_minor"] = body.shipping.amount if body.shipping is not None else 0
    return UpdateCheckoutSession(
        session_id=call.id,
        changes=changes,
        discount_ids=None if body.discounts is UNSET else _discounts(body.discounts),
        metadata=read_metadata(body.metadata, allows_null=True),
    )


def complete_checkout_session(call: Call) -> CompleteCheckoutSession:
    body: CompleteCheckoutSessionInput = call.body
    return CompleteCheckoutSession(session_id=call.id, payment_id=body.payment)


def expire_checkout_session(call: Call) -> ExpireCheckoutSession:
    return ExpireCheckoutSession(call.id)


def _cart(body: EvaluateCartInput | CreateCheckoutSessionInput) -> Cart:
    currency = read_currency(body.currency)
    shipping_minor = body.shipping.amount if body.shipping is not None else 0
    cart = Cart(currency, _lines(body.lines), shipping_minor)
    if cart.subtotal_minor + cart.shipping_minor > NUMBER_MAX:
        raise Problem("parameter_invalid", f"The cart comes to more than {NUMBER_MAX}. Send less.", param="lines")
    return cart


def _lines(given: Sequence[CartLineInput]) -> tuple[CartLine, ...]:
    lines = tuple(
        CartLine(
            sku=one.sku,
            unit_price_minor=one.unit_price,
            quantity=one.quantity,
            categories=tuple(dict.fromkeys(one.categories)),
            id=one.id,
            is_shippable=one.shippable,
            metadata=read_metadata(one.metadata, param=f"lines[{position}].metadata") if one.metadata else None,
        )
        for position, one in enumerate(given)
    )
    if sum(line.price_minor for line in lines) > NUMBER_MAX:
        raise Problem("parameter_invalid", f"lines come to more than {NUMBER_MAX}. Send less.", param="lines")
    return lines


def _discounts(given: Sequence[str]) -> tuple[str, ...]:
    if len(set(given)) != len(given):
        raise Problem("parameter_invalid", "discounts: one discount stands there twice.", param="discounts")
    return tuple(given)

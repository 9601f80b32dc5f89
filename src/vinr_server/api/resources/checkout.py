"""What a cart gets, without a promise."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.carts import (
    CART_EXAMPLE,
    CART_REFUSALS,
    CartInput,
    PricedCart,
    read_cart,
    read_credit,
    read_discounts,
)
from vinr_server.api.contract.input import Metadata
from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.checkout.commands import EvaluateCart


class EvaluateCartInput(CartInput):
    metadata: Metadata = {}


class CheckoutEvaluation(PricedCart):
    object: Literal["checkout_evaluation"]
    livemode: bool


def evaluate_cart(call: Call) -> EvaluateCart:
    body: EvaluateCartInput = call.body
    return EvaluateCart(
        cart=read_cart(body),
        customer_id=body.customer,
        discount_ids=read_discounts(body.discounts),
        metadata=read_metadata(body.metadata),
        credit=read_credit(body.store_credit),
        codes=tuple(body.codes),
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="evaluate_cart",
        method="POST",
        path="/v1/checkout/evaluate",
        sdk="checkout.evaluate",
        summary="Show what a cart gets and why, line by line; nothing is written or held.",
        body=EvaluateCartInput,
        translate=evaluate_cart,
        reply=CheckoutEvaluation,
        is_pure=True,
        refusals=CART_REFUSALS,
        example=CART_EXAMPLE,
    ),
)

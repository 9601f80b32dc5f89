"""Discounts: what a redemption takes off a payment, consumed once."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.input import Input, NoInput, PaymentId
from vinr_server.api.contract.operation import FIND, Operation
from vinr_server.api.contract.reads import retrieve, shown_by
from vinr_server.api.contract.reply import Reference, Reply, ShownRate
from vinr_server.api.edge.call import Call
from vinr_server.core.rewards import commands, payloads, rows

URL = "/v1/discounts"


class ConsumeDiscountInput(Input):
    payment: PaymentId | None = None


class Discount(Reply):
    id: str
    object: Literal["discount"]
    account: Reference
    redemption: Reference
    type: Literal["amount", "percent", "free_shipping"]
    amount: int | None
    percent: ShownRate | None
    currency: str | None
    min_subtotal: int | None
    max_percent_of_order: ShownRate | None
    status: Literal["issued", "reserved", "consumed", "void"]
    payment: Reference | None
    checkout_session: Reference | None
    created: int
    consumed_at: int | None
    livemode: bool


def consume_discount(call: Call) -> commands.ConsumeDiscount:
    return commands.ConsumeDiscount(call.id, call.body.payment)


def release_discount(call: Call) -> commands.ReleaseDiscount:
    return commands.ReleaseDiscount(call.id)


show_discounts = shown_by(payloads.discount_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="retrieve_discount",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="discounts.retrieve",
        summary="Retrieve one discount.",
        read=retrieve(rows.Discount, "discount", show_discounts),
        is_timely=True,
        reply=Discount,
        refusals=FIND,
    ),
    Operation(
        id="consume_discount",
        method="POST",
        path=f"{URL}/{{id}}/consume",
        sdk="discounts.consume",
        summary="Consume a discount: it can't be used again.",
        body=ConsumeDiscountInput,
        translate=consume_discount,
        reply=Discount,
        refusals=(*FIND, "not_eligible", "discount_consumed", "discount_not_usable"),
        example={"payment": "pay_3xZ9q"},
    ),
    Operation(
        id="release_discount",
        method="POST",
        path=f"{URL}/{{id}}/release",
        sdk="discounts.release",
        summary="Release a consumed discount, so that it can be used again.",
        body=NoInput,
        translate=release_discount,
        reply=Discount,
        refusals=(*FIND, "discount_not_usable"),
        example={},
    ),
)

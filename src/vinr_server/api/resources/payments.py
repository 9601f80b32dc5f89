"""Payments, alone or in bulk, and their refunds."""

from __future__ import annotations

from vinr_server.api.contract.input import Count, Input, Metadata, Minor, RefundId, Text
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.payments import CreatePaymentInput, Payment, payment
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.zones import read_occurred_at
from vinr_server.api.resources.bulk_payments import BulkPayments, CreatePaymentsInput, create_payments
from vinr_server.core.payments import commands, payloads, rows

URL = "/v1/payments"


class RefundPaymentInput(Input):
    id: RefundId | None = None
    amount: Count | None = None
    eligible_amount: Minor | None = None
    reason: Text | None = None
    metadata: Metadata = {}


async def create_payment(call: Call) -> commands.CreatePayment:
    body: CreatePaymentInput = call.body
    return payment(body, occurred_at=await read_occurred_at(call, body.occurred_at, customer_id=body.customer))


def refund_payment(call: Call) -> commands.RefundPayment:
    body: RefundPaymentInput = call.body
    return commands.RefundPayment(
        payment_id=call.id,
        id=body.id,
        amount_minor=body.amount,
        eligible_minor=body.eligible_amount,
        reason=body.reason,
        metadata=read_metadata(body.metadata),
    )


PAYMENTS = Listing(rows.Payment, {"customer": ("customer_id", text), "currency": ("currency", text)})


show_payments = shown_by(payloads.payment_payload)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_payment",
        method="POST",
        path=URL,
        sdk="payments.create",
        summary="Report a payment; its member earns in the same transaction.",
        body=CreatePaymentInput,
        translate=create_payment,
        reply=Payment,
        answers=MADE_OR_FOUND,
        refusals=(
            *CREATE,
            "parameter_conflict",
            "not_eligible",
            "discount_consumed",
            "discount_not_usable",
            "checkout_session_not_open",
        ),
        example={"amount": 25000, "currency": "EUR", "customer": "cust_abc123"},
    ),
    Operation(
        id="create_payments",
        method="POST",
        path=f"{URL}/bulk",
        sdk="payments.createMany",
        summary="Report up to 1,000 payments; a result for each. With `program`, unknown customers are enrolled in it.",
        body=CreatePaymentsInput,
        submit=create_payments,
        reply=BulkPayments,
        example={
            "payments": [{"id": "pay_1001", "amount": 4200, "currency": "EUR", "customer": "cust_abc123"}],
            "program": "prog_default",
        },
    ),
    Operation(
        id="retrieve_payment",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="payments.retrieve",
        summary="Retrieve one payment.",
        read=retrieve(rows.Payment, "payment", show_payments),
        reply=Payment,
        refusals=FIND,
    ),
    Operation(
        id="refund_payment",
        method="POST",
        path=f"{URL}/{{id}}/refund",
        sdk="payments.refund",
        summary="Refund a payment, fully or in part; the points it earned are clawed back.",
        body=RefundPaymentInput,
        translate=refund_payment,
        reply=Payment,
        answers=MADE_OR_FOUND,
        refusals=(*CREATE, "refund_exceeds_payment"),
        example={"id": "re_7Hk2", "amount": 500, "reason": "returned"},
    ),
    Operation(
        id="list_payments",
        method="GET",
        path=URL,
        sdk="payments.list",
        summary="List payments, newest first.",
        read=list_of(PAYMENTS, URL, show_payments),
        listing=PAYMENTS,
        reply=ListOf(Payment),
    ),
)

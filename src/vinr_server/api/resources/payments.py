"""Payments, alone or in bulk: reported, amended and refunded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from vinr_server.api.contract.input import Count, CustomerId, Input, Instant, Metadata, Minor, Name, RefundId, Text
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.payments import (
    CreatePaymentInput,
    Line,
    LineInput,
    Payment,
    Tender,
    TenderInput,
    payment,
    read_lines,
    read_paid_with,
)
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.zones import read_credit_end, read_occurred_at
from vinr_server.api.resources.bulk_payments import BulkPayments, CreatePaymentsInput, create_payments
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.payments import commands, payloads, rows
from vinr_server.storage.reads.holdings import lots_of

URL = "/v1/payments"


class RefundLineInput(Input):
    id: Name | None = None
    sku: Name | None = None
    quantity: Count | None = None
    amount: Count | None = None


class RefundPaymentInput(Input):
    id: RefundId | None = None
    amount: Count | None = None
    total_refunded: Minor | None = None
    eligible_amount: Minor | None = None
    lines: Annotated[list[RefundLineInput], Meta(max_length=500)] = []
    store_credit: Minor | None = None
    credit_expires_at: Instant = None
    reason: Text | None = None
    metadata: Metadata = {}


class LinkPaymentInput(Input):
    customer: CustomerId


class UpdatePaymentInput(Input):
    amount: Minor | None = None
    lines: Annotated[list[LineInput], Meta(max_length=500)] | None = None
    tax: Minor | None = None
    shipping: Minor | None = None
    tenders: Annotated[list[TenderInput], Meta(max_length=20)] | None = None
    reason: Text | None = None
    reprice: bool = False


class PaymentRevision(Reply):
    id: str
    object: Literal["payment_revision"]
    payment: Reference
    revision: int
    amount: int
    eligible_amount: int
    tax: int
    shipping: int
    tenders: list[Tender]
    lines: list[Line]
    reason: str | None
    superseded_at: int
    livemode: bool


async def create_payment(call: Call) -> commands.CreatePayment:
    body: CreatePaymentInput = call.body
    return payment(body, occurred_at=await read_occurred_at(call, body.occurred_at, customer_id=body.customer))


async def refund_payment(call: Call) -> commands.RefundPayment:
    body: RefundPaymentInput = call.body
    ends_at = await read_credit_end(call, body.credit_expires_at, param="credit_expires_at")
    return refund(body, payment_id=call.id, credit_expires_at=ends_at)


def refund(
    body: RefundPaymentInput, *, payment_id: str, credit_expires_at: datetime | None = None
) -> commands.RefundPayment:
    """The command for one refund."""
    if body.amount is not None and body.total_refunded is not None:
        message = "amount is what this refund returns, total_refunded the sum of all refunds so far. Send one of them."
        raise Problem("parameter_conflict", message, param="total_refunded")
    if body.lines and body.eligible_amount is not None:
        message = "eligible_amount: the lines say which part of the refund is eligible. Send one of them."
        raise Problem("parameter_conflict", message, param="eligible_amount")
    if body.credit_expires_at is not None and not body.store_credit:
        message = "credit_expires_at: only credit that is granted ends. Send store_credit with it, or leave it out."
        raise Problem("parameter_conflict", message, param="credit_expires_at")
    return commands.RefundPayment(
        payment_id=payment_id,
        id=body.id,
        amount_minor=body.amount,
        total_refunded_minor=body.total_refunded,
        eligible_minor=body.eligible_amount,
        lines=tuple(_refund_line(line, place) for place, line in enumerate(body.lines)),
        credit_minor=body.store_credit,
        credit_expires_at=credit_expires_at,
        reason=body.reason,
        metadata=read_metadata(body.metadata),
    )


def link_payment(call: Call) -> commands.LinkPayment:
    body: LinkPaymentInput = call.body
    return commands.LinkPayment(call.id, body.customer)


def _refund_line(line: RefundLineInput, place: int) -> rows.RefundLine:
    """A line of a refund names the line it returns, and at most one measure of it."""
    here = f"lines[{place}]"
    if (line.id is None) == (line.sku is None):
        raise Problem("parameter_invalid", f"{here}: name the line by its id or by its sku.", param=here)
    if line.quantity is not None and line.amount is not None:
        raise Problem("parameter_conflict", f"{here}: send quantity or amount, not both.", param=here)
    return rows.RefundLine(line.id, line.sku, line.quantity, line.amount)


def update_payment(call: Call) -> commands.UpdatePayment:
    body: UpdatePaymentInput = call.body
    lines, tax_minor = None, body.tax
    if body.lines is not None:
        lines, of_lines_minor = read_lines(body.lines, tax_minor=body.tax or 0)
        tax_minor = body.tax if body.tax is not None else of_lines_minor or None
    return commands.UpdatePayment(
        payment_id=call.id,
        amount_minor=body.amount,
        lines=lines,
        tax_minor=tax_minor,
        shipping_minor=body.shipping,
        tenders=read_paid_with(body.tenders) if body.tenders is not None else None,
        reason=body.reason,
        reprice=body.reprice,
    )


PAYMENTS = Listing(rows.Payment, {"customer": ("customer_id", text), "currency": ("currency", text)})
REVISIONS = Listing(rows.PaymentRevision, {})

show_revisions = shown_by(payloads.revision_payload)


async def show_payments(call: Call, payments: Sequence[rows.Payment]) -> list[Any]:
    """Payments, each award as it is by now: pending or available."""
    shown = [payloads.payment_payload(payment, livemode=call.caller.livemode) for payment in payments]
    awards = [award for payload in shown for award in payload["awards"] if award["status"] == "pending"]
    lots = await lots_of(call.reader, call.caller.realm, [award["points_transaction"] for award in awards])
    for award in awards:
        lot = lots.get(award["points_transaction"])
        if lot is not None and not lot.pending_points:
            award |= {"status": "available", "available_at": unix(lot.available_at)}
    return shown


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
            "insufficient_credit",
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
        items=("payments", CreatePaymentInput),
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
        is_timely=True,
        reply=Payment,
        refusals=FIND,
    ),
    Operation(
        id="refund_payment",
        method="POST",
        path=f"{URL}/{{id}}/refund",
        sdk="payments.refund",
        summary="Refund a payment, fully or in part; points are clawed back, store credit returns.",
        body=RefundPaymentInput,
        translate=refund_payment,
        reply=Payment,
        answers=MADE_OR_FOUND,
        refusals=(*CREATE, "refund_exceeds_payment", "refund_exceeds_tender"),
        example={"id": "re_7Hk2", "amount": 500, "reason": "returned"},
    ),
    Operation(
        id="link_payment",
        method="POST",
        path=f"{URL}/{{id}}/link",
        sdk="payments.link",
        summary="Name the customer of a payment that names none; it earns then, as of its date.",
        body=LinkPaymentInput,
        translate=link_payment,
        reply=Payment,
        refusals=(*FIND, "payment_linked", "payment_refunded"),
        example={"customer": "cust_abc123"},
    ),
    Operation(
        id="update_payment",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="payments.update",
        summary="Amend a payment: it is what it is now, and its member has what that earns.",
        body=UpdatePaymentInput,
        translate=update_payment,
        reply=Payment,
        refusals=(
            *(*FIND, "parameter_conflict", "not_eligible", "discount_consumed", "discount_not_usable"),
            *("payment_has_session", "payment_refunded", "refund_exceeds_payment"),
        ),
        example={"amount": 27000, "reason": "one more item"},
    ),
    Operation(
        id="list_payment_revisions",
        method="GET",
        path=f"{URL}/{{id}}/revisions",
        sdk="payments.revisions",
        summary="List what a payment said before it was amended, newest first.",
        read=list_of(REVISIONS, f"{URL}/{{id}}/revisions", show_revisions, of=("payment_id", rows.Payment, "payment")),
        listing=REVISIONS,
        reply=ListOf(PaymentRevision),
        refusals=FIND,
    ),
    Operation(
        id="list_payments",
        method="GET",
        path=URL,
        sdk="payments.list",
        summary="List payments, newest first.",
        read=list_of(PAYMENTS, URL, show_payments),
        listing=PAYMENTS,
        is_timely=True,
        reply=ListOf(Payment),
    ),
)

"""Payments, alone or in bulk, and their refunds."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import (
    Count,
    CustomerId,
    DiscountId,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    Name,
    PaymentId,
    ProgramId,
    RefundId,
    SessionId,
    Text,
)
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Award, Error, Json, Reference, Reply, Skipped
from vinr_server.api.contract.values import member_link, read_currency, read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.api.edge.zones import read_occurred_at
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.payments import commands, payloads, rows
from vinr_server.engine.submission import Outcome, Submission, Unavailable
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import encode_json

URL = "/v1/payments"


class LineInput(Input):
    unit_price: Minor
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    sku: Name | None = None
    categories: Annotated[list[Name], Meta(max_length=50)] = []


class TenderInput(Input):
    type: Key
    amount: Minor


class CreatePaymentInput(Input):
    amount: Minor
    currency: str
    id: PaymentId | None = None
    customer: CustomerId | None = None
    tax: Minor = 0
    shipping: Minor = 0
    tenders: Annotated[list[TenderInput], Meta(max_length=20)] = []
    discounts: Annotated[list[DiscountId], Meta(max_length=20)] = []
    checkout_session: SessionId | None = None
    lines: Annotated[list[LineInput], Meta(max_length=500)] = []
    occurred_at: Instant = None
    metadata: Metadata = {}


class CreatePaymentsInput(Input):
    payments: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    program: ProgramId | None = None
    deliver_events: bool = False


class RefundPaymentInput(Input):
    id: RefundId | None = None
    amount: Count | None = None
    eligible_amount: Minor | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class Tender(Reply):
    type: str
    amount: int


class Line(Reply):
    unit_price: int
    quantity: int
    sku: str | None
    categories: list[str]
    discount: int | UnsetType = UNSET


class Refund(Reply):
    id: str
    object: Literal["refund"]
    payment: Reference
    amount: int
    eligible_amount: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created: int


class PaymentRedemption(Reply):
    """A redemption as the payment shows it that redeemed the offer."""

    id: str
    offer: Reference
    account: Reference | None
    points_transaction: Reference | None


class Payment(Reply):
    id: str
    object: Literal["payment"]
    amount: int
    amount_refunded: int
    currency: str
    customer: Reference | None
    account: Reference | None
    eligible_amount: int
    tax: int
    shipping: int
    tenders: list[Tender]
    discounts: list[str]
    checkout_session: Reference | None
    lines: list[Line]
    refunded: bool
    awards: list[Award]
    skipped: list[Skipped]
    offer_redemptions: list[PaymentRedemption]
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    refund: Refund | UnsetType = UNSET


class BulkResult(Reply):
    status: int
    payment: Payment | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class BulkPayments(Reply):
    object: Literal["list"]
    url: str
    has_more: bool
    created: int
    existing: int
    failed: int
    data: list[BulkResult]


async def create_payment(call: Call) -> commands.CreatePayment:
    body: CreatePaymentInput = call.body
    return payment(body, occurred_at=await read_occurred_at(call, body.occurred_at, customer_id=body.customer))


def payment(
    body: CreatePaymentInput, *, occurred_at: datetime | None, enrol_in: str | None = None
) -> commands.CreatePayment:
    """The command of one payment, alone or in bulk."""
    currency, units = read_currency(body.currency)
    for name, part in (
        ("tax", body.tax),
        ("shipping", body.shipping),
        ("tenders", sum(t.amount for t in body.tenders)),
    ):
        if part > body.amount:
            raise Problem("parameter_invalid", f"{name}: {part} is more than the amount of {body.amount}.", param=name)
    if len(set(body.discounts)) != len(body.discounts):
        raise Problem("parameter_invalid", "discounts: one discount stands there twice.", param="discounts")
    metadata = read_metadata(body.metadata)
    member_link(metadata, param="metadata.loyalty_account")
    return commands.CreatePayment(
        amount_minor=body.amount,
        currency=currency,
        minor_per_unit=units,
        id=body.id,
        customer_id=body.customer,
        tax_minor=body.tax,
        shipping_minor=body.shipping,
        tenders=tuple(msgspec.to_builtins(body.tenders)),
        discount_ids=tuple(body.discounts),
        lines=tuple(msgspec.to_builtins(body.lines)),
        occurred_at=occurred_at,
        metadata=metadata,
        session_id=body.checkout_session,
        enrol_in=enrol_in,
    )


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


async def create_payments(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Reply:
    """Every item is decided; the answer counts them and holds a result for each, in their order."""
    body: CreatePaymentsInput = call.body
    zone = await call.zone_of_program(body.program) if body.program else "UTC"
    waiting: list[asyncio.Future[Outcome] | Problem] = []
    for position, item in enumerate(body.payments):
        try:
            submission = _submission(call, body, position, item, zone, idempotency_key, request_id, is_dry_run)
            waiting.append(await writer.enqueue_patiently(submission))
        except Problem as problem:
            waiting.append(problem)
    results = [await _result(one, request_id, path=f"payments[{place}].") for place, one in enumerate(waiting)]
    replays = [result.pop("is_replay", False) for result in results]
    counts = {
        "created": sum(1 for result in results if result["status"] == 201),
        "existing": sum(1 for result in results if result["status"] == 200),
        "failed": sum(1 for result in results if result["status"] >= 400),
    }
    body_bytes = encode_json(
        {"object": "list", "url": "/v1/payments/bulk", "has_more": False, **counts, "data": results}
    )
    return Reply(200, body_bytes, is_replay=all(replays))


def _submission(
    call: Call,
    body: CreatePaymentsInput,
    position: int,
    item: Any,
    zone: str,
    idempotency_key: str | None,
    request_id: str,
    is_dry_run: bool,
) -> Submission:
    path = f"payments[{position}]."
    if not isinstance(item, dict):
        raise Problem("parameter_invalid", f"payments[{position}]: send an object.", param=f"payments[{position}]")
    one = read_struct(CreatePaymentInput, item, path=path)
    try:
        occurred_at = read_instant_or_none(
            one.occurred_at, param="occurred_at", zone=zone if is_date(one.occurred_at) else "UTC"
        )
        command = payment(one, occurred_at=occurred_at, enrol_in=body.program)
    except Problem as problem:
        problem.param = f"{path}{problem.param}"
        raise
    return Submission(
        realm=call.caller.realm,
        livemode=call.caller.livemode,
        operation="create_payments",
        command=command,
        fingerprint=fingerprint(one),
        idempotency_key=f"{idempotency_key}/{position}" if idempotency_key else None,
        request_id=request_id,
        is_dry_run=is_dry_run,
        is_deliverable=body.deliver_events,
    )


async def _result(one: asyncio.Future[Outcome] | Problem, request_id: str, *, path: str) -> dict[str, Any]:
    if isinstance(one, Problem):
        return {"status": one.status, **one.payload(request_id)}
    try:
        outcome = await one
    except Unavailable as error:
        return {"status": 503, **Problem("unavailable", str(error)).payload(request_id)}
    if isinstance(outcome, Rejected):
        problem = Problem.of(outcome)
        if problem.param is not None and problem.param not in ("program", "Idempotency-Key"):
            problem.param = f"{path}{problem.param}"
        return {"status": problem.status, **problem.payload(request_id)}
    return {"status": outcome.status, "payment": msgspec.Raw(outcome.body), "is_replay": outcome.is_replay}


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
        summary="Refund a payment, whole or in part; what it earned is clawed back.",
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

"""Payments in bulk: past ones too, whose customers are enrolled as they come (bulk.py holds how)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, ProgramId
from vinr_server.api.contract.payments import CreatePaymentInput, Payment, payment
from vinr_server.api.contract.reply import BulkReply, Error, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.api.resources.bulk import Bulk, Request, read_items, submit_items
from vinr_server.core.payments import commands
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer

PAYMENTS = Bulk("create_payments", field="payments", shown_as="payment", url="/v1/payments/bulk")


class CreatePaymentsInput(Input):
    payments: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    program: ProgramId | None = None
    deliver_events: bool = False


class BulkResult(Reply):
    status: int
    payment: Payment | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class BulkPayments(BulkReply):
    data: list[BulkResult]


async def create_payments(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
    """Every payment is decided by itself, in the order of the body."""
    body: CreatePaymentsInput = call.body
    zone = await call.zone_of_program(body.program) if body.program else "UTC"

    def command_of(item: CreatePaymentInput) -> commands.CreatePayment:
        occurred_at = read_instant_or_none(
            item.occurred_at, param="occurred_at", zone=zone if is_date(item.occurred_at) else "UTC"
        )
        return payment(item, occurred_at=occurred_at, enrol_in=body.program)

    items = read_items(PAYMENTS, body.payments, CreatePaymentInput, command_of)
    whole = {"program": body.program, "deliver_events": body.deliver_events}
    request = Request(call, idempotency_key, request_id, is_dry_run)
    return await submit_items(PAYMENTS, request, writer, items, whole=whole)

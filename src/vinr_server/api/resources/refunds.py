"""Refunds by themselves: found again, and canceled where the money never went back."""

from __future__ import annotations

from vinr_server.api.contract.input import Input, Text
from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.payments import Refund
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.edge.call import Call
from vinr_server.core.payments import commands, payloads, rows

URL = "/v1/refunds"


class CancelRefundInput(Input):
    reason: Text | None = None


def cancel_refund(call: Call) -> commands.CancelRefund:
    body: CancelRefundInput = call.body
    return commands.CancelRefund(call.id, body.reason)


REFUNDS = Listing(rows.Refund, {"payment": ("payment_id", text), "customer": ("customer_id", text)})

show_refunds = shown_by(payloads.refund_payload)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="retrieve_refund",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="refunds.retrieve",
        summary="Retrieve one refund.",
        read=retrieve(rows.Refund, "refund", show_refunds),
        reply=Refund,
        refusals=FIND,
    ),
    Operation(
        id="cancel_refund",
        method="POST",
        path=f"{URL}/{{id}}/cancel",
        sdk="refunds.cancel",
        summary="Cancel a refund that failed, or a dispute that was won; what it took of the points comes back.",
        body=CancelRefundInput,
        translate=cancel_refund,
        reply=Refund,
        refusals=(*FIND, "insufficient_credit", "credit_spent"),
        example={"reason": "dispute won"},
    ),
    Operation(
        id="list_refunds",
        method="GET",
        path=URL,
        sdk="refunds.list",
        summary="List refunds, newest first.",
        read=list_of(REFUNDS, URL, show_refunds),
        listing=REFUNDS,
        reply=ListOf(Refund),
    ),
)

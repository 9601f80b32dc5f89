"""Payments in bulk: each item is a separate command, refused or accepted by itself, with a result in its place.

Under an idempotency key the call first takes the key for its whole body; then every item is done under the key and its
place, and its result is stored, even a refusal. So a twin, a repetition and the rest of an interrupted call all give
the same answer, made of parts that are each decided once (docs/decisions/0002).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, ProgramId
from vinr_server.api.contract.payments import CreatePaymentInput, Payment, payment
from vinr_server.api.contract.reply import Error, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.payments.commands import BeginPayments, RefusePayment
from vinr_server.engine.submission import Outcome, Submission, Unavailable
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import encode_json


class CreatePaymentsInput(Input):
    payments: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    program: ProgramId | None = None
    deliver_events: bool = False


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


@dataclass(frozen=True, slots=True)
class Item:
    """The command that an item's body becomes: a payment, or the refusal of an invalid one."""

    command: Command
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What all items of a call share."""

    call: Call
    idempotency_key: str | None
    request_id: str
    is_dry_run: bool

    def submission(self, operation: str, command: Command, fingerprint: bytes, **more: Any) -> Submission:
        """A command of this call."""
        return Submission(
            realm=self.call.caller.realm,
            livemode=self.call.caller.livemode,
            operation=operation,
            command=command,
            fingerprint=fingerprint,
            request_id=self.request_id,
            is_dry_run=self.is_dry_run,
            **more,
        )


async def create_payments(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
    """Every item is decided; the answer counts them and holds a result for each, in their order."""
    body: CreatePaymentsInput = call.body
    request = Request(call, idempotency_key, request_id, is_dry_run)
    zone = await call.zone_of_program(body.program) if body.program else "UTC"
    items = [_item(item, body.program, zone, path=f"payments[{place}]") for place, item in enumerate(body.payments)]
    first_request_id, is_repeated = (
        await _begin(request, writer, body, items) if idempotency_key else (request_id, False)
    )
    waiting = [
        await writer.enqueue_patiently(
            request.submission(
                "create_payments",
                item.command,
                item.fingerprint,
                idempotency_key=f"{idempotency_key}/{place}" if idempotency_key else None,
                is_deliverable=body.deliver_events,
                keeps_refusal=True,
            )
        )
        for place, item in enumerate(items)
    ]
    results: list[dict[str, Any]] = []
    for place, future in enumerate(waiting):
        result, is_replay = await _result(future, request_id, first_request_id, path=f"payments[{place}]")
        results.append(result)
        is_repeated = is_repeated and is_replay
    return Answer(200, _answer(results), is_replay=is_repeated)


def _answer(results: list[dict[str, Any]]) -> bytes:
    counts = {
        "created": sum(1 for result in results if result["status"] == 201),
        "existing": sum(1 for result in results if result["status"] == 200),
        "failed": sum(1 for result in results if result["status"] >= 400),
    }
    return encode_json({"object": "list", "url": "/v1/payments/bulk", "has_more": False, **counts, "data": results})


def _item(item: Any, program: str | None, zone: str, *, path: str) -> Item:
    """The item's command. Errors name its fields below `path`."""
    digest = None
    try:
        if not isinstance(item, dict):
            raise Problem("parameter_invalid", f"{path}: send an object.", param=path)
        payment_input = read_struct(CreatePaymentInput, item, path=f"{path}.")
        digest = fingerprint(payment_input)
        return Item(_payment(payment_input, program, zone, path=f"{path}."), digest)
    except Problem as problem:
        refusal = Rejected(problem.code, problem.message, problem.param, problem.details)
        return Item(RefusePayment(refusal), digest or fingerprint(item))


def _payment(body: CreatePaymentInput, program: str | None, zone: str, *, path: str) -> Command:
    try:
        occurred_at = read_instant_or_none(
            body.occurred_at, param="occurred_at", zone=zone if is_date(body.occurred_at) else "UTC"
        )
        return payment(body, occurred_at=occurred_at, enrol_in=program)
    except Problem as problem:
        problem.param = f"{path}{problem.param}"
        raise


async def _begin(request: Request, writer: Writer, body: CreatePaymentsInput, items: list[Item]) -> tuple[str, bool]:
    """Reserve the key for this body. Answers the request that began the call, and whether that was an earlier one.

    Refuses a key that began another body, finished or not, before any item is done.
    """
    whole = {
        "program": body.program,
        "deliver_events": body.deliver_events,
        "payments": [item.fingerprint.hex() for item in items],
    }
    submission = request.submission(
        "begin_payments", BeginPayments(), fingerprint(whole), idempotency_key=request.idempotency_key
    )
    outcome = await writer.submit(submission)
    if isinstance(outcome, Rejected):
        raise Problem.of(outcome)
    return msgspec.json.decode(outcome.body)["request_id"], outcome.is_replay


async def _result(
    future: asyncio.Future[Outcome], request_id: str, first_request_id: str, *, path: str
) -> tuple[dict[str, Any], bool]:
    """The result of an item, and whether it was already known."""
    try:
        outcome = await future
    except Unavailable as error:
        return _refused(Problem("unavailable", str(error)), request_id, path), False
    if isinstance(outcome, Rejected):  # stored under no key
        return _refused(Problem.of(outcome), request_id, path), False
    if outcome.status >= 400:
        refusal = Problem(**msgspec.json.decode(outcome.body))
        return _refused(refusal, first_request_id, path), outcome.is_replay
    return {"status": outcome.status, "payment": msgspec.Raw(outcome.body)}, outcome.is_replay


def _refused(problem: Problem, request_id: str, path: str) -> dict[str, Any]:
    """The result of a refused item. Its param leads to the item's field; params of the whole call stay as they are."""
    param = problem.param
    if param is not None and param not in ("program", "Idempotency-Key") and not param.startswith(path):
        problem.param = f"{path}.{param}"
    return {"status": problem.status, **problem.payload(request_id)}

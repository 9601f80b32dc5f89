"""Payments in bulk: each item is a command of its own, refused or accepted by itself, with a result in its place."""

from __future__ import annotations

import asyncio
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


async def create_payments(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
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
    return Answer(200, body_bytes, is_replay=all(replays))


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

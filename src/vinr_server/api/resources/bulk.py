"""Calls in bulk: each item is a separate command, refused or accepted by itself, with a result in its place.

Under an idempotency key the call first takes the key for its whole body; then every item is done under the key and its
place, and what becomes of it is kept, a refusal too. So a twin, a repetition and the rest of a call that broke off all
make the same answer, of parts that are each decided once (docs/decisions/0002).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from vinr_server.api.contract.input import Input
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.core.bulk import BeginBulk, RefuseItem
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.engine.submission import Outcome, Submission, Unavailable
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import encode_json

InputT = TypeVar("InputT", bound=Input)


@dataclass(frozen=True, slots=True)
class Bulk:
    """What differs between calls in bulk: `operation` keeps the items' keys, `field` holds them in the body.

    A result shows what its item made under the name `shown_as`. `begun_as`: the operation that keeps the call's own
    key; None: one of the field's name. `whole`: parameters that items share. `itself`: the one that an item is, where
    it is text alone.
    """

    operation: str
    field: str
    shown_as: str
    url: str
    begun_as: str | None = None
    whole: tuple[str, ...] = ("program",)
    itself: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes of an item's body: its command, or the refusal of a body that makes none."""

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


def read_items(
    bulk: Bulk, given: Sequence[Any], kind: type[InputT], command_of: Callable[[InputT], Command]
) -> list[Item]:
    """Each item's command, or its refusal. `command_of` raises a Problem whose param is a field of the item."""
    return [_item(item, kind, command_of, path=f"{bulk.field}[{place}]") for place, item in enumerate(given)]


def _item(item: Any, kind: type[InputT], command_of: Callable[[InputT], Command], *, path: str) -> Item:
    digest = None
    try:
        if not isinstance(item, dict):
            raise Problem("parameter_invalid", f"{path}: send an object.", param=path)
        body = read_struct(kind, item, path=f"{path}.")
        digest = fingerprint(body)
        return Item(_command(command_of, body, path), digest)
    except Problem as problem:
        refusal = Rejected(problem.code, problem.message, problem.param, problem.details)
        return Item(RefuseItem(refusal), digest or fingerprint(item))


def _command(command_of: Callable[[InputT], Command], body: InputT, path: str) -> Command:
    try:
        return command_of(body)
    except Problem as problem:
        problem.param = f"{path}.{problem.param}"
        raise


async def submit_items(
    bulk: Bulk, request: Request, writer: Writer, items: Sequence[Item], *, whole: Mapping[str, Any]
) -> Answer:
    """Every item is decided; the answer counts them and holds a result for each, in their order.

    `whole`: what the body says beside its items; `deliver_events` is part of it.
    """
    key, request_id = request.idempotency_key, request.request_id
    first_request_id, is_repeated = await _begin(bulk, request, writer, whole, items) if key else (request_id, False)
    waiting = [
        await writer.enqueue_patiently(
            request.submission(
                bulk.operation,
                item.command,
                item.fingerprint,
                idempotency_key=f"{key}/{place}" if key else None,
                is_deliverable=whole["deliver_events"],
                keeps_refusal=True,
            )
        )
        for place, item in enumerate(items)
    ]
    results: list[dict[str, Any]] = []
    for place, future in enumerate(waiting):
        result, is_replay = await _result(bulk, future, request_id, first_request_id, path=f"{bulk.field}[{place}]")
        results.append(result)
        is_repeated = is_repeated and is_replay
    return Answer(200, _answer(bulk, results), is_replay=is_repeated)


def _answer(bulk: Bulk, results: list[dict[str, Any]]) -> bytes:
    counts = {
        "created": sum(1 for result in results if result["status"] == 201),
        "existing": sum(1 for result in results if result["status"] == 200),
        "failed": sum(1 for result in results if result["status"] >= 400),
    }
    return encode_json({"object": "list", "url": bulk.url, "has_more": False, **counts, "data": results})


async def _begin(
    bulk: Bulk, request: Request, writer: Writer, whole: Mapping[str, Any], items: Sequence[Item]
) -> tuple[str, bool]:
    """The key is this body's for good. Answers the request that began the call, and whether that was an earlier one.

    Refuses a key that began another body, finished or not, before any item is done.
    """
    body = {**whole, bulk.field: [item.fingerprint.hex() for item in items]}
    submission = request.submission(
        bulk.begun_as or f"begin_{bulk.field}", BeginBulk(), fingerprint(body), idempotency_key=request.idempotency_key
    )
    outcome = await writer.submit(submission)
    if isinstance(outcome, Rejected):
        raise Problem.of(outcome)
    return msgspec.json.decode(outcome.body)["request_id"], outcome.is_replay


async def _result(
    bulk: Bulk, future: asyncio.Future[Outcome], request_id: str, first_request_id: str, *, path: str
) -> tuple[dict[str, Any], bool]:
    """What became of an item, and whether that was known before."""
    try:
        outcome = await future
    except Unavailable as error:
        return _refused(bulk, Problem("unavailable", str(error)), request_id, path), False
    if isinstance(outcome, Rejected):  # kept under no key
        return _refused(bulk, Problem.of(outcome), request_id, path), False
    if outcome.status >= 400:
        refusal = Problem(**msgspec.json.decode(outcome.body))
        return _refused(bulk, refusal, first_request_id, path), outcome.is_replay
    return {"status": outcome.status, bulk.shown_as: msgspec.Raw(outcome.body)}, outcome.is_replay


def _refused(bulk: Bulk, problem: Problem, request_id: str, path: str) -> dict[str, Any]:
    """The result of a refused item, with the path to the field; a param of the whole call keeps its name."""
    param = problem.param
    if param is not None and param not in (*bulk.whole, "Idempotency-Key") and not param.startswith(path):
        problem.param = path if param == bulk.itself else f"{path}.{param}"
    return {"status": problem.status, **problem.payload(request_id)}

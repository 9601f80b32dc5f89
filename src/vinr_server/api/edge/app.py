"""The ASGI application: receive, authenticate, translate, submit, answer. Kept thin: see docs/decisions/0001."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.answer_headers import answer_headers, make_request_id
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.documents import DOCUMENTS
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.guessing import CodesCall, presents_codes
from vinr_server.api.edge.identity import require_clean
from vinr_server.api.edge.keys import KeyRing
from vinr_server.api.edge.parse import decode_body, read_struct, spellings
from vinr_server.api.edge.permissions import grantable, refuse
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.rate_limits import Bucket
from vinr_server.api.edge.readiness import Readiness
from vinr_server.api.edge.request_log import Request, RequestLog
from vinr_server.api.edge.routing import Router
from vinr_server.core.kernel.answers import Rejected
from vinr_server.engine.evaluator import Evaluator
from vinr_server.engine.guesses import Guesses
from vinr_server.engine.sealing import Seal
from vinr_server.engine.submission import Outcome, Reply, Submission, Unavailable
from vinr_server.engine.timely import submit_in_time, write_due
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import encode_json
from vinr_server.storage.postgres.connect import UNREACHABLE
from vinr_server.storage.reads.reader import Reader

log = logging.getLogger("vinr.api")

BODY_BYTES_MAX = 256 * 1024
BULK_BYTES_MAX = 1024 * 1024
KEY_LENGTH_MAX = 255

Headers = Mapping[bytes, bytes]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class App:
    """Routes the requests of one process to its reader and its writer."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        *,
        pepper: str,
        rate_limit_per_second: int = 0,
        readiness: Readiness | None = None,
        requests: RequestLog | None = None,
        seal: Seal | None = None,
        is_loopback_allowed: bool = False,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._evaluator = Evaluator(reader, writer)
        self._requests = requests or RequestLog()
        self._readiness = readiness or Readiness(reader, writer)
        self._keys = KeyRing(reader, pepper, rate_limit_per_second=rate_limit_per_second)
        self._router, self._grantable = Router(OPERATIONS), grantable(OPERATIONS)
        self._seal, self._is_loopback_allowed = seal, is_loopback_allowed
        self._guesses, self._pepper = Guesses(reader.pool), pepper

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request_id = make_request_id()
        request = Request(request_id)
        limits: list[tuple[bytes, bytes]] = []
        try:
            status, body, headers = await self._answer(scope, receive, request, limits)
        except Problem as problem:
            request.code = problem.code
            status, body, headers = problem.status, problem.body(request_id), _extra_headers(problem)
        except Unavailable as error:
            status, body = 503, Problem("unavailable", str(error)).body(request_id)
            request.code = "unavailable"
            headers = [(b"retry-after", b"1")]
        except Disconnected:
            return
        except UNREACHABLE:
            status, headers = 503, [(b"retry-after", b"1")]
            request.code = "unavailable"
            body = Problem("unavailable", "The database can't be reached. Try again.").body(request_id)
        except Exception:  # the floor's edge
            log.exception("request %s failed", request_id)
            request.code = "internal_error"
            message = "Something went wrong on our side. Nothing was done; try again."
            status, body, headers = 500, Problem("internal_error", message).body(request_id), []
        if self._readiness.is_draining:  # the caller's next request should reach another process
            headers = [*headers, (b"connection", b"close")]
        self._requests.note(request, status)
        await _send(send, status, body, request_id, [*headers, *limits])

    async def _answer(
        self, scope: Mapping[str, Any], receive: Receive, request: Request, limits: list[tuple[bytes, bytes]]
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        if path in DOCUMENTS:
            request.operation = "document"
            if method not in ("GET", "HEAD"):
                message = f"{method} is not allowed at {path}. Use GET."
                raise Problem("method_not_allowed", message, details={"allow": "GET, HEAD"})
            return await DOCUMENTS[path](self._readiness)
        headers = dict(scope["headers"])
        caller = await self._keys.caller(headers.get(b"authorization"))
        request.realm = caller.realm
        if caller.bucket is not None:
            _take(caller.bucket, limits)
        operation, ids = self._router.match(method, path)
        request.operation = operation.id
        if caller.allowed is not None and operation.id not in caller.allowed:
            raise refuse(caller.kind, operation)
        for name, id in ids.items():
            require_clean(id, param=name)
        query = _query(scope["query_string"])
        call = Call(
            caller,
            self._reader,
            path=ids,
            query=query,
            client=scope["client"],
            hash_key=self._keys.hash,
            seal=self._seal,
            is_loopback_allowed=self._is_loopback_allowed,
            grantable=self._grantable,
            evaluator=self._evaluator,
        )
        if operation.read is not None:
            if operation.body is not None:
                _dry_run(query)  # allowed, though nothing is written either way
                call.body = _typed(operation, decode_body(await _body(receive, headers, limit=BODY_BYTES_MAX)))
            if operation.is_timely:
                await write_due(
                    self._reader.pool,
                    self._writer,
                    caller.realm,
                    livemode=caller.livemode,
                    with_referrals=operation.resource == "referrals",
                    with_segments=operation.id == "list_segment_members",
                )
            return 200, encode_json(await operation.read(call)), []
        is_dry_run = _dry_run(query)
        raw = await _body(receive, headers, limit=BULK_BYTES_MAX if operation.submit is not None else BODY_BYTES_MAX)
        call.body = _typed(operation, decode_body(raw, is_verbatim=operation.is_verbatim))
        key = _idempotency_key(headers) if operation.keeps_answer else None
        if operation.submit is not None and operation.makes_many(call.body):
            results = await operation.submit(
                call, self._writer, idempotency_key=key, request_id=request.id, is_dry_run=is_dry_run
            )
            return _replied(results)
        return _replied(await self._submit(operation, call, key, request.id, is_dry_run))

    async def _submit(
        self, operation: Operation, call: Call, key: str | None, request_id: str, is_dry_run: bool
    ) -> Reply:
        assert operation.translate is not None
        command = operation.translate(call)
        if inspect.isawaitable(command):
            command = await command
        presenting = None
        if presents_codes(call, operation.id):
            presenting = CodesCall(self._guesses, call, pepper=self._pepper)
            command = await presenting.command(command)
        submission = Submission(
            realm=call.caller.realm,
            livemode=call.caller.livemode,
            operation=operation.id,
            command=command,
            fingerprint=b"" if operation.is_pure else fingerprint(call.body, *call.path.values()),
            idempotency_key=key,
            request_id=request_id,
            is_dry_run=is_dry_run,
        )
        outcome = await self._decide(operation, submission)
        if presenting is not None:
            shut_out = await presenting.after(command, outcome)
            if shut_out is not None:
                outcome = await self._decide(operation, replace(submission, command=shut_out))
        if isinstance(outcome, Rejected):
            raise Problem.of(outcome)
        return outcome if call.secret is None else _with_secret(outcome, call.secret, is_dry_run)

    async def _decide(self, operation: Operation, submission: Submission) -> Outcome:
        if operation.is_pure:
            return await self._evaluator.evaluate(submission)
        return await submit_in_time(self._reader.pool, self._writer, submission)


class Disconnected(Exception):
    """The caller disconnected before the body was complete; nothing was submitted."""


def _typed(operation: Operation, body: dict[str, Any]) -> Any:
    for name in operation.immutable:
        for spelling in spellings(name):
            if spelling in body:
                message = f"{spelling} can't be changed after creation. Create a new object instead."
                raise Problem("immutable_field", message, param=spelling)
    if operation.body is None:
        if body:
            name = next(iter(body))
            raise Problem("unknown_parameter", f"Unknown parameter {name}. This call takes no body.", param=name)
        return None
    return read_struct(operation.body, body)


def _query(raw: bytes) -> dict[str, str]:
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        message = "The query string is not valid UTF-8, or has more than 50 parameters."
        raise Problem("parameter_invalid", message, param="query") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Problem("duplicate_key", "A parameter appears twice in the query string. Send it once.", param="query")
    if any("\x00" in value for pair in pairs for value in pair):
        raise Problem("parameter_invalid", "The query string contains a NUL character. Remove it.", param="query")
    return query


def _dry_run(query: dict[str, str]) -> bool:
    given = {query.pop(name) for name in ("dry_run", "dryRun") if name in query}
    if len(given) > 1:
        message = "dry_run is given in two spellings with different values. Send one of them."
        raise Problem("parameter_conflict", message, param="dry_run")
    value = next(iter(given), "false")
    if value not in ("true", "false"):
        raise Problem("parameter_invalid", "dry_run must be true or false.", param="dry_run")
    if query:
        name = next(iter(query))
        raise Problem(
            "unknown_parameter", f"Unknown parameter {name}. The query of a write takes only dry_run.", param=name
        )
    return value == "true"


async def _body(receive: Receive, headers: Headers, *, limit: int) -> bytes:
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem("body_too_large", f"The body is larger than {limit // 1024} KiB. Send less in one request.")


def _idempotency_key(headers: Headers) -> str | None:
    raw = headers.get(b"idempotency-key")
    if raw is None:
        return None
    try:
        key = raw.decode("utf-8")
    except UnicodeDecodeError:
        message = "Idempotency-Key is not valid UTF-8. Send it in UTF-8."
        raise Problem("parameter_invalid", message, param="Idempotency-Key") from None
    if not 1 <= len(key) <= KEY_LENGTH_MAX or "\x00" in key:
        message = f"Idempotency-Key must have 1 to {KEY_LENGTH_MAX} characters."
        raise Problem("parameter_invalid", message, param="Idempotency-Key")
    return key


def _take(bucket: Bucket, limits: list[tuple[bytes, bytes]]) -> None:
    """Count the request and report in its answer what is left; raise if nothing was left."""
    wait, headers = bucket.take(time.monotonic())
    limits += headers
    if wait:
        message = "Too many requests with this key. Wait the number of seconds in Retry-After, then try again."
        raise Problem("rate_limited", message, details={"retry_after": max(1, math.ceil(wait))})


def _with_secret(reply: Reply, secret: str, is_dry_run: bool) -> Reply:
    """Show a new key's secret in the answer that made it, and never again: what is stored does not contain it."""
    shown = None if reply.is_replay or is_dry_run else secret
    return Reply(reply.status, reply.body[:-1] + b',"secret":' + encode_json(shown) + b"}", reply.is_replay)


def _replied(reply: Reply) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    return reply.status, reply.body, [(b"idempotent-replayed", b"true")] if reply.is_replay else []


def _extra_headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    if problem.status == 401:
        return [(b"www-authenticate", b"Bearer")]
    if problem.status == 405:
        return [(b"allow", str(problem.details["allow"]).encode())]
    if problem.status == 429:
        return [(b"retry-after", str(problem.details["retry_after"]).encode())]
    if problem.status == 413:
        return [(b"connection", b"close")]
    return []


async def _send(send: Send, status: int, body: bytes, request_id: str, headers: list[tuple[bytes, bytes]]) -> None:
    start = answer_headers(body, request_id, headers)
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})

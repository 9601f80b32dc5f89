"""Where an award's time goes, in microseconds for each award: in the HTTP layer, in the writer, in PostgreSQL.

The HTTP layer is called in process, over a writer that answers at once. The writer is the engine's own, on a connection
that notes how long each statement took; the time between two statements is Python. PostgreSQL's own time is what
EXPLAIN ANALYZE reports for the same statements with the same arguments.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import uvloop

from bench.award import ACCOUNTS, TEMPLATE, make_template
from bench.report import Report
from bench.rig import Rig
from bench.statements import ExplainedConnection, Ledger, TimedConnection
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.app import App
from vinr_server.api.edge.call import Call, Caller
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.parse import decode_body, read_struct
from vinr_server.api.edge.routing import Router
from vinr_server.api.edge.secrets import make_key
from vinr_server.api.resources.points import AwardPointsInput
from vinr_server.core.ledger.commands import AwardPoints
from vinr_server.engine import batch
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.reads.reader import FoundKey

BATCH_SIZES = (1, 16, 32, 64)
PATH = "/v1/loyalty/points/award"
WARM_UP_BATCHES = 20
EXPLAINED_BATCHES = 20


def measure_profile(rig: Rig, report: Report, *, seconds: float) -> None:
    """The report holds a table of stages for each floor."""
    realm = make_template(rig).id
    report.parameters["seconds"] = seconds
    http = uvloop.run(_measure_http(realm, seconds))
    report.add_table(
        "HTTP layer, in process, without uvicorn: µs for each award",
        ["stage", "µs"],
        [[*stage] for stage in http.items()],
    )
    ledgers: dict[int, Ledger] = {}
    explained: dict[int, Ledger] = {}
    for size in BATCH_SIZES:
        ledgers[size] = _in_fresh_database(rig, partial(_measure_writer, realm=realm, size=size, seconds=seconds))
        explained[size] = _in_fresh_database(rig, partial(_explain_writer, realm=realm, size=size))
        print(f"  batches of {size}: done", file=sys.stderr)
    _add_table(report, "Writer: wall µs for each award, by batch size", ledgers, "wall")
    _add_table(report, "Of that, CPU of this process (the rest waits for PostgreSQL or the disk)", ledgers, "cpu")
    _add_table(report, "PostgreSQL, EXPLAIN ANALYZE: µs for each award, by batch size", explained, "wall")
    _add_table(report, "PostgreSQL: buffers touched for each award, by batch size", explained, "buffers")
    report.figures = {"http": http, "writer": _figures(ledgers), "postgres": _figures(explained)}


def _figures(ledgers: dict[int, Ledger]) -> dict[int, dict[str, Any]]:
    return {
        size: {stage: asdict(spent) for stage, spent in ledger.per_award().items()} for size, ledger in ledgers.items()
    }


def _add_table(report: Report, title: str, ledgers: dict[int, Ledger], figure: str) -> None:
    per_award = {size: ledger.per_award() for size, ledger in ledgers.items()}
    stages = list(dict.fromkeys(stage for stages in per_award.values() for stage in stages))
    rows: list[list[object]] = [
        [stage, *(getattr(per_award[size].get(stage), figure, None) for size in per_award)] for stage in stages
    ]
    sums = [sum(getattr(spent, figure) for spent in per_award[size].values()) for size in per_award]
    report.add_table(title, ["stage", *(str(size) for size in per_award)], [*rows, ["sum", *sums]])


# ---- HTTP


class ReadyWriter:
    """Answers every submission at once."""

    def __init__(self, body: bytes) -> None:
        self._reply = Reply(201, body)

    def enqueue(self, _submission: Submission) -> asyncio.Future[Reply]:
        """A future that is done."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        future.set_result(self._reply)
        return future


class KeyReader:
    """Knows every key as a secret one of the realm."""

    def __init__(self, realm: int) -> None:
        self._realm = realm

    async def find_key(self, key_hash: bytes) -> FoundKey:
        """A key that never expires."""
        return FoundKey(self._realm, False, "key_bench", "secret", "{}", key_hash, is_revoked=False, seconds_left=None)


async def _measure_http(realm: int, seconds: float) -> dict[str, float]:
    """µs of the whole application, and of its parts."""
    raw = _body(1)
    reader: Any = KeyReader(realm)
    writer: Any = ReadyWriter(json.dumps({"id": "ptx_", "metadata": "x" * 380}).encode())
    app = App(reader, writer, pepper="a pepper for measurements only")
    headers = [
        (b"host", b"bench"),
        (b"authorization", f"Bearer {make_key(livemode=False)}".encode()),
        (b"content-type", b"application/json"),
    ]
    headers += [(b"idempotency-key", str(uuid.uuid4()).encode()), (b"content-length", b"%d" % len(raw))]
    # As uvicorn makes it.
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
    }
    scope |= {"method": "POST", "path": PATH, "raw_path": PATH.encode(), "root_path": "", "query_string": b""}
    scope |= {"headers": headers, "server": ("127.0.0.1", 8484), "client": ("127.0.0.1", 50000), "state": {}}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    statuses: set[int] = set()

    async def send(message: dict[str, Any]) -> None:
        statuses.add(message.get("status", 201))

    await app(scope, receive, send)
    assert statuses == {201}, f"the application answered {statuses}"
    whole = await _microseconds_async(lambda: app(scope, receive, send), seconds)
    router = Router(OPERATIONS)
    operation, _ids = router.match("POST", PATH)
    decoded = decode_body(raw)
    typed = read_struct(AwardPointsInput, decoded)
    call = Call(Caller(realm, False), reader, body=typed)

    async def translate() -> None:
        assert operation.translate is not None
        await operation.translate(call)

    parts = {
        "match the route": _microseconds(lambda: router.match("POST", PATH), seconds / 4),
        "decode_body: scan and parse": _microseconds(lambda: decode_body(raw), seconds / 4),
        "read_struct: names and types": _microseconds(lambda: read_struct(AwardPointsInput, decoded), seconds / 4),
        "translate to a command": await _microseconds_async(translate, seconds / 4),
        "fingerprint": _microseconds(lambda: fingerprint(typed), seconds / 4),
    }
    return parts | {"rest: key, headers, submission, answer": whole - sum(parts.values()), "sum": whole}


def _body(n: int) -> bytes:
    account = f"loy_{n:025x}{n % 256:02x}"
    body = {"account": account, "points": 5, "reason": "purchase", "metadata": {"orderId": "ord_12345678"}}
    return json.dumps(body, separators=(",", ":")).encode()


def _microseconds(call: Callable[[], object], seconds: float) -> float:
    count, ends_at = 0, time.process_time() + seconds
    started = time.process_time()
    while time.process_time() < ends_at:
        for _ in range(200):
            call()
        count += 200
    return (time.process_time() - started) / count * 1e6


async def _microseconds_async(call: Callable[[], Awaitable[object]], seconds: float) -> float:
    count, ends_at = 0, time.process_time() + seconds
    started = time.process_time()
    while time.process_time() < ends_at:
        for _ in range(200):
            await call()
        count += 200
    return (time.process_time() - started) / count * 1e6


# ---- the writer


def _in_fresh_database(rig: Rig, measure: Callable[[str], Awaitable[Ledger]]) -> Ledger:
    database = rig.copy(TEMPLATE)
    try:
        return uvloop.run(measure(rig.url(database)))  # type: ignore[arg-type]
    finally:
        rig.drop(database)


def _submissions(realm: int, size: int) -> list[Submission]:
    made = []
    for n in random.sample(range(1, ACCOUNTS + 1), size):
        command = AwardPoints(
            account_id=f"loy_{n:025x}{n % 256:02x}",
            points=5,
            reason="purchase",
            metadata={"orderId": f"ord_{random.randint(10_000_000, 99_999_999)}"},
        )
        key = str(uuid.UUID(int=random.getrandbits(128)))
        made.append(
            Submission(
                realm=realm,
                livemode=False,
                operation="award_points",
                command=command,
                fingerprint=random.randbytes(32),
                idempotency_key=key,
                request_id=f"req_{random.randbytes(12).hex()}",
            )
        )
    return made


async def _measure_writer(url: str, *, realm: int, size: int, seconds: float) -> Ledger:
    """How batches of one size spent their time."""
    ledger = Ledger()
    writer = Writer(partial(_connect, url, TimedConnection, ledger))
    await writer.start()
    restore = _time_decisions(ledger)
    try:
        for _ in range(WARM_UP_BATCHES):
            await _submit(writer, _submissions(realm, size))
        ledger.clear()
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            submissions = _submissions(realm, size)
            ledger.start_batch()
            await _submit(writer, submissions)
            ledger.end_batch(awards=size)
    finally:
        restore()
        await writer.stop()
    return ledger


async def _explain_writer(url: str, *, realm: int, size: int) -> Ledger:
    """What PostgreSQL reports for the same statements."""
    ledger = Ledger()
    writer = Writer(partial(_connect, url, ExplainedConnection, ledger))
    await writer.start()
    try:
        for _ in range(EXPLAINED_BATCHES):
            await _submit(writer, _submissions(realm, size))
        ledger.clear()
        for _ in range(EXPLAINED_BATCHES):
            await _submit(writer, _submissions(realm, size))
            ledger.awards += size
    finally:
        await writer.stop()
    return ledger


async def _connect(url: str, kind: Callable[[Any, Ledger], Any], ledger: Ledger) -> Any:
    return kind(await connect_writer(url), ledger)


async def _submit(writer: Writer, submissions: list[Submission]) -> None:
    """The submissions are decided as one batch: all are in the queue before the writer runs."""
    answers = await asyncio.gather(*[writer.enqueue(submission) for submission in submissions])
    assert all(isinstance(answer, Reply) for answer in answers), answers


def _time_decisions(ledger: Ledger) -> Callable[[], None]:
    """Deciding and encoding are timed separately from the Python around them, until the returned function is called."""
    originals = {name: getattr(batch, name) for name in ("decide_all", "_encode") if hasattr(batch, name)}
    stages = {"decide_all": "python: decide", "_encode": "python: encode answers"}
    for name, original in originals.items():
        setattr(batch, name, ledger.timed(stages[name], original))

    def restore() -> None:
        for name, original in originals.items():
            setattr(batch, name, original)

    return restore

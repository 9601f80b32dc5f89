"""One of a writer's connections: commits a batch, and settles what goes wrong.

Failures are distinguished by SQLSTATE; a command that breaks its batch is found by halving, so that its neighbors are
not refused for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.needs import Needs, Undeclared
from vinr_server.core.kernel.rows import Claim
from vinr_server.engine.batch import Catalogues, Reload, Wholes, needs_of_batch, run_batch
from vinr_server.engine.clock import Clock
from vinr_server.engine.figures import EngineFigures
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Outcome, Submission, Unavailable
from vinr_server.storage.batch.tables import ImmutableEdit
from vinr_server.storage.batch.transaction import happened

log = logging.getLogger("vinr.engine")

RETRIES_MAX = 8
RETRY_WHOLE = ("40001", "40P01", "55P03", "23505")

# PostgreSQL plans a statement for the table as it is then: on an empty one every index looks alike, and the wrong plan
# stayed until the first autovacuum (an account was found by scanning its realm: 4,900 awards/s became 3,800). So plans
# are discarded when the number of batches doubles, and every 1,024 batches after that.
REPLAN_EVERY = 1024

# What asyncpg raises on a lost connection; the last of these if it had half noticed.
LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Connect = Callable[[], Awaitable[Any]]
Waiting = tuple[Submission, asyncio.Future[Outcome]]


class Lane:
    """A connection that commits one batch at a time."""

    def __init__(
        self,
        connect: Connect,
        *,
        clock: Clock,
        catalogues: Catalogues,
        ids: Ids,
        is_distributed: bool,
        figures: EngineFigures,
    ) -> None:
        self._figures, self._loaded_at, self._sent_at = figures, 0.0, 0.0
        self._connect, self._clock, self._is_distributed = connect, clock, is_distributed
        self._catalogues, self._ids = catalogues, ids
        self._connection: Any = None
        self.backend_pid = 0
        self._batches = 0
        self._task: asyncio.Task[None] | None = None
        self._taken: Sequence[Waiting] = ()
        self._committing: list[Outcome] | None = None
        self._is_decided = asyncio.Event()
        self._is_decided.set()

    async def open(self) -> None:
        """The lane is connected."""
        self._connection = await self._connect()
        self.backend_pid = self._connection.get_server_pid()

    async def close(self) -> None:
        """The batch under way is answered, and the connection is closed."""
        await self.until_free()
        if self._connection is not None:
            await self._connection.close()

    @property
    def is_free(self) -> bool:
        """Whether no batch is under way."""
        return self._task is None or self._task.done()

    async def until_free(self) -> None:
        """Every waiter of the batch under way has its answer."""
        if self._task is not None:
            await self._task

    async def until_decided(self) -> None:
        """The batch under way is decided and written, and its COMMIT is sent (or it was answered without one)."""
        await self._is_decided.wait()

    def start(self, taken: Sequence[Waiting]) -> None:
        """Commit these as one batch. Expects a free lane."""
        self._taken = taken
        self._is_decided.clear()
        self._task = asyncio.create_task(self._answer(taken), name="vinr batch")

    def is_touched_by(self, taken: Sequence[Waiting]) -> bool:
        """Whether these may need a row that the batch under way writes; then they should wait for its commit."""
        here, there = _needs(self._taken), _needs(taken)
        return any(
            realm in there and (mine.changes_catalogue or not mine.names().isdisjoint(there[realm].names()))
            for realm, mine in here.items()
        )

    async def _replan_now_and_then(self) -> None:
        self._batches += 1
        if self._batches & (self._batches - 1) and self._batches % REPLAN_EVERY:
            return
        if self._connection is not None:
            try:
                await self._connection.execute("discard plans")
            except (*LOST, asyncpg.PostgresError):
                await self._drop_connection()

    async def _answer(self, taken: Sequence[Waiting]) -> None:
        await self._replan_now_and_then()
        outcomes: Sequence[Outcome | Exception]
        started_at = time.perf_counter()
        try:
            outcomes = await self._commit([submission for submission, _future in taken])
        except Exception as error:  # the floor's edge: whatever it is, every waiter gets it
            outcomes = [error] * len(taken)
        self._is_decided.set()
        self._figures.batch_seconds.observe(time.perf_counter() - started_at)
        for (_submission, future), outcome in zip(taken, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _commit(self, submissions: Sequence[Submission]) -> Sequence[Outcome | Exception]:
        """Commit a batch; retry it whole, halve it, or give up, as the failure says."""
        whole = Wholes()
        attempt = 0
        while True:
            batch_id = uuid.uuid4()
            self._committing = None
            try:
                return await self._attempt(submissions, batch_id, whole)
            except Reload as reload:
                await self._roll_back()
                self._figures.reloads += 1
                if not whole.add(reload):
                    return await self._halve(submissions, reload, "")
            except LOST as error:
                return await self._after_lost_connection(submissions, batch_id, error)
            except Exception as error:  # a refused statement or a bug: some command in the batch is the cause
                state = getattr(error, "sqlstate", None) or ""
                if state[:2] in ("08", "53", "57") and state != "57014":
                    return await self._after_lost_connection(submissions, batch_id, error)
                await self._roll_back()
                if state in RETRY_WHOLE and attempt + 1 < RETRIES_MAX:
                    self._figures.retries[state] += 1
                    await asyncio.sleep(0.002 * attempt)
                    attempt += 1
                    continue
                return await self._halve(submissions, error, state)

    async def _attempt(self, submissions: Sequence[Submission], batch_id: uuid.UUID, whole: Wholes) -> list[Outcome]:
        if self._connection is None or self._connection.is_closed():
            await self.open()
        outcomes = await run_batch(
            self._connection,
            submissions,
            batch_id=batch_id,
            catalogues=self._catalogues,
            ids=self._ids,
            clock=self._clock,
            is_distributed=self._is_distributed,
            whole=whole,
            on_loaded=self._note_loaded,
            on_decided=self._is_decided.set,
            on_commit=self._note_commit,
        )
        answered_at = time.perf_counter()
        self._figures.lock_seconds.observe(answered_at - self._loaded_at)
        self._figures.commit_seconds.observe(answered_at - self._sent_at)
        return outcomes

    def _note_loaded(self) -> None:
        self._loaded_at = time.perf_counter()

    def _note_commit(self, outcomes: list[Outcome]) -> None:
        self._committing = outcomes
        self._sent_at = time.perf_counter()

    async def _roll_back(self) -> None:
        try:
            await self._connection.execute("rollback")
        except (*LOST, asyncpg.PostgresError):
            await self._drop_connection()

    async def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _halve(
        self, submissions: Sequence[Submission], error: Exception, state: str
    ) -> Sequence[Outcome | Exception]:
        """Decide each half by itself, until the culprit is alone."""
        if len(submissions) == 1:
            return [_verdict_on_one(submissions[0], error, state)]
        self._figures.halvings += 1
        middle = len(submissions) // 2
        first = await self._commit(submissions[:middle])
        return [*first, *await self._commit(submissions[middle:])]

    async def _after_lost_connection(
        self, submissions: Sequence[Submission], batch_id: uuid.UUID, error: Exception
    ) -> Sequence[Outcome | Exception]:
        """No command is to blame: ask whether a commit under way happened, else answer that nothing was done."""
        log.warning("lost the database: %s", type(error).__name__)
        self._figures.lost_connections += 1
        outcomes, backend_pid = self._committing, self.backend_pid
        await self._drop_connection()
        if outcomes is not None:
            has_happened = await self._happened(batch_id, backend_pid)
            if has_happened:
                return outcomes
            if has_happened is None:
                message = "The request may have been done, or not. Send the same request again."
                return [Unavailable(message)] * len(submissions)
        return [Unavailable("The database can't be reached. Nothing was done; try again.")] * len(submissions)

    async def _happened(self, batch_id: uuid.UUID, backend_pid: int) -> bool | None:
        """Whether the commit happened, asked until the database answers for sure; None if it never does."""
        for pause in (0.0, 0.1, 0.5, 1.0, 2.0, 4.0):
            await asyncio.sleep(pause)
            try:
                if self._connection is None:
                    await self.open()
                has_happened = await happened(self._connection, batch_id, backend_pid=backend_pid)
            except (*LOST, asyncpg.PostgresError):
                await self._drop_connection()
                continue
            if has_happened is not None:
                return has_happened
        return None


def _needs(taken: Sequence[Waiting]) -> Mapping[int, Needs]:
    """What a batch declares itself, its idempotency keys included."""
    needs = needs_of_batch(submission for submission, _future in taken)
    for submission, _future in taken:
        if submission.idempotency_key:
            needs[submission.realm].row(Claim, submission.idempotency_key)
    return needs


def _verdict_on_one(submission: Submission, error: Exception, state: str) -> Outcome | Exception:
    """What a command that fails all by itself answers."""
    if state == "55P03" and "idempotency_keys" in (getattr(error, "context", None) or ""):
        key = submission.idempotency_key
        message = f"Another request with idempotency key {key!r} is still in progress. Try again in a moment."
        return Rejected("idempotency_key_in_use", message, param="Idempotency-Key")
    if state in RETRY_WHOLE or state == "57014":
        return Unavailable("Other requests are using the rows that this request needs. Nothing was done; try again.")
    if isinstance(error, (Undeclared, ImmutableEdit)):  # these name a type and a key, and quote nothing else
        log.error("command %s: %s", submission.operation, error)
    # The error's text may quote the row, even a customer's name; the type, the state and the place do not.
    log.error("command %s broke its batch: %s %s", submission.operation, type(error).__name__, state, exc_info=error)
    return error

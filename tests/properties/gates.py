"""A writer's connection with a gate in it: a statement can be stopped, can fail, or can lose the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import asyncpg

# refused: the statement fails for good; again: it fails, and the batch may be tried once more;
# unsent: the connection is lost before the statement; unanswered: after it was done, before its answer; unnoticed:
# it was lost and asyncpg, half aware of it, complains of its own state (seen at one kill of PostgreSQL in eight).
Fault = Literal["refused", "again", "unsent", "unanswered", "unnoticed"]
FAULTS: tuple[Fault, ...] = ("refused", "again", "unsent", "unanswered", "unnoticed")
REFUSED = "select 1 / 0"
AGAIN = "do $$ begin raise exception 'try again' using errcode = '40001'; end $$"


class Gate:
    """What stands between a Writer and its connections; one gate for all that it opens."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.begins = 0
        self.is_stopped = asyncio.Event()
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._fault: tuple[int, Fault] | None = None
        # Awaited before the second attempt of a batch.
        self.before_again: Callable[[], Awaitable[Any]] | None = None

    def stop_before_writing(self) -> None:
        """The next batch is stopped when it has read and decided, and has its locks."""
        self._may_pass.clear()
        self.is_stopped.clear()

    def open(self) -> None:
        """Whoever is stopped goes on."""
        self._may_pass.set()

    def fail_at(self, statement: int, fault: Fault) -> None:
        """The statement of this number, counted from now, meets the fault, once."""
        self.statements.clear()
        self.begins = 0
        self._fault = (statement, fault)

    @property
    def has_failed(self) -> bool:
        """Whether the fault has been met."""
        return self._fault is None

    def through(self, connection: Any) -> Any:
        """The connection behind this gate."""
        return _Gated(connection, self)

    async def pass_through(self, connection: Any, method: str, sql: str, arguments: Any) -> Any:
        """The statement's answer, if it is let through."""
        if sql == "discard plans":
            return await connection.execute(sql)
        number = len(self.statements)
        self.statements.append(sql)
        if sql == "begin":
            self.begins += 1
            if self.begins == 2 and self.before_again is not None:
                await self.before_again()
        if method == "execute" and sql not in ("begin", "rollback") and not self._may_pass.is_set():
            self.is_stopped.set()
            await self._may_pass.wait()
        fault = self._fault[1] if self._fault is not None and self._fault[0] == number else None
        if fault is None:
            return await getattr(connection, method)(sql, *arguments)
        self._fault = None
        return await self._fail(fault, connection, method, sql, arguments)

    async def _fail(self, fault: Fault, connection: Any, method: str, sql: str, arguments: Any) -> Any:
        if fault in ("refused", "again"):
            return await connection.execute(REFUSED if fault == "refused" else AGAIN)
        if fault == "unanswered":
            await getattr(connection, method)(sql, *arguments)
        connection.terminate()
        if fault == "unnoticed":
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
        raise ConnectionResetError("the connection is lost")


class _Gated:
    """A connection whose statements pass through the gate; everything else is the connection's own."""

    def __init__(self, connection: Any, gate: Gate) -> None:
        self._connection, self._gate = connection, gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("execute", "fetch", "fetchrow", "fetchval"):
            return found

        async def send(sql: str, *arguments: Any, **more: Any) -> Any:
            assert not more, more
            return await self._gate.pass_through(self._connection, name, sql, arguments)

        return send

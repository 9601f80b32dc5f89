"""Connections that keep a ledger of the time of each statement, and of the time between statements."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_TABLES = re.compile(r"\b(insert into|update|join|from) (?!unnest\b|lateral\b|of\b)([a-z_]+)")
_EXPLAIN = "explain (analyze, buffers, timing off, format json) "
_WITHOUT_PLAN = ("begin", "commit", "rollback", "discard plans")


@dataclass
class Spent:
    """Microseconds of wall time and of this process' CPU time; buffers touched, if PostgreSQL reports them."""

    wall: float = 0.0
    cpu: float = 0.0
    buffers: float = 0.0


@dataclass
class Ledger:
    """What awards spent their time on, by stage."""

    stages: dict[str, Spent] = field(default_factory=dict)
    awards: int = 0
    _mark: tuple[float, float] = (0.0, 0.0)
    # Time noted by name since the last statement, which must not count for the gap again.
    _noted: tuple[float, float] = (0.0, 0.0)

    def clear(self) -> None:
        """Nothing has been noted."""
        self.stages.clear()
        self.awards = 0

    def start_batch(self) -> None:
        """Time counts for this batch from now on."""
        self._mark, self._noted = _clocks(), (0.0, 0.0)

    def end_batch(self, *, awards: int) -> None:
        """The batch is answered."""
        self.gap("python: after commit, answers")
        self.awards += awards

    def gap(self, stage: str) -> None:
        """The time since the last mark counts for this stage, except the time noted by name."""
        wall, cpu = _clocks()
        self._add(stage, wall - self._mark[0] - self._noted[0], cpu - self._mark[1] - self._noted[1])
        self._mark, self._noted = (wall, cpu), (0.0, 0.0)

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function, noting its time under the stage; timed functions inside it do not count twice."""

        def measured(*arguments: Any, **named: Any) -> Any:
            before, noted = _clocks(), self._noted
            try:
                return call(*arguments, **named)
            finally:
                after = _clocks()
                inner = (self._noted[0] - noted[0], self._noted[1] - noted[1])
                spent = (after[0] - before[0] - inner[0], after[1] - before[1] - inner[1])
                self._add(stage, *spent)
                self._noted = (self._noted[0] + spent[0], self._noted[1] + spent[1])

        return measured

    def _add(self, stage: str, wall: float, cpu: float, buffers: float = 0.0) -> None:
        spent = self.stages.setdefault(stage, Spent())
        spent.wall += wall
        spent.cpu += cpu
        spent.buffers += buffers

    def add_explained(self, stage: str, *, microseconds: float, buffers: int) -> None:
        """Add what EXPLAIN reported for one execution."""
        self._add(stage, microseconds, 0.0, buffers)

    def per_award(self) -> dict[str, Spent]:
        """The stages in the order of their first appearance, for each award."""
        count = max(self.awards, 1)
        return {
            stage: Spent(spent.wall / count, spent.cpu / count, spent.buffers / count)
            for stage, spent in self.stages.items()
        }


def _clocks() -> tuple[float, float]:
    return time.perf_counter() * 1e6, time.process_time() * 1e6


@cache
def name_of(statement: str) -> str:
    """A statement in a few words: what it does, and to which tables."""
    text = " ".join(statement.split())
    tables = _TABLES.findall(text)
    changed = [table for verb, table in tables if verb in ("insert into", "update")]
    if changed:
        return f"write {', '.join(dict.fromkeys(changed))}"
    found = ", ".join(dict.fromkeys(table for _verb, table in tables))
    if "for no key update" in text or "for share" in text:
        return f"lock {found}"
    return f"read {found}" if found else text[:40]


class TimedConnection:
    """An asyncpg connection whose statements, and the Python before each, are noted."""

    def __init__(self, connection: Any, ledger: Ledger) -> None:
        self._connection, self._ledger = connection, ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def _run(self, method: str, statement: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        stage = name_of(statement)
        self._ledger.gap(f"python: before {stage}")
        try:
            return await getattr(self._connection, method)(statement, *arguments, **named)
        finally:
            self._ledger.gap(stage)

    async def execute(self, statement: str, *arguments: Any, **named: Any) -> Any:
        """As asyncpg's."""
        return await self._run("execute", statement, arguments, named)

    async def fetch(self, statement: str, *arguments: Any, **named: Any) -> Any:
        """As asyncpg's."""
        return await self._run("fetch", statement, arguments, named)

    async def fetchrow(self, statement: str, *arguments: Any, **named: Any) -> Any:
        """As asyncpg's."""
        return await self._run("fetchrow", statement, arguments, named)


class ExplainedConnection(TimedConnection):
    """An asyncpg connection whose statements are explained, undone, and then run."""

    async def _run(self, method: str, statement: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        run = getattr(self._connection, method)
        if statement.strip() in _WITHOUT_PLAN:
            return await run(statement, *arguments, **named)
        await self._connection.execute("savepoint explained")
        explained = json.loads(await self._connection.fetchval(_EXPLAIN + statement, *arguments))[0]
        await self._connection.execute("rollback to savepoint explained")
        self._ledger.add_explained(
            name_of(statement), microseconds=explained["Execution Time"] * 1000, buffers=_buffers(explained["Plan"])
        )
        return await run(statement, *arguments, **named)


def _buffers(plan: dict[str, Any]) -> int:
    """The plan's buffers; writes in CTEs that nothing reads are not part of the node above them."""
    own = int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))
    aside = sum(_buffers(part) for part in plan.get("Plans", ()) if part.get("Subplan Name", "").startswith("CTE"))
    return max(own, aside)

"""A run whose engine is dropped in the midst of its batches: requests are asked again under their keys, workers return.

Statements fail in any way, also so that nobody knows what became of them; then, now and then, another process with
nothing in memory goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from databases import Database
from engines import WALL, Run
from gates import FAULTS, Gate
from steps import Step, submission

from vinr_server.engine.submission import Outcome, Rejected, Reply
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.due import DueWorker

# No batch has more statements; of one that has fewer the fault meets a later one.
STATEMENTS = 14


class FaultyRun(Run):
    """The engine as it is served, on a realm of its own, behind a gate that lets statements fail."""

    def __init__(self, database: Database, random: Random, counted: Counter[str]) -> None:
        super().__init__([database.realm()])
        self._database, self._random, self._counted = database, random, counted
        self._gate, self._writer, self._pool = Gate(), None, None  # type: ignore[var-annotated]

    def submit(self, batch: Sequence[Step]) -> list[Outcome]:
        """The batch is committed, in as many attempts as it takes: what failed is asked again."""
        submissions = [submission(step, self.realms, self.answers) for step in batch]
        return self.note(batch, self._database.runner.run(self._settle(submissions)))

    async def _settle(self, submissions: Sequence[Any]) -> list[Outcome]:
        while True:
            await self._disturb()
            writer = await self._open()
            outcomes = await asyncio.gather(*(writer.enqueue(one) for one in submissions), return_exceptions=True)
            self._note_fault()
            if all(isinstance(outcome, Reply | Rejected) for outcome in outcomes):
                return list(outcomes)  # type: ignore[arg-type]
            self._counted["asked again"] += 1

    def work(self) -> None:
        """A worker does all that is due, whatever fails meanwhile; the next one finds what is left."""
        self._database.runner.run(self._work())

    async def _work(self) -> None:
        while True:
            await self._disturb()
            writer = await self._open()
            is_busy = await DueWorker(self._pool, writer, clock=lambda: WALL).work_once()
            self._note_fault()
            if not is_busy:
                return

    async def _open(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self._connect, clock=lambda: WALL)
            await self._writer.start()
            self._pool = self._pool or await connect_readers(self._database.url, size=2)
        return self._writer

    async def _connect(self) -> Any:
        return self._gate.through(await connect_writer(self._database.url))

    async def _disturb(self) -> None:
        """Now and then another process goes on, and a statement to come fails."""
        if self._writer is not None and self._random.random() < 0.1:
            self._counted["restarted"] += 1
            await self._close_writer()
        if self._random.random() < 0.4:
            self._gate.fail_at(self._random.randrange(STATEMENTS), self._random.choice(FAULTS))
            self._counted["armed"] += 1

    def _note_fault(self) -> None:
        self._counted["failed"] += self._gate.has_failed

    async def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        await writer.stop()

    def close(self) -> None:
        """Nothing of it runs any longer."""
        self._database.runner.run(self._stop())

    async def _stop(self) -> None:
        if self._writer is not None:
            await self._close_writer()
        if self._pool is not None:
            await self._pool.close()

"""Make the codes of batches, some thousands a transaction; one that is killed leaves the rest to the next (R64).

Any number of these may run side by side: each takes the batch's lock for one slice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from vinr_server.core.codes.commands import FinishCodeBatch
from vinr_server.core.codes.keys import fold
from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.engine.code_drawing import draw_codes
from vinr_server.engine.ids import Ids
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.due.codes import DrawnCode, KeyTaken, OpenBatch, make_codes, open_batches
from vinr_server.workers.commands import submit_all
from vinr_server.workers.rounds import work_in_rounds

SLICE = 5_000
BATCHES_MAX = 16
PAUSE_SECONDS = 0.5


class CodeWorker:
    """Polls for batches that want codes, and makes them a slice at a time, each batch in its turn."""

    def __init__(self, pool: Any, writer: Writer, *, clock: Clock = wall_clock) -> None:
        self._pool, self._writer, self._clock, self._ids = pool, writer, clock, Ids()
        self._stopping = asyncio.Event()
        self.made = 0

    def stop(self) -> None:
        """The worker ends after the slice it is at."""
        self._stopping.set()

    async def run(self) -> None:
        """Make codes until stopped; wait for a database that is away."""
        await work_in_rounds(self.work_once, self._stopping, what="codes of batches", pause_seconds=PAUSE_SECONDS)

    async def work_once(self) -> bool:
        """A slice of each batch that wants codes; answer whether there was anything to do."""
        batches = await open_batches(self._pool, limit=BATCHES_MAX)
        done = []
        for batch in batches:
            if self._stopping.is_set():
                break
            made = await self._make(batch) if batch.missing else 0
            self.made += made
            if batch.missing <= made:
                done.append((batch.realm, batch.livemode, FinishCodeBatch(batch.id)))
        await submit_all(self._writer, done, failure="a batch of codes was not finished")
        return bool(batches)

    async def _make(self, batch: OpenBatch) -> int:
        while True:
            drawn = await asyncio.to_thread(self._draw, batch)
            try:
                return await make_codes(self._pool, batch, drawn, now=self._clock())
            except KeyTaken:  # it happens once in 10^9 codes
                continue

    def _draw(self, batch: OpenBatch) -> list[DrawnCode]:
        """Distinct codes for a slice of the batch, sorted as everybody inserts them."""
        wanted = min(batch.missing, SLICE)
        texts: dict[str, str] = {}
        while len(texts) < wanted:
            drawn = draw_codes(wanted - len(texts), pattern=batch.pattern, alphabet=batch.alphabet)
            texts.update((fold(text), text) for text in drawn)
        self._ids.tick()
        keyed = [(key, bucket_of(batch.realm, key), text) for key, text in sorted(texts.items())]
        return [DrawnCode(bucket, self._ids.make_id("code", bucket), key, text) for key, bucket, text in keyed]

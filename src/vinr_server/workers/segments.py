"""Announce by events who enters and leaves dynamic segments, because facts changed or time passed.

Who is in a segment never waits for this: offers and carts judge it themselves, at the instant they need it. A pass over
all members begins once in `every`; each change is announced within that and the length of a pass. Any number of these
may run side by side: what another has already announced changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from vinr_server.core.segments.commands import AnnounceSegments
from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.engine.submission import Unavailable
from vinr_server.engine.writer import Writer
from vinr_server.storage.due.segments import Watched, page_end, to_be_announced, watched_realms
from vinr_server.workers.commands import submit_all

log = logging.getLogger("vinr.worker")

EVERY = timedelta(seconds=60)
# A page of this many members takes tens of milliseconds to read, far from a statement's limit.
MEMBERS_MAX = 1_000


class SegmentWorker:
    """Passes over the members of every realm that has dynamic segments, a page at a time."""

    def __init__(self, pool: Any, writer: Writer, *, clock: Clock = wall_clock, every: timedelta = EVERY) -> None:
        self._pool, self._writer, self._clock, self._every = pool, writer, clock, every
        self._stopping = asyncio.Event()
        self.announced = 0

    def stop(self) -> None:
        """The worker ends after the page it is at."""
        self._stopping.set()

    async def run(self) -> None:
        """Pass after pass until stopped; wait for a database that is away."""
        while not self._stopping.is_set():
            began_at = self._clock()
            try:
                await self.work_once()
            except (OSError, Unavailable) as error:
                log.warning("segments wait: %s", error)
            except Exception:  # the floor's edge: one bad pass must not end the worker
                log.exception("a pass over segments failed")
            await self._pause(began_at + self._every - self._clock())

    async def work_once(self) -> int:
        """One pass; answer how many members there was something to announce of."""
        announced = 0
        for watched in await watched_realms(self._pool):
            after = ""
            while not self._stopping.is_set():
                end = await page_end(self._pool, watched.realm, after, limit=MEMBERS_MAX)
                if end is None:
                    break
                due = await to_be_announced(self._pool, watched, self._clock(), after=after, end=end)
                await self._announce(watched, [AnnounceSegments(account, tuple(ids)) for account, ids in due.items()])
                announced += len(due)
                after = end
        self.announced += announced
        return announced

    async def _announce(self, watched: Watched, commands: Sequence[AnnounceSegments]) -> None:
        own = [(watched.realm, watched.livemode, command) for command in commands]
        await submit_all(self._writer, own, failure="a member's segments were not announced")

    async def _pause(self, left: timedelta) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), max(left.total_seconds(), 0.01))
        except TimeoutError:
            pass

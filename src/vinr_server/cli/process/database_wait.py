"""A process that starts while its database is away waits for it, instead of failing and being started again at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType

from vinr_server.api.edge.asgi import CannotStart
from vinr_server.cli.database_faults import database_fault, database_place
from vinr_server.cli.process.draining import ending_handlers, signals_to
from vinr_server.storage.postgres.connect import AWAY, reach

log = logging.getLogger("vinr.start")

# Between two attempts: twice as long each time, up to a wait that nobody minds once the database is back.
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 8.0
TICK_SECONDS = 0.1


async def wait_for_database(
    database_url: str, *, seconds: float = inf, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """The database answers, if only to refuse. Raises the last error after `seconds`, or CannotStart when stopped.

    Each failed attempt logs a line.
    """
    begin, pause = time.monotonic(), PAUSE_SECONDS
    while True:
        try:
            return await reach(database_url)
        except AWAY as error:
            waited = time.monotonic() - begin
            if waited >= seconds:
                raise
            pause_now = min(pause, max(seconds - waited, TICK_SECONDS))
            log.warning(
                "waiting for the database at %s, %.0f s so far; next attempt in %.1f s: %s",
                database_place(database_url),
                waited,
                pause_now,
                database_fault(error, database_url),
            )
        resume = time.monotonic() + pause_now
        while (left := resume - time.monotonic()) > 0:
            if is_stopped():
                raise CannotStart("stopped while waiting for the database")
            await asyncio.sleep(min(left, TICK_SECONDS))
        pause = min(2 * pause, PAUSE_SECONDS_MAX)


async def wait_in_server(database_url: str) -> None:
    """The database answers. Waits without limit, since uvicorn's other workers may serve, but not past a signal."""
    with _watched_signals() as is_stopped:
        await wait_for_database(database_url, is_stopped=is_stopped)


@contextmanager
def _watched_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or Ctrl-C came within the block. Uvicorn notes them too, and acts on them after the start."""
    caught: list[int] = []
    before = ending_handlers()

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if callable(before[number]):
            before[number](number, frame)

    with signals_to(catch):
        yield lambda: bool(caught)

"""How workers that poll go on: rounds at once while there is something to do, with pauses where there is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from vinr_server.engine.submission import Unavailable

log = logging.getLogger("vinr.worker")


async def work_in_rounds(
    work_once: Callable[[], Awaitable[bool]], stopping: asyncio.Event, *, what: str, pause_seconds: float
) -> None:
    """Work until stopped; wait for a database that is away. `work_once` answers whether there was anything to do."""
    while not stopping.is_set():
        is_busy = False
        try:
            is_busy = await work_once()
        except (OSError, Unavailable) as error:
            log.warning("%s: waits: %s", what, error)
        except Exception:  # the floor's edge: one bad round must not end the worker
            log.exception("%s: a round failed", what)
        if not is_busy:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause_seconds)

"""How workers that poll go on: rounds at once while there is something to do, with pauses where there is not.

Work comes in flurries: who advances a test clock soon advances it again. So the first pause is short, and each that
follows is twice as long, up to the whole one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from vinr_server.engine.submission import Unavailable

log = logging.getLogger("vinr.worker")

FIRST_PAUSE_SECONDS = 0.01


async def work_in_rounds(
    work_once: Callable[[], Awaitable[bool]], stopping: asyncio.Event, *, what: str, pause_seconds: float
) -> None:
    """Work until stopped; wait for a database that is away. `work_once` answers whether there was anything to do."""
    pause = pause_seconds
    while not stopping.is_set():
        is_busy = False
        try:
            is_busy = await work_once()
        except (OSError, Unavailable) as error:
            log.warning("%s: waits: %s", what, error)
        except Exception:  # the floor's edge: one bad round must not end the worker
            log.exception("%s: a round failed", what)
        pause = 0.0 if is_busy else min(max(2 * pause, FIRST_PAUSE_SECONDS), pause_seconds)
        if pause:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

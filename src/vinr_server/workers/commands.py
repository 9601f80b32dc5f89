"""The commands of workers: many at once, each decided by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from vinr_server.core.kernel.commands import Command
from vinr_server.engine.submission import system_submission
from vinr_server.engine.writer import Writer

log = logging.getLogger("vinr.worker")


async def submit_all(writer: Writer, commands: Iterable[tuple[int, bool, Command]], *, failure: str) -> None:
    """Every command (realm, livemode, command) is decided; a failed one is logged and does not hold up the others."""
    waiting = [
        await writer.enqueue_patiently(system_submission(realm, command, livemode=livemode))
        for realm, livemode, command in commands
    ]
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(outcome, Exception):  # the engine has logged why
            log.error("%s: %s", failure, outcome)

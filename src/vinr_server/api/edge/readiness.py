"""Whether a process can take requests, and if not, why: what `/readyz` reports to a load balancer."""

from __future__ import annotations

import asyncio

from vinr_server.engine.writer import Writer
from vinr_server.storage.reads.reader import Reader

# A database that needs longer than this to answer a look-up can't serve a request either.
PATIENCE_SECONDS = 2


class Readiness:
    """What a process knows about its own fitness. `is_draining` is set once, when the process is asked to stop."""

    def __init__(self, reader: Reader, writer: Writer, *, revision: str | None = None) -> None:
        self._reader, self._writer, self._revision = reader, writer, revision
        self.is_draining = False

    async def refusal(self) -> str | None:
        """Why no request should come here; None if requests may come."""
        if self.is_draining:
            return "draining"
        if not self._writer.is_alive:
            return "writer stopped"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                revision = await self._reader.schema_revision()
        except Exception:  # whatever keeps the database from answering, the probe gets the same answer
            return "database unreachable"
        if self._revision not in (None, revision):
            return f"the database is at schema {revision}, but this process needs {self._revision}"
        return None

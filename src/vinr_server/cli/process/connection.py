"""A connection that does not wait forever: uvicorn limits the time between requests, this limits the time for one.

Uvicorn 0.54 does not limit how slowly a request may arrive, nor how slowly an answer may be taken.
"""

from __future__ import annotations

import asyncio
from typing import Any

from vinr_server.cli.process.bounded_connection import BoundedConnection

# A request of 1 MiB over a line of 35 KiB/s takes this long.
REQUEST_SECONDS = 30.0
# How often a connection is checked: a timer for each request would cost more than the request's routing.
LOOK_SECONDS = 5.0


class PatientConnection(BoundedConnection):
    """Closes a connection whose request has not arrived, or whose answer was not taken, within REQUEST_SECONDS."""

    _waiting_since: float | None = None
    _unsent_since: float | None = None
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request has begun to arrive."""
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_after)

    def connection_lost(self, exc: Exception | None) -> None:
        """The checks have stopped."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request has begun to arrive, unless another was already arriving."""
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()
        super().data_received(data)

    def on_message_complete(self) -> None:
        """The request is here whole."""
        self._waiting_since = None
        super().on_message_complete()

    def _look_after(self) -> None:
        now = self.loop.time()
        if not _has_unsent(self.transport):
            self._unsent_since = None
        elif self._unsent_since is None:
            self._unsent_since = now
        began = min((at for at in (self._waiting_since, self._unsent_since) if at is not None), default=now)
        if now - began >= REQUEST_SECONDS:
            self.transport.abort()
        else:
            self._look = self.loop.call_later(LOOK_SECONDS, self._look_after)


def _has_unsent(transport: Any) -> bool:
    return bool(transport.get_write_buffer_size())

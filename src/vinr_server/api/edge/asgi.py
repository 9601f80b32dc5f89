"""The application as a server loads it: connects on startup, drains and closes on shutdown."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from vinr_server.api.edge.app import App, Receive, Send
from vinr_server.api.edge.readiness import Readiness
from vinr_server.api.edge.request_log import RequestLog
from vinr_server.engine.sealing import Seal
from vinr_server.engine.settings import Settings
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.revision import newest_revision
from vinr_server.storage.reads.reader import Reader


class CannotStart(Exception):
    """Why the process can't start, in a sentence."""


class Server:
    """One process' application with its connections, as an ASGI callable."""

    def __init__(self, settings: Settings, *, is_loopback_allowed: bool = False) -> None:
        self._settings, self._is_loopback_allowed = settings, is_loopback_allowed
        self._app: App | None = None
        self.requests = RequestLog(logs_all=settings.log_requests, slow_seconds=settings.slow_seconds)
        # Called when the process can answer; the command line hooks its signals and metrics in here.
        self.on_started: Callable[[], None] = lambda: None
        # Called before anything is connected; may wait for the database, or raise CannotStart.
        self.before_start: Callable[[], Awaitable[None]] = _at_once
        self.writer = Writer(partial(connect_writer, settings.database_url), is_distributed=settings.is_distributed)

    async def start(self) -> None:
        """The process can answer."""
        await self.before_start()
        self._pool = await connect_readers(self._settings.database_url, size=self._settings.readers)
        await self.writer.start()
        _spare_the_collector()
        reader = Reader(self._pool)
        self._readiness = Readiness(reader, self.writer, revision=newest_revision())
        self._app = App(
            reader,
            self.writer,
            pepper=self._settings.key_pepper,
            rate_limit_per_second=self._settings.rate_limit_per_second,
            readiness=self._readiness,
            requests=self.requests,
            seal=Seal(self._settings.secrets_key),
            is_loopback_allowed=self._is_loopback_allowed,
        )
        self.on_started()

    def reader_connections(self) -> tuple[int, int]:
        """How many connections there are for reading, and how many of them are idle."""
        return self._pool.get_size(), self._pool.get_idle_size()

    def drain(self) -> None:
        """From now on `/readyz` refuses, and every answer asks its caller to connect again, to another process."""
        self._readiness.is_draining = True

    async def stop(self) -> None:
        """Everything submitted is answered, and all connections are closed."""
        await self.writer.stop()
        await self._pool.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None, "requests come after startup"
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except CannotStart as reason:
            await send({"type": "lifespan.startup.failed", "message": str(reason)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _at_once() -> None:
    """Do nothing: there is nothing to wait for."""


def _spare_the_collector() -> None:
    """Let the garbage collector skip everything loaded so far, which stays for good, and run less often.

    A batch makes some ten thousand objects without cycles; the default threshold interrupted it fifteen times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)

"""A TCP proxy in front of PostgreSQL: a port that stays while the server moves, and a knife for the reply to COMMIT."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

# How asyncpg sends the word: a simple query.
COMMIT = b"Q\x00\x00\x00\x0bcommit\x00"

# before: COMMIT never arrives; after: it is answered, and the answer is lost; at_once: it is sent, and nobody waits.
Cut = Literal["before", "after", "at_once"]


class DatabaseProxy:
    """Forwards connections to a PostgreSQL; runs on a loop in a thread of its own."""

    def __init__(self, database_url: str, *, port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._armed: list[tuple[Cut, bool]] = []
        self._target_port = 0
        self.cuts = 0
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="database proxy", daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(port), self._loop).result(60)
        self.aim(database_url)

    def aim(self, database_url: str) -> None:
        """New connections go to the server of this URL."""
        port = urlsplit(database_url).port
        assert port is not None
        self._target_port = port
        self.url = database_url.replace(f":{port}/", f":{self.port}/")

    def arm(self, cut: Cut, *, is_reset: bool = False) -> None:
        """The next COMMIT is cut, once; by a reset instead of an orderly end, if asked for."""
        self._armed.append((cut, is_reset))

    def stop(self) -> None:
        """Nobody listens any more, and no connection is forwarded."""
        if self._server is not None:
            self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    async def _listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _forward(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            to_client.close()
            return
        downwards = asyncio.ensure_future(self._copy(server, to_client))
        try:
            await self._copy_until_cut(client, to_client, server, to_server, downwards)
        except OSError:
            pass
        finally:
            to_server.close()
            downwards.cancel()
            to_client.close()

    async def _copy_until_cut(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        downwards: asyncio.Future[None],
    ) -> None:
        while chunk := await client.read(65536):
            if COMMIT not in chunk or not self._armed:
                to_server.write(chunk)
                await to_server.drain()
                continue
            cut, is_reset = self._armed.pop(0)
            downwards.cancel()
            if cut != "before":
                to_server.write(chunk)
                await to_server.drain()
            if cut == "after":
                await asyncio.sleep(0)  # the copy downwards has ended
                await server.read(65536)
            self.cuts += 1
            if is_reset:
                to_client.transport.abort()
            return

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        sink.close()  # not when it was cancelled: then the knife decides what happens to the client


@contextmanager
def proxied(database_url: str, *, port: int = 0) -> Iterator[DatabaseProxy]:
    """A proxy for as long as the block lasts."""
    proxy = DatabaseProxy(database_url, port=port)
    try:
        yield proxy
    finally:
        proxy.stop()

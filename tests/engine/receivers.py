"""Receivers of webhooks on this machine, well-behaved and not, and listeners that nobody should ever call."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Received:
    """What a receiver saw: the requests in bytes, and how many of its connections are open or were ended by us."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    async def all_closed(self) -> bool:
        """Whether every connection was ended within some seconds."""
        for _ in range(1_000):
            if self.closed == self.opened:
                break
            await asyncio.sleep(0.01)
        return self.closed == self.opened


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request with its body, as its bytes."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].partition(b":")[2]))


def answers(*parts: bytes, pause_seconds: float = 0) -> Script:
    """A receiver that reads the request, sends the parts one by one and closes."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if pause_seconds:
                await asyncio.sleep(pause_seconds)

    return script


def endless(first: bytes, part: bytes, *, pause_seconds: float = 0) -> Script:
    """A receiver that never stops sending."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return script


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A receiver that says nothing."""
    await reader.read()


@asynccontextmanager
async def receiver(script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0):
    """Serve one script on an address; each connection gets the whole of it."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            received.requests.append(await read_request(reader))
            await script(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()
        received.closed += 1

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
        received.opened += 1
        return serve(reader, writer)

    server = await asyncio.start_server(accept, host, port, ssl=tls, limit=1 << 20)
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()


@asynccontextmanager
async def raw_receiver(first: bytes) -> AsyncIterator[Received]:
    """A receiver that greets with bytes before it is asked anything, then waits for us to go."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.opened += 1
        with contextlib.suppress(OSError):
            writer.write(first)
            await reader.read(-1)
            writer.close()
        received.closed += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()


class Canaries:
    """Listeners on every address of the machine, at one port of their own and, where that is allowed, at 443 and 80."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        first = self._listen(socket.AF_INET, "0.0.0.0", 0)
        assert first is not None
        self.port = first.getsockname()[1]
        self._listen(socket.AF_INET6, "::", self.port)
        for port in (443, 80):
            self._listen(socket.AF_INET, "0.0.0.0", port)
            self._listen(socket.AF_INET6, "::", port)
        self.ports = sorted({sock.getsockname()[1] for sock in self._sockets})

    def _listen(self, family: int, host: str, port: int) -> socket.socket | None:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            sock.listen(512)
        except OSError as error:
            sock.close()
            if error.errno not in (errno.EACCES, errno.EADDRINUSE, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            return None
        sock.setblocking(False)
        self._sockets.append(sock)
        return sock

    def calls(self) -> int:
        """The connections since the last count: the kernel completes each SYN's handshake and queues it for us."""
        count = 0
        for sock in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    connection, _peer = sock.accept()
                    connection.close()
                    count += 1
        return count

    def close(self) -> None:
        """Stop listening."""
        for sock in self._sockets:
            sock.close()


@contextmanager
def canaries() -> Iterator[Canaries]:
    """Canaries that have been heard to sing."""
    listeners = Canaries()
    try:
        for port in listeners.ports:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert listeners.calls() == len(listeners.ports)
        yield listeners
    finally:
        listeners.close()

"""A client that sends or reads slowly can't hold a connection forever: measured at the socket of a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn

from conftest import PEPPER, SECRETS_KEY
from vinr_server.api.edge.asgi import Server
from vinr_server.cli.process import connection
from vinr_server.cli.process.serving import KEEP_ALIVE_SECONDS, listen, uvicorn_config
from vinr_server.engine.settings import Settings

HEAD = b"POST /v1/payments HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def port(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server whose patience is a second instead of half a minute."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.1)
    listener = listen("127.0.0.1", 0)
    settings = Settings(database_url=database, key_pepper=PEPPER, secrets_key=SECRETS_KEY)
    server = uvicorn.Server(uvicorn_config(Server(settings)))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


async def seconds_until_closed(port: int, first: bytes, then: bytes) -> float:
    """How long a connection lives that sends `first`, and after that `then` every 50 ms."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(first)
    try:
        async with asyncio.timeout(KEEP_ALIVE_SECONDS + 5):
            while not reader.at_eof():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(65_536), 0.05)
                writer.write(then)
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return time.monotonic() - began


class TestConnections:
    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (b"", b""),
            (b"POST /v1/pay", b""),
            (HEAD, b""),
            (HEAD, b"X-More: 1\r\n"),
            (HEAD + b"Content-Length: 1000\r\n\r\n", b""),
            (HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
            (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n", b"X-More: 1\r\n"),
        ],
        ids=["silent", "part of a line", "half a head", "slow head", "no body", "slow body", "slow chunks", "second"],
    )
    async def test_that_send_slowly_are_closed(self, port: int, first: bytes, then: bytes) -> None:
        took = await seconds_until_closed(port, first, then)

        # Without a key the answer comes before the body; the keep-alive would follow what nobody ends.
        assert took < KEEP_ALIVE_SECONDS, took

    async def test_that_do_not_take_their_answer_are_closed(self, port: int) -> None:
        taker = socket.socket()
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taker.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(taker, ("127.0.0.1", port))
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200

        async with asyncio.timeout(KEEP_ALIVE_SECONDS):
            with pytest.raises(ConnectionError):
                while True:
                    try:
                        taker.send(ask)
                    except BlockingIOError:
                        pass
                    await asyncio.sleep(0.05)
        taker.close()

    async def test_that_are_idle_outlive_what_clients_reuse(self, port: int) -> None:
        """Httpx reuses a connection for 5 s. If the server closed it then, a request just sent would get no answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for pause in (6, 0):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b'{"status":"ok"}'))
            await asyncio.sleep(pause)
        writer.transport.abort()

    async def test_in_use_live_on(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(30):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b'{"status":"ok"}'))
            await asyncio.sleep(0.05)
        writer.transport.abort()

"""Takes webhooks on a loopback port and forwards each, byte for byte, to a receiver that is being developed."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn

from vinr_server.api.edge.app import Receive, Send
from vinr_server.cli.process.connection import PatientConnection
from vinr_server.cli.process.serving import listen
from vinr_server.cli.sandbox.inbox import answer, read_body

# The engine gives up an attempt after 15 s.
RECEIVER_SECONDS_MAX = 14.0
ANSWER_BYTES_MAX = 16 * 1024
# Headers of one connection, not of the message; the client writes its own.
OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One webhook and the receiver's answer; `status` is None if there is no receiver or it did not answer."""

    headers: dict[str, str]
    body: bytes
    milliseconds: int = 0
    status: int | None = None
    error: str | None = None
    event: dict[str, Any] = field(default_factory=dict)


class Forwarder:
    """A server on its own thread, for as long as the block lasts."""

    def __init__(self, target: str | None, report: Callable[[Forwarded], None]) -> None:
        self._target, self._report = target, report
        self._listener: socket.socket = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            self._take,
            http=PatientConnection,
            interface="asgi3",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        # A new connection for each event: a receiver may close an idle one just as the next event is sent on it.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(timeout=RECEIVER_SECONDS_MAX, trust_env=False, limits=limits)
        # Forward exactly what arrived: the client adds no header.
        self._client.headers.clear()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Forwarder:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)

    async def _take(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive)
        if body is None:
            await answer(send, 413)
            return
        status, said = 200, b""
        forwarded = Forwarded(headers, body, event=_event_of(body))
        if self._target is not None:
            forwarded, status, said = await self._forward(self._target, headers, body)
        self._report(forwarded)
        await answer(send, status, said)

    async def _forward(self, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Forwarded, int, bytes]:
        """Returns what happened, and what to answer the engine: the receiver's own answer, or 502 if there is none."""
        own = {name: value for name, value in headers.items() if name not in OF_THE_CONNECTION}
        status, error, answer = None, None, b""
        begun = time.monotonic()
        try:
            async with self._client.stream("POST", target, content=body, headers=own) as response:
                status = response.status_code
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) >= ANSWER_BYTES_MAX:
                        break
        except httpx2.TimeoutException:
            error = f"no answer within {RECEIVER_SECONDS_MAX:.0f} s"
        except (httpx2.HTTPError, httpx2.InvalidURL) as failed:
            error = str(failed) or type(failed).__name__
        milliseconds = round((time.monotonic() - begun) * 1000)
        forwarded = Forwarded(dict(headers), body, milliseconds, status, error, _event_of(body))
        return forwarded, status or 502, (error or "").encode() or answer[:ANSWER_BYTES_MAX]


def _event_of(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}

"""End a serving process without cutting off a request: warn the load balancer, wait for it, then stop.

On the first SIGTERM `/readyz` answers 503 and every answer carries `Connection: close`, while requests still come in.
After the drain time, uvicorn stops listening, waits for the requests under way, and shuts the application down; the
writer answers what is queued. Ctrl-C, or a second SIGTERM, ends the drain time at once.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from vinr_server.api.edge.asgi import Server

# A terminal, or `kill` of a process group, signals the workers; their supervisor then passes its own signal on.
ECHO_SECONDS = 1.0
ENDING = (signal.SIGTERM, signal.SIGINT)


class Drain:
    """The signal handlers of a process that serves, made after uvicorn has installed its own."""

    def __init__(self, server: Server, *, seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self._loop = asyncio.get_running_loop()
        self._began_at: float | None = None
        self._stop = signal.getsignal(signal.SIGTERM)
        for number in ENDING:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._began_at is not None and now - self._began_at < ECHO_SECONDS:
            return
        is_first, self._began_at = self._began_at is None, now
        self._server.drain()
        seconds = self._seconds if is_first and number == signal.SIGTERM else 0.0
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._end)

    def _end(self) -> None:
        """Uvicorn stops listening; its requests under way are answered."""
        if callable(self._stop):
            self._stop(signal.SIGTERM, None)


def install_drain(server: Server, *, seconds: float) -> None:
    """SIGTERM and Ctrl-C drain the server from now on."""
    Drain(server, seconds=seconds)


def forget(_number: int, _frame: FrameType | None) -> None:
    """Ignores a signal. After it stops, uvicorn raises the signals it caught again; they have had their effect."""


def forget_signals() -> None:
    """SIGTERM and Ctrl-C do nothing from now on, until another handler takes them."""
    for number in ENDING:
        signal.signal(number, forget)


def ending_handlers() -> dict[int, Any]:
    """The handlers of SIGTERM and Ctrl-C."""
    return {number: signal.getsignal(number) for number in ENDING}


@contextmanager
def signals_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C go to the handler within the block; afterwards to the handlers before it."""
    before = ending_handlers()
    for number in ENDING:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for taken, earlier in before.items():
            signal.signal(taken, earlier)

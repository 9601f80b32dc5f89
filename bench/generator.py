"""A load generator for machines without wrk: raw sockets, one process, as little work per request as Python allows.

python -m bench.generator WHAT BASE_URL API_KEY ACCOUNTS RUN FIRST CONNECTIONS SECONDS, where WHAT is award or activate.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import uvloop


class Connection(asyncio.Protocol):
    """One connection that sends the next request as soon as the last one is answered."""

    def __init__(self, run: Run, number: int) -> None:
        self._run, self._number = run, number
        self._count, self._sent_at, self._buffer = 0, 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is complete, and send again while there is time."""
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        body, self._buffer = self._buffer[head_end + 4 :], b""
        now = time.perf_counter()
        if now < self._run.ends_at:
            self._run.latencies.append(now - self._sent_at)
            if head[9:10] != b"2":
                self._run.note_refusal(head[9:12].decode(), body)
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Count connections that were cut off too early."""
        self._run.errors += time.perf_counter() < self._run.ends_at
        self._run.open -= 1
        if not self._run.open:
            self._run.is_over.set()

    def _send(self) -> None:
        self._count += 1
        self._sent_at = time.perf_counter()
        self._transport.write(self._run.request(self._number, self._count))


class Run:
    """All connections of one run, and what they have seen."""

    def __init__(
        self, what: str, key: str, accounts: int, run: str, first: int, connections: int, seconds: float
    ) -> None:
        self.accounts, self.run, self.first, self.seconds = accounts, run, first, seconds
        path, self._body = {
            "award": ("/v1/loyalty/points/award", self._award),
            "activate": ("/v1/engagement/offers/activate", self._activate),
        }[what]
        self.latencies: list[float] = []
        self.non_2xx = self.errors = 0
        self.refused: dict[str, int] = {}
        self.connections = self.open = connections
        self.is_over = asyncio.Event()
        self.starts_at = time.perf_counter()
        self.ends_at = self.starts_at + seconds
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {key}\r\nIdempotency-Key: "
        )

    def request(self, connection: int, count: int) -> bytes:
        """The next request, under a key of 36 characters that was never used."""
        key = f"{random.getrandbits(32):08x}-{self.run}-{connection:04x}-{count:012x}"
        body = self._body(connection, count)
        return f"{self._head}{key}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def note_refusal(self, status: str, body: bytes) -> None:
        """An answer that grants nothing is counted under its status and code."""
        self.non_2xx += 1
        code = re.search(rb'"code":\s*"(\w+)"', body)
        what = f"{status} {code[1].decode() if code else ''}"
        self.refused[what] = self.refused.get(what, 0) + 1

    def _award(self, _connection: int, _count: int) -> str:
        """An award of 5 points to a random account."""
        n = random.randint(1, self.accounts)
        return (
            f'{{"account":"loy_{n:025x}{n % 256:02x}","points":5,"reason":"purchase",'
            f'"metadata":{{"orderId":"ord_{random.randint(10_000_000, 99_999_999)}"}}}}'
        )

    def _activate(self, connection: int, count: int) -> str:
        """An activation of the offer for a member that no other request names."""
        n = self.first + (count - 1) * self.connections + connection + 1
        return f'{{"offer":"ofr_bench","account":"loy_{n:025x}{n % 256:02x}"}}'


async def _main(
    what: str, base_url: str, key: str, accounts: str, run: str, first: str, connections: str, seconds: str
) -> None:
    address = urlsplit(base_url)
    state = Run(what, key, int(accounts), run, int(first), int(connections), float(seconds))
    loop = asyncio.get_running_loop()
    for number in range(int(connections)):
        await loop.create_connection(lambda number=number: Connection(state, number), address.hostname, address.port)
    await asyncio.wait_for(state.is_over.wait(), state.seconds + 30)
    spent = time.perf_counter() - state.starts_at
    ordered = sorted(state.latencies) or [0.0]
    figures = {
        "requests": len(state.latencies),
        "seconds": min(spent, state.seconds),
        "non_2xx": state.non_2xx,
        "errors": state.errors,
        "refused": state.refused,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))

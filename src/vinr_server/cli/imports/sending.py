"""Rows on their way to the server: in batches and lanes, patiently, with a result for each row."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import httpx2
import msgspec
from msgspec import Struct

from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.report import Report

# Of one request; the waits between them grow to BACKOFF_SECONDS_MAX, together about half a minute.
ATTEMPTS_MAX = 8
# Of the first request: a wrong address should show soon.
FIRST_ATTEMPTS_MAX = 3
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX, RETRY_AFTER_SECONDS_MAX = 0.2, 10.0, 300.0
REQUEST_SECONDS_MAX = 60.0
# The server takes no more in one request (api/edge/app.py).
BODY_BYTES_MAX = 1024 * 1024
# After Ctrl-C, for the answers to what was sent: so that the summary is true.
GRACE_SECONDS = 10.0
# Rows read between two looks at the network and at Ctrl-C.
ROWS_AT_A_STRETCH = 256
RETRIED = (429, 502, 503, 504)
REFUSES_THE_KEY = (401, 403)
# Answers to a request that one row of it can have caused.
CAUSED_BY_A_ROW = (400, 413, 422, 500)


class Item(Protocol):
    """A row to be sent. `member`: whose it is."""

    @property
    def row(self) -> int: ...

    @property
    def line(self) -> str: ...

    @property
    def member(self) -> str: ...


ItemT = TypeVar("ItemT", bound=Item)


class Failure(Struct):
    """The part of an error that is reported."""

    code: str
    message: str


class Seen(Struct):
    """The part of a payment that an import looks at."""

    amount_refunded: int = 0


class Result(Struct):
    """The part of an item's result that is looked at; the rest is passed over."""

    status: int
    payment: Seen | None = None
    error: Failure | None = None


class Results(Struct):
    """The answer to a bulk request."""

    data: list[Result]


class Refused(Struct):
    """The answer to a request refused as a whole."""

    error: Failure


class Program(Struct):
    """The part of a program that an import looks at."""

    timezone: str
    test_clock: str | None = None


encode = msgspec.json.Encoder().encode
_decode_results = msgspec.json.Decoder(Results).decode
_decode_refused = msgspec.json.Decoder(Refused).decode


def secret_key() -> str:
    """The key from the environment."""
    key = os.environ.get("VINR_SECRET_KEY", "").strip()
    if not key or not key.isascii():
        sandbox = 'For the sandbox of `vinr dev`: eval "$(vinr status -o env)".'
        raise ImportRefused(f"Set VINR_SECRET_KEY to a secret key of the server (sk_test_… or sk_live_…). {sandbox}")
    return key


class Interruption:
    """Ctrl-C or SIGTERM. The first asks for an orderly end; the second, or GRACE_SECONDS, ends the run at once."""

    def __init__(self) -> None:
        self.signal = 0
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """The running task hears of signals from here on."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt, number, task)

    def _interrupt(self, number: int, task: asyncio.Task[Any]) -> None:
        if self.signal:
            task.cancel()
        self.signal = number
        self._asked.set()
        asyncio.get_running_loop().call_later(GRACE_SECONDS, task.cancel)

    async def sleep(self, seconds: float) -> bool:
        """Whether an interruption came before the time was over."""
        try:
            await asyncio.wait_for(self._asked.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Lanes(Generic[ItemT]):
    """Batches on their way. What one member has goes through one lane, in the file's order, one at a time."""

    def __init__(
        self,
        send: Callable[[list[ItemT]], Coroutine[Any, Any, None]],
        *,
        count: int,
        size: int,
        interruption: Interruption,
    ) -> None:
        self._send, self._size, self._interruption = send, size, interruption
        self._batches: list[list[ItemT]] = [[] for _lane in range(count)]
        # One batch waits while one is under way: a lane never waits for the file, and little is in memory.
        self._queues = [asyncio.Queue[list[ItemT] | None](maxsize=1) for _lane in range(count)]

    async def run(self, items: Iterator[ItemT | None]) -> None:
        """Everything is sent, or as much as was under way when an interruption came."""
        refused: ImportRefused | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for queue in self._queues:
                    group.create_task(self._run_lane(queue))
                try:
                    await self._fill(items)
                except ImportRefused as refusal:
                    refused = refusal  # the file can't be read further; what was read is sent all the same
                for queue, rest in zip(self._queues, self._batches, strict=True):
                    await queue.put(rest)
                    await queue.put(None)
        except* ImportRefused as refusals:
            refused = ImportRefused(str(refusals.exceptions[0]))
        if refused is not None:
            raise refused

    async def _fill(self, items: Iterator[ItemT | None]) -> None:
        count = len(self._queues)
        for position, item in enumerate(items):
            if position % ROWS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)
                if self._interruption.signal:
                    return
            if item is None:
                continue
            lane = zlib.crc32(item.member.encode()) % count
            self._batches[lane].append(item)
            if len(self._batches[lane]) >= self._size:
                batch, self._batches[lane] = self._batches[lane], []
                await self._queues[lane].put(batch)

    async def _run_lane(self, queue: asyncio.Queue[list[ItemT] | None]) -> None:
        while (batch := await queue.get()) is not None:
            if batch and not self._interruption.signal:
                await self._send(batch)


class Server:
    """The server, asked patiently: lost connections and answers that say "later" are tried again, within bounds."""

    def __init__(self, base_url: str, secret_key: str, interruption: Interruption) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ImportRefused(f"--base-url: {base_url!r} must start with http:// or https://.")
        self._base_url, self._interruption = base_url.rstrip("/"), interruption
        headers = {"Authorization": f"Bearer {secret_key}", "Content-Type": "application/json"}
        self._client = httpx2.AsyncClient(headers=headers, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    async def close(self) -> None:
        """The connections are closed."""
        await self._client.aclose()

    async def find_program(self, program: str) -> Program:
        """The program; the server is there, takes the key and knows it."""
        path = f"/v1/loyalty/programs/{quote(program, safe='')}"
        response = await self.ask("GET", path, attempts=FIRST_ATTEMPTS_MAX)
        if response.status_code != 200:
            raise ImportRefused(f"--program {program}: {self._base_url} answers: {failure_of(response).message}")
        return msgspec.json.decode(response.content, type=Program)

    async def ask(
        self, method: str, path: str, content: bytes | None = None, *, attempts: int = ATTEMPTS_MAX
    ) -> httpx2.Response:
        """The server's answer. Refuses to go on when it doesn't take the key or `attempts` were in vain."""
        for attempt in range(1, attempts + 1):
            try:
                response = await self._client.request(method, self._base_url + path, content=content)
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                trouble, retry_after = f"can't be reached: {str(error) or type(error).__name__}", None
            else:
                if response.status_code in REFUSES_THE_KEY:
                    raise ImportRefused(f"{self._base_url} refuses VINR_SECRET_KEY: {failure_of(response).message}")
                if response.status_code not in RETRIED:
                    return response
                trouble = f"answers {response.status_code}: {failure_of(response).message}"
                retry_after = response.headers.get("retry-after")
            if attempt == attempts or await self.pause(attempt, retry_after):
                break
        raise ImportRefused(f"{self._base_url} {trouble} (tried {attempt} times)")

    async def pause(self, attempt: int, retry_after: str | None = None) -> bool:
        """Wait before the next attempt, as long as the server asks; whether an interruption came meanwhile."""
        seconds = min(BACKOFF_SECONDS * 2**attempt, BACKOFF_SECONDS_MAX) * random.uniform(0.5, 1)
        if retry_after is not None and retry_after.isdecimal():
            seconds = max(seconds, min(int(retry_after), RETRY_AFTER_SECONDS_MAX))
        return await self._interruption.sleep(seconds)


def failure_of(response: httpx2.Response) -> Failure:
    """What a refusal says; where it is none of ours, its status."""
    try:
        return _decode_refused(response.content).error
    except msgspec.DecodeError:
        code = f"http_{response.status_code}"
        return Failure(code, f"{code} without a reason; is this the address of a VINR server?")


# What follows an item that the server has: why it failed after all, or None.
After = Callable[[Any, Result], Awaitable[Failure | None]]


class Sender(Generic[ItemT]):
    """Sends batches and reports each row's result. `after` does what is left to do for a row that has come through."""

    def __init__(
        self,
        server: Server,
        report: Report,
        path: str,
        body_of: Callable[[Sequence[ItemT]], Struct],
        *,
        after: After | None = None,
    ) -> None:
        self._server, self._report, self._path = server, report, path
        self._body_of, self._after = body_of, after

    async def send(self, items: list[ItemT]) -> None:
        """Every item has an outcome. Those that the server had no time for are sent again, in their order."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            content = encode(self._body_of(items))
            if len(content) > BODY_BYTES_MAX and len(items) > 1:
                return await self._send_halves(items)
            response = await self._server.ask("POST", self._path, content)
            if response.status_code != 200:
                return await self._find_culprit(items, response)
            items = await self._settle(items, response.content)
            if not items:
                return None
            if await self._server.pause(attempt):
                return None
        raise ImportRefused(f"the server has no time for row {items[0].row} (tried {ATTEMPTS_MAX} times)")

    async def _send_halves(self, items: list[ItemT]) -> None:
        middle = len(items) // 2
        await self.send(items[:middle])
        await self.send(items[middle:])

    async def _find_culprit(self, items: list[ItemT], response: httpx2.Response) -> None:
        """One row can spoil a request, for example with a NUL character: by halving it is found and alone reported."""
        failure = failure_of(response)
        if response.status_code not in CAUSED_BY_A_ROW:
            raise ImportRefused(f"the server answers {response.status_code}: {failure.message}")
        if len(items) > 1:
            return await self._send_halves(items)
        self._report.add_failed(items[0].row, items[0].line, failure.code, failure.message)
        return None

    async def _settle(self, items: Sequence[ItemT], content: bytes) -> list[ItemT]:
        """Report the results; returns the items to send again."""
        try:
            results = _decode_results(content).data
        except msgspec.DecodeError as error:
            raise ImportRefused(f"the server's answer is not one of a VINR server: {error}") from None
        again = []
        for item, result in zip(items, results, strict=True):
            if result.status in RETRIED:
                again.append(item)
                continue
            failure = result.error
            if failure is None and self._after is not None:
                failure = await self._after(item, result)
            if failure is not None:
                self._report.add_failed(item.row, item.line, failure.code, failure.message)
            elif result.status == 201:
                self._report.created += 1
            else:
                self._report.existing += 1
        self._report.show()
        return again

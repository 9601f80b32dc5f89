"""`vinr import purchases`: sends a file of purchases in bulk, in lanes; a second run adds nothing."""

from __future__ import annotations

import asyncio
import codecs
import os
import random
import signal
import sys
import time
import zlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import httpx2
import msgspec
import uvloop
from msgspec import Struct

from vinr_server.cli.imports.purchase_rows import (
    BadRow,
    ImportRefused,
    Payment,
    Purchase,
    Reading,
    lines_of,
    parse_columns,
    read_purchases,
)
from vinr_server.cli.imports.report import ErrorFile, Report, Summary, print_summary, progress_of

# Of one request; the waits between them grow to BACKOFF_SECONDS_MAX, together about half a minute.
ATTEMPTS_MAX = 8
# Of the first request: a wrong address should be told soon.
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


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The command line."""

    file: Path
    program: str
    base_url: str
    columns: str
    currency: str | None = None
    date_format: str | None = None
    time_of_day: str = "00:00"
    timezone: str = "UTC"
    customer_prefix: str | None = None
    payment_prefix: str | None = None
    skip_rows: int = 0
    form: str = "auto"
    encoding: str = "utf-8"
    errors: Path | None = None
    batch_size: int = 500
    concurrency: int = 4
    is_dry_run: bool = False
    as_json: bool = False


class Failure(Struct):
    """The part of an error that is reported."""

    code: str
    message: str


class Result(Struct):
    """The part of a payment's result that is looked at; the payment itself is skipped over."""

    status: int
    error: Failure | None = None


class Results(Struct):
    """The answer to a bulk request."""

    data: list[Result]


class Refused(Struct):
    """The answer to a request refused as a whole."""

    error: Failure


class Bulk(Struct):
    """A bulk request."""

    program: str
    payments: list[Payment]


_encode = msgspec.json.Encoder().encode
_decode_results = msgspec.json.Decoder(Results).decode
_decode_refused = msgspec.json.Decoder(Refused).decode


def run_import(options: ImportOptions) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""
    try:
        secret_key = _secret_key()
        with _open(options) as file, ExitStack() as at_end:
            lines = lines_of(file, name=str(options.file), encoding=options.encoding)
            reading = _reading(options)
            rows = read_purchases(lines, form=options.form, skip_rows=options.skip_rows, reading=reading)
            report = Report(progress_of(file, at_end), at_end.enter_context(ErrorFile(_errors_path(options))))
            run = Run(options, rows, report)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run.all(secret_key))
    except ImportRefused as refusal:
        print(f"vinr import purchases: {refusal}", file=sys.stderr)
        return 1
    summary = run.summary()
    print_summary(summary, as_json=options.as_json)
    if run.interruption.signal:
        return 128 + run.interruption.signal
    return 1 if summary.stopped else 2 if summary.failed else 0


def _secret_key() -> str:
    key = os.environ.get("VINR_SECRET_KEY", "").strip()
    if not key or not key.isascii():
        sandbox = 'For the sandbox of `vinr dev`: eval "$(vinr status -o env)".'
        raise ImportRefused(f"Set VINR_SECRET_KEY to a secret key of the server (sk_test_… or sk_live_…). {sandbox}")
    return key


def _open(options: ImportOptions) -> IO[str]:
    try:
        name = codecs.lookup(options.encoding).name
    except LookupError:
        raise ImportRefused(f"--encoding: {options.encoding!r} is not known; utf-8 and cp1252 are.") from None
    try:
        # utf-8-sig: spreadsheets put a byte order mark first. newline="": the csv module looks at line ends itself.
        return options.file.open(encoding="utf-8-sig" if name == "utf-8" else name, newline="")
    except OSError as error:
        raise ImportRefused(f"{options.file} can't be read: {error.strerror}.") from None


def _reading(options: ImportOptions) -> Reading:
    return Reading(
        columns=parse_columns(options.columns),
        currency=options.currency,
        date_format=options.date_format,
        time_of_day=options.time_of_day,
        timezone=options.timezone,
        customer_prefix=options.customer_prefix,
        payment_prefix=options.payment_prefix,
    )


def _errors_path(options: ImportOptions) -> Path:
    path = options.errors or Path(f"{options.file.name}.errors.csv")
    if not path.parent.is_dir():
        raise ImportRefused(f"--errors: there is no directory {path.parent}.")
    if path.is_dir():
        raise ImportRefused(f"--errors: {path} is a directory.")
    if path.exists() and path.samefile(options.file):
        raise ImportRefused(f"--errors: {path} is the file to import.")
    return path


class Run:
    """One import, from the first request to the summary."""

    def __init__(self, options: ImportOptions, rows: Iterator[Purchase | BadRow], report: Report) -> None:
        self._options, self._rows, self._report = options, rows, report
        self._started = time.monotonic()
        self._stopped: str | None = None
        self.interruption = Interruption()

    async def all(self, secret_key: str) -> None:
        """Every row has an outcome, or `summary` says why not. Raises ImportRefused where nothing was begun."""
        self.interruption.listen()
        server = Server(self._options.base_url, secret_key, self.interruption)
        try:
            await server.require_program(self._options.program)
            await self._send_all(server)
        except asyncio.CancelledError:
            pass  # Ctrl-C twice, or answers that did not come in time
        finally:
            await server.close()

    async def _send_all(self, server: Server) -> None:
        options = self._options
        sender = Sender(server, self._report, options.program, is_dry_run=options.is_dry_run)
        lanes = Lanes(sender.send, count=options.concurrency, size=options.batch_size, interruption=self.interruption)
        try:
            await lanes.run(self._purchases())
        except ImportRefused as refusal:
            self._stopped = str(refusal)

    def _purchases(self) -> Iterator[Purchase | None]:
        """The rows that are purchases; None for each of the others, which are reported."""
        for row in self._rows:
            if isinstance(row, Purchase):
                yield row
            else:
                is_first = row.row == 1 and not self._options.skip_rows
                hint = " If this line is the header, leave it out with --skip-rows 1." if is_first else ""
                self._report.add_failed(row.row, row.line, row.code, row.message + hint)
                yield None

    def summary(self) -> Summary:
        """The counts so far."""
        report, seconds = self._report, time.monotonic() - self._started
        stopped = "interrupted" if self.interruption.signal else self._stopped
        return Summary(
            file=str(self._options.file),
            program=self._options.program,
            dry_run=self._options.is_dry_run,
            rows=report.rows,
            created=report.created,
            existing=report.existing,
            failed=report.failed,
            seconds=round(seconds, 3),
            rows_per_second=round(report.rows / seconds) if seconds else 0,
            complete=stopped is None,
            stopped=stopped,
            errors_file=str(report.errors.path) if report.failed else None,
        )


class Interruption:
    """Ctrl-C or SIGTERM. The first asks for an orderly end; the second, or GRACE_SECONDS, ends the run at once."""

    def __init__(self) -> None:
        self.signal = 0
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """The running task is told of signals from here on."""
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


class Lanes:
    """Batches of purchases on their way. One customer's go through one lane, in the file's order, one at a time."""

    def __init__(
        self,
        send: Callable[[list[Purchase]], Coroutine[Any, Any, None]],
        *,
        count: int,
        size: int,
        interruption: Interruption,
    ) -> None:
        self._send, self._size, self._interruption = send, size, interruption
        self._batches: list[list[Purchase]] = [[] for _lane in range(count)]
        # One batch waits while one is under way: a lane never waits for the file, and little is in memory.
        self._queues = [asyncio.Queue[list[Purchase] | None](maxsize=1) for _lane in range(count)]

    async def run(self, purchases: Iterator[Purchase | None]) -> None:
        """Everything is sent, or as much as was under way when an interruption came."""
        refused: ImportRefused | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for queue in self._queues:
                    group.create_task(self._run_lane(queue))
                try:
                    await self._fill(purchases)
                except ImportRefused as refusal:
                    refused = refusal  # the file can't be read further; what was read is sent all the same
                for queue, rest in zip(self._queues, self._batches, strict=True):
                    await queue.put(rest)
                    await queue.put(None)
        except* ImportRefused as refusals:
            refused = ImportRefused(str(refusals.exceptions[0]))
        if refused is not None:
            raise refused

    async def _fill(self, purchases: Iterator[Purchase | None]) -> None:
        count = len(self._queues)
        for position, purchase in enumerate(purchases):
            if position % ROWS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)
                if self._interruption.signal:
                    return
            if purchase is None:
                continue
            lane = zlib.crc32(purchase.payment.customer.encode()) % count
            self._batches[lane].append(purchase)
            if len(self._batches[lane]) >= self._size:
                batch, self._batches[lane] = self._batches[lane], []
                await self._queues[lane].put(batch)

    async def _run_lane(self, queue: asyncio.Queue[list[Purchase] | None]) -> None:
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

    async def require_program(self, program: str) -> None:
        """The server is there, takes the key and knows the program."""
        path = f"/v1/loyalty/programs/{quote(program, safe='')}"
        response = await self.ask("GET", path, attempts=FIRST_ATTEMPTS_MAX)
        if response.status_code != 200:
            raise ImportRefused(f"--program {program}: {self._base_url} answers: {failure_of(response).message}")

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


class Sender:
    """Sends batches and reports each row's result."""

    def __init__(self, server: Server, report: Report, program: str, *, is_dry_run: bool) -> None:
        self._server, self._report, self._program = server, report, program
        self._path = "/v1/payments/bulk?dry_run=true" if is_dry_run else "/v1/payments/bulk"

    async def send(self, purchases: list[Purchase]) -> None:
        """Every purchase has an outcome. Those that the server had no time for are sent again, in their order."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            content = _encode(Bulk(self._program, [purchase.payment for purchase in purchases]))
            if len(content) > BODY_BYTES_MAX and len(purchases) > 1:
                return await self._send_halves(purchases)
            response = await self._server.ask("POST", self._path, content)
            if response.status_code != 200:
                return await self._find_culprit(purchases, response)
            purchases = self._settle(purchases, response.content)
            if not purchases:
                return None
            if await self._server.pause(attempt):
                return None
        raise ImportRefused(f"the server has no time for row {purchases[0].row} (tried {ATTEMPTS_MAX} times)")

    async def _send_halves(self, purchases: list[Purchase]) -> None:
        middle = len(purchases) // 2
        await self.send(purchases[:middle])
        await self.send(purchases[middle:])

    async def _find_culprit(self, purchases: list[Purchase], response: httpx2.Response) -> None:
        """One row can spoil a request, with a NUL character for one: by halving it is found and alone reported."""
        failure = failure_of(response)
        if response.status_code not in CAUSED_BY_A_ROW:
            raise ImportRefused(f"the server answers {response.status_code}: {failure.message}")
        if len(purchases) > 1:
            return await self._send_halves(purchases)
        self._report.add_failed(purchases[0].row, purchases[0].line, failure.code, failure.message)
        return None

    def _settle(self, purchases: Sequence[Purchase], content: bytes) -> list[Purchase]:
        """Report the results; returns the purchases to send again."""
        try:
            results = _decode_results(content).data
        except msgspec.DecodeError as error:
            raise ImportRefused(f"the server's answer is not one of a VINR server: {error}") from None
        again = []
        for purchase, result in zip(purchases, results, strict=True):
            if result.status in RETRIED:
                again.append(purchase)
            elif result.error is not None:
                self._report.add_failed(purchase.row, purchase.line, result.error.code, result.error.message)
            elif result.status == 201:
                self._report.created += 1
            else:
                self._report.existing += 1
        self._report.show()
        return again

"""What is retried and what is not, against a real server on a socket that misbehaves as planned."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

import vinr
from conftest import WITHOUT_TLS, free_port
from vinr import AsyncVinr, Vinr
from vinr._retries import Retries, read_retry_after

CUSTOMER = {"id": "cust_1", "object": "customer", "name": None, "email": None, "metadata": {}, "created": 1}
DROP = 0
HANG = -1


class Rascal:
    """A server that answers one status after the other, DROPs or HANGs; it notes what it was asked."""

    def __init__(self, *plan: int, code: str = "some_code", retry_after: str | None = None) -> None:
        self.plan, self.code, self.retry_after = list(plan), code, retry_after
        self.asked: list[tuple[str, str | None, bytes]] = []
        self.times: list[float] = []
        self.is_closing = threading.Event()
        rascal = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                rascal.asked.append((self.command, self.headers.get("idempotency-key"), body))
                rascal.times.append(time.monotonic())
                self.reply(rascal.plan.pop(0) if rascal.plan else 200)

            do_POST = do_GET = do_DELETE = answer

            def reply(self, status: int) -> None:
                if status == HANG:
                    rascal.is_closing.wait(60)
                if status in (DROP, HANG):
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)
                    return
                error = {"error": {"type": "api_error", "code": rascal.code, "message": "No."}}
                body = json.dumps(CUSTOMER if status < 300 else error).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                if rascal.retry_after is not None and status >= 300:
                    self.send_header("retry-after", rascal.retry_after)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def client(self, **settings: Any) -> Vinr:
        """A client of this server."""
        return Vinr(
            "sk_test_x",
            base_url=self.base_url,
            http_client=httpx2.Client(trust_env=False, verify=WITHOUT_TLS),
            **settings,
        )


@pytest.fixture
def rascals() -> Iterator[list[Rascal]]:
    """Servers to close in the end."""
    made: list[Rascal] = []
    yield made
    for rascal in made:
        rascal.is_closing.set()
        rascal.server.shutdown()
        rascal.server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are a hundredth of what they are."""
    monkeypatch.setattr("vinr._retries.FIRST_DELAY_SECONDS", 0.005)


TRANSIENT: list[tuple[int, str]] = [(429, "rate"), (503, "unavailable"), (409, "idempotency_key_in_use"), (DROP, "")]
FINAL: list[tuple[int, str, type[vinr.ApiError]]] = [
    (400, "parameter_invalid", vinr.InvalidRequestError),
    (401, "api_key_invalid", vinr.AuthenticationError),
    (403, "forbidden", vinr.PermissionDeniedError),
    (404, "resource_missing", vinr.InvalidRequestError),
    (409, "insufficient_points", vinr.ConflictError),
    (422, "idempotency_key_reused", vinr.IdempotencyError),
    (500, "internal_error", vinr.ServerError),
    (502, "", vinr.ServerError),
]


class TestRetries:
    @pytest.mark.parametrize(("status", "code"), TRANSIENT)
    def test_carry_the_same_key_and_body(self, rascals: list[Rascal], status: int, code: str) -> None:
        rascals.append(Rascal(status, status, code=code))

        with rascals[0].client() as client:
            assert client.customers.create(name="Ada").id == "cust_1"

        assert len(rascals[0].asked) == 3
        assert len(set(rascals[0].asked)) == 1
        _method, key, body = rascals[0].asked[0]
        assert key is not None and len(key) == 36
        assert json.loads(body) == {"name": "Ada"}

    @pytest.mark.parametrize(("status", "code"), TRANSIENT)
    async def test_are_the_same_for_asyncio(self, rascals: list[Rascal], status: int, code: str) -> None:
        rascals.append(Rascal(status, status, code=code))
        http = httpx2.AsyncClient(trust_env=False, verify=WITHOUT_TLS)

        async with AsyncVinr("sk_test_x", base_url=rascals[0].base_url, http_client=http) as client:
            assert (await client.customers.create(name="Ada", idempotency_key="mine")).id == "cust_1"

        assert rascals[0].asked == [("POST", "mine", b'{"name":"Ada"}')] * 3

    @pytest.mark.parametrize(("status", "code", "error"), FINAL)
    def test_are_not_made_of_what_would_be_refused_again(
        self, rascals: list[Rascal], status: int, code: str, error: type[vinr.ApiError]
    ) -> None:
        rascals.append(Rascal(status, code=code))

        with rascals[0].client() as client, pytest.raises(error) as raised:
            client.customers.create()

        assert type(raised.value) is error
        assert (raised.value.status, raised.value.code) == (status, code)
        assert len(rascals[0].asked) == 1

    @pytest.mark.parametrize(
        ("status", "error"), [(429, vinr.RateLimitError), (503, vinr.UnavailableError), (DROP, vinr.ApiConnectionError)]
    )
    def test_end_with_the_last_error(self, rascals: list[Rascal], status: int, error: type[Exception]) -> None:
        rascals.append(Rascal(*[status] * 10))

        with rascals[0].client() as client, pytest.raises(error):
            client.customers.retrieve("cust_1")
        with rascals[0].client(max_retries=0) as client, pytest.raises(error):
            client.customers.retrieve("cust_1")

        assert rascals[0].asked == [("GET", None, b"")] * 4

    def test_are_made_of_what_takes_too_long(self, rascals: list[Rascal]) -> None:
        rascals.append(Rascal(HANG, 200, HANG, HANG, HANG))

        # What answers at once must do so in time, also on a machine where a fifth of a second goes by unnoticed.
        with rascals[0].client(timeout=1) as client:
            client.customers.retrieve("cust_1")
            with pytest.raises(vinr.ApiTimeoutError):
                client.customers.retrieve("cust_1")
            assert len(rascals[0].asked) == 5
            assert client.customers.retrieve("cust_1", timeout=60).id == "cust_1"

    def test_are_made_where_nobody_listens(self) -> None:
        nobody = f"http://127.0.0.1:{free_port()}"
        http = httpx2.Client(trust_env=False, verify=WITHOUT_TLS)

        client = Vinr("sk_test_x", base_url=nobody, http_client=http)
        with client, pytest.raises(vinr.ApiConnectionError, match=nobody) as raised:
            client.customers.retrieve("cust_1")

        assert isinstance(raised.value.__cause__, httpx2.ConnectError)

    def test_wait_as_long_as_the_server_says(self, rascals: list[Rascal], monkeypatch: pytest.MonkeyPatch) -> None:
        rascals.append(Rascal(429, retry_after="1"))
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            threading.Event().wait(seconds)

        monkeypatch.setattr("vinr._transport.time.sleep", sleep)
        with rascals[0].client() as client:
            client.customers.retrieve("cust_1")

        first, second = rascals[0].times
        assert second - first >= 1.0
        assert slept == [1.0], "and no longer"

    def test_are_not_made_when_that_is_too_long(self, rascals: list[Rascal]) -> None:
        rascals.append(Rascal(429, retry_after="3600"))

        with rascals[0].client() as client, pytest.raises(vinr.RateLimitError) as raised:
            client.customers.retrieve("cust_1")

        assert raised.value.retry_after == 3600
        assert len(rascals[0].asked) == 1

    async def test_leave_the_loop_free_while_they_wait(self, rascals: list[Rascal]) -> None:
        rascals.append(Rascal(503, retry_after="1"))
        http = httpx2.AsyncClient(trust_env=False, verify=WITHOUT_TLS)

        async with AsyncVinr("sk_test_x", base_url=rascals[0].base_url, http_client=http) as client:
            waiting = asyncio.create_task(client.customers.retrieve("cust_1"))
            ticks = 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1

        assert (await waiting).id == "cust_1"
        assert ticks >= 10


class TestDelays:
    def test_double_with_jitter_up_to_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vinr._retries.FIRST_DELAY_SECONDS", 0.5)
        error = vinr.ApiConnectionError("gone")

        for retries_done, most in enumerate((0.5, 1, 2, 4, 8, 8, 8)):
            delays = [Retries(20).delay(error, retries_done=retries_done) for _ in range(200)]
            assert all(delay is not None and most / 2 <= delay <= most for delay in delays)
            assert len(set(delays)) > 100

    def test_are_read_in_both_forms(self) -> None:
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
        past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)

        assert read_retry_after("7") == 7
        assert 200 < (read_retry_after(soon) or 0) <= 300
        assert read_retry_after(past) == 0
        assert [read_retry_after(one) for one in (None, "soon", "-1", "", "1.5", "٣")] == [None] * 6

"""Limits on what anybody may send without a key: heads, lines, targets, framing, unwanted bodies, queues."""

from __future__ import annotations

import json
import re
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import PATIENCE_SECONDS, RunningServer
from vinr_server.cli.process.bounded_connection import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEAD_LINES_MAX,
    TARGET_BYTES_MAX,
    WAITING_MAX,
)

# More than the buffers of two sockets hold: who could send so much was read for as long as it sent.
FLOOD_BYTES = 64 * 1024 * 1024
START = b"GET /healthz HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
POST = b"POST /v1/customers HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = START + HOST + b"Connection: close\r\n\r\n"


def connect(server: RunningServer) -> socket.socket:
    """A connection to the server."""
    url = urlsplit(server.base_url)
    assert url.hostname and url.port
    return socket.create_connection((url.hostname, url.port), timeout=PATIENCE_SECONDS)


def exchange(server: RunningServer, *pieces: bytes) -> bytes:
    """All that the server answers to the pieces, each a read of its own, until it closes."""
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes, or breaks off."""
    answered = bytearray()
    with suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            answered += part
    return bytes(answered)


def flooded(server: RunningServer, first: bytes, then: bytes) -> int:
    """How many bytes could be sent before the server broke off; at most FLOOD_BYTES are tried."""
    sent = 0
    with connect(server) as connection, suppress(ConnectionError):
        connection.sendall(first)
        while sent < FLOOD_BYTES:
            connection.sendall(then)
            sent += len(then)
    return sent


def statuses(answered: bytes) -> list[int]:
    """The statuses of all answers."""
    return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


def refusal(answered: bytes) -> tuple[int, dict[str, Any]]:
    """The status and error of the one answer, which has the form of all others and closes."""
    head, _, body = answered.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")[1:]
    assert {b"content-type: application/json", b"connection: close", b"content-length: %d" % len(body)} <= {*lines}
    error = json.loads(body)["error"]
    assert b"request-id: " + error["request_id"].encode() in lines
    assert error["type"] == "invalid_request_error"
    [status] = statuses(head)
    return status, error


def head_of(size: int, *, start: bytes = START) -> bytes:
    """A request whose head has so many bytes, that asks to close."""
    rest = start + HOST + b"Connection: close\r\nX: "
    return rest + b"a" * (size - len(rest) - 4) + b"\r\n\r\n"


def head_with(lines: int) -> bytes:
    """A request with so many header lines."""
    return START + HOST + b"Connection: close\r\n" + b"X: 1\r\n" * (lines - 2) + b"\r\n"


LARGE = head_of(HEAD_BYTES_MAX + 100)


class TestHeads:
    @pytest.mark.parametrize(
        ("pieces", "status", "code"),
        [
            ([START + b"X: ", b"a" * HEAD_BYTES_MAX], 431, "headers_too_large"),
            ([START, b"a" * HEAD_BYTES_MAX], 431, "headers_too_large"),
            ([b"\r\n" * (HEAD_BYTES_MAX // 2), b"\r\n"], 431, "headers_too_large"),
            ([b"\r\n" * (HEAD_BYTES_MAX // 2 + 1)], 431, "headers_too_large"),
            ([LARGE], 431, "headers_too_large"),
            ([LARGE[:60_000], LARGE[60_000:]], 431, "headers_too_large"),
            ([head_with(HEAD_LINES_MAX + 1)], 431, "headers_too_large"),
            ([b"GET /" + b"a" * TARGET_BYTES_MAX + b" HTTP/1.1\r\n\r\n"], 414, "request_line_too_long"),
            ([b"GET /", b"a" * TARGET_BYTES_MAX], 414, "request_line_too_long"),
            ([CHUNKED + b"0\r\n" + b"X: 1\r\n" * (HEAD_LINES_MAX + 1) + b"\r\n"], 431, "headers_too_large"),
            ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400, "request_malformed"),
            ([START + b"X: \x00\r\n\r\n"], 400, "request_malformed"),
        ],
        ids=[
            "endless line", "endless name", "empty lines", "empty lines at once", "whole head", "head in two reads",
            "lines", "target", "endless target", "trailers", "TLS", "control character",
        ],
    )  # fmt: skip
    def test_beyond_a_limit_are_refused(
        self, shared_server: RunningServer, pieces: list[bytes], status: int, code: str
    ) -> None:
        found, error = refusal(exchange(shared_server, *pieces))

        assert (found, error["code"]) == (status, code)

    @pytest.mark.parametrize(
        ("request_bytes", "status"),
        [
            (head_of(HEAD_BYTES_MAX), 200),
            (head_with(HEAD_LINES_MAX), 200),
            (b"GET /" + b"a" * (TARGET_BYTES_MAX - 1) + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 401),
        ],
        ids=["head", "lines", "target"],
    )
    def test_at_a_limit_are_taken(self, shared_server: RunningServer, request_bytes: bytes, status: int) -> None:
        assert statuses(exchange(shared_server, request_bytes)) == [status]

    def test_count_for_each_request(self, shared_server: RunningServer) -> None:
        large = START + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n"

        assert statuses(exchange(shared_server, large * 20 + LAST)) == [200] * 21
        assert statuses(exchange(shared_server, *[large] * 20, LAST)) == [200] * 21
        body = POST + b"Content-Length: 200000\r\n\r\n" + b" " * 200_000
        assert statuses(exchange(shared_server, (body + large) * 3 + LAST)) == [*[401, 200] * 3, 200]

    def test_that_never_end_are_read_no_further(self, shared_server: RunningServer) -> None:
        for then in (b"a" * 100_000, b"\r\n" * 50_000, b"X: 1\r\n" * 10_000):
            assert flooded(shared_server, START + b"X: ", then) < FLOOD_BYTES

    @pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Host", "Idempotency-Key"])
    def test_say_once_what_counts(self, shared_server: RunningServer, name: str) -> None:
        twice = f"{name}: a\r\n{name.upper()}: a\r\n".encode()

        status, error = refusal(exchange(shared_server, START + twice + b"\r\n"))

        assert (status, error["code"], error["param"]) == (400, "header_repeated", name)
        assert name in error["message"]

    def test_have_one_length(self, shared_server: RunningServer) -> None:
        for twice in (b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"):
            assert refusal(exchange(shared_server, POST + twice + b"\r\n\r\n{}"))[0] == 400

    def test_may_repeat_what_does_not(self, shared_server: RunningServer) -> None:
        asked = START + b"Accept: a/b\r\nAccept: c/d\r\nX-Forwarded-For: 1\r\nX-Forwarded-For: 2\r\n"

        assert statuses(exchange(shared_server, asked + b"Connection: close\r\n\r\n")) == [200]

    def test_do_not_stand_behind_the_body(self, shared_server: RunningServer) -> None:
        trailer = f"0\r\nAuthorization: Bearer {shared_server.realm.key}\r\n\r\n".encode()

        assert statuses(exchange(shared_server, CHUNKED + trailer + LAST)) == [401, 200]


class TestBodies:
    def test_that_nobody_waits_for_are_read_no_further(self, shared_server: RunningServer) -> None:
        announced = POST + b"Content-Length: 1000000000\r\n\r\n"

        assert flooded(shared_server, announced, b" " * 100_000) < FLOOD_BYTES
        assert flooded(shared_server, CHUNKED, b"ff\r\n" + b" " * 255 + b"\r\n") < FLOOD_BYTES

    def test_of_any_call_are_read_after_their_answer(self, shared_server: RunningServer) -> None:
        body = b"Content-Length: %d\r\n\r\n" % BODY_BYTES_MAX + b" " * BODY_BYTES_MAX

        assert statuses(exchange(shared_server, POST + body + LAST)) == [401, 200]

    def test_are_not_outweighed_by_their_framing(self, shared_server: RunningServer) -> None:
        for then in (b"a" * 100_000, b"0" * 100_000):
            assert flooded(shared_server, CHUNKED + b"1;" if then[:1] == b"a" else CHUNKED, then) < FLOOD_BYTES
        assert flooded(shared_server, CHUNKED + b"0\r\nX: ", b"a" * 100_000) < FLOOD_BYTES

    def test_come_in_chunks_of_a_byte(self, shared_server: RunningServer) -> None:
        chunks = b"1\r\n \r\n" * 200_000 + b"0\r\n\r\n"

        assert statuses(exchange(shared_server, CHUNKED + chunks + LAST)) == [401, 200]


class TestQueues:
    def test_on_one_connection_end(self, shared_server: RunningServer) -> None:
        answered = statuses(exchange(shared_server, (b"GET /healthz HTTP/1.1\r\n\r\n") * 50 * WAITING_MAX))

        assert {*answered} == {200}
        assert 1 <= len(answered) < 50 * WAITING_MAX

    def test_are_answered_before_what_is_refused(self, shared_server: RunningServer) -> None:
        first = b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n"

        for wrong in (
            b"\x00",
            START + b"X: \x00\r\n\r\n",
            head_with(HEAD_LINES_MAX + 1),
            START + HOST + HOST + b"\r\n",
        ):
            assert statuses(exchange(shared_server, first * 3 + wrong)) == [200] * 3, wrong[:60]

    def test_lose_none_behind_an_offer_of_another_protocol(self, shared_server: RunningServer) -> None:
        offer = START + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

        assert statuses(exchange(shared_server, offer + offer + LAST)) == [200] * 3

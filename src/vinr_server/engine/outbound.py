"""Out to the world: whether a URL may be sent to, and one POST to it that no receiver can turn against us.

docs/decisions/0007-webhook-targets.md says what is refused and why.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import httpcore2

from vinr_server.engine.addresses import Address
from vinr_server.engine.targets import Forbidden, Resolver, Target, addresses_of, look_up, target_of

__all__ = ["Answer", "Forbidden", "Sender", "check_target"]

SECONDS_MAX = 15.0
LOOKUP_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 64 * 1024
# Three silent addresses at 4 s each still leave time to report them within the 15 s.
ADDRESSES_TRIED_MAX = 3
CONNECT_SECONDS_MAX = 4.0
USER_AGENT = f"VINR-Engagement/{version('vinr-server')}"
# Headers about the connection and the body's length, which only the sender may set.
OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}

_RECEIVERS_FAULTS = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.RemoteProtocolError, OSError)


async def check_target(url: str, *, is_loopback_allowed: bool, resolver: Resolver = look_up) -> None:
    """Check that the URL may be a webhook's target, by its form and by its current addresses.

    Refuses (Forbidden, with a sentence for the URL's owner): see docs/decisions/0007-webhook-targets.md; a name that
    can't be looked up within 5 s. The sender checks again at each attempt.
    """
    target = target_of(url, is_loopback_allowed=is_loopback_allowed)
    try:
        async with asyncio.timeout(LOOKUP_SECONDS_MAX):
            await addresses_of(target, is_loopback_allowed=is_loopback_allowed, resolver=resolver)
    except TimeoutError:
        raise Forbidden(f"The URL's host {target.host} could not be looked up within 5 s; try again.") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one attempt.

    `status` is the receiver's, None if it sent none: a 2xx counts as delivered even if its body broke off. `headers`
    keep the receiver's order and spelling; `body` is what was read of it, still encoded, head and body together at
    most 64 KiB. `error` is a sentence about what kept the answer from being complete, None if nothing did (a body cut
    off at 64 KiB is no error).
    """

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    error: str | None
    milliseconds: int


class Sender:
    """POSTs to webhook targets, each attempt on a separate connection.

    Redirects, proxies, cookies and decompression don't exist at this level of the HTTP library, so that no setting and
    no receiver can switch them on. `tls` is for private authorities; it must verify certificates and names.
    """

    def __init__(
        self,
        *,
        is_loopback_allowed: bool,
        resolver: Resolver = look_up,
        seconds_max: float = SECONDS_MAX,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._is_loopback_allowed = is_loopback_allowed
        self._resolver = resolver
        self._seconds_max = seconds_max
        self._tls = tls or httpcore2.default_ssl_context()
        assert self._tls.check_hostname and self._tls.verify_mode == ssl.CERT_REQUIRED
        self._attempts: set[asyncio.Timeout] = set()
        self._is_closed = False

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send the body to the URL, and answer what came back within 15 s.

        The name is resolved once, all its addresses are checked, and the connection goes to one of those; the host name
        goes into the Host header, the TLS handshake and the check of the certificate. Never raises for what a receiver
        or its name server does. Expects headers without those that the sender sets (asserted).
        """
        assert not self._is_closed
        assert not OWN_HEADERS & {name.lower() for name in headers}
        started = time.monotonic()
        reading = _Reading()
        error = None
        try:
            async with self._attempt():
                await self._exchange(url, headers, body, reading)
        except Forbidden as forbidden:
            error = forbidden.reason
        except _AnswerTooLong:
            error = None if reading.status else "The head of the answer is longer than 64 KiB."
        except TimeoutError:
            error = f"The answer was not complete within {self._seconds_max:g} s."
            if self._is_closed:
                error = "The attempt was interrupted: the server is shutting down."
        except _RECEIVERS_FAULTS as fault:
            error = _words(fault)
        return reading.answer(error, time.monotonic() - started)

    async def close(self) -> None:
        """End attempts under way with an error; nothing stays open, and no further attempt may begin."""
        self._is_closed = True
        for attempt in self._attempts:
            if not attempt.expired():
                attempt.reschedule(0)
        while self._attempts:
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._seconds_max) as attempt:
            self._attempts.add(attempt)
            try:
                yield
            finally:
                self._attempts.discard(attempt)

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, reading: _Reading) -> None:
        target = target_of(url, is_loopback_allowed=self._is_loopback_allowed)
        addresses = await addresses_of(target, is_loopback_allowed=self._is_loopback_allowed, resolver=self._resolver)
        async with aclosing(_CheckedAddresses(addresses)) as network:
            connection = httpcore2.AsyncHTTPConnection(
                _url(target).origin, ssl_context=self._tls, network_backend=network
            )
            response = await connection.handle_async_request(_request(target, headers, body))
            reading.status = response.status
            reading.headers = tuple((_text(name), _text(value)) for name, value in response.headers)
            async with aclosing(response.aiter_stream()) as chunks:
                async for chunk in chunks:
                    reading.body += chunk


@dataclass(slots=True)
class _Reading:
    """The part of an answer that has arrived."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)

    def answer(self, error: str | None, seconds: float) -> Answer:
        return Answer(self.status, self.headers, bytes(self.body), error, round(seconds * 1000))


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")


def _url(target: Target) -> httpcore2.URL:
    return httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> httpcore2.Request:
    own = {
        "Host": target.authority,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Accept-Encoding": "identity",
    }
    if not any(name.lower() == "user-agent" for name in headers):
        own["User-Agent"] = USER_AGENT
    lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in {**own, **headers}.items()]
    return httpcore2.Request("POST", _url(target), headers=lines, content=body)


class _AnswerTooLong(Exception):
    """The receiver sends more than the sender reads of an answer."""


class _CheckedAddresses(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that were checked, whatever the host's name resolves to now."""

    def __init__(self, addresses: tuple[Address, ...]) -> None:
        self._addresses = addresses[:ADDRESSES_TRIED_MAX]
        self._network = httpcore2.AnyIOBackend()
        self._stream: httpcore2.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A stream to the first address that accepts the connection; `host` and `timeout` are ignored."""
        refusal: Exception | None = None
        for address in self._addresses:
            try:
                self._stream = await self._network.connect_tcp(str(address), port, CONNECT_SECONDS_MAX)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                refusal = error
            else:
                return _CappedStream(self._stream)
        assert refusal is not None
        raise refusal

    async def aclose(self) -> None:
        """Close the connection; the library leaves it open when a TLS handshake breaks off."""
        if self._stream is not None:
            await self._stream.aclose()


class _CappedStream(httpcore2.AsyncNetworkStream):
    """A connection of which at most 64 KiB are read; heads, chunk sizes and interim answers count too."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._bytes_left = ANSWER_BYTES_MAX

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes; raises _AnswerTooLong after the last of the 64 KiB."""
        if self._bytes_left == 0:
            raise _AnswerTooLong
        data = await self._stream.read(min(max_bytes, self._bytes_left), timeout)
        self._bytes_left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send the bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """End the connection at once."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The stream within TLS; its 64 KiB are counted decrypted."""
        return _CappedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What is known about the connection."""
        return self._stream.get_extra_info(info)


def _words(fault: BaseException) -> str:
    for cause in _causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The receiver's certificate was refused: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'the connection broke off'}."
    if isinstance(fault, httpcore2.ConnectError | httpcore2.ConnectTimeout):
        return "No connection could be made."
    if isinstance(fault, httpcore2.RemoteProtocolError):
        return f"The answer is not valid HTTP: {str(fault)[:200]}"
    return "The connection broke before the answer was complete."


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__

"""A connection that holds little for callers without a key: uvicorn limits neither a request's head nor its queue.

Httptools joins the parts of an unfinished header line at each read, so an endless line cost its worker the square of
its length; uvicorn kept parsing while hundreds of thousands of pipelined requests waited. Anybody could do this.
"""

from __future__ import annotations

import logging

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from vinr_server.api.edge.answer_headers import answer_headers, make_request_id
from vinr_server.api.edge.problems import Problem

log = logging.getLogger("vinr.connection")

HEAD_BYTES_MAX = 64 * 1024
HEAD_LINES_MAX = 100
TARGET_BYTES_MAX = 8 * 1024
# Pipelined requests that wait for the answers before them. Each takes some 3 KB here, for as few as 18 bytes sent.
WAITING_MAX = 100
# A read does not show where a request ends; what follows it counts from the next slice on.
SLICE_BYTES = 64 * 1024
# A body in chunks of one byte, "1\r\nx\r\n", has five bytes of framing for each.
FRAMING_PER_BODY_BYTE = 8
# The largest body of any call. After an early answer, at most this much is read so that the connection can go on.
BODY_BYTES_MAX = 1024 * 1024
# Two of them would let a proxy and the engine read two different requests.
ONCE = {
    b"authorization": "Authorization",
    b"content-length": "Content-Length",
    b"content-type": "Content-Type",
    b"host": "Host",
    b"idempotency-key": "Idempotency-Key",
}


class BoundedConnection(HttpToolsProtocol):
    """Refuses a request whose head, framing or queue exceeds a limit, and closes the connection."""

    _is_over = False
    _is_in_head = True
    # Of the current message: bytes around its body, bytes of its body, lines after it, and the slice it began in.
    _framing_bytes = 0
    _body_bytes = 0
    _trailers = 0
    _slices = 0
    _began_in_slice = 0

    def data_received(self, data: bytes) -> None:
        """The bytes are parsed, or what they are part of is refused."""
        self._unset_keepalive_if_required()
        for start in range(0, len(data), SLICE_BYTES):
            if not self._is_over:
                self._parse(data[start : start + SLICE_BYTES])

    def _parse(self, data: bytes) -> None:
        self._slices += 1
        self._framing_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_problem_of(error))
        else:
            self._check_bounds()

    def _feed(self, data: bytes) -> None:
        """Declines an upgrade to another protocol by continuing with this one."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = data[max(offer.args[0], 1) :]
            else:
                return

    def _check_bounds(self) -> None:
        if self._is_in_head:
            if self._framing_bytes > HEAD_BYTES_MAX:
                self._refuse(_too_large())
        elif self._framing_bytes > 2 * HEAD_BYTES_MAX + FRAMING_PER_BODY_BYTE * self._body_bytes:
            self._refuse(_malformed("The body's chunks are far smaller than their framing."))
        elif self._body_bytes > BODY_BYTES_MAX and self.cycle.response_complete:
            self._refuse(_malformed("The body goes on long after the request was answered."))

    def on_message_begin(self) -> None:
        """A request begins."""
        self._began_in_slice = self._slices
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Adds a part of the request's target, within its limit."""
        self.url += url
        if len(self.url) > TARGET_BYTES_MAX:
            message = f"The path and query are longer than {TARGET_BYTES_MAX // 1024} KiB. Shorten them."
            raise Problem("request_line_too_long", message)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header. After the body it is a trailer, which is counted and ignored."""
        if not self._is_in_head:
            self._trailers += 1
            if self._trailers > HEAD_LINES_MAX:
                raise _too_large()
            return
        if len(self.headers) == HEAD_LINES_MAX:
            raise _too_large()
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request is being answered, or has its place in the queue."""
        headers = self.headers
        if self._slices != self._began_in_slice and _size(self.url, headers) > HEAD_BYTES_MAX:
            raise _too_large()
        if len({name for name, _ in headers}) < len(headers):
            _require_once(headers)
        if len(self.pipeline) == WAITING_MAX:
            raise _malformed(f"More than {WAITING_MAX} requests are waiting on this connection.")
        super().on_headers_complete()
        self._is_in_head = False

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._framing_bytes -= len(body)
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here whole; what follows is another."""
        self._is_in_head = True
        self._framing_bytes = self._body_bytes = self._trailers = 0
        super().on_message_complete()

    def _refuse(self, problem: Problem) -> None:
        """Reads nothing more. Earlier requests still get their answers in order; then the connection closes."""
        self._is_over = True
        cycle, is_answering = self.cycle, self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._is_in_head:
            cycle.keep_alive = False
            return
        if is_answering and self.pipeline:  # its own turn has not come
            cycle.disconnected, cycle.keep_alive = True, False
            cycle.message_event.set()
            return
        is_answered = not self._is_in_head and (not is_answering or cycle.response_started)
        if not is_answered:
            self.transport.write(_answer(problem))
        if is_answering:
            cycle.disconnected = True
        self.transport.close()


def _answer(problem: Problem) -> bytes:
    request_id = make_request_id()
    body = problem.body(request_id)
    headers = [*answer_headers(body, request_id), (b"connection", b"close")]
    lines = [b"%b: %b\r\n" % line for line in headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body])


def _problem_of(error: httptools.HttpParserError) -> Problem:
    cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
    if isinstance(cause, Problem):
        return cause
    if cause is not None and not isinstance(cause, (httptools.HttpParserInvalidURLError, UnicodeError)):
        log.error("a request could not be parsed", exc_info=cause)
    return _malformed("The request is not valid HTTP/1.1.")


def _malformed(message: str) -> Problem:
    return Problem("request_malformed", f"{message} Send requests with an HTTP library.")


def _too_large() -> Problem:
    message = f"The request has more than {HEAD_LINES_MAX} header lines, or over {HEAD_BYTES_MAX // 1024} KiB of them."
    return Problem("headers_too_large", f"{message} Send fewer and shorter headers.")


def _size(target: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def _require_once(headers: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers]
    for name, spelling in ONCE.items():
        if names.count(name) > 1:
            raise Problem("header_repeated", f"The header {spelling} was sent twice. Send it once.", param=spelling)

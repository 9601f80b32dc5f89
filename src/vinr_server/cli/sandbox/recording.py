"""Wraps the application of a sandbox and records every API request in its journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from vinr_server.api.edge.app import Receive, Send
from vinr_server.api.edge.documents import DOCUMENTS
from vinr_server.cli.sandbox.journal import BODY_BYTES_MAX, Entry, Journal, shown_body, shown_part, shown_text


class Failure(msgspec.Struct):
    """The parts of a refusal that the journal keeps."""

    code: str
    message: str
    param: str | None = None


class Refusal(msgspec.Struct):
    """The body of a refusal."""

    error: Failure


_decode_refusal = msgspec.json.Decoder(Refusal).decode


class Recording:
    """The application, with a journal of its requests. Pages and health checks are not recorded."""

    def __init__(self, application: Any, journal: Journal) -> None:
        self._application, self._journal = application, journal

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in DOCUMENTS:
            await self._application(scope, receive, send)
            return
        exchange = Exchange(scope, self._journal)
        await self._application(scope, exchange.receiving(receive), exchange.sending(send))


class Exchange:
    """One request and its answer, recorded as they pass."""

    def __init__(self, scope: Mapping[str, Any], journal: Journal) -> None:
        self._scope, self._journal, self._started_at = scope, journal, time.perf_counter()
        self._at = datetime.now(UTC)
        self._request, self._answer = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._status = 0

    def receiving(self, receive: Receive) -> Receive:
        """The same messages; the beginning of the body is kept."""

        async def received() -> dict[str, Any]:
            message = await receive()
            if len(self._request) <= BODY_BYTES_MAX:
                self._request += message.get("body", b"")
            return message

        return received

    def sending(self, send: Send) -> Send:
        """The same messages. The line is in the journal before the answer ends, so that its caller finds it there."""

        async def sent(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._status, self._headers = message["status"], dict(message["headers"])
            else:
                if len(self._answer) <= BODY_BYTES_MAX:
                    self._answer += message.get("body", b"")
                if not message.get("more_body", False):
                    self._journal.write(self._entry())
            await send(message)

        return sent

    def _entry(self) -> Entry:
        """What the journal keeps."""
        key = dict(self._scope["headers"]).get(b"idempotency-key")
        entry = Entry(
            at=self._at.isoformat(timespec="milliseconds"),
            request_id=self._headers.get(b"request-id", b"").decode(),
            method=self._scope["method"],
            path=shown_part(self._scope["raw_path"]),
            query=shown_part(self._scope["query_string"]),
            status=self._status,
            milliseconds=round((time.perf_counter() - self._started_at) * 1000, 1),
            idempotency_key=shown_text(key.decode(errors="replace")) if key is not None else None,
            replayed=b"idempotent-replayed" in self._headers,
            request=shown_body(bytes(self._request)),
            answer=shown_body(bytes(self._answer)),
        )
        if self._status >= 400:
            try:
                error = _decode_refusal(self._answer).error
            except msgspec.DecodeError:
                return entry
            entry.code, entry.message, entry.param = error.code, shown_text(error.message), shown_text(error.param)
        return entry

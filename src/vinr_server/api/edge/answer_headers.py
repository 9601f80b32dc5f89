"""The headers of every answer, given by the application, or by the connection to a request that never reached it."""

from __future__ import annotations

import random

from vinr_server.api.contract.openapi import VERSION

Headers = list[tuple[bytes, bytes]]

# An answer may hold a secret or personal data: no cache keeps it, and no browser treats it as a page.
_OF_JSON: Headers = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


def make_request_id() -> str:
    """A name for a request. It only needs to be unique; it grants nothing."""
    return f"req_{random.getrandbits(96):024x}"


def answer_headers(body: bytes, request_id: str, more: Headers = []) -> Headers:  # noqa: B006
    """All headers of an answer: it is JSON unless `more` gives another content type."""
    kind = [] if any(name == b"content-type" for name, _ in more) else _OF_JSON
    return [
        *kind,
        (b"content-length", b"%d" % len(body)),
        (b"request-id", request_id.encode()),
        (b"vinr-version", VERSION.encode()),
        *more,
    ]

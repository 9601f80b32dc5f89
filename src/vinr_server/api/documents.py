"""What answers without a key: health, the list of error codes, and OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vinr_server.api.openapi import openapi
from vinr_server.api.problems import STATUS
from vinr_server.storage.read import Reader
from vinr_server.storage.tables import encode_json

Document = tuple[int, bytes, list[tuple[bytes, bytes]]]


async def healthz(_reader: Reader) -> Document:
    """The process answers."""
    return 200, b'{"status":"ok"}', []


async def readyz(reader: Reader) -> Document:
    """The process answers, and so does its database."""
    try:
        is_ready = await reader.is_reachable()
    except Exception:  # whatever keeps the database from answering, the probe's answer is the same
        is_ready = False
    return (
        (200, b'{"status":"ready"}', [])
        if is_ready
        else (503, b'{"status":"database unreachable"}', [(b"retry-after", b"1")])
    )


async def openapi_json(_reader: Reader) -> Document:
    """The OpenAPI description."""
    return 200, encode_json(openapi()), []


async def error_codes(_reader: Reader) -> Document:
    """Every error code with its status; `doc_url` of an error points here."""
    return (
        200,
        encode_json({"object": "list", "data": [{"code": code, "status": status} for code, status in STATUS.items()]}),
        [],
    )


DOCUMENTS: dict[str, Callable[[Reader], Awaitable[Document]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/openapi.json": openapi_json,
    "/docs/errors": error_codes,
}

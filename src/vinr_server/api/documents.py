"""What answers without a key: health, the list of error codes, and OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vinr_server.api.openapi import openapi
from vinr_server.api.problems import STATUS
from vinr_server.api.readiness import Readiness
from vinr_server.storage.tables import encode_json

Document = tuple[int, bytes, list[tuple[bytes, bytes]]]


async def healthz(_readiness: Readiness) -> Document:
    """The process answers."""
    return 200, b'{"status":"ok"}', []


async def readyz(readiness: Readiness) -> Document:
    """The process can take requests: its database answers at its schema, its writer lives, it is not about to end."""
    refusal = await readiness.refusal()
    if refusal is None:
        return 200, b'{"status":"ready"}', []
    return 503, encode_json({"status": refusal}), [(b"retry-after", b"1")]


async def openapi_json(_readiness: Readiness) -> Document:
    """The OpenAPI description."""
    return 200, encode_json(openapi()), []


async def error_codes(_readiness: Readiness) -> Document:
    """Every error code with its status; `doc_url` of an error points here."""
    return (
        200,
        encode_json({"object": "list", "data": [{"code": code, "status": status} for code, status in STATUS.items()]}),
        [],
    )


DOCUMENTS: dict[str, Callable[[Readiness], Awaitable[Document]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/openapi.json": openapi_json,
    "/docs/errors": error_codes,
}

"""What answers without a key: health, OpenAPI, the API reference and the page of error codes.

The reference is Swagger UI from the wheel of fastapi-swagger, which follows each of its releases. Nothing is loaded
from elsewhere: the policy below lets the page run scripts of this server only, and reach no other server.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vinr_server.api.contract.error_codes import ERROR_CODES
from vinr_server.api.contract.openapi import openapi
from vinr_server.api.edge.problems import STATUS
from vinr_server.api.edge.readiness import Readiness
from vinr_server.storage.batch.tables import encode_json

Headers = list[tuple[bytes, bytes]]
Document = tuple[int, bytes, Headers]

_OURS = Path(__file__).parent / "reference"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


async def healthz(_readiness: Readiness) -> Document:
    """The process answers."""
    return 200, b'{"status":"ok"}', []


async def readyz(readiness: Readiness) -> Document:
    """The process can take requests: its database answers with the right schema, its writer runs, it is not ending."""
    refusal = await readiness.refusal()
    if refusal is None:
        return 200, b'{"status":"ready"}', []
    return 503, encode_json({"status": refusal}), [(b"retry-after", b"1")]


async def openapi_json(_readiness: Readiness) -> Document:
    """The OpenAPI description."""
    return 200, _openapi_bytes(), []


async def errors_page(_readiness: Readiness) -> Document:
    """Every error code in words; an error's `doc_url` points to its section here."""
    return 200, _errors_html(), _page_headers(".html")


def file(path: Path) -> Callable[[Readiness], Awaitable[Document]]:
    """Answer the file, which is read only once."""

    async def answer(_readiness: Readiness) -> Document:
        return 200, _bytes_of(path), _page_headers(path.suffix)

    return answer


@cache
def _openapi_bytes() -> bytes:
    return encode_json(openapi())


@cache
def _bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def _page_headers(suffix: str) -> Headers:
    return [
        (b"content-type", _TYPES[suffix].encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"public, max-age=300"),
    ]


@cache
def _errors_html() -> bytes:
    head, _, _ = (_OURS / "index.html").read_text().partition('<div id="reference">')
    head = head.replace("API reference", "errors").replace(
        '    <link rel="stylesheet" href="/docs/swagger-ui.css">\n', ""
    )
    sections = [
        f'<h2 id="{code}"><a href="#{code}"><code>{code}</code></a> <span class="status">{STATUS[code]}</span></h2>\n'
        f"<p>{_prose(explained.meaning)}</p>\n<p><strong>What to do:</strong> {_prose(explained.remedy)}</p>\n"
        f"<pre>{html.escape(explained.message)}</pre>\n"
        for code, explained in ERROR_CODES.items()
    ]
    intro = (
        "<p>Every refusal is <code>{&quot;error&quot;: {type, code, message, doc_url, request_id, param?, details?}}"
        "</code>. The code is stable; the message says what happened, with the values, and what to do next."
        " <code>param</code> names the field at fault, <code>details</code> holds the figures.</p>\n"
    )
    return f"{head}<main>\n<h1>Errors</h1>\n{intro}{''.join(sections)}</main>\n  </body>\n</html>\n".encode()


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _swagger_ui() -> Path:
    """The folder of Swagger UI in its package, which is not imported, because that would load a web framework."""
    package = find_spec("fastapi_swagger")
    assert package is not None and package.submodule_search_locations, "fastapi-swagger is installed with us"
    return Path(next(iter(package.submodule_search_locations))) / "resources"


DOCUMENTS: dict[str, Callable[[Readiness], Awaitable[Document]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/openapi.json": openapi_json,
    "/docs": file(_OURS / "index.html"),
    "/docs/errors": errors_page,
    "/docs/start.js": file(_OURS / "start.js"),
    "/docs/style.css": file(_OURS / "style.css"),
    "/docs/swagger-ui-bundle.js": file(_swagger_ui() / "swagger-ui-bundle.js"),
    "/docs/swagger-ui.css": file(_swagger_ui() / "swagger-ui.css"),
}

"""The webhook inbox of a sandbox: its own endpoint that takes every event, and a page that shows them."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from vinr_server.api.edge.app import Receive, Send
from vinr_server.cli.calls.signature_check import faults

PATH = "/_inbox"
KEPT_MAX = 200
# Unsigned requests, which anybody may send, are kept apart: enough to see why a signature is invalid.
UNSIGNED_MAX = 20
BODY_BYTES_MAX = 256 * 1024
_PAGE = Path(__file__).parent / "inbox_page"
_FILES = {
    PATH: ("inbox.html", b"text/html; charset=utf-8"),
    f"{PATH}.js": ("inbox.js", b"text/javascript; charset=utf-8"),
    f"{PATH}.css": ("inbox.css", b"text/css; charset=utf-8"),
}
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True, slots=True)
class Received:
    """One request to the endpoint, as it came. `signatures` says for each scheme why it is invalid, or null."""

    number: int
    received_at: float
    event: str | None
    type: str | None
    delivery: int
    headers: dict[str, str]
    body: str
    signatures: dict[str, str | None]


class Inbox:
    """The newest events since the sandbox started and, apart, the newest requests that its secret did not sign."""

    def __init__(self) -> None:
        self.secret = ""
        self._session = uuid.uuid4().hex
        self._kept: deque[Received] = deque(maxlen=KEPT_MAX)
        self._unsigned: deque[Received] = deque(maxlen=UNSIGNED_MAX)
        self._count = 0
        self._deliveries: Counter[str] = Counter()

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Show the request from now on: with the events if a signature is valid, else apart. Returns whether one is."""
        now = time.time()
        signatures = faults(headers, body, secret=self.secret, now=now)
        is_signed = bool(self.secret) and None in signatures.values()
        event = _object_of(body)
        id = headers.get("webhook-id") or event.get("id")
        if is_signed and isinstance(id, str):
            self._deliveries[id] += 1
        self._count += 1
        (self._kept if is_signed else self._unsigned).appendleft(
            Received(
                number=self._count,
                received_at=now,
                event=id if isinstance(id, str) else None,
                type=event["type"] if isinstance(event.get("type"), str) else None,
                delivery=self._deliveries[id] if is_signed and isinstance(id, str) else 1,
                headers=headers,
                body=body.decode(errors="replace"),
                signatures=signatures,
            )
        )
        return is_signed

    def shown(self, *, after: int = 0) -> dict[str, Any]:
        """What came after that number, newest first. Each start of the sandbox is a session, with numbers from 1."""
        data, unsigned = (
            [asdict(request) for request in kept if request.number > after] for kept in (self._kept, self._unsigned)
        )
        of_list = {"object": "list", "url": f"{PATH}.json", "session": self._session, "last": self._count}
        return of_list | {"data": data, "unsigned": unsigned}


class InboxRoutes:
    """Answers below /_inbox: takes events by POST, and serves the page, its files and the JSON."""

    def __init__(self, inbox: Inbox, *, secret_key: str | None = None) -> None:
        """If a secret key is given, reading the inbox needs it."""
        self._inbox, self._key = inbox, secret_key

    def has(self, path: str) -> bool:
        """Whether the path is the inbox's."""
        return path in _FILES or path == f"{PATH}.json"

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if method == "POST" and path == PATH:
            body = await read_body(receive)
            if body is None:
                await answer(send, 413)
            else:
                await answer(send, 204 if self._inbox.take(headers, body) else 403)
        elif method not in ("GET", "HEAD"):
            await answer(send, 405, headers=[(b"allow", b"GET, HEAD")])
        elif not _is_by_address(headers.get("host", "")):
            # A page of another site could point its own name at 127.0.0.1 and read along.
            await answer(send, 403, b"Open the inbox by its address: http://127.0.0.1 and the port.\n", _HEADERS)
        elif self._key is not None and not _has_key(headers.get("authorization", ""), self._key):
            asked = (b"www-authenticate", b'Basic realm="The inbox of vinr dev: the key as password"')
            await answer(send, 401, b"Enter the sandbox's key as the password.\n", [asked, *_HEADERS])
        elif path == f"{PATH}.json":
            after = parse_qs(scope["query_string"].decode("latin-1")).get("after", ["0"])[0]
            shown = self._inbox.shown(after=int(after) if after.isascii() and after.isdigit() else 0)
            content = json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")
            await answer(send, 200, content, [(b"content-type", b"application/json"), *_HEADERS])
        else:
            name, kind = _FILES[path]
            await answer(send, 200, (_PAGE / name).read_bytes(), [(b"content-type", kind), *_HEADERS])


async def answer(send: Send, status: int, body: bytes = b"", headers: list[tuple[bytes, bytes]] = []) -> None:  # noqa: B006
    """Send a whole answer."""
    lines = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes | None:
    """The body; None if it is larger than any webhook, or if its sender disconnected."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _object_of(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _has_key(authorization: str, key: str) -> bool:
    """Whether the key is given as in every call, or as the password that a browser asks for."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("latin-1").partition(":")[2]
        except binascii.Error:
            return False
    return hmac.compare_digest(given.encode(), key.encode())


def _is_by_address(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return True

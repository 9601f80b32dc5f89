"""Whether a webhook's signature is valid, in either scheme; shares no code with the sender."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from hashlib import sha256

TOLERANCE_SECONDS = 300
SCHEMES = ("x-vinr-signature", "webhook-signature")


def faults(headers: Mapping[str, str], body: bytes, *, secret: str, now: float) -> dict[str, str | None]:
    """For each scheme why its signature is invalid, or None if it is valid. Header names are in lower case."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return dict.fromkeys(SCHEMES, "the secret must be whsec_ and base64")
    return {
        "x-vinr-signature": _fault_of_ours(headers, body, key, now),
        "webhook-signature": _fault_of_standard(headers, body, key, now),
    }


def _fault_of_ours(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> str | None:
    """`t=<unix>,v1=<hex>[,v1=<hex>]` over "{t}.{body}"."""
    given = headers.get("x-vinr-signature")
    if given is None:
        return "the header is missing"
    parts = [part.strip().partition("=")[::2] for part in given.split(",")]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1:
        return "it must have exactly one time (t=)"
    at = times[0]
    expected = hmac.new(key, f"{at}.".encode() + body, sha256).hexdigest()
    return _fault(at, expected, [value.lower() for name, value in parts if name == "v1"], now)


def _fault_of_standard(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> str | None:
    """Standard Webhooks: `v1,<base64>[ v1,<base64>]` over "{id}.{timestamp}.{body}"."""
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if name not in headers]
    if missing:
        return f"{missing[0]} is missing"
    at = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{at}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    parts = [part.partition(",")[::2] for part in headers["webhook-signature"].split(" ")]
    return _fault(at, expected, [value for version, value in parts if version == "v1"], now)


def _fault(at: str, expected: str, given: list[str], now: float) -> str | None:
    if not (at.isascii() and at.isdigit()):
        return "its time must be Unix seconds"
    # Bytes: compare_digest refuses text beyond ASCII, which anybody may send.
    if not any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in given):
        return "it does not match this body and secret"
    if abs(now - int(at[:12])) > TOLERANCE_SECONDS:
        return f"its time is more than {TOLERANCE_SECONDS} s from now"
    return None

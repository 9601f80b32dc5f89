"""Prove that a webhook is genuine and recent, and read the event in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from vinr._errors import SignatureError, VinrError
from vinr._generated.objects import Event

TOLERANCE_SECONDS = 300
SIGNATURE_HEADER = "x-vinr-signature"
_STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

Header = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a header claims: the signed bytes, the time, and the signatures, one for each active secret."""

    signed: bytes
    timestamp: str
    signatures: tuple[bytes, ...]


def verify(
    payload: bytes | str, header: Header, secret: str | None = None, tolerance: int | None = TOLERANCE_SECONDS
) -> Event:
    """The event in a webhook that was signed with the secret, at most `tolerance` seconds ago (None: any time).

    `payload` is the raw body, before any parsing. `header` is the value of `x-vinr-signature`, or all the request's
    headers; the Standard Webhooks headers work too. `secret` is VINR_WEBHOOK_SECRET unless given.
    Raises SignatureError if the webhook is forged, altered, old or malformed: answer 400 and do nothing. Raises
    VinrError if the payload was parsed already.
    """
    body = _bytes_of(payload)
    key = _key(secret)
    claim = _claim(body, header)
    expected = hmac.new(key, claim.signed, hashlib.sha256).digest()
    # Every signature is compared, each in constant time: the duration reveals nothing.
    if not any([hmac.compare_digest(expected, signature) for signature in claim.signatures]):  # noqa: C419
        raise SignatureError(
            "No signature matches this payload and secret. Pass the body's bytes exactly as received, and the secret "
            "of the endpoint that received them."
        )
    _check_age(claim.timestamp, tolerance)
    return _event(body)


construct = verify


class Webhooks:
    """`client.webhooks`: the same, with the client's `webhook_secret`."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def verify(
        self,
        payload: bytes | str,
        header: Header,
        secret: str | None = None,
        tolerance: int | None = TOLERANCE_SECONDS,
    ) -> Event:
        """The event in a webhook, verified as by `vinr.webhooks.verify`."""
        return verify(payload, header, self._secret if secret is None else secret, tolerance)

    construct = verify


def _bytes_of(payload: object) -> bytes:
    """The body as it came; one that was parsed has other bytes than those that were signed."""
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    raise VinrError("The payload must be the raw body, as text or bytes. Verify it before anything parses it.")


def _key(secret: str | None) -> bytes:
    text = os.environ.get("VINR_WEBHOOK_SECRET", "") if secret is None else secret
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or len(key) != 32:
        raise VinrError(
            "The webhook secret must be `whsec_` and 32 bytes in base64, as shown when the endpoint was created. Pass "
            "secret=, pass webhook_secret= to the client, or set VINR_WEBHOOK_SECRET."
        )
    return key


def _claim(body: bytes, header: Header) -> _Claim:
    if isinstance(header, str):
        return _own_claim(body, header)
    headers = {name.lower(): value for name, value in header.items()}
    if SIGNATURE_HEADER in headers:
        return _own_claim(body, headers[SIGNATURE_HEADER])
    missing = [name for name in _STANDARD_HEADERS if name not in headers]
    if missing:
        raise SignatureError(f"The request has no {SIGNATURE_HEADER} header, nor {', '.join(missing)}.")
    return _standard_claim(body, *(headers[name] for name in _STANDARD_HEADERS))


def _own_claim(body: bytes, header: str) -> _Claim:
    pairs = [part.strip().partition("=") for part in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    signatures = [_bytes_or_none(value) for name, _, value in pairs if name == "v1"]
    if len(timestamps) != 1 or not signatures:
        raise SignatureError(f"{SIGNATURE_HEADER} must have the form t=<seconds>,v1=<hex>, but is {header[:80]!r}.")
    signed = f"{timestamps[0]}.".encode(errors="replace") + body
    return _Claim(signed, timestamps[0], tuple(signature for signature in signatures if signature is not None))


def _bytes_or_none(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _standard_claim(body: bytes, id: str, timestamp: str, header: str) -> _Claim:
    signatures = []
    for part in header.split():
        version, _, text = part.partition(",")
        if version == "v1":
            try:
                signatures.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return _Claim(f"{id}.{timestamp}.".encode(errors="replace") + body, timestamp, tuple(signatures))


def _check_age(timestamp: str, tolerance: int | None) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureError(f"The signature's time {timestamp[:40]!r} is not in Unix seconds.")
    age = int(time.time()) - int(timestamp)
    if tolerance is not None and abs(age) > tolerance:
        when = "ago" if age > 0 else "in the future"
        raise SignatureError(f"The signature was made {abs(age)} s {when}; at most {tolerance} s is allowed.")


def _event(body: bytes) -> Event:
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise SignatureError("The payload is signed, but it is not an event.")
    return Event(values)

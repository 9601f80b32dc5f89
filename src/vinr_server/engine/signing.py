"""What a receiver gets: the event as one run of bytes, and the signatures over just these.

Two schemes over one secret, the decoded 32 bytes: our own header, and the three of Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from vinr_server.core.kernel.payloads import unix
from vinr_server.storage.batch.tables import encode_json

SIGNATURE_HEADER = "X-Vinr-Signature"
# Without %, so that no two ids read alike.
_PLAIN = re.compile(r"[!-$&-~]+")


def event_body(
    *,
    id: str,
    type: str,
    created_at: datetime,
    livemode: bool,
    sequence: int | None,
    data: str,
    request_id: str | None,
    idempotency_key: str | None,
) -> bytes:
    """The event object. `data` is the payload's JSON as it is stored, which is put in as it stands: read and written
    once more it might come out in other bytes, and attempts of one event are to be alike."""
    head = {"id": id, "object": "event", "type": type, "created": unix(created_at), "livemode": livemode}
    head["sequence"] = sequence
    request = {"id": request_id, "idempotency_key": idempotency_key}
    parts = (encode_json(head)[:-1], b',"data":', data.encode(), b',"request":', encode_json(request), b"}")
    return b"".join(parts)


def signed_headers(event_id: str, body: bytes, *, at: datetime, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt; a signature for each secret in force, the newest first."""
    timestamp, event_id = str(unix(at)), _plain(event_id)
    own = [hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    standard = [_standard(secret, f"{event_id}.{timestamp}.".encode() + body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: ",".join([f"t={timestamp}", *(f"v1={one}" for one in own)]),
        "Webhook-Id": event_id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": " ".join(standard),
    }


def _plain(event_id: str) -> str:
    """The id as a header can hold it: one that a caller chose may have any characters, which are percent-encoded."""
    return quote(event_id, safe="!#$&'()*+,/:;=?@[]~") if not _PLAIN.fullmatch(event_id) else event_id


def _standard(secret: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"

"""What proves to a receiver that an event comes from us: signatures over the exact bytes of its body.

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

SIGNATURE_HEADER = "X-Vinr-Signature"
# Without %, so that no two ids look alike.
_PLAIN = re.compile(r"[!-$&-~]+")


def signed_headers(event_id: str, body: bytes, *, at: datetime, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt, with a signature for each secret in force, the newest first."""
    timestamp, event_id = str(unix(at)), _plain(event_id)
    own = [hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    standard = [_standard(secret, f"{event_id}.{timestamp}.".encode() + body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: ",".join([f"t={timestamp}", *(f"v1={signature}" for signature in own)]),
        "Webhook-Id": event_id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": " ".join(standard),
    }


def _plain(event_id: str) -> str:
    """The id as a header can hold it: callers choose ids with any characters, so these are percent-encoded."""
    return quote(event_id, safe="!#$&'()*+,/:;=?@[]~") if not _PLAIN.fullmatch(event_id) else event_id


def _standard(secret: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"

"""The digest of a request, the same for every spelling of it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from vinr_server.storage.batch.spelled_numbers import by_value

# Fields are in the order of the type, free-form objects are sorted by key; 1e2 is 1E+2.
_canonical_json = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=by_value).encode


def fingerprint(body: Any, *ids: str) -> bytes:
    """A digest of the normalized body and the ids in the path."""
    digest = hashlib.sha256(_canonical_json(body))
    for id in ids:
        digest.update(b"/" + id.encode())
    return digest.digest()

"""Metadata of objects: merged key by key; null removes a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.kernel.answers import Rejected, invalid

KEYS_MAX = 50


def merge_metadata(present: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any] | Rejected:
    """Merge the given keys into the present ones; refuse more than 50 keys."""
    merged = {key: value for key, value in {**present, **given}.items() if value is not None}
    if len(merged) > KEYS_MAX:
        message = (
            f"The metadata would have {len(merged)} keys (limit: {KEYS_MAX}). Set some keys to null to remove them."
        )
        return invalid(message, param="metadata")
    return merged

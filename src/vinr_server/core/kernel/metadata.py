"""Metadata of objects: merged key by key, a null removes a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.kernel.answers import Rejected, invalid

KEYS_MAX = 50


def merge_metadata(present: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any] | Rejected:
    """What is there, overlaid by what was given; refused above 50 keys."""
    merged = {key: value for key, value in {**present, **given}.items() if value is not None}
    if len(merged) > KEYS_MAX:
        message = (
            f"The merged metadata would have {len(merged)} keys; {KEYS_MAX} are allowed. Remove keys by setting null."
        )
        return invalid(message, param="metadata")
    return merged

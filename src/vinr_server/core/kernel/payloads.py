"""Values as the wire shows them: snake_case, bare reference names, Unix seconds; the same in answers and events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.kernel.numbers import SCALE

Wire = dict[str, Any]


def unix(at: datetime) -> int:
    """An instant as whole Unix seconds."""
    return int(at.timestamp())


def unix_or_none(at: datetime | None) -> int | None:
    """Whole Unix seconds, or None."""
    return None if at is None else int(at.timestamp())


def given(fields: Wire) -> Wire:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


assert SCALE == 10_000, "the *_e4 fields hold ten-thousandths"

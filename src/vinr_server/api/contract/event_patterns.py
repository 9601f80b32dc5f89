"""Which event types an endpoint can ask for: names, `prefix.*` and `*`; and what a typo was probably meant to be.

Every name below the engine's own prefixes is known. Any other well-formed name may be one of the merchant's own events.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache

from vinr_server.core.earning.reports import RESERVED
from vinr_server.core.events.engine_events import EVENT_TYPES

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?", re.ASCII)


def pattern_fault(pattern: str) -> str | None:
    """Why no event can match the pattern, as a sentence with the nearest pattern that some match; None if one can."""
    if pattern == "*":
        return None
    if not _NAME.fullmatch(pattern):
        return f"{pattern!r} is not an event type. Write a name such as payment.completed, payment.* or *."
    if pattern.startswith(RESERVED):
        return None if pattern in _patterns() else f"There is no event {pattern}.{_hint(pattern, 0.5)}"
    hint = _hint(pattern, 0.9)  # order.created is a merchant's own event, payments.completed a typo
    return f"There is no event {pattern}.{hint}" if hint else None


def _hint(pattern: str, likeness: float) -> str:
    nearest = difflib.get_close_matches(pattern.lower(), _patterns(), n=1, cutoff=likeness)
    return f" Did you mean {nearest[0]}?" if nearest and nearest[0] != pattern else ""


@cache
def _patterns() -> frozenset[str]:
    """Every event type of the engine and every prefix of one with a star; also campaigns', which are still to come."""
    return frozenset({*EVENT_TYPES, *_beginnings(), *(f"{prefix}*" for prefix in RESERVED if prefix.endswith("."))})


def _beginnings() -> Iterable[str]:
    for name in EVENT_TYPES:
        parts = name.split(".")
        yield from (f"{'.'.join(parts[:end])}.*" for end in range(1, len(parts)))

"""Which types of event an endpoint can ask for: names, `prefix.*` and `*`; and what a slip was probably meant to be.

Below the engine's own prefixes every name is known. Any other well-formed one may be an event of the merchant's own.
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
    """Why no event can match the pattern, as a sentence with the nearest that some do; None where one can."""
    if pattern == "*":
        return None
    if not _NAME.fullmatch(pattern):
        return f"{pattern!r} is no event type. Write a name such as payment.completed, payment.* or *."
    if pattern.startswith(RESERVED):
        return None if pattern in _patterns() else f"There is no event {pattern}.{_hint(pattern, 0.5)}"
    hint = _hint(pattern, 0.9)  # order.created is a merchant's own, payments.completed a slip
    return f"There is no event {pattern}.{hint}" if hint else None


def _hint(pattern: str, likeness: float) -> str:
    nearest = difflib.get_close_matches(pattern.lower(), _patterns(), n=1, cutoff=likeness)
    return f" Did you mean {nearest[0]}?" if nearest and nearest[0] != pattern else ""


@cache
def _patterns() -> frozenset[str]:
    """Every type of the engine's, and every beginning of one with a star; campaigns' too, which are still to come."""
    return frozenset({*EVENT_TYPES, *_beginnings(), *(f"{prefix}*" for prefix in RESERVED if prefix.endswith("."))})


def _beginnings() -> Iterable[str]:
    for name in EVENT_TYPES:
        parts = name.split(".")
        yield from (f"{'.'.join(parts[:end])}.*" for end in range(1, len(parts)))

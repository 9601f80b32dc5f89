"""What is counted of caps."""

from __future__ import annotations

from collections.abc import Hashable

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Counter


def counter_of(draft: Layer, counter_id: str, *, of: tuple[Hashable, ...]) -> Counter | None:
    """The counter as it stands, None while nothing was counted. `of`: whose uses it counts, and of what."""
    return draft.get(Counter, counter_id, of=of)

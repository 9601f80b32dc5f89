"""What is counted of caps, as far as the batch has looked for it."""

from __future__ import annotations

from vinr_server.core.kernel.layers import Layer, RowsMissing
from vinr_server.core.kernel.needs import member_of_counter
from vinr_server.core.kernel.rows import Counter, LookedUp


def counter_of(draft: Layer, counter_id: str) -> Counter | None:
    """The counter as it stands, None while nothing was counted. Raises RowsMissing where nobody looked."""
    counter = draft.get(Counter, counter_id)
    if counter is None:
        require_looked_up(draft, counter_id)
    return counter


def require_looked_up(draft: Layer, counter_id: str) -> None:
    """Raise RowsMissing unless the batch has looked for this counter. (In memory everything is at hand.)"""
    looked_up = draft.get(LookedUp, LookedUp.KEY)
    if looked_up is None or counter_id in looked_up.counter_ids:
        return
    member = member_of_counter(counter_id)
    if member is None or member[0] in looked_up.member_ids:
        raise RowsMissing(counter_id)

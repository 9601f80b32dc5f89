"""How many members may enter in a minute, of those who enter many at once (R51).

Entries lie in stretches of as many as the rate says. A stretch begins a whole minute after the last entry of the one
before, so no minute, wherever it begins, has members of two of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vinr_server.core.campaigns.entries.rows import EntryPace
from vinr_server.core.kernel.layers import Layer

MINUTE = timedelta(minutes=1)


def room(draft: Layer, campaign_id: str, rate: int | None, now: datetime) -> int | None:
    """How many members may enter now; None: any number."""
    if rate is None:
        return None
    pace = draft.get(EntryPace, campaign_id)
    if pace is not None and now < pace.due_at:
        return 0
    return max(rate - _entered(pace, now), 0)


def keep_pace(draft: Layer, campaign_id: str, rate: int, now: datetime, *, entered: int) -> None:
    """So many have entered now, of those who may; the next may enter when there is room again."""
    pace = draft.get(EntryPace, campaign_id)
    count, last_at = _entered(pace, now) + entered, now if entered or pace is None else pace.last_at
    draft.put(EntryPace(campaign_id, count, last_at, last_at + MINUTE if count >= rate else last_at))


def _entered(pace: EntryPace | None, now: datetime) -> int:
    """How many have entered in the stretch that goes on."""
    return pace.entered if pace is not None and now < pace.last_at + MINUTE else 0

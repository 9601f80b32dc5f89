"""Where a holder stands at an instant, from its loaded lots: what is over and not swept, and what ends next (R2)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart
from vinr_server.core.ledger.book.holders import AnyHolder
from vinr_server.core.ledger.book.lots import end_of, is_over, next_expiry, overdue_points
from vinr_server.core.ledger.rows import Lot


def standing(draft: Layer, holder: AnyHolder, now: datetime) -> tuple[int, tuple[datetime, int] | None]:
    """Points that are over and not swept, and when the next end, with how many. Expects the lots that end first."""
    lots = draft.children(Lot, holder.id, in_part=True)
    live = [lot for lot in lots if not is_over(lot, holder, now)]
    next_at = next_expiry(live, holder)
    last = draft.last_here(holder.id)
    if last is not None and (next_at is None or next_at >= last[0]):
        raise InPart(Lot, holder.id)
    next_points = sum(lot.free_points for lot in live if end_of(lot, holder) == next_at)
    return overdue_points(lots, holder, now), None if next_at is None else (next_at, next_points)

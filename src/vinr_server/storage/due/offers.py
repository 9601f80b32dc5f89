"""Offers whose window is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# Plan: the partial index offers_ending, earliest end first; offers on test clocks join their clock.
DUE_OFFERS = """
select t.realm, r.livemode, t.id, case when k.id is null then t.ends_at end
from offers t
join realms r on r.id = t.realm
left join programs p on p.realm = t.realm and p.id = t.program_id
left join test_clocks k on k.realm = t.realm and k.id = p.clock_id
where t.closed_at is null and t.deleted_at is null and t.status <> 'draft' and t.ends_at is not null
  and t.ends_at <= coalesce(k.frozen_at, $1)
order by t.ends_at limit $2
"""


class DueOffer(NamedTuple):
    """An offer whose window is over; `due_at` says when it ended, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def due_offers(pool: Any, now: datetime, *, limit: int) -> list[DueOffer]:
    """Offers whose window is over at their program's now, and whose end is not written yet."""
    return [DueOffer(*record) for record in await pool.fetch(DUE_OFFERS, now, limit)]

"""What is read and awaited of offers: where they stand now, which are live, whose window is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.keys import offer_counter
from vinr_server.core.offer_rows import Offer
from vinr_server.core.rows import Counter
from vinr_server.storage.buckets import bucket_of

# A checkout offer that is evaluated now. (It has no cap, and goes by the wall clock.)
IS_LIVE = """t.status = 'published'
  and (t.starts_at is null or t.starts_at <= now()) and (t.ends_at is null or t.ends_at > now())"""

# By primary key each.
STANDINGS = """
select t.id, coalesce(c.used, 0), coalesce(c.reserved, 0), coalesce(k.frozen_at, $4)
from unnest($2::text[], $3::int2[]) as w (id, bucket)
join offers t on t.realm = $1 and t.id = w.id
left join counters c on c.realm = $1 and c.id = 'offer:' || w.id and c.bucket = w.bucket
left join programs p on p.realm = $1 and p.id = t.program_id
left join test_clocks k on k.realm = $1 and k.id = p.clock_id
"""

# Plan: the partial index offers_ending, whose windows end first; those of test clocks join their clock.
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


class Standing(NamedTuple):
    """How much of an offer's cap is taken, and the instant by which it lives."""

    counter: Counter
    now: datetime


class DueOffer(NamedTuple):
    """An offer whose window is over; `due_at` since when, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def standings(pool: Any, realm: int, offers: Sequence[Offer], now: datetime) -> Mapping[str, Standing]:
    """Where each offer stands at its own now, by id."""
    ids = [offer.id for offer in offers]
    buckets = [bucket_of(realm, offer_counter(id)) for id in ids]
    return {
        id: Standing(Counter(0, offer_counter(id), used, reserved), at)
        for id, used, reserved, at in await pool.fetch(STANDINGS, realm, ids, buckets, now)
    }


async def due_offers(pool: Any, now: datetime, *, limit: int) -> list[DueOffer]:
    """Offers whose window is over at their program's now, and whose end is not written yet."""
    return [DueOffer(*record) for record in await pool.fetch(DUE_OFFERS, now, limit)]

"""What the API reads about offers: how much of each cap is taken now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.kernel.needs import offer_counter
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.offers.rows import Offer, Tally
from vinr_server.storage.batch.buckets import bucket_of

# Each by its primary key.
STANDINGS = """
select t.id, coalesce(c.used, 0), coalesce(c.reserved, 0), coalesce(k.frozen_at, $4)
from unnest($2::text[], $3::int2[]) as w (id, bucket)
join offers t on t.realm = $1 and t.id = w.id
left join counters c on c.realm = $1 and c.id = 'offer:' || w.id and c.bucket = w.bucket
left join programs p on p.realm = $1 and p.id = t.program_id
left join test_clocks k on k.realm = $1 and k.id = p.clock_id
"""

# Waits for concurrent uses of these offers, and makes new ones wait: see `hold_uncounted`.
LOCK_UNCOUNTED = """
select t.realm, t.id from unnest($1::int4[], $2::text[]) as w (realm, id)
join offers t using (realm, id) where not t.is_counted order by t.realm, t.id for update of t
"""
# Plan: the index offer_redemptions_of_offer. Reads all redemptions of an offer, once in its life.
TALLY = """
select w.realm, w.id, count(*) filter (where t.status in ('confirmed', 'refunded')),
  count(*) filter (where t.status = 'reserved')
from unnest($1::int4[], $2::text[]) as w (realm, id)
join offer_redemptions t on t.realm = w.realm and t.offer_id = w.id
group by 1, 2
"""
# By primary key. `key share` blocks only LOCK_UNCOUNTED.
HOLD_UNCOUNTED = """
select t.realm, t.id from unnest($1::int4[], $2::text[]) as w (realm, id)
join offers t using (realm, id) where not t.is_counted order by t.realm, t.id for key share of t
"""


class Standing(NamedTuple):
    """How much of an offer's cap is taken, and its current instant."""

    counter: Counter
    now: datetime


async def standings(pool: Any, realm: int, offers: Sequence[Offer], now: datetime) -> Mapping[str, Standing]:
    """The standing of each offer at its own now, by id."""
    ids = [offer.id for offer in offers]
    buckets = [bucket_of(realm, offer_counter(id)) for id in ids]
    return {
        id: Standing(Counter(0, offer_counter(id), used, reserved), at)
        for id, used, reserved, at in await pool.fetch(STANDINGS, realm, ids, buckets, now)
    }


async def tally_uses(connection: Any, wanted: Sequence[tuple[int, str]]) -> list[tuple[int, Tally]]:
    """The uses so far of each offer without a counter; nobody can add to them until the batch is over."""
    if not wanted:
        return []
    records = await connection.fetch(LOCK_UNCOUNTED, *(list(column) for column in zip(*wanted, strict=True)))
    if not records:
        return []
    # After the lock, in a separate statement: the lock waited for concurrent uses.
    columns = [list(column) for column in zip(*records, strict=True)]
    counted = {(realm, id): (used, reserved) for realm, id, used, reserved in await connection.fetch(TALLY, *columns)}
    return [(realm, Tally(id, *counted.get((realm, id), (0, 0)))) for realm, id in records]


async def hold_uncounted(connection: Any, wanted: Sequence[tuple[int, str]]) -> bool:
    """Whether none of these offers has a counter yet; none gets one until the batch is over."""
    columns = [list(column) for column in zip(*sorted(wanted), strict=True)]
    return len(await connection.fetch(HOLD_UNCOUNTED, *columns)) == len(wanted)

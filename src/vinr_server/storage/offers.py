"""What is read and awaited of offers: where they stand now, which are live, whose window is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.keys import offer_counter
from vinr_server.core.offer_rows import Offer, OfferClaim
from vinr_server.core.rows import Counter, Row
from vinr_server.storage.buckets import bucket_of
from vinr_server.storage.tables import TABLES, rows_of

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

# By primary key.
CLAIMS = f"""
select {TABLES[OfferClaim].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, account_id, offer_id)
join offer_claims t using (realm, bucket, account_id, offer_id)
where t.bucket = any($2)
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


async def read_claims(connection: Any, wanted: Sequence[tuple[int, int, str, str]]) -> list[tuple[int, Row]]:
    """The claims there are, of (realm, bucket, account, offer), each as (realm, row)."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return rows_of(TABLES[OfferClaim], await connection.fetch(CLAIMS, *columns))

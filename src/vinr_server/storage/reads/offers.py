"""What the API reads about offers: how much of each cap is taken now, and the time that their codes live by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.codes.rows import BatchTally, CodeProgress
from vinr_server.core.kernel.caps import counter_of
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.offers.rows import Offer
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.tables import TABLES

# Each by its primary key.
STANDINGS = """
select t.id, coalesce(c.used, 0), coalesce(c.reserved, 0), coalesce(k.frozen_at, $4), coalesce(p.timezone, n.timezone)
from unnest($2::text[], $3::int2[]) as w (id, bucket)
join offers t on t.realm = $1 and t.id = w.id
left join counters c on c.realm = $1 and c.id = 'offer:' || w.id and c.bucket = w.bucket
left join programs p on p.realm = $1 and p.id = t.program_id
left join test_clocks k on k.realm = $1 and k.id = p.clock_id
join realms r on r.id = $1 join tenants n on n.id = r.tenant_id
"""

# Each by its primary key.
COUNTERS = """
select c.id, c.used, c.reserved from unnest($2::text[], $3::int2[]) as w (id, bucket)
join counters c on c.realm = $1 and c.id = w.id and c.bucket = w.bucket
"""


# The instant of each account, by its program's clock; each by its primary key.
INSTANTS = """
select a.id, coalesce(c.frozen_at, $3)
from accounts a join programs p on p.realm = a.realm and p.id = a.program_id
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
where a.realm = $1 and a.id = any($2)
"""


class Standing(NamedTuple):
    """How much of an offer's cap is taken, its current instant and its zone."""

    counter: Counter
    now: datetime
    zone: str


async def standings(pool: Any, realm: int, offers: Sequence[Offer], now: datetime) -> Mapping[str, Standing]:
    """The standing of each offer at its own now, by id."""
    ids = [offer.id for offer in offers]
    buckets = [bucket_of(realm, counter_of("offer", id)) for id in ids]
    return {
        id: Standing(Counter(0, counter_of("offer", id), used, reserved), at, zone)
        for id, used, reserved, at, zone in await pool.fetch(STANDINGS, realm, ids, buckets, now)
    }


async def counters_of(pool: Any, realm: int, ids: Sequence[str]) -> Mapping[str, Counter]:
    """Those of the counters that there are, by id."""
    buckets = [bucket_of(realm, id) for id in ids]
    records = await pool.fetch(COUNTERS, realm, ids, buckets)
    return {id: Counter(0, id, used, reserved) for id, used, reserved in records}


async def instants_of_accounts(pool: Any, realm: int, ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
    """The current instant of each account, by id."""
    return dict(await pool.fetch(INSTANTS, realm, ids, now))


# Each by its primary key.
OFFERS_NOW = """
select o.id, coalesce(k.frozen_at, $3)
from offers o
left join programs p on p.realm = o.realm and p.id = o.program_id
left join test_clocks k on k.realm = o.realm and k.id = p.clock_id
where o.realm = $1 and o.id = any($2)
"""


async def offers_now(pool: Any, realm: int, offer_ids: Collection[str], now: datetime) -> Mapping[str, datetime]:
    """The current time of each offer, by its id: that of its program's clock, or real time."""
    return dict(await pool.fetch(OFFERS_NOW, realm, list(offer_ids), now)) if offer_ids else {}


DISABLED = "select id from code_batches where realm = $1 and id = any($2) and status = 'disabled'"


async def disabled_batches(pool: Any, realm: int, batch_ids: Collection[str]) -> frozenset[str]:
    """Those of the batches that are disabled."""
    return frozenset([id for (id,) in await pool.fetch(DISABLED, realm, list(batch_ids))]) if batch_ids else frozenset()


# Plan: the partial index codes_used_of_batch: what was used, not what was made.
TALLIES = """
select w.id, (select count(*) from codes t where t.realm = $1 and t.batch_id = w.id and t.used > 0 and t.id <> all($3))
from unnest($2::text[]) as w (id)
"""
PROGRESS = f"""
select {TABLES[CodeProgress].select_list} from code_batch_progress t where t.realm = $1 and t.id = any($2)
"""


async def tally_batches(
    connection: Any, realm: int, batch_ids: Sequence[str], *, without: Sequence[str] = ()
) -> list[BatchTally]:
    """How many codes of each batch were used; `without`: codes that are left out."""
    if not batch_ids:
        return []
    return [BatchTally(*record) for record in await connection.fetch(TALLIES, realm, list(batch_ids), list(without))]


async def batch_standings(
    pool: Any, realm: int, batch_ids: Sequence[str]
) -> Mapping[str, tuple[CodeProgress, BatchTally]]:
    """How far each batch is, by its id."""
    if not batch_ids:
        return {}
    tallies = {tally.id: tally for tally in await tally_batches(pool, realm, batch_ids)}
    found: dict[str, tuple[CodeProgress, BatchTally]] = {}
    for record in await pool.fetch(PROGRESS, realm, list(batch_ids)):
        progress = TABLES[CodeProgress].row(record)
        assert isinstance(progress, CodeProgress)
        found[progress.id] = (progress, tallies[progress.id])
    return found

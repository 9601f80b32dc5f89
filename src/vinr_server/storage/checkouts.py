"""What is read and awaited of checkouts: what they were promised, who bought before, and when they end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.checkout_rows import Buyer
from vinr_server.core.offer_rows import OfferRedemption, OfferRevision
from vinr_server.core.rows import Row
from vinr_server.storage.tables import TABLES, rows_of

# By primary key.
REVISIONS = f"""
select {TABLES[OfferRevision].select_list}
from unnest($1::int4[], $2::text[], $3::int8[]) as w (realm, offer_id, revision)
join offer_revisions t using (realm, offer_id, revision)
"""

# Plan: the index payments_of_customer, one row of it for each.
BUYERS = """
select w.realm, w.id, exists (
  select from payments p
  where p.realm = w.realm and p.customer_id = w.id and p.bucket = w.bucket and p.bucket = any($2))
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
"""

# Plan: the partial index checkout_sessions_open, whose times end first; those of test clocks join their clock.
DUE_SESSIONS = """
select s.realm, r.livemode, s.id, case when c.id is null then s.expires_at end
from checkout_sessions s
join realms r on r.id = s.realm
left join test_clocks c on c.realm = s.realm and c.id = s.clock_id
where s.status = 'open' and s.expires_at <= coalesce(c.frozen_at, $1)
order by s.expires_at limit $2
"""


class DueSession(NamedTuple):
    """A session whose time is over; `due_at` since when, unless it lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def read_revisions(connection: Any, held: Sequence[tuple[int, OfferRedemption]]) -> list[tuple[int, Row]]:
    """The revisions of offers that these redemptions were promised at."""
    if not held:
        return []
    wanted = dict.fromkeys((realm, one.offer_id, one.offer_revision) for realm, one in held)
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return rows_of(TABLES[OfferRevision], await connection.fetch(REVISIONS, *columns))


async def read_buyers(connection: Any, customers: Collection[tuple[int, int, str]]) -> list[tuple[int, Buyer]]:
    """Of each customer (realm, bucket, id) whether any payment is on record."""
    if not customers:
        return []
    columns = [list(column) for column in zip(*customers, strict=True)]
    return [(realm, Buyer(id, has_paid)) for realm, id, has_paid in await connection.fetch(BUYERS, *columns)]


async def due_sessions(pool: Any, now: datetime, *, limit: int) -> list[DueSession]:
    """Open sessions whose time is over at their now."""
    return [DueSession(*record) for record in await pool.fetch(DUE_SESSIONS, now, limit)]

"""What a batch reads about offers and their buyers: claims, frozen revisions (of rules too), and who bought before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from vinr_server.core.checkout.rows import Buyer, OpenSessions
from vinr_server.core.earning.rows import RuleRevision
from vinr_server.core.kernel.rows import Row
from vinr_server.core.offers.rows import OfferClaim, OfferRevision
from vinr_server.storage.batch.tables import TABLES, rows_of

# By primary key.
CLAIMS = f"""
select {TABLES[OfferClaim].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, member_id, offer_id)
join offer_claims t using (realm, bucket, member_id, offer_id)
where t.bucket = any($2)
"""

REVISED: tuple[type[Row], ...] = (OfferRevision, RuleRevision)
# By primary key, for each type of revision.
REVISIONS: dict[type[Row], str] = {
    row_type: f"""
select {TABLES[row_type].select_list}
from unnest($1::int4[], $2::text[], $3::int8[]) as w (realm, {row_type.parent_field}, revision)
join {TABLES[row_type].name} t using (realm, {row_type.parent_field}, revision)
"""
    for row_type in REVISED
}

# Plan: the customer by its key, and of the index payments_of_customer one row for each that it is.
BUYERS = """
select w.realm, w.id, exists (
  select from (
    select w.id as id union all
    select json_array_elements_text(c.merged_from) from customers c
    where c.realm = w.realm and c.id = w.id and c.bucket = w.bucket and c.bucket = any($2)) as buyer
  join payments p on p.realm = w.realm and p.customer_id = buyer.id)
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
"""

# Plan: the partial index checkout_sessions_of_customer.
OPEN_SESSIONS = """
select w.realm, w.id, array(
  select s.id from checkout_sessions s
  where s.realm = w.realm and s.customer_id = w.id and s.bucket = w.bucket and s.bucket = any($2)
    and s.status = 'open' and s.customer_id is not null
  order by s.id)
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
"""


async def read_claims(connection: Any, wanted: Sequence[tuple[int, int, str, str]]) -> list[tuple[int, Row]]:
    """The existing claims of these (realm, bucket, member, offer), each as (realm, row)."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return rows_of(TABLES[OfferClaim], await connection.fetch(CLAIMS, *columns))


async def read_revisions(
    connection: Any, row_type: type[Row], wanted: Sequence[tuple[int, str, int]]
) -> list[tuple[int, Row]]:
    """The existing revisions, of offers or of rules, of these (realm, id, revision)."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return rows_of(TABLES[row_type], await connection.fetch(REVISIONS[row_type], *columns))


async def read_buyers(connection: Any, customers: Collection[tuple[int, int, str]]) -> list[tuple[int, Buyer]]:
    """Whether each customer (realm, bucket, id) has any payment on record."""
    if not customers:
        return []
    columns = [list(column) for column in zip(*customers, strict=True)]
    return [(realm, Buyer(id, has_paid)) for realm, id, has_paid in await connection.fetch(BUYERS, *columns)]


async def read_open_sessions(
    connection: Any, customers: Collection[tuple[int, int, str]]
) -> list[tuple[int, OpenSessions]]:
    """Of each customer (realm, bucket, id) the open checkout sessions."""
    if not customers:
        return []
    columns = [list(column) for column in zip(*customers, strict=True)]
    return [(realm, OpenSessions(id, tuple(ids))) for realm, id, ids in await connection.fetch(OPEN_SESSIONS, *columns)]

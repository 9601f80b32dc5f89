"""What a batch reads about offers and their buyers: claims, frozen revisions (of rules too), and who bought before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from vinr_server.core.checkout.rows import Buyer
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

# Plan: the index payments_of_customer, up to the first payment of which something is kept.
BUYERS = """
select w.realm, w.id, w.order_key, exists (
  select from payments p
  where p.realm = w.realm and p.customer_id = w.id and p.bucket = w.bucket and p.bucket = any($2)
    and p.amount_minor > p.refunded_minor and (w.order_key is null or p.order_key is distinct from w.order_key)
    and not exists (
      select from unnest($5::int4[], $6::text[]) as x (realm, id) where x.realm = p.realm and x.id = p.id))
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, id, order_key)
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


async def read_buyers(
    connection: Any,
    customers: Collection[tuple[int, int, tuple[str, str | None]]],
    here: Collection[tuple[int, str]],
) -> list[tuple[int, Buyer]]:
    """Whether each customer (realm, bucket, its id and the order left out) has bought, payments `here` left out."""
    if not customers:
        return []
    asked = [(realm, bucket, id, order_key) for realm, bucket, (id, order_key) in customers]
    columns = [list(column) for column in zip(*asked, strict=True)]
    loaded = [list(column) for column in zip(*here, strict=True)] if here else [[], []]
    records = await connection.fetch(BUYERS, *columns, *loaded)
    return [(realm, Buyer(id, order_key, has_bought)) for realm, id, order_key, has_bought in records]

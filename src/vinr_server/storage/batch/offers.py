"""What a batch reads about offers and their buyers: claims, frozen revisions (of rules too), and who bought before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from vinr_server.core.checkout.rows import Buyer, Traces
from vinr_server.core.codes.rows import CodeHold, CodeHolds
from vinr_server.core.earning.rows import RuleRevision
from vinr_server.core.kernel.rows import Row
from vinr_server.core.offers.rows import OfferClaim, OfferRevision
from vinr_server.core.referrals.rows import FirstPaid
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

# Plan: the customer by its key; for each that it is, the index payments_of_customer, up to the first payment of which
# something is kept.
BUYERS = """
select w.realm, w.id, w.order_id, i.ids, exists (
  select from unnest(i.ids) as buyer (id)
  join payments p on p.realm = w.realm and p.customer_id = buyer.id
  where p.amount_minor > p.refunded_minor
    and (w.order_id is null or split_part(p.order_key, ':', 2) is distinct from w.order_id)
    and not exists (
      select from unnest($5::int4[], $6::text[]) as x (realm, id) where x.realm = p.realm and x.id = p.id))
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, id, order_id)
cross join lateral (
  select array[w.id] || array(
    select json_array_elements_text(c.merged_from) from customers c
    where c.realm = w.realm and c.id = w.id and c.bucket = w.bucket and c.bucket = any($2)) as ids) i
"""

# Plan: the partial index checkout_sessions_of_customer, and one row of the index payments_of_customer. A session or a
# payment of a guest that was given its customer stays in its own bucket.
TRACES = """
select w.realm, w.id, array(
  select s.id from checkout_sessions s
  where s.realm = w.realm and s.customer_id = w.id
    and s.status = 'open' and s.customer_id is not null
  order by s.id),
  exists (select from payments p where p.realm = w.realm and p.customer_id = w.id)
from unnest($1::int4[], $2::text[]) as w (realm, id)
"""


# Plan: the customer by its key; for each that it is, the index payments_by_purchase, up to the first of more than 0.
FIRST_PAID = """
select w.realm, w.id, i.ids, (
  select min(first.occurred_at) from unnest(i.ids) as buyer (id)
  cross join lateral (
    select p.occurred_at from payments p
    where p.realm = w.realm and p.customer_id = buyer.id and p.amount_minor > 0
      and not exists (
        select from unnest($4::int4[], $5::text[]) as x (realm, id) where x.realm = p.realm and x.id = p.id)
    order by p.occurred_at limit 1) as first)
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
cross join lateral (
  select array[w.id] || array(
    select json_array_elements_text(c.merged_from) from customers c
    where c.realm = w.realm and c.id = w.id and c.bucket = w.bucket and c.bucket = any($2)) as ids) i
"""


# Plan: the partial index offer_redemptions_held_of_code, and each session by its key.
CODE_HOLDS = """
select w.realm, w.id, r.id, s.expires_at
from unnest($1::int4[], $2::text[]) as w (realm, id)
join offer_redemptions r on r.realm = w.realm and r.code_id = w.id and r.status = 'reserved' and r.code_id is not null
join checkout_sessions s on s.realm = r.realm and s.id = r.session_id
"""


async def read_code_holds(connection: Any, codes: Sequence[tuple[int, str]]) -> list[tuple[int, CodeHolds]]:
    """The open sessions that hold each of these codes (realm, id)."""
    if not codes:
        return []
    found: dict[tuple[int, str], list[CodeHold]] = {code: [] for code in codes}
    columns = [list(column) for column in zip(*codes, strict=True)]
    for realm, code_id, use_id, expires_at in await connection.fetch(CODE_HOLDS, *columns):
        found[realm, code_id].append(CodeHold(use_id, expires_at))
    return [(realm, CodeHolds(code_id, tuple(holds))) for (realm, code_id), holds in found.items()]


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
    asked = [(realm, bucket, id, order_id) for realm, bucket, (id, order_id) in customers]
    columns = [list(column) for column in zip(*asked, strict=True)]
    loaded = [list(column) for column in zip(*here, strict=True)] if here else [[], []]
    records = await connection.fetch(BUYERS, *columns, *loaded)
    return [(realm, Buyer(id, order_id, has_bought, tuple(ids))) for realm, id, order_id, ids, has_bought in records]


async def read_first_paid(
    connection: Any, customers: Collection[tuple[int, int, str]], here: Collection[tuple[int, str]]
) -> list[tuple[int, FirstPaid]]:
    """When each customer (realm, bucket, id) first paid more than 0, payments `here` left out."""
    if not customers:
        return []
    columns = [list(column) for column in zip(*customers, strict=True)]
    loaded = [list(column) for column in zip(*here, strict=True)] if here else [[], []]
    records = await connection.fetch(FIRST_PAID, *columns, *loaded)
    return [(realm, FirstPaid(id, at, tuple(ids))) for realm, id, ids, at in records]


async def read_traces(connection: Any, customers: Collection[tuple[int, int, str]]) -> list[tuple[int, Traces]]:
    """Of each customer (realm, bucket, id) the open checkout sessions, and whether any payment names it."""
    if not customers:
        return []
    realms, _buckets, ids = zip(*customers, strict=True)
    records = await connection.fetch(TRACES, list(realms), list(ids))
    return [(realm, Traces(id, tuple(ids), has_paid)) for realm, id, ids, has_paid in records]

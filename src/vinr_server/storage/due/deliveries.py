"""Deliveries under way: each sender claims some under a lease, and records the outcome of each attempt.

No cursor passes over the rows: transactions commit in another order than their rows' ids (a cursor `id > last` over an
outbox lost 22 % of its events). A sender claims due rows with `skip locked`, and they are due again after the lease.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vinr_server.core.events.rows import DeliveryAttempt, DeliveryStatus
from vinr_server.storage.batch.tables import TABLES

# Realm and endpoint.
EndpointKey = tuple[int, str]

# Endpoints with something pending are found by skipping along the index deliveries_due, a probe for each. Each gives a
# few deliveries, so that no endpoint's backlog is read for another endpoint. $5 to $7 say what is under way.
CLAIM = """
with recursive waiting as (
  (select realm, endpoint_id from deliveries where status = 'pending' order by realm, endpoint_id limit 1)
  union all
  select n.realm, n.endpoint_id from waiting w cross join lateral (
    select realm, endpoint_id from deliveries
    where status = 'pending' and (realm, endpoint_id) > (w.realm, w.endpoint_id) order by realm, endpoint_id limit 1
  ) as n
), due as (
  select d.realm, d.bucket, d.id from waiting w
  join webhook_endpoints e on e.realm = w.realm and e.id = w.endpoint_id
    and e.status = 'enabled' and e.deleted_at is null
  left join endpoint_health h on h.realm = e.realm and h.endpoint_id = e.id
  left join unnest($5::int4[], $6::text[], $7::int8[]) as b (realm, endpoint_id, count)
    on b.realm = e.realm and b.endpoint_id = e.id
  cross join lateral (
    select realm, bucket, id, next_attempt_at from deliveries
    where realm = w.realm and endpoint_id = w.endpoint_id and status = 'pending' and next_attempt_at <= $1
    order by next_attempt_at
    limit greatest(case when h.failing_since is null then $8::int8 else $9::int8 end - coalesce(b.count, 0), 0)
    for no key update skip locked
  ) as d
  order by d.next_attempt_at limit $4
), claimed as (
  update deliveries t set lease = $2, next_attempt_at = $3
  from due where t.realm = due.realm and t.bucket = due.bucket and t.id = due.id and t.status = 'pending'
    and t.next_attempt_at <= $1
  returning t.realm, t.bucket, t.id, t.endpoint_id, t.event_id, t.attempt_count, t.created_at
)
select c.realm, r.livemode, c.bucket, c.id, c.endpoint_id, c.event_id, c.attempt_count, c.created_at,
  e.url, e.sealed_secret, case when e.old_secret_until > $1 then e.sealed_old_secret end,
  v.type, v.created_at, v.sequence, v.data::text, v.request_id, v.idempotency_key
from claimed c
join realms r on r.id = c.realm
join webhook_endpoints e on e.realm = c.realm and e.id = c.endpoint_id
join events v on v.realm = c.realm and v.id = c.event_id and v.bucket = c.bucket
order by c.id
"""

# Only the sender that still holds the lease may record the outcome.
RECORD = """
update deliveries t set status = r.status, attempt_count = r.number, next_attempt_at = r.next_attempt_at,
  finished_at = r.finished_at, lease = null
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::timestamptz[],
  $8::timestamptz[]) as r (realm, bucket, id, lease, status, number, next_attempt_at, finished_at)
where t.realm = r.realm and t.bucket = r.bucket and t.id = r.id and t.lease = r.lease and t.bucket = any($2)
returning t.realm, t.id
"""
RELEASE = """
update deliveries t set lease = null, next_attempt_at = $5
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as r (realm, bucket, id, lease)
where t.realm = r.realm and t.bucket = r.bucket and t.id = r.id and t.lease = r.lease and t.status = 'pending'
"""
FAILS = """
insert into endpoint_health as h (realm, endpoint_id, failing_since)
select realm, endpoint_id, $3 from unnest($1::int4[], $2::text[]) as r (realm, endpoint_id) order by 1, 2
on conflict (realm, endpoint_id) do update set failing_since = excluded.failing_since where h.failing_since is null
"""
FARES_WELL = """
update endpoint_health h set failing_since = null
from unnest($1::int4[], $2::text[]) as r (realm, endpoint_id)
where h.realm = r.realm and h.endpoint_id = r.endpoint_id and h.failing_since is not null
"""
FAILING_SINCE = """
select h.realm, h.endpoint_id from endpoint_health h
join unnest($1::int4[], $2::text[]) as r (realm, endpoint_id) using (realm, endpoint_id) where h.failing_since <= $3
"""

QUEUE = """
select count(*)::int8, min(next_attempt_at) from (
  select t.next_attempt_at from deliveries t
  join webhook_endpoints e on e.realm = t.realm and e.id = t.endpoint_id and e.status = 'enabled'
    and e.deleted_at is null
  where t.status = 'pending' and t.next_attempt_at <= $1 limit 10001) as due
"""

# Nobody waits for deliveries to a deleted endpoint.
ABANDON = """
update deliveries t set status = 'failed', next_attempt_at = null, finished_at = $1, lease = null
from (
  select d.realm, d.bucket, d.id from deliveries d
  join webhook_endpoints e on e.realm = d.realm and e.id = d.endpoint_id and e.deleted_at is not null
  where d.status = 'pending' limit 5000 for no key update of d skip locked) as a
where t.realm = a.realm and t.bucket = a.bucket and t.id = a.id
"""
# A disabled endpoint starts with a clean record when it is enabled.
FORGIVE = """
update endpoint_health h set failing_since = null from webhook_endpoints e
where e.realm = h.realm and e.id = h.endpoint_id and e.status = 'disabled' and h.failing_since is not null
"""
FORGET = """
with old as (
  select realm, bucket, id from deliveries
  where status <> 'pending' and finished_at < $1::timestamptz - interval '30 days'
  order by finished_at limit 5000
), attempts as (
  delete from delivery_attempts a using old
  where a.realm = old.realm and a.delivery_id = old.id and a.bucket = old.bucket
)
delete from deliveries t using old where t.realm = old.realm and t.id = old.id and t.bucket = old.bucket
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under our lease, with everything that an attempt needs."""

    realm: int
    livemode: bool
    bucket: int
    id: str
    endpoint_id: str
    event_id: str
    attempt_count: int
    created_at: datetime
    url: str
    sealed_secret: bytes
    sealed_old_secret: bytes | None
    event_type: str
    event_created_at: datetime
    sequence: int | None
    data: str
    request_id: str | None
    idempotency_key: str | None

    @property
    def endpoint(self) -> EndpointKey:
        """The endpoint it goes to."""
        return (self.realm, self.endpoint_id)


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that was made, and the state of its delivery after it."""

    delivery: Claimed
    lease: str
    attempt: DeliveryAttempt
    status: DeliveryStatus
    next_attempt_at: datetime | None
    at: datetime


async def claim(
    pool: Any,
    *,
    now: datetime,
    lease: str,
    lease_for: timedelta,
    limit: int,
    under_way: Mapping[EndpointKey, int],
    per_endpoint: int,
    per_failing: int,
) -> list[Claimed]:
    """Due deliveries are ours until the lease is over: at most so many per endpoint, fewer for one that fails."""
    busy = [[realm for realm, _id in under_way], [id for _realm, id in under_way], [*under_way.values()]]
    records = await pool.fetch(CLAIM, now, lease, now + lease_for, limit, *busy, per_endpoint, per_failing)
    return [Claimed(*record) for record in records]


async def record(pool: Any, attempted: Sequence[Attempted], *, failing_max: timedelta) -> list[EndpointKey]:
    """The attempts are logged and their deliveries updated, except deliveries that another sender has taken over.

    Returns the endpoints that have failed for `failing_max` without a success.
    """
    rows = [
        (made.delivery.realm, made.delivery.bucket, made.delivery.id, made.lease, made.status, made.attempt.number,
         made.next_attempt_at, None if made.status == "pending" else made.at)
        for made in attempted
    ]  # fmt: skip
    # Among an endpoint's outcomes in one call, a success counts, whichever came last.
    well = {made.delivery.endpoint for made in attempted if made.status == "succeeded"}
    ill = sorted({made.delivery.endpoint for made in attempted} - well)
    now = max(made.at for made in attempted)
    async with pool.acquire() as connection, connection.transaction():
        ours = {tuple(row) for row in await connection.fetch(RECORD, *_columns(rows))}
        logged = [
            (made.delivery.realm, made.attempt) for made in attempted if (made.delivery.realm, made.delivery.id) in ours
        ]
        if logged:
            statement, arguments = TABLES[DeliveryAttempt].insert(logged)
            await connection.execute(statement, *arguments)
        if well:
            await connection.execute(FARES_WELL, *_columns(sorted(well)))
        if not ill:
            return []
        await connection.execute(FAILS, *_columns(ill), now)
        over = await connection.fetch(FAILING_SINCE, *_columns(ill), now - failing_max)
        return [(row[0], row[1]) for row in over]


async def release(pool: Any, given_up: Collection[tuple[Claimed, str]], *, due_at: datetime) -> None:
    """Deliveries that were claimed but not attempted are due again."""
    if given_up:
        rows = [(delivery.realm, delivery.bucket, delivery.id, lease) for delivery, lease in given_up]
        await pool.execute(RELEASE, *_columns(rows), due_at)


async def queue(pool: Any, now: datetime) -> tuple[int, float]:
    """How many deliveries are due (up to 10,001), and for how many seconds the first of them has been due."""
    count, since = await pool.fetchrow(QUEUE, now)
    return count, 0.0 if since is None else (now - since).total_seconds()


async def tidy(pool: Any, now: datetime) -> None:
    """Deliveries to deleted endpoints are given up; deliveries finished more than 30 days ago are deleted."""
    await pool.execute(ABANDON, now)
    await pool.execute(FORGIVE)
    await pool.execute(FORGET, now)


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]

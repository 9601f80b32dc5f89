"""What the API reads: one object by id, pages of them, the zone of a program. Never through the writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from vinr_server.core.codes.rows import BatchTally, CodeProgress
from vinr_server.core.events.rows import Delivery, DeliveryAttempt, Event
from vinr_server.core.kernel.rows import Counter, Row
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.rows import Program
from vinr_server.core.tiers.changing import sum_of_credits
from vinr_server.core.tiers.confirming import Credit, Scale
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.postgres.connect import KEYS_ONLY
from vinr_server.storage.reads.offers import (
    Standing,
    batch_standings,
    counters_of,
    disabled_batches,
    instants_of_accounts,
    offers_now,
    standings,
)
from vinr_server.storage.reads.scopes import Related, Scope, counted_as_sql
from vinr_server.storage.reads.webhooks import attempts_of, events_between

# Expired points not yet swept, and the next expiry, each by a short scan of the live lots in order of expiry; and what
# ends by the member's inactivity, of which all is over together.
ACCOUNT_FIGURES = f"""
select {TABLES[Account].select_list},
  coalesce(due.points, 0) + case when idle.is_over then coalesce(idle.points, 0) else 0 end as overdue_points,
  least(next.expires_at, idle.ends_at) as next_at,
  case when next.expires_at <= idle.ends_at or idle.ends_at is null then coalesce(next.points, 0) else 0 end
    + case when idle.ends_at <= next.expires_at or next.expires_at is null then coalesce(idle.points, 0) else 0 end
    as next_points,
  p.tiers, p.tier_policy, p.timezone, instant.now, credits.starts, credits.amounts, coming.starts as coming_starts,
  coming.points as coming_points, waiting.available_at as pending_at, waiting.points as pending_points_next
from unnest($1::int4[], $2::text[]) as w (realm, id)
join accounts t on t.realm = w.realm and t.id = w.id
join programs p on p.realm = t.realm and p.id = t.program_id
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (select coalesce(c.frozen_at, $3) as now) as instant
left join lateral (
  select sum(l.remaining_points - l.held_points)::int8 as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.remaining_points > 0 and l.expires_at <= instant.now
    and t.next_expiry_at <= instant.now
) as due on true
left join lateral (
  select l.expires_at, sum(l.remaining_points - l.held_points)::int8 as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.remaining_points > 0 and l.expires_at > instant.now
    and l.remaining_points > l.held_points and t.next_expiry_at is not null
  group by l.expires_at order by l.expires_at limit 1
) as next on true
left join lateral (
  select sum(l.remaining_points - l.held_points)::int8 as points, t.inactive_at <= instant.now as is_over,
    case when t.inactive_at > instant.now and sum(l.remaining_points - l.held_points) > 0 then t.inactive_at
      end as ends_at
  from lots l
  where l.realm = t.realm and l.account_id = t.id and l.remaining_points > 0 and l.by_inactivity
    and t.inactive_at is not null and not t.is_inactive
) as idle on true
left join lateral (
  select l.available_at, sum(l.pending_points)::int8 as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.pending_points > 0 and t.pending_points > 0
  group by l.available_at order by l.available_at limit 1
) as waiting on true
left join lateral (
  select array_agg(l.available_at) as starts, array_agg(l.pending_points) as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.pending_points > 0 and t.pending_points > 0
    and json_array_length(p.tiers) > 0
) as coming on true
left join lateral (
  select array_agg(n.credited_at) as starts, array_agg(n.amount) as amounts from tier_credits n
  where p.tier_policy ->> 'metric' <> 'lifetime_points' and p.tier_policy ->> 'window' <> 'lifetime'
    and n.realm = t.realm and n.account_id = t.id
    and n.counted_as = {counted_as_sql("p")}
    and n.credited_at > instant.now - make_interval(months =>
      2 * coalesce((p.tier_policy ->> 'months')::int, 12) + 1)
) as credits on true
"""

_ZONE_OF = "select p.timezone from {} t join programs p on p.realm = t.realm and p.id = t.program_id"
ZONES = {
    "programs": "select timezone from programs where realm = $1 and id = $2",
    **{
        table: _ZONE_OF.format(table) + " where t.realm = $1 and t.id = $2"
        for table in ("earning_rules", "rewards", "accounts", "campaigns")
    },
    # An offer without a program, or one that is being created, uses the tenant's zone.
    "tenants": "select n.timezone from realms r join tenants n on n.id = r.tenant_id where r.id = $1 and $2::text = ''",
    "offers": """
select coalesce(p.timezone, n.timezone)
from offers t join realms r on r.id = t.realm join tenants n on n.id = r.tenant_id
left join programs p on p.realm = t.realm and p.id = t.program_id
where t.realm = $1 and t.id = $2""",
}
ZONES_OF_ACCOUNTS = """
select t.id, p.timezone from accounts t join programs p on p.realm = t.realm and p.id = t.program_id
where t.realm = $1 and t.id = any($2)
"""
TIER_SINCE = "select since from tier_changes where realm = $1 and account_id = $2 and number = $3"
ZONE_OF_CUSTOMER = """
select p.timezone from accounts t join programs p on p.realm = t.realm and p.id = t.program_id
where t.realm = $1 and t.customer_id = $2 order by t.created_at, t.id limit 1
"""

ZONE_OF_TENANT = "select t.timezone from realms r join tenants t on t.id = r.tenant_id where r.id = $1"

# The database judges whether a key has expired: one clock for all processes.
FIND_KEY = """
select k.realm, r.livemode, k.id, k.kind, k.permissions::text as permissions, k.key_hash,
  k.revoked_at is not null as is_revoked, extract(epoch from k.expires_at - now())::float8 as seconds_left,
  coalesce(k.last_used_at < now() - interval '5 minutes', true) as is_unseen
from api_keys k join realms r on r.id = k.realm where k.key_hash = $1
"""
# At most once in five minutes for each key, and never waiting for a change to it.
TOUCH_KEY = """
update api_keys t set last_used_at = now()
from (select realm, id from api_keys where realm = $1 and id = $2 for no key update skip locked) as k
where t.realm = k.realm and t.id = k.id
"""


# Reaches rows by their keys alone, as the writer does.
SNAPSHOT = "begin isolation level repeatable read read only; " + "; ".join(
    f"set local {name} = {value}" for name, value in KEYS_ONLY.items()
)


class CursorMissing(Exception):
    """The id that a page was to start at does not exist."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page: which rows, in which order (newest first), from where."""

    row_type: type[Row]
    order: Sequence[str]
    limit: int = 10
    after: str | None = None
    before: str | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    # (SQL of `t`, operator, value), operator one of > >= < <=
    compared: Sequence[tuple[str, str, Any]] = ()
    related: Sequence[tuple[Related, Any]] = ()
    # Only rows inside each scope, or outside it if False.
    scopes: Sequence[tuple[Scope, bool]] = ()
    # Column values that every row of the list shares (a list: any of these); a cursor is looked up within them.
    within: Mapping[str, Any] = field(default_factory=dict)
    cursor_column: str = "id"


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """An account with the figures shown beside its row, at its program's now; all from one snapshot."""

    account: Account
    overdue_points: int
    next_expiry: tuple[datetime, int] | None
    next_pending: tuple[datetime, int] | None
    scale: Scale
    now: datetime
    credits: Sequence[Credit]
    coming: Sequence[Credit]


@dataclass(frozen=True, slots=True)
class FoundKey:
    """An API key: whose it is and what it may do. `seconds_left` is None for a key that never expires."""

    realm: int
    livemode: bool
    id: str
    kind: str
    permissions: str
    key_hash: bytes
    is_revoked: bool
    seconds_left: float | None

    @property
    def is_expired(self) -> bool:
        """Whether it has expired."""
        return self.seconds_left is not None and self.seconds_left <= 0


class Reader:
    """Reads over a pool of connections."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @property
    def pool(self) -> Any:
        """The connections, for reads in other modules."""
        return self._pool

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        """A connection on which all statements see the same instant, and none can write."""
        async with self._pool.acquire() as connection:
            await connection.execute(SNAPSHOT)
            try:
                yield connection
            finally:
                await connection.execute("commit")

    async def row(self, realm: int, row_type: type[Row], id: str) -> Any:
        """The row with this id, or None."""
        table = TABLES[row_type]
        record = await self._pool.fetchrow(
            f"select {table.select_list} from {table.name} t where realm = $1 and id = $2", realm, id
        )
        return None if record is None else table.row(record)

    async def page(self, realm: int, query: PageQuery) -> tuple[list[Any], bool]:
        """The page's rows, newest first, and whether there are more beyond it."""
        table = TABLES[query.row_type]
        conditions, arguments = ["t.realm = $1"], [realm]
        conditions += [scope.holds(inside=inside) for scope, inside in query.scopes]

        def bind(value: Any) -> str:
            arguments.append(value)
            return f"${len(arguments)}"

        conditions += [
            f"t.{column} = {f'any({bind(value)})' if isinstance(value, list) else bind(value)}"
            for column, value in {**query.equal, **query.within}.items()
        ]
        conditions += [f"{instant} {operator} {bind(value)}" for instant, operator, value in query.compared]
        conditions += [related.holds(bind(value)) for related, value in query.related]
        cursor = query.after if query.after is not None else query.before
        if cursor is not None:
            position = await self._position(realm, query, cursor)
            columns = ", ".join(f"t.{column}" for column in query.order)
            values = ", ".join(bind(value) for value in position)
            conditions.append(f"({columns}) {'>' if query.after is None else '<'} ({values})")
        is_backward = query.before is not None
        direction = "asc" if is_backward else "desc"
        order = ", ".join(f"t.{column} {direction}" for column in query.order)
        rows_wanted = f"from {table.name} t where {' and '.join(conditions)} order by {order} limit {query.limit + 1}"
        sql = f"select {table.select_list} {rows_wanted}"
        found = [table.row(record) for record in await self._pool.fetch(sql, *arguments)]
        has_more, rows = len(found) > query.limit, found[: query.limit]
        return (rows[::-1] if is_backward else rows), has_more

    async def _position(self, realm: int, query: PageQuery, cursor: str) -> Sequence[Any]:
        table = TABLES[query.row_type]
        columns = ", ".join(f"t.{column}" for column in query.order)
        within = {name: value for name, value in query.within.items() if not isinstance(value, list)}
        same = "".join(f" and {name} = ${place}" for place, name in enumerate(within, start=3))
        sql = f"select {columns} from {table.name} t where realm = $1 and {query.cursor_column} = $2{same}"
        record = await self._pool.fetchrow(sql, realm, cursor, *within.values())
        if record is None:
            raise CursorMissing(cursor)
        return tuple(record)

    async def account_figures(
        self, realm: int, accounts: Sequence[Account], now: datetime
    ) -> dict[str, AccountFigures]:
        """Spendable balance and next expiry of each account, correct before the sweep too (R2)."""
        ids = [account.id for account in accounts]
        records = await self._pool.fetch(ACCOUNT_FIGURES, [realm] * len(ids), ids, now)
        return {record["id"]: _figures(record) for record in records}

    async def offer_standings(self, realm: int, offers: Sequence[Offer], now: datetime) -> Mapping[str, Standing]:
        """The standing of each offer at its own now, by id."""
        return await standings(self._pool, realm, offers, now)

    async def counters_of(self, realm: int, ids: Sequence[str]) -> Mapping[str, Counter]:
        """Those of the counters, each in the bucket of its name, that there are, by id."""
        return await counters_of(self._pool, realm, ids)

    async def instants_of_accounts(self, realm: int, ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
        """The current instant of each account, by id."""
        return await instants_of_accounts(self._pool, realm, ids, now)

    async def offers_now(self, realm: int, offer_ids: Collection[str], now: datetime) -> Mapping[str, datetime]:
        """The current time of each offer, by its id."""
        return await offers_now(self._pool, realm, offer_ids, now)

    async def disabled_batches(self, realm: int, batch_ids: Collection[str]) -> frozenset[str]:
        """Those of the batches of codes that are disabled."""
        return await disabled_batches(self._pool, realm, batch_ids)

    async def batch_standings(
        self, realm: int, batch_ids: Sequence[str]
    ) -> Mapping[str, tuple[CodeProgress, BatchTally]]:
        """How far each batch of codes is, by its id."""
        return await batch_standings(self._pool, realm, batch_ids)

    async def delivery_attempts(
        self, realm: int, deliveries: Sequence[Delivery]
    ) -> Mapping[str, list[DeliveryAttempt]]:
        """The log of each delivery, by its id, the first attempt first."""
        return await attempts_of(self._pool, realm, deliveries)

    async def events_between(
        self,
        realm: int,
        starts_at: datetime,
        ends_at: datetime | None,
        *,
        patterns: Sequence[str],
        after: str | None,
        limit: int,
    ) -> tuple[list[tuple[int, str, str]], bool]:
        """Bucket, id and type of events that match, oldest first, and whether there are more."""
        if after is not None:
            starts_at, after = await self._position(realm, PageQuery(Event, ("created_at", "id")), after)
        return await events_between(self._pool, realm, starts_at, ends_at, patterns=patterns, after=after, limit=limit)

    async def zone(self, realm: int, table: str, id: str) -> str:
        """The zone of the program that an object belongs to; UTC if there is no such object."""
        return await self._pool.fetchval(ZONES[table], realm, id) or "UTC"

    async def zones_of_accounts(self, realm: int, ids: Sequence[str]) -> dict[str, str]:
        """The zone of each account's program, by the account's id."""
        return dict(await self._pool.fetch(ZONES_OF_ACCOUNTS, realm, ids))

    async def tier_since(self, realm: int, account_id: str, number: int) -> datetime | None:
        """The instant of the account's change of tier with this number, if there is one."""
        since: datetime | None = await self._pool.fetchval(TIER_SINCE, realm, account_id, number)
        return since

    async def zone_of_customer(self, realm: int, customer_id: str) -> str:
        """The zone of the customer's first program; UTC if there is none."""
        return await self._pool.fetchval(ZONE_OF_CUSTOMER, realm, customer_id) or "UTC"

    async def zone_of_tenant(self, realm: int) -> str:
        """The tenant's zone, for objects without a program."""
        zone: str = await self._pool.fetchval(ZONE_OF_TENANT, realm)
        return zone

    async def find_key(self, key_hash: bytes) -> FoundKey | None:
        """The key with this hash, active or not; an active key counts as used now."""
        record = await self._pool.fetchrow(FIND_KEY, key_hash)
        if record is None:
            return None
        *values, is_unseen = record
        found = FoundKey(*values)
        if is_unseen and not found.is_revoked and not found.is_expired:
            await self._pool.execute(TOUCH_KEY, found.realm, found.id)
        return found

    async def schema_revision(self) -> str | None:
        """The revision of the schema; any answer means that the database is reachable."""
        revision: str | None = await self._pool.fetchval("select version_num from alembic_version")
        return revision


def _figures(record: Any) -> AccountFigures:
    account = TABLES[Account].row(list(record)[: len(TABLES[Account].columns)])
    assert isinstance(account, Account)
    tiers, policy = (TABLES[Program].json_decoder(name)(record[name]) for name in ("tiers", "tier_policy"))
    kept = zip(record["starts"] or (), map(Fraction, record["amounts"] or ()), strict=True)
    credits = [Credit(*credit) for credit in kept] if policy.counts_windows else sum_of_credits(account, policy)
    coming = zip(record["coming_starts"] or (), record["coming_points"] or (), strict=True)
    return AccountFigures(
        account,
        record["overdue_points"],
        None if record["next_at"] is None else (record["next_at"], record["next_points"]),
        None if record["pending_at"] is None else (record["pending_at"], record["pending_points_next"]),
        Scale(tiers, policy, record["timezone"]),
        record["now"],
        credits,
        [Credit(*credit) for credit in coming] if policy.counts_points else [],
    )

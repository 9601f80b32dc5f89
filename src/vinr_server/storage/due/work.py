"""Work that has fallen due: lots that have expired, clocks that are advancing, rows kept long enough."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# Accounts whose earliest lot has expired at their program's now. Plan: for each program a short scan of
# accounts_expiring. An index on the expiry alone read every member of a program whose test clock is in the past, again
# and again.
DUE_ACCOUNTS = """
select p.realm, r.livemode, a.id, case when c.id is null then a.next_expiry_at end
from programs p
join realms r on r.id = p.realm
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (
  select id, next_expiry_at from accounts
  where realm = p.realm and program_id = p.id and next_expiry_at <= coalesce(c.frozen_at, $1)
  order by next_expiry_at limit $2
) as a
limit $2
"""

# Clocks with no work left up to their instant.
SETTLED_CLOCKS = """
select c.realm, c.id, c.frozen_at from test_clocks c
where c.status = 'advancing' and c.deleted_at is null and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and a.next_expiry_at <= c.frozen_at)
and not exists (
  select from programs p join offers o on o.realm = p.realm and o.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and o.closed_at is null and o.deleted_at is null
    and o.status <> 'draft' and o.ends_at <= c.frozen_at)
and not exists (
  select from checkout_sessions s
  where s.realm = c.realm and s.clock_id = c.id and s.status = 'open' and s.expires_at <= c.frozen_at)
"""

FORGET_KEYS = """
delete from idempotency_keys where ctid in (
  select ctid from idempotency_keys where not is_kept and created_at < now() - interval '30 days' limit 5000)
"""
FORGET_BATCHES = """
delete from batches where id in (
  select id from batches where committed_at < now() - interval '1 day' order by committed_at limit 20000)
"""


class DueAccount(NamedTuple):
    """An account with expired lots; `due_at` says since when, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


class SettledClock(NamedTuple):
    """An advancing clock whose work is done."""

    realm: int
    id: str
    frozen_at: datetime


async def due_accounts(pool: Any, now: datetime, *, limit: int) -> list[DueAccount]:
    """Accounts whose earliest lot has expired at their program's now."""
    return [DueAccount(*record) for record in await pool.fetch(DUE_ACCOUNTS, now, limit)]


async def settled_clocks(pool: Any) -> list[SettledClock]:
    """Clocks that can be marked ready."""
    return [SettledClock(*record) for record in await pool.fetch(SETTLED_CLOCKS)]


async def forget(pool: Any) -> None:
    """Idempotency keys of configuration older than 30 days, and batch ids older than a day, are gone."""
    await pool.execute(FORGET_KEYS)
    await pool.execute(FORGET_BATCHES)

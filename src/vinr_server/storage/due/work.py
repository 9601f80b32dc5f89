"""Work that has fallen due: lots that have expired, clocks that are advancing, rows kept long enough."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.storage.campaigns.due import NO_STEP_DUE, NOBODY_BEHIND
from vinr_server.storage.campaigns.scans import NOBODY_ENTERS
from vinr_server.storage.due.referrals import NONE_DUE

# A member that does not follow its program's plan of reminders yet, and has points that end.
BEHIND = """(next_expiry_at is not null or inactive_at is not null)
    and reminder_revision <> (p.reminder_plans -> -1 ->> 'revision')::int8"""

# A member that does not follow its program's plan of tiers yet.
BEHIND_PLAN = """realm = p.realm and program_id = p.id and status = 'active'
    and tier_revision < (p.tier_plans -> -1 ->> 'revision')::int8"""

# Accounts whose earliest lot has expired, or that have a reminder due, at their program's now; and while a test clock
# advances, those that may have one. Plan: for each program a short scan of accounts_expiring, and of accounts_reminding
# where it has ever had reminders. An index on the expiry alone read every member of a program whose test clock is in
# the past, again and again.
DUE_ACCOUNTS = f"""
select p.realm, r.livemode, a.id, case when c.id is null then a.due_at end
from programs p
join realms r on r.id = p.realm
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (
  (select id, next_expiry_at as due_at from accounts
  where realm = p.realm and program_id = p.id and next_expiry_at <= coalesce(c.frozen_at, $1)
  order by next_expiry_at limit $2)
  union all
  (select id, inactive_at from accounts
  where realm = p.realm and program_id = p.id and inactive_at <= coalesce(c.frozen_at, $1) and not is_inactive
  order by inactive_at limit $2)
  union all
  (select id, due_at from accounts
  where realm = p.realm and program_id = p.id and due_at <= coalesce(c.frozen_at, $1)
  order by due_at limit $2)
  union all
  (select id, next_reminder_at from accounts
  where json_array_length(p.reminder_plans) > 0
    and realm = p.realm and program_id = p.id and next_reminder_at <= coalesce(c.frozen_at, $1)
  order by next_reminder_at limit $2)
  union all
  (select id, null from accounts
  where c.status = 'advancing' and json_array_length(p.reminder_plans) > 0
    and realm = p.realm and program_id = p.id and {BEHIND}
  limit $2)
  union all
  (select id, null from accounts where json_array_length(p.tier_plans) > 0 and {BEHIND_PLAN} limit $2)
) as a
limit $2
"""

# The same of wallets, which live by real time or by a test clock themselves. Plan: wallets_timely, and once more for
# each clock.
DUE_WALLETS = """
select w.realm, r.livemode, w.id, w.due_at
from (
  (select realm, id, least(next_expiry_at, due_at) as due_at from wallets
  where clock_id is null and least(next_expiry_at, due_at) <= $1 order by least(next_expiry_at, due_at) limit $2)
  union all
  (select w.realm, w.id, null from test_clocks c
  cross join lateral (
    select realm, id from wallets
    where clock_id = c.id and realm = c.realm and least(next_expiry_at, due_at) <= c.frozen_at
    order by least(next_expiry_at, due_at) limit $2) as w
  limit $2)
) as w join realms r on r.id = w.realm
"""

# Accounts and wallets of a realm to which time, or a plan of tiers, has brought what is not written yet. Plan:
# accounts_due and accounts_by_tier_plan, for each program; wallets_due, once and for each clock.
DUE_IN_REALM = f"""
(select a.id from programs p
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (
  (select id from accounts
  where realm = p.realm and program_id = p.id and due_at <= coalesce(c.frozen_at, $2)
  order by due_at limit $3)
  union all
  (select id from accounts where json_array_length(p.tier_plans) > 0 and {BEHIND_PLAN} limit $3)) as a
where p.realm = $1 limit $3)
union all
(select id from wallets where realm = $1 and clock_id is null and due_at <= $2 limit $3)
union all
(select w.id from test_clocks c join wallets w on w.realm = c.realm and w.clock_id = c.id and w.due_at <= c.frozen_at
where c.realm = $1 limit $3)
"""

# Programs that live by real time and have, or had, reminders: each with its newest plan.
REMINDING_PROGRAMS = """
select p.realm, r.livemode, p.id, (p.reminder_plans -> -1 ->> 'revision')::int8
from programs p join realms r on r.id = p.realm
where p.clock_id is null and json_array_length(p.reminder_plans) > 0
"""
# The next of a program's members in the order of their enrollment, and which of them follow an older plan. Plan: a
# range of accounts_newest.
NEXT_MEMBERS = """
select id, created_at, (next_expiry_at is not null or inactive_at is not null) and reminder_revision <> $3 from accounts
where realm = $1 and program_id = $2 and (created_at, id) > ($4, $5)
order by created_at, id limit $6
"""

# Clocks with no work left up to their instant.
SETTLED_CLOCKS = f"""
select c.realm, c.id, c.frozen_at from test_clocks c
where c.status = 'advancing' and c.deleted_at is null and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and a.next_expiry_at <= c.frozen_at)
and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and a.inactive_at <= c.frozen_at and not a.is_inactive)
and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and a.due_at <= c.frozen_at)
and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and a.next_segments_at <= c.frozen_at)
and not exists (
  select from programs p join segments s on s.realm = p.realm and not s.is_scanned and s.deleted_at is null
  where p.realm = c.realm and p.clock_id = c.id)
and not exists (
  select from programs p join accounts a on a.realm = p.realm and a.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and json_array_length(p.reminder_plans) > 0
    and (a.next_reminder_at <= c.frozen_at or {BEHIND}))
and not exists (
  select from programs p cross join lateral (select from accounts where {BEHIND_PLAN} limit 1) as a
  where p.realm = c.realm and p.clock_id = c.id and json_array_length(p.tier_plans) > 0)
and not exists (
  select from programs p join offers o on o.realm = p.realm and o.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and o.closed_at is null and o.deleted_at is null
    and o.status <> 'draft' and o.ends_at <= c.frozen_at)
and not exists (
  select from wallets w
  where w.realm = c.realm and w.clock_id = c.id and least(w.next_expiry_at, w.due_at) <= c.frozen_at)
and not exists (
  select from checkout_sessions s
  where s.realm = c.realm and s.clock_id = c.id and s.status = 'open' and s.expires_at <= c.frozen_at)
and {NONE_DUE}
and {NO_STEP_DUE}
and {NOBODY_BEHIND}
and {NOBODY_ENTERS}
"""

FORGET_KEYS = """
delete from idempotency_keys where ctid in (
  select ctid from idempotency_keys where not is_kept and created_at < now() - interval '30 days' limit 5000)
"""
FORGET_BATCHES = """
delete from batches where id in (
  select id from batches where committed_at < now() - interval '1 day' order by committed_at limit 20000)
"""


# Plan: the index code_failures_by_time.
FORGET_FAILURES = """
delete from code_failures where ctid in (
  select ctid from code_failures where counted_at < now() - interval '1 day' order by counted_at limit 20000)
"""


class DueAccount(NamedTuple):
    """An account or wallet with work due; `due_at` says since when, if it lives by real time."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


class SettledClock(NamedTuple):
    """An advancing clock whose work is done."""

    realm: int
    id: str
    frozen_at: datetime


class RemindingProgram(NamedTuple):
    """A program on real time that has reminders, or had: the revision of its plan."""

    realm: int
    livemode: bool
    id: str
    revision: int


class Member(NamedTuple):
    """An account in the order of enrollment, and whether it has yet to follow its program's plan of reminders."""

    id: str
    created_at: datetime
    is_behind: bool


async def due_accounts(pool: Any, now: datetime, *, limit: int) -> list[DueAccount]:
    """Accounts and wallets whose earliest lot has expired, or that have something else due, at their now."""
    records = [*await pool.fetch(DUE_ACCOUNTS, now, limit), *await pool.fetch(DUE_WALLETS, now, limit)]
    found = [DueAccount(*record) for record in records]
    return list({(account.realm, account.id): account for account in reversed(found)}.values())


async def due_in_realm(pool: Any, realm: int, now: datetime, *, limit: int) -> list[str]:
    """Accounts and wallets of a realm whose time has brought something that is not written yet."""
    return [record["id"] for record in await pool.fetch(DUE_IN_REALM, realm, now, limit)]


async def reminding_programs(pool: Any) -> list[RemindingProgram]:
    """Programs whose members may have to hear of other reminders than before."""
    return [RemindingProgram(*record) for record in await pool.fetch(REMINDING_PROGRAMS)]


async def next_members(
    pool: Any, program: RemindingProgram, after: tuple[datetime, str], *, limit: int
) -> list[Member]:
    """The members enrolled after that one."""
    given = (program.realm, program.id, program.revision, *after, limit)
    return [Member(*record) for record in await pool.fetch(NEXT_MEMBERS, *given)]


async def settled_clocks(pool: Any) -> list[SettledClock]:
    """Clocks that can be marked ready."""
    return [SettledClock(*record) for record in await pool.fetch(SETTLED_CLOCKS)]


async def forget(pool: Any) -> None:
    """Idempotency keys of configuration older than 30 days, and batch ids and guesses older than a day, are gone."""
    await pool.execute(FORGET_KEYS)
    await pool.execute(FORGET_BATCHES)
    await pool.execute(FORGET_FAILURES)

"""What an operator should know about a database: a list of findings, each ok, warn or fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "warn", "fail"]

# With any of these off, a crash loses or corrupts acknowledged writes.
DURABLE = {"fsync": ("off",), "full_page_writes": ("off",), "synchronous_commit": ("off",)}
VERSION_MIN = 180000
SKEW_SECONDS_MAX = 5
OVERDUE_SECONDS_MAX = 60
STUCK_SECONDS = 30
FREE_CONNECTIONS_MIN = 10

SETTING = "select current_setting(%s)"
ROLE = """
select rolname::text, rolsuper, (select count(*) from pg_class c where c.relowner = r.oid
  and c.relnamespace = 'public'::regnamespace and c.relkind = 'r')::int
from pg_roles r where rolname = session_user
"""
LEDGER_RIGHTS = """
select string_agg(name, ', ') from unnest(array['entries', 'lot_uses', 'events']) as name
where has_table_privilege('vinr_app', name, 'update, delete, truncate')
"""
CONNECTIONS = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  - (select count(*) from pg_stat_activity where backend_type = 'client backend')::int,
  current_setting('max_connections')::int
"""
STUCK = """
select count(*)::int from pg_stat_activity
where application_name = 'vinr writer' and xact_start < now() - make_interval(secs => %s)
"""
OVERDUE = """
select count(*)::int,
  coalesce(extract(epoch from now()
    - min(least(a.next_expiry_at, a.next_reminder_at, a.next_segments_at, a.ends_at))), 0)::int
from (select now() - make_interval(secs => %s) as at) late, programs p
cross join lateral (
  select *, case when not is_inactive then inactive_at end as ends_at from accounts
  where realm = p.realm and program_id = p.id) as a
where p.clock_id is null and (a.next_expiry_at <= late.at or a.next_reminder_at <= late.at
  or a.next_segments_at <= late.at or a.ends_at <= late.at)
"""
WAITING = """
select count(*)::int, coalesce(extract(epoch from now() - min(d.next_attempt_at)), 0)::int
from deliveries d join webhook_endpoints e on e.realm = d.realm and e.id = d.endpoint_id and e.status = 'enabled'
  and e.deleted_at is null
where d.status = 'pending' and d.next_attempt_at <= now() - make_interval(secs => %s)
"""
GIVEN_UP = """
select string_agg(id, ', ') from webhook_endpoints
where status = 'disabled' and disabled_reason <> 'by_request' and deleted_at is null
"""
CLOCKS = "select string_agg(id, ', ') from test_clocks where status = 'advancing' and deleted_at is null"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `todo` says what to do if it is not ok."""

    what: str
    level: Level
    found: str
    todo: str = ""


def durability(connection: Any) -> Iterator[Finding]:
    """Whether acknowledged writes survive a crash. Takes a psycopg connection, like every function here."""
    for name, unsafe in DURABLE.items():
        value = connection.execute(SETTING, [name]).fetchone()[0]
        todo = f"Turn {name} on in postgresql.conf: without it, a crash loses acknowledged writes."
        yield Finding(name, "fail", value, todo) if value in unsafe else Finding(name, "ok", value)


def version(connection: Any) -> Iterator[Finding]:
    """Whether PostgreSQL is as new as the SQL needs it to be."""
    number, shown = (
        connection.execute(SETTING, [name]).fetchone()[0] for name in ("server_version_num", "server_version")
    )
    is_new = int(number) >= VERSION_MIN
    yield Finding("PostgreSQL", "ok", shown) if is_new else Finding("PostgreSQL", "fail", shown, "Use PostgreSQL 18.")


def roles(connection: Any) -> Iterator[Finding]:
    """Whether the login has rights that the application should not have."""
    name, is_superuser, owned = connection.execute(ROLE).fetchone()
    if is_superuser or owned:
        why = "a superuser" if is_superuser else f"the owner of {owned} tables"
        todo = "Give serve and worker a separate login that may only `set role vinr_app`; keep this one for migrate."
        yield Finding("login", "warn", f"{name} is {why}", todo)
    else:
        yield Finding("login", "ok", name)
    tables = connection.execute(LEDGER_RIGHTS).fetchone()[0]
    if tables:
        todo = f"revoke update, delete, truncate on {tables} from vinr_app;"
        yield Finding("ledger rights", "fail", f"vinr_app may change {tables}", todo)
    else:
        yield Finding("ledger rights", "ok", "vinr_app may add rows but not change any")


def clock_skew(connection: Any) -> Iterator[Finding]:
    """Whether this host and the database agree on the time."""
    before = time.time()
    theirs = float(connection.execute("select extract(epoch from clock_timestamp())").fetchone()[0])
    skew = theirs - (before + time.time()) / 2
    found = f"{skew:+.2f} s"
    if abs(skew) > SKEW_SECONDS_MAX:
        yield Finding("clock skew", "fail", found, "Run NTP on both hosts: expiries use this host's clock.")
    else:
        yield Finding("clock skew", "ok", found)


def connections(connection: Any) -> Iterator[Finding]:
    """Whether there is room for one more process."""
    free, most = connection.execute(CONNECTIONS).fetchone()
    found = f"{free} of {most} free"
    todo = "Raise max_connections, or lower VINR_READERS: a process takes 2 plus that many."
    yield Finding("connections", "ok" if free >= FREE_CONNECTIONS_MIN else "warn", found, "" if free >= 10 else todo)


def work(connection: Any) -> Iterator[Finding]:
    """Whether batches end, expiries are written, and test clocks get ready."""
    stuck = connection.execute(STUCK, [STUCK_SECONDS]).fetchone()[0]
    found = f"{stuck} older than {STUCK_SECONDS} s"
    todo = "Check pg_stat_activity and pg_locks for what `vinr writer` waits for."
    yield Finding("batches", "fail" if stuck else "ok", found, todo if stuck else "")
    count, seconds = connection.execute(OVERDUE, [OVERDUE_SECONDS_MAX]).fetchone()
    todo = "Is `vinr worker` running? No balance is wrong meanwhile: expired points can't be spent."
    yield Finding(
        "expiries", "warn" if count else "ok", f"{count} accounts overdue, {seconds} s at most", todo if count else ""
    )
    clocks = connection.execute(CLOCKS).fetchone()[0]
    todo = "They are ready when `vinr worker` has done the work due until then. Is it running?"
    yield Finding(
        "test clocks", "warn" if clocks else "ok", f"advancing: {clocks}" if clocks else "none advancing",
        todo if clocks else "",
    )  # fmt: skip


def webhooks(connection: Any) -> Iterator[Finding]:
    """Whether events go out, and which endpoints no longer get any."""
    count, seconds = connection.execute(WAITING, [OVERDUE_SECONDS_MAX]).fetchone()
    todo = "Is `vinr worker` running, and can it reach the internet? Nothing is lost meanwhile."
    found = f"{count} deliveries overdue, {seconds} s at most"
    yield Finding("webhooks", "warn" if count else "ok", found, todo if count else "")
    given_up = connection.execute(GIVEN_UP).fetchone()[0]
    todo = "They were gone or failed for five days. Their owners can fix and enable them."
    found = f"disabled: {given_up}" if given_up else "none disabled for failing"
    yield Finding("webhook endpoints", "warn" if given_up else "ok", found, todo if given_up else "")


# The last of these need the schema.
CHECKS: tuple[Callable[[Any], Iterator[Finding]], ...] = (version, durability, clock_skew, connections)
CHECKS_OF_SCHEMA: tuple[Callable[[Any], Iterator[Finding]], ...] = (roles, work, webhooks)

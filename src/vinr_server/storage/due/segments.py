"""Members who may have entered or left dynamic segments, and segments whose members are looked through."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# Accounts that are due to be judged at their program's now. Plan: for each program a short range of accounts_moving.
MOVING = """
select p.realm, r.livemode, a.id, case when c.id is null then a.next_segments_at end
from programs p
join realms r on r.id = p.realm
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
cross join lateral (
  select id, next_segments_at from accounts
  where realm = p.realm and program_id = p.id and next_segments_at <= coalesce(c.frozen_at, $1)
  order by next_segments_at limit $2
) as a
where $3::int4 is null or p.realm = $3
limit $2
"""

# In live data a scan waits until batches are over that began before its conditions were there. Plan: segments_scanning,
# which is empty but while members are looked through; then a key of segment_scans for each.
OPEN_SCANS = """
select s.realm, r.livemode, s.id, c.revision, c.cursor
from segments s join realms r on r.id = s.realm join segment_scans c on c.realm = s.realm and c.id = s.id
where not s.is_scanned and s.deleted_at is null and c.done_at is null
  and (not r.livemode or c.started_at <= $1::timestamptz - interval '5 seconds')
order by c.started_at, s.realm, s.id
"""
# Plan: a range of the primary key.
NEXT_ACCOUNTS = "select id from accounts where realm = $1 and id > $2 order by id limit $3"


class OpenScan(NamedTuple):
    """A segment with new conditions, and the last account that was looked at."""

    realm: int
    livemode: bool
    segment_id: str
    revision: int
    cursor: str


class Moving(NamedTuple):
    """An account that may have moved; `due_at` says since when, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def moving_members(pool: Any, now: datetime, *, limit: int, realm: int | None = None) -> list[Moving]:
    """Accounts that are due to be judged, in one realm or in all."""
    return [Moving(*record) for record in await pool.fetch(MOVING, now, limit, realm)]


async def open_scans(pool: Any, now: datetime) -> list[OpenScan]:
    """The scans under way, those that began first in front."""
    return [OpenScan(*record) for record in await pool.fetch(OPEN_SCANS, now)]


async def next_accounts(pool: Any, scan: OpenScan, *, limit: int) -> list[str]:
    """The ids of the accounts after the scan's place, merged ones included."""
    return [record["id"] for record in await pool.fetch(NEXT_ACCOUNTS, scan.realm, scan.cursor, limit)]

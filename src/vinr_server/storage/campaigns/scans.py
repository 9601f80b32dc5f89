"""Schedules that let members in now, and scans whose next members enter (R41)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.clocks.rows import ClockScans
from vinr_server.storage.batch.reading import NOTHING, Reading

# Campaigns whose schedule lets members in by now, on their clocks. Plan: campaigns_scheduled, then keys.
SCHEDULED = """
select c.realm, r.livemode, c.id
from campaigns c
join realms r on r.id = c.realm
join programs p on p.realm = c.realm and p.id = c.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
where c.next_entry_at is not null and c.archived_at is null and c.next_entry_at <= coalesce(k.frozen_at, $1)
order by c.next_entry_at limit $2
"""
# Scans whose next members may enter now. Who was in a segment at an instant is known once all is judged that moves its
# members by then, and once its conditions were looked through. Plan: campaign_scans_open, which is empty but while
# members are gone through; then keys, and the first of accounts_moving.
OPEN_SCANS = """
select s.realm, r.livemode, s.campaign_id, s.name, s.program_id, s.segment_id, s.as_of, s.cursor_at, s.cursor, s.data
from campaign_scans s join realms r on r.id = s.realm
join programs p on p.realm = s.realm and p.id = s.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
left join campaign_paces e on e.realm = s.realm and e.id = s.campaign_id
left join segments g on g.realm = s.realm and g.id = s.segment_id
where s.done_at is null and greatest(s.as_of, e.due_at) <= coalesce(k.frozen_at, $2)
and (g.id is null or g.is_scanned or g.deleted_at is not null) and not exists (
  select from accounts where realm = s.realm and program_id = s.program_id and next_segments_at <= s.as_of)
order by s.started_at, s.realm, s.id limit $1
"""
# The next members of a program, or of a segment, since when each is there. Plan: a range of accounts_newest, or of
# segment_members_newest.
NEXT_ACCOUNTS = """
select created_at, id from accounts
where realm = $1 and program_id = $2 and created_at <= $3 and (created_at, id) > ($4, $5)
order by created_at, id limit $6
"""
NEXT_IN_SEGMENT = """
select entered_at, account_id from segment_members
where realm = $1 and segment_id = $2 and entered_at <= $3 and (entered_at, account_id) > ($4, $5) and left_at is null
order by entered_at, account_id limit $6
"""

# For a program on a clock: neither schedules nor scans let in anybody by its instant.
NOBODY_ENTERS = """not exists (
  select from programs p join campaigns m on m.realm = p.realm and m.program_id = p.id
    and m.next_entry_at <= c.frozen_at and m.archived_at is null
  where p.realm = c.realm and p.clock_id = c.id)
and not exists (
  select from programs p join campaign_scans s on s.realm = p.realm and s.program_id = p.id and s.done_at is null
  left join campaign_paces e on e.realm = s.realm and e.id = s.campaign_id
  where p.realm = c.realm and p.clock_id = c.id and greatest(s.as_of, e.due_at) <= c.frozen_at)"""


# When the next members enter by the scans under way in the programs of a clock. Plan: campaign_scans_open.
NEXT_OF_CLOCK = """
select min(greatest(s.as_of, e.due_at)) from programs p
join campaign_scans s on s.realm = p.realm and s.program_id = p.id and s.done_at is null
left join campaign_paces e on e.realm = s.realm and e.id = s.campaign_id
where p.realm = $1 and p.clock_id = $2
"""


class Scheduled(NamedTuple):
    """A campaign that lets members in."""

    realm: int
    livemode: bool
    campaign_id: str


class OpenScan(NamedTuple):
    """A scan that is under way, and the last account that it has reached."""

    realm: int
    livemode: bool
    campaign_id: str
    name: str
    program_id: str
    segment_id: str | None
    as_of: datetime
    cursor_at: datetime
    cursor: str
    data: Mapping[str, Any]


async def scheduled_campaigns(pool: Any, now: datetime, *, limit: int) -> list[Scheduled]:
    """Campaigns whose schedule lets members in by now, those that were due first in front."""
    return [Scheduled(*record) for record in await pool.fetch(SCHEDULED, now, limit)]


async def open_campaign_scans(pool: Any, now: datetime, *, limit: int) -> list[OpenScan]:
    """The scans under way whose next members may enter now, those that began first in front."""
    return [OpenScan(*record) for record in await pool.fetch(OPEN_SCANS, limit, now)]


async def read_clock_scans(reading: Reading) -> None:
    """When the next members enter by scans on the clocks that ask for it: instants to which these may be set."""
    for realm, needs in reading.needs.items():
        for id in needs.rows.get(ClockScans, NOTHING):
            ((at,),) = await reading.connection.fetch(NEXT_OF_CLOCK, realm, id)
            reading.layers[realm].put(ClockScans(str(id), at))
            needs.plans.instants.update([at] if at is not None else [])


async def next_members(pool: Any, scan: OpenScan, *, limit: int) -> list[tuple[datetime, str]]:
    """The accounts after the scan's place, each with its own; in a segment, of all programs."""
    query, of = (NEXT_ACCOUNTS, scan.program_id) if scan.segment_id is None else (NEXT_IN_SEGMENT, scan.segment_id)
    found = await pool.fetch(query, scan.realm, of, scan.as_of, scan.cursor_at, scan.cursor, limit)
    return [(at, id) for at, id in found]

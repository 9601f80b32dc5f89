"""What the API reads about campaigns: what each says now, its program's instant, and members to simulate it with."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.rows import Campaign, CampaignRevision, Enrolment, EnrolmentStep
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.reads.scopes import Related, Scope

# Each by its primary key.
IN_FORCE = f"""
select coalesce(k.frozen_at, $3) as now, c.id as campaign, {TABLES[CampaignRevision].select_list}
from unnest($2::text[]) as w (id)
join campaigns c on c.realm = $1 and c.id = w.id
left join campaign_revisions t on t.realm = c.realm and t.campaign_id = c.id and t.revision = c.revision
join programs p on p.realm = c.realm and p.id = c.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
"""


# Where a campaign stands at its program's now: core's `Campaign.status_at`.
STATUS = Related("""{value} = (
  select case
    when t.archived_at is not null then 'archived' when t.revision = 0 then 'draft' when t.ends_at <= n.now then 'ended'
    when t.paused_at is not null then 'paused' when t.starts_at > n.now then 'scheduled' else 'active' end
  from (select coalesce(k.frozen_at, now()) as now from programs p
    left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
    where p.realm = t.realm and p.id = t.program_id) as n)""")
# The type of events that lets members enter, of the revision in force.
TRIGGER = Related("""exists (
  select from campaign_revisions v
  where v.realm = t.realm and v.campaign_id = t.id and v.revision = t.revision
    and v.definition -> 'entry' -> 'event' ->> 'type' = {value})""")


# What has become of a scan: core's `CampaignScan.status`.
SCAN_STATUS = Related("""{value} = case
    when t.is_missed then 'missed' when t.done_at is null then 'running' when t.is_stopped then 'stopped'
    else 'done' end""")

# Enrollments that went a way of any split, and those that reached their goal.
WAY = Related("exists (select from json_each_text(t.ways) w where w.value = {value})")
CONVERTED = Scope("t.converted is not null")
# The next members of a segment that take part in a program. Plan: a range of segment_members_newest, then keys.
MEMBERS_OF_SEGMENT = """
select m.entered_at, m.account_id, a.customer_id, a.program_id = $6 and a.status = 'active'
from segment_members m join accounts a on a.realm = m.realm and a.id = m.account_id
where m.realm = $1 and m.segment_id = $2 and m.left_at is null and (m.entered_at, m.account_id) > ($3, $4)
order by m.entered_at, m.account_id limit $5
"""
# So many are read at a time: other requests of the process are answered in between.
READ_AT_ONCE = 5_000


class InForce(NamedTuple):
    """A campaign's revision in force, None before it was published, and its program's now."""

    now: datetime
    revision: CampaignRevision | None


async def in_force(pool: Any, realm: int, campaigns: Sequence[Campaign], now: datetime) -> Mapping[str, InForce]:
    """What each campaign says at its program's now, by its id."""
    if not campaigns:
        return {}
    table = TABLES[CampaignRevision]
    found: dict[str, InForce] = {}
    for at, campaign_id, *record in await pool.fetch(IN_FORCE, realm, [campaign.id for campaign in campaigns], now):
        row: Any = table.row(record) if record[0] is not None else None
        found[campaign_id] = InForce(at, row)
    return found


# Plan: a range of the primary key.
LOG = f"""
select {TABLES[EnrolmentStep].select_list} from campaign_steps t
where t.realm = $1 and t.enrolment_id = $2 and t.bucket = $3 order by t.position
"""


async def log_of(pool: Any, realm: int, enrolment: Enrolment) -> list[Any]:
    """The steps that an enrollment has taken, the first first."""
    table = TABLES[EnrolmentStep]
    return [table.row(record) for record in await pool.fetch(LOG, realm, enrolment.id, enrolment.bucket)]


async def lowest_drawn(
    pool: Any, realm: int, segment_id: str, program_id: str, *, draw: Callable[[str], int], limit: int
) -> list[str]:
    """The accounts of the segment in the program, of the customers with the lowest draws: always the same ones."""
    lowest: list[tuple[int, str]] = []
    place: tuple[datetime, str] = datetime.min.replace(tzinfo=UTC), ""
    while True:
        found = await pool.fetch(MEMBERS_OF_SEGMENT, realm, segment_id, *place, READ_AT_ONCE, program_id)
        drawn = ((draw(customer_id), account_id) for _at, account_id, customer_id, takes_part in found if takes_part)
        lowest = heapq.nsmallest(limit, [*lowest, *drawn])
        if len(found) < READ_AT_ONCE:
            return [account_id for _draw, account_id in lowest]
        place = found[-1][0], found[-1][1]

"""Members whose campaigns have a step to take, found by one index (R44)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# For each campaign that goes on, with its clock's now, a short range of campaign_enrolments_due: who is in a paused
# one, or lives by a clock that stands still, is never met, and a million who are due of one don't starve the others.
DUE_STEPS = """
select c.realm, r.livemode, e.account_id, case when k.id is null then e.due_at end
from campaigns c
join realms r on r.id = c.realm
join programs p on p.realm = c.realm and p.id = c.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
cross join lateral (
  select account_id, due_at from campaign_enrolments
  where realm = c.realm and campaign_id = c.id and due_at <= coalesce(k.frozen_at, $1)
  order by due_at limit $2
) as e
where c.revision > 0 and c.paused_at is null and ($3::int4 is null or c.realm = $3)
order by e.due_at limit $2
"""

# For a program on a clock: no step is due by the clock's instant.
NO_STEP_DUE = """not exists (
  select from programs p join campaigns m on m.realm = p.realm and m.program_id = p.id
  join campaign_enrolments e on e.realm = m.realm and e.campaign_id = m.id and e.due_at <= c.frozen_at
  where p.realm = c.realm and p.clock_id = c.id and m.paused_at is null)"""

# Of a campaign m: the passages that it takes along. Plan: campaign_enrolments_inside.
_IS_BEHIND = """e.realm = m.realm and e.campaign_id = m.id and e.status in ('open', 'failed')
    and e.revision < case when m.is_cleared then 9223372036854775807 else (m.move ->> 'revision')::int8 end"""
_TAKES_ALONG = "(m.is_cleared or m.move is not null)"

# Who is still inside a revision that its campaign moves on from, or inside a campaign that nobody stays in. Plan: for
# each such campaign a short range of campaign_enrolments_inside.
LEFT_BEHIND = f"""
select m.realm, r.livemode, e.id
from campaigns m
join realms r on r.id = m.realm
cross join lateral (select e.id from campaign_enrolments e where {_IS_BEHIND} order by e.revision limit $1) as e
where {_TAKES_ALONG}
limit $1
"""

# For a program on a clock: nobody in it is left behind by a campaign.
NOBODY_BEHIND = f"""not exists (
  select from programs p join campaigns m on m.realm = p.realm and m.program_id = p.id and {_TAKES_ALONG}
  join campaign_enrolments e on {_IS_BEHIND}
  where p.realm = c.realm and p.clock_id = c.id)"""


class DueSteps(NamedTuple):
    """A member with a step to take; `due_at` says since when, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    account_id: str
    due_at: datetime | None


class LeftBehind(NamedTuple):
    """A passage that its campaign takes along."""

    realm: int
    livemode: bool
    enrolment_id: str


async def left_behind(pool: Any, *, limit: int) -> list[LeftBehind]:
    """Passages that follow a revision that is moved on from, or a campaign that nobody stays in."""
    return [LeftBehind(*record) for record in await pool.fetch(LEFT_BEHIND, limit)]


async def due_steps(pool: Any, now: datetime, *, limit: int, realm: int | None = None) -> list[DueSteps]:
    """Members with a step to take at their program's now, each once, in one realm or in all."""
    found = [DueSteps(*record) for record in await pool.fetch(DUE_STEPS, now, limit, realm)]
    return list({(due.realm, due.account_id): due for due in reversed(found)}.values())

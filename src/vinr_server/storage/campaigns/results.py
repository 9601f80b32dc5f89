"""Who reached a campaign's goal, of those whose goal is over: counted from the enrollments themselves (R50)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.statistics import Arm

# The share held out by each revision, the newest first. Plan: the unique index of a campaign's revisions.
SHARES = """
select revision, coalesce((definition ->> 'holdout')::int8, 0) from campaign_revisions
where realm = $1 and campaign_id = $2 and revision <= $3 order by revision desc
"""
# The program's now. Plan: a key each.
NOW = """
select coalesce(k.frozen_at, $3) from campaigns c join programs p on p.realm = c.realm and p.id = c.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
where c.realm = $1 and c.id = $2
"""
# Plan: campaign_enrolments_of_campaign.
ARMS = """
select status = 'holdout', count(*), count(distinct customer_id), count(converted) from campaign_enrolments
where realm = $1 and campaign_id = $2 and entry_revision = any($3) and goal_until <= $4 group by 1
"""
# Of those who took a split, by the way that was drawn. Plan: campaign_enrolments_of_campaign.
WAYS = """
select w.key, w.value, count(*), count(distinct e.customer_id), count(e.converted)
from campaign_enrolments e cross join json_each_text(e.ways) w
where e.realm = $1 and e.campaign_id = $2 and e.entry_revision = any($3) and e.goal_until <= $4 group by 1, 2
"""
# Plan: campaign_enrolments_of_campaign.
MEMBERS = "select status, count(*) from campaign_enrolments where realm = $1 and campaign_id = $2 group by 1"
NOBODY = Arm(0, 0, 0)


class Results(NamedTuple):
    """What came of a campaign's goal by an instant: of which revisions, in both arms, and by split and way."""

    as_of: datetime
    revisions: Sequence[int]
    treated: Arm
    held_out: Arm
    ways: dict[tuple[str, str], Arm]


async def results_of(pool: Any, realm: int, campaign_id: str, revision: int, now: datetime) -> Results:
    """The results of the revisions since the share held out last changed, up to this one, at the program's now."""
    shares = await pool.fetch(SHARES, realm, campaign_id, revision)
    since = next((number for number, share in shares if share != shares[0][1]), 0)
    revisions = sorted(number for number, _share in shares if number > since)
    as_of = await pool.fetchval(NOW, realm, campaign_id, now)
    counted = (realm, campaign_id, revisions, as_of)
    arms = {is_held_out: Arm(*counts) for is_held_out, *counts in await pool.fetch(ARMS, *counted)}
    ways = {(step, way): Arm(*counts) for step, way, *counts in await pool.fetch(WAYS, *counted)}
    return Results(as_of, revisions, arms.get(False, NOBODY), arms.get(True, NOBODY), ways)


async def members_by_status(pool: Any, realm: int, campaign_id: str) -> dict[str, int]:
    """How many enrollments of a campaign are open, held out, over and failed."""
    return dict.fromkeys(("open", "holdout", "over", "failed"), 0) | dict(await pool.fetch(MEMBERS, realm, campaign_id))

"""What must hold of members in campaigns: where they stand, the log of their steps, and what these gave (ledger.py)."""

from __future__ import annotations

CAMPAIGNS = {
    "R44 who is in a campaign stands at a step that its revision knows": """
select e.realm, e.account_id, e.id, 'a step of revision ' || e.revision, coalesce(e.step, 'none')
from campaign_enrolments e left join campaign_revisions r
  on r.realm = e.realm and r.campaign_id = e.campaign_id and r.revision = e.revision
where e.status <> 'over' and (r.id is null or r.definition -> 'steps' -> e.step is null)""",
    "R44 an enrollment's position is the number of its steps in the log": """
select coalesce(e.realm, s.realm), e.account_id, coalesce(e.id, s.enrolment_id), coalesce(s.steps, 0)::text,
  coalesce(e.position, 0)::text
from campaign_enrolments e full join (
  select realm, enrolment_id, count(*) as steps from campaign_steps group by 1, 2) s
  on s.realm = e.realm and s.enrolment_id = e.id
where coalesce(s.steps, 0) <> coalesce(e.position, 0)""",
    "R41 a scan has let in as many as have entered by it": """
select s.realm, null, s.id, s.entered::text, coalesce(e.count, 0)::text
from campaign_scans s left join (
  select realm, campaign_id, entry_type, entry_source, count(*) from campaign_enrolments group by 1, 2, 3, 4) e
  on e.realm = s.realm and e.campaign_id = s.campaign_id and e.entry_type = s.entry_type and e.entry_source = s.name
where s.entered <> coalesce(e.count, 0)""",
    "R48 what campaigns award is what their log says": """
select coalesce(s.realm, e.realm), null, coalesce(s.enrolment_id, e.source_id), coalesce(s.points, 0)::text,
  coalesce(e.points, 0)::text
from (
  select realm, enrolment_id, sum((detail -> 'effect' ->> 'points')::int8) as points from campaign_steps
  where kind = 'award_points' and outcome = 'done' group by 1, 2) s
full join (
  select realm, source_id, sum(points + pending_points) as points from entries
  where source_type = 'campaign' and kind = 'award' group by 1, 2) e
  on e.realm = s.realm and e.source_id = s.enrolment_id
where coalesce(s.points, 0) <> coalesce(e.points, 0)""",
}

"""What must hold of who is held out, and of what converts (ledger.py)."""

from __future__ import annotations

# Where events of campaigns name the passage that they are about.
NAMED = "enrolment"
# The draw is computed again from its three texts: the first 8 bytes of their hash, in two halves of 32 bits.
DRAWN = """
select e.*, floor((('x' || substr(h.hex, 1, 8))::bit(32)::int8 * 4294967296::numeric
  + ('x' || substr(h.hex, 9, 8))::bit(32)::int8) * 10000 / 18446744073709551616::numeric) as drawn
from campaign_enrolments e cross join lateral (
  select encode(sha256(convert_to(e.campaign_id || '/holdout/' || e.customer_id, 'UTF8')), 'hex') as hex) h"""

GOALS = {
    "R47 who is held out is who draws less than the share of the revision": f"""
select d.realm, d.account_id, d.id, d.drawn || ' of ' || coalesce(r.definition ->> 'holdout', '0'), d.status
from ({DRAWN}) d join campaign_revisions r
  on r.realm = d.realm and r.campaign_id = d.campaign_id and r.revision = d.entry_revision
where (d.status = 'holdout') <> (d.drawn < coalesce((r.definition ->> 'holdout')::int8, 0))""",
    "R47 who is held out takes no step, and no event names the enrollment": f"""
select e.realm, e.account_id, e.id, '0', found.what
from campaign_enrolments e join (
  select realm, enrolment_id as id, 'step ' || step as what from campaign_steps
  union all
  select realm, data ->> '{NAMED}', type from events where type like 'campaign.%'
) found on found.realm = e.realm and found.id = e.id
where e.status = 'holdout'""",
    "R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole": """
select e.realm, e.account_id, e.id, 'an event from ' || e.since_at || ' until ' || e.goal_until,
  coalesce(g.value ->> 'at', e.converted)
from campaign_enrolments e
left join lateral json_array_elements(e.goals) g on g.value ->> 'event_id' = e.converted
left join events v on v.realm = e.realm and v.id = e.converted
left join payments p on p.realm = e.realm and p.id = g.value ->> 'source_id'
where e.converted is not null and (v.id is null or g.value is null
  or (g.value ->> 'at')::timestamptz < e.since_at or (g.value ->> 'at')::timestamptz >= e.goal_until
  or v.id = e.entry_source or p.id = e.entry_source
  or (p.id is not null and p.refund_count > 0 and p.refunded_minor >= p.amount_minor))""",
    "R50 a conversion that stands is announced once, except of who is held out": f"""
select e.realm, e.account_id, e.id, ((e.converted is not null and e.status <> 'holdout')::int)::text,
  coalesce(n.standing, 0)::text
from campaign_enrolments e left join (
  select realm, data ->> '{NAMED}' as id, sum(case type when 'campaign.converted' then 1 else -1 end) as standing
  from events where type in ('campaign.converted', 'campaign.conversion_reverted') group by 1, 2) n
  on n.realm = e.realm and n.id = e.id
where coalesce(n.standing, 0) <> (e.converted is not null and e.status <> 'holdout')::int""",
    "R50 who has converted has an event that stands, and who has not has none": """
select e.realm, e.account_id, e.id, coalesce(g.standing, 0)::text, coalesce(e.converted, 'none')
from campaign_enrolments e left join lateral (
  select count(*) as standing from json_array_elements(e.goals) g where not (g.value ->> 'is_refunded')::bool) g on true
where (e.converted is null) <> (g.standing = 0)""",
}

"""What must hold of members in campaigns: where they stand, the log of their steps, and what these gave (ledger.py)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from psycopg import sql

from vinr_server.core.campaigns.challenges.progress import progress_of
from vinr_server.core.campaigns.challenges.targets import Contribution, Era
from vinr_server.core.campaigns.rows import CampaignRevision, Enrolment
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.campaigns.goal_laws import GOALS
from vinr_server.storage.laws.members.segments import NOBODY, Law

REVISIONS = """
select r.realm, r.campaign_id, r.revision, r.definition::text
from campaign_revisions r join campaigns c on c.realm = r.realm and c.id = r.campaign_id and c.type = 'challenge'
"""
# Every passage through a challenge with all that counts in it, read in slices.
COUNTED = """
select e.realm, e.account_id, e.id, e.campaign_id, e.challenge::text,
  case e.entry_type when 'contribution' then e.since_at else e.entered_at end, p.timezone, k.sources, k.instants,
  k.sequences, k.amounts
from campaign_enrolments e join programs p on p.realm = e.realm and p.id = e.program_id
left join (
  select realm, enrolment_id, array_agg(source_id) as sources, array_agg(occurred_at) as instants,
    array_agg(sequence) as sequences, array_agg(kept_amount) as amounts
  from campaign_contributions where kept_amount > 0 group by 1, 2) k on k.realm = e.realm and k.enrolment_id = e.id
where e.challenge is not null
"""
SLICE = DIFFERENCES_MAX = 1_000


def _attempts_are_counted(connection: Any) -> str:
    """Passages with more or fewer complete attempts than what counts in them comes to."""
    decode = TABLES[CampaignRevision].json_decoder("definition")
    saying = {
        (realm, campaign_id, revision): decode(definition).progress.target
        for realm, campaign_id, revision, definition in connection.execute(REVISIONS).fetchall()
    }
    found = [
        sql.SQL("select {}::int4, {}::text, {}::text, {}::text, {}::text").format(*map(sql.Literal, difference))
        for difference in islice(_differences(connection, saying), DIFFERENCES_MAX)
    ]
    return sql.SQL(" union all ").join(found).as_string(connection) if found else NOBODY


def _differences(connection: Any, saying: dict[Any, Any]) -> Iterator[tuple[Any, ...]]:
    decode = TABLES[Enrolment].json_decoder("challenge")
    with connection.cursor(name="challenges") as cursor:
        cursor.itersize = SLICE
        cursor.execute(COUNTED)
        for realm, account_id, id, campaign_id, challenge, begins_at, zone, *columns in cursor:
            standing: Any = decode(challenge)
            kept = [Contribution(*each) for each in zip(*columns, strict=True)] if columns[0] else []
            eras = [Era(saying[realm, campaign_id, revision], count) for revision, count in standing.eras]
            complete = len(progress_of(kept, eras, begins_at, zone).completed)
            if complete != len(standing.attempts):
                yield realm, account_id, id, f"{complete} attempts", f"{len(standing.attempts)}"


# The counters of campaigns' budgets, named as in core/campaigns/passages/giving/budgets.py.
BUDGETS = r"""(
  select c.realm, c.id, c.used, c.reserved, m.id as campaign_id, parts[3] as measure
  from (
    select realm, id, used, reserved, regexp_match(id, '^budget:(?:([^:]*):)?([^:]*)\.(points|uses):[^:]*$') as parts
    from counters where id like 'budget:%') c
  join campaigns m on m.realm = c.realm and m.id = replace(replace(parts[2], '~1', ':'), '~0', '~'))"""

CAMPAIGNS: dict[str, Law] = {
    "R54 a member has completed as many attempts as what counts comes to": _attempts_are_counted,
    "R54 a passage counts as many contributions as it has": """
select coalesce(e.realm, k.realm), e.account_id, coalesce(e.id, k.enrolment_id), coalesce(k.count, 0)::text,
  coalesce(e.challenge ->> 'count', 'no challenge')
from (select * from campaign_enrolments where challenge is not null) e
full join (
  select realm, enrolment_id, count(*) as count, max(sequence) as last from campaign_contributions group by 1, 2) k
  on k.realm = e.realm and k.enrolment_id = e.id
where coalesce(k.count, 0) is distinct from (e.challenge ->> 'count')::int8 or k.last <> k.count""",
    "R55 a payment that was refunded whole counts nowhere": """
select k.realm, k.account_id, k.enrolment_id || ' ' || k.source_id, '0', k.kept_amount::text
from campaign_contributions k join payments p on p.realm = k.realm and p.id = k.source_id
where k.kept_amount > 0 and p.refund_count > 0 and p.refunded_minor = p.amount_minor""",
    **GOALS,
    "R44 who is in a campaign stands at a step that its revision knows": """
select e.realm, e.account_id, e.id, 'a step of revision ' || e.revision, coalesce(e.step, 'none')
from campaign_enrolments e left join campaign_revisions r
  on r.realm = e.realm and r.campaign_id = e.campaign_id and r.revision = e.revision
where e.status in ('open', 'failed') and (e.challenge is null or e.step <> 'progress')
  and (r.id is null or r.definition -> 'steps' -> e.step is null)""",
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
    # Of two revisions in one minute, the one that lets in more counts.
    "R51 in no minute scans let in more members than their campaign says": """
select realm, null, campaign_id || ' ' || entered_at, 'at most ' || rate, count::text
from (
  select e.realm, e.campaign_id, e.entered_at, count(*) over minute as count,
    max((r.definition ->> 'entry_rate')::int8) over minute as rate,
    bool_and(r.definition ->> 'entry_rate' is not null) over minute as is_paced
  from campaign_enrolments e join campaign_revisions r
    on r.realm = e.realm and r.campaign_id = e.campaign_id and r.revision = e.entry_revision
  where e.entry_type in ('schedule', 'segment') or (e.entry_type = 'call' and e.entry_source is not null)
  window minute as (partition by e.realm, e.campaign_id order by e.entered_at
    range between current row and interval '59.999999 s' following)) s
where is_paced and count > rate""",
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
    # What came back when the payment that let the member enter was refunded stands in the enrollment.
    "R56 a campaign's budget has given what its steps took, but for what came back": f"""
select coalesce(c.realm, t.realm), null, coalesce(c.id, t.counter), coalesce(t.taken, 0)::text,
  concat(coalesce(c.used, 0), ' and ', coalesce(c.reserved, 0), ' held')
from {BUDGETS} c full join (
  select realm, counter, sum(taken)::int8 as taken from (
    select realm, detail -> 'budget' ->> 'counter' as counter, (detail -> 'budget' ->> 'taken')::int8 as taken
    from campaign_steps where detail -> 'budget' is not null
    union all
    select e.realm, b.key, -b.value::int8 from campaign_enrolments e, json_each_text(e.revoked -> 'budget') b
  ) s group by 1, 2) t on t.realm = c.realm and t.counter = c.id
where (coalesce(t.taken, 0), 0) <> (coalesce(c.used, 0), coalesce(c.reserved, 0))""",
    # Another revision may have less to give.
    "R56 a campaign gives no more than its budget has": f"""
select c.realm, null, c.id, 'at most ' || (r.definition -> 'budget' ->> 'most'), c.used::text
from {BUDGETS} c join campaigns m on m.realm = c.realm and m.id = c.campaign_id and m.revision = 1
join campaign_revisions r on r.realm = c.realm and r.campaign_id = c.campaign_id
where c.used > (r.definition -> 'budget' ->> 'most')::int8""",
    "R56 a step takes of the budget what it gives": """
select s.realm, s.account_id, s.enrolment_id || ' ' || s.position, w.taken::text, s.detail -> 'budget' ->> 'taken'
from campaign_steps s cross join lateral (select case when s.detail -> 'budget' ->> 'counter' like '%.points:%'
  then (s.detail -> 'effect' ->> 'points')::int8 else 1 end as taken) w
where s.detail -> 'budget' is not null and (s.detail -> 'budget' ->> 'taken')::int8 is distinct from w.taken""",
    "R56 that a budget is exhausted is announced once in its period": """
select coalesce(c.realm, v.realm), v.account_id, coalesce(c.id, v.name), '1 and 1',
  concat(coalesce(v.count, 0), ' and ', (c.id is not null)::int)
from (select realm, id from counters where id like 'exhausted:%') c full join (
  select realm, data ->> 'account' as account_id, count(*),
    concat('exhausted:budget:', replace(replace(data ->> 'account', '~', '~0'), ':', '~1') || ':',
      replace(replace(data ->> 'campaign', '~', '~0'), ':', '~1'), '.', data ->> 'budget', ':', data ->> 'period')
      as name
  from events where type = 'campaign.budget_exhausted' group by 1, 2, 4) v on v.realm = c.realm and v.name = c.id
where coalesce(v.count, 0) <> 1 or c.id is null""",
    "R48 a code that a step has given is the member's": """
select s.realm, s.account_id, s.enrolment_id || ' ' || s.position, s.account_id, coalesce(c.account_id, 'nobody')
from campaign_steps s
left join codes c on c.realm = s.realm and c.id = s.detail -> 'effect' ->> 'code_id'
  and c.code = s.detail -> 'effect' ->> 'code'
where s.kind = 'issue_code' and s.outcome = 'done' and c.account_id is distinct from s.account_id""",
    "R48 no code is given twice": """
select realm, null, detail -> 'effect' ->> 'code_id', 'one step', count(*) || ' steps'
from campaign_steps where kind = 'issue_code' and outcome = 'done' group by 1, 3 having count(*) > 1""",
}

"""How far members have come in challenges, computed from what counts at the instant of the read (R54)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.challenges.measuring import Course, measured
from vinr_server.core.campaigns.challenges.standing import following
from vinr_server.core.campaigns.rows import CampaignRevision, ContributionRow, Enrolment, revision_id
from vinr_server.storage.batch.tables import TABLES

# The instant and the zone of each program, and the revision in force of its campaigns; each by its primary key.
IN_FORCE = """
select c.id, c.revision, c.name, coalesce(k.frozen_at, $3), p.timezone
from campaigns c
join programs p on p.realm = c.realm and p.id = c.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
where c.realm = $1 and c.id = any($2)
"""
# Plan: a range of the primary key for each.
CONTRIBUTIONS = f"""
select {TABLES[ContributionRow].select_list}
from unnest($2::int2[], $3::text[]) as w (bucket, id)
join campaign_contributions t on t.realm = $1 and t.enrolment_id = w.id and t.bucket = w.bucket
where t.bucket = any($2)
"""
REVISIONS = f"""
select {TABLES[CampaignRevision].select_list} from campaign_revisions t where t.realm = $1 and t.id = any($2)
"""
# Plan: the partial index campaign_enrolments_open.
OPEN = f"""
select {TABLES[Enrolment].select_list}, c.name, c.type
from campaign_enrolments t join campaigns c on c.realm = t.realm and c.id = t.campaign_id
where t.realm = $1 and t.account_id = $2 and t.bucket = $3 and t.status in ('open', 'failed')
  and ($4::text is null or c.type = $4)
order by t.entered_at desc, t.id desc
"""


class Inside(NamedTuple):
    """A campaign that a member is in."""

    enrolment: Enrolment
    name: str
    type: str


async def campaigns_of(pool: Any, realm: int, account_id: str, bucket: int, type: str | None) -> list[Inside]:
    """The campaigns that an account is in, the newest entry first."""
    table = TABLES[Enrolment]
    found: Any = [
        (table.row(record), name, kind)
        for *record, name, kind in await pool.fetch(OPEN, realm, account_id, bucket, type)
    ]
    return [Inside(*each) for each in found]


async def courses_of(
    pool: Any, realm: int, enrolments: Sequence[Enrolment], now: datetime
) -> Mapping[str, tuple[Course, datetime]]:
    """Each passage through a challenge with its progress, and its program's now, by id."""
    asked = [enrolment for enrolment in enrolments if enrolment.challenge is not None]
    if not asked:
        return {}
    campaign_ids = list({enrolment.campaign_id for enrolment in asked})
    in_force = {record[0]: record[1:] for record in await pool.fetch(IN_FORCE, realm, campaign_ids, now)}
    followed = {
        passage.id: following(passage.challenge, in_force[passage.campaign_id][0])
        for passage in asked
        if passage.challenge is not None
    }
    ids = {
        revision_id(passage.campaign_id, revision)
        for passage in asked
        for revision, _count in followed[passage.id].eras
    }
    saying: dict[str, Any] = {}
    for record in await pool.fetch(REVISIONS, realm, list(ids)):
        row: Any = TABLES[CampaignRevision].row(record)
        saying[row.id] = row.definition.progress
    counted: dict[str, list[Any]] = defaultdict(list)
    buckets, named = [passage.bucket for passage in asked], [passage.id for passage in asked]
    for record in await pool.fetch(CONTRIBUTIONS, realm, buckets, named):
        contribution: Any = TABLES[ContributionRow].row(record)
        counted[contribution.enrolment_id].append(contribution)
    found: dict[str, tuple[Course, datetime]] = {}
    for passage in asked:
        _revision, _name, at, zone = in_force[passage.campaign_id]
        said = [
            (saying[revision_id(passage.campaign_id, number)], count) for number, count in followed[passage.id].eras
        ]
        found[passage.id] = (measured(passage, followed[passage.id], said, counted[passage.id], zone), at)
    return found

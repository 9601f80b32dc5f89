"""What a batch reads of campaigns' members, under the locks of their accounts."""

from __future__ import annotations

from typing import Any

from vinr_server.core.campaigns.listeners import listeners_in
from vinr_server.core.campaigns.passages.giving.codes import name_codes_ahead
from vinr_server.core.campaigns.passages.giving.taking_back import name_given
from vinr_server.core.campaigns.passages.stepping import name_steps
from vinr_server.core.campaigns.rows import (
    EVERY_KEY,
    Campaign,
    ContributionRow,
    ContributionsOf,
    Enrolment,
    PastEntry,
    Standing,
    StepsOf,
)
from vinr_server.core.codes.issuing import name_asked_batches
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.members.rows import Account
from vinr_server.storage.batch.reading import NOTHING, Reading, columns_of, rows_needed
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.campaigns.measuring import read_goals, read_meetings

# The open passages of members, and those through challenges that still keep what counts, and whether each is due.
# Plan: the partial index campaign_enrolments_open, then the campaign's clock by its keys.
OPEN = f"""
select {TABLES[Enrolment].select_list}, t.due_at <= coalesce(k.frozen_at, now()) as is_due
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
join campaign_enrolments t on t.realm = w.realm and t.account_id = w.id and t.bucket = w.bucket
join programs p on p.realm = t.realm and p.id = t.program_id
left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
where (t.status in ('open', 'failed') or t.hears_until is not null) and t.bucket = any($2)
  and (t.hears_until is null or t.hears_until >= coalesce(k.frozen_at, now()))
"""
# The last passage of a member through a campaign, and the one of a key, or all of them. Plan:
# campaign_enrolments_of_member, and the unique index of keys.
PAST = f"""
select {TABLES[Enrolment].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[], $5::text[])
  as w (realm, bucket, account_id, campaign_id, key)
cross join lateral (
  (select * from campaign_enrolments e
  where e.realm = w.realm and e.account_id = w.account_id and e.campaign_id = w.campaign_id and e.bucket = w.bucket
  order by e.entered_at desc, e.id desc limit 1)
  union all
  (select * from campaign_enrolments e
  where e.realm = w.realm and e.account_id = w.account_id and e.campaign_id = w.campaign_id and e.bucket = w.bucket
    and (e.entry_key = w.key or w.key = '{EVERY_KEY}'))
) as t
where t.bucket = any($2)
"""


async def read_enrolments(reading: Reading) -> None:
    """The open passages of the accounts that are locked are in the layers, and what those that are due may change.

    Nothing is read in realms without campaigns.
    """
    wanted = [
        (realm, account.bucket, account.id)
        for realm, layer in reading.layers.items()
        if (listeners := listeners_in(layer)) is not None
        for account in layer.written(Account)
        if account.program_id in listeners.programs
    ]
    for realm, needs in reading.needs.items():
        for row_type, id in needs.asked:
            asked = reading.layers[realm].find(Enrolment, id) if row_type is Enrolment else None
            if asked is not None:
                name_counted(needs, asked)
                name_given(needs, reading.layers[realm], asked)
    for *record, is_due in await reading.connection.fetch(OPEN, *columns_of(wanted)) if wanted else ():
        row: Any = TABLES[Enrolment].row(record)
        realm = record[0]
        layer, needs = reading.layers[realm], reading.needs[realm]
        layer.put(row)
        campaign = layer.get(Campaign, row.campaign_id)
        is_asked = needs.declares(StepsOf, (row.account_id, row.campaign_id))
        if is_asked or (is_due and campaign is not None and campaign.paused_at is None):
            name_steps_due(needs, layer, row)
            name_codes_ahead(needs, layer, row)
        if needs.declares(ContributionsOf, row.account_id):
            name_counted(needs, row)
    await read_goals(reading, wanted)
    await _read_past(reading)
    await read_meetings(reading)
    for realm, needs in reading.needs.items():
        name_asked_batches(needs, reading.layers[realm])


# Who stands where. Plan: campaign_enrolments_inside.
STANDING = """
select revision, step, count(*) from campaign_enrolments
where realm = $1 and campaign_id = $2 and status in ('open', 'failed') group by 1, 2 order by 1, 2
"""


async def read_standing(reading: Reading) -> None:
    """How many members stand at which steps of the campaigns that ask for it."""
    for realm, needs in reading.needs.items():
        for id in needs.rows.get(Standing, NOTHING):
            counts = await reading.connection.fetch(STANDING, realm, id)
            reading.layers[realm].put(Standing(str(id), tuple((n, step, count) for n, step, count in counts)))


def name_steps_due(needs: Needs, layer: Layer, enrolment: Enrolment) -> None:
    """What the steps of a passage may change that is due: of an attempt that waits, those of its revision."""
    revisions = enrolment.challenge.revisions_due if enrolment.challenge is not None else []
    for revision in dict.fromkeys((enrolment.revision, *revisions)):
        name_steps(needs, layer, enrolment.account_id, enrolment.campaign_id, revision)


def name_counted(needs: Needs, enrolment: Enrolment) -> None:
    """What counts in a passage through a challenge is declared."""
    if enrolment.challenge is not None:
        needs.children(ContributionRow, enrolment.id)


async def _read_past(reading: Reading) -> None:
    """The passages that decisions ask for by member, campaign and key; and what the steps need that they ask for."""
    wanted = [
        (realm, bucket, *name)
        for realm, needs in reading.needs.items()
        for name in needs.rows.get(PastEntry, NOTHING)
        if isinstance(name, tuple) and (bucket := reading.place(realm, name[0])) is not None
    ]
    if wanted:
        reading.put(rows_of(TABLES[Enrolment], await reading.connection.fetch(PAST, *columns_of(wanted))))
    for realm, needs in reading.needs.items():
        for name, _beside in list(rows_needed(needs, StepsOf)):
            if isinstance(name, tuple):
                name_steps(needs, reading.layers[realm], *name)

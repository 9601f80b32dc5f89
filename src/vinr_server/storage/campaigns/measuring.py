"""What a batch reads for goals, and for caps on frequency: only where campaigns have any (R50, R51)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from vinr_server.core.campaigns.listeners import listeners_in
from vinr_server.core.campaigns.rows import Enrolment, Meetings, Met
from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.members.rows import Account
from vinr_server.storage.batch.reading import Address, Reading, columns_of, rows_needed
from vinr_server.storage.batch.tables import TABLES, rows_of

# The instant from which on something of each member may be decided: its now, or when the first of its steps, or of what
# else time brings it, is due, which a late worker does as of then. Plan: keys, and the partial index
# campaign_enrolments_open. (Of rows that were loaded: storage/history/overdue.py.)
SINCE = """
with s as materialized (
  select w.realm, w.bucket, w.id, least(coalesce(k.frozen_at, w.now), d.due_at, a.due_at, a.next_segments_at) as since
  from unnest($1::int4[], $2::int2[], $3::text[], $4::text[], $5::timestamptz[])
    as w (realm, bucket, id, program_id, now)
  join accounts a on a.realm = w.realm and a.id = w.id and a.bucket = w.bucket
  join programs p on p.realm = w.realm and p.id = w.program_id
  left join test_clocks k on k.realm = p.realm and k.id = p.clock_id
  cross join lateral (
    select min(due_at) as due_at from campaign_enrolments
    where realm = w.realm and account_id = w.id and bucket = w.bucket and status in ('open', 'failed')
  ) as d
)"""
# The passages of members that are over, or held out, and may still reach their goal. Plan: a range of
# campaign_enrolments_goals for each member, which `offset 0` keeps in this order.
GOALS = f"""{SINCE}
select {TABLES[Enrolment].select_list} from s cross join lateral (
  select * from campaign_enrolments e
  where e.realm = s.realm and e.account_id = s.id and e.bucket = s.bucket and e.bucket = any($2)
    and e.status in ('holdout', 'over') and e.goal_until is not null and e.goal_until > s.since
  offset 0
) as t
"""
# What caps on frequency may count of members, as far back as any cap looks. Plan: a range of
# campaign_enrolments_of_member and one of campaign_steps_messages for each member.
MEETINGS = f"""{SINCE}
select s.realm, s.id, m.is_message, m.campaign_id, m.revision, m.at
from s join unnest($1::int4[], $3::text[], $6::interval[]) as r (realm, id, reach) on r.realm = s.realm and r.id = s.id
cross join lateral (
  (select false as is_message, campaign_id, entry_revision as revision, entered_at as at from campaign_enrolments
  where realm = s.realm and account_id = s.id and bucket = s.bucket and entered_at > s.since - r.reach offset 0)
  union all
  (select true, campaign_id, revision, at from campaign_steps
  where realm = s.realm and account_id = s.id and bucket = s.bucket and at > s.since - r.reach
    and kind = 'send_event' and outcome = 'done' offset 0)
) as m
"""


async def read_goals(reading: Reading, accounts: Sequence[Address]) -> None:
    """The passages of these accounts that may still reach their goal are in the layers, those that are over among them.

    Nothing is read in realms where no campaign has a goal.
    """
    wanted = [
        asked
        for realm, _bucket, id in accounts
        if (listeners := listeners_in(reading.layers[realm])) is not None and listeners.has_goals
        for asked in _asked(reading, realm, id)
    ]
    if wanted:
        reading.put(rows_of(TABLES[Enrolment], await reading.connection.fetch(GOALS, *columns_of(wanted))))


async def read_meetings(reading: Reading) -> None:
    """What caps on frequency count is in the layers, of the members of whom a decision asks."""
    found: dict[tuple[int, str], tuple[list[Met], list[Met]]] = defaultdict(lambda: ([], []))
    wanted: list[tuple[Any, ...]] = []
    for realm, needs in reading.needs.items():
        listeners = listeners_in(reading.layers[realm])
        reach = listeners.caps_reach if listeners is not None else timedelta(0)
        for id, _beside in list(rows_needed(needs, Meetings)):
            wanted += [(*asked, reach) for asked in _asked(reading, realm, str(id))]
    records = await reading.connection.fetch(MEETINGS, *columns_of(wanted)) if wanted else ()
    for realm, id, is_message, campaign_id, revision, at in records:
        found[realm, id][is_message].append(Met(campaign_id, revision, at))
    for realm, _bucket, id, *_rest in wanted:
        entries, messages = found[realm, id]
        reading.layers[realm].put(Meetings(id, tuple(entries), tuple(messages)))


def _asked(reading: Reading, realm: int, id: str) -> Iterator[tuple[int, int, str, str, datetime]]:
    """The account with its program and about when it is decided; nothing where there is no such account."""
    account = reading.layers[realm].find(Account, id)
    if account is not None:
        yield realm, account.bucket, id, account.program_id, reading.needs[realm].at or FIRST_INSTANT

"""The codes of batches that steps of campaigns may give next (R48)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vinr_server.core.campaigns.rows import Enrolment, StepsOf
from vinr_server.core.codes.rows import Code, NextCodes
from vinr_server.storage.batch.reading import NOTHING, Reading, columns_of

# The codes of a batch that nobody has, after the last one that a step has given; then those that were passed over, and
# are free again. What had ended at w.at is of no use to any step. Plan: a range of codes_free_of_batch, and a second
# one only where the first has too few.
FREE = """f.realm = w.realm and f.batch_id = w.id and f.account_id is null and f.used = 0 and f.reserved = 0
      and f.holds_key and f.status = 'active' and (f.expires_at is null or f.expires_at > n.at)"""
NEXT_CODES = f"""
select w.realm, w.id, w.most, array(
  select c.id from (
    (select f.id from codes f where {FREE} and f.number > p.issued order by f.number limit w.most)
    union all
    (select f.id from codes f where {FREE} and f.number <= p.issued order by f.number limit w.most)
  ) c limit w.most)
from unnest($1::int4[], $2::text[], $3::int8[], $4::timestamptz[], $5::timestamptz[])
  as w (realm, id, most, now, due_at)
join code_batches b on b.realm = w.realm and b.id = w.id and b.status = 'active'
join code_batch_progress p on p.realm = w.realm and p.id = w.id
join offers o on o.realm = b.realm and o.id = b.offer_id
left join programs g on g.realm = o.realm and g.id = o.program_id
left join test_clocks k on k.realm = g.realm and k.id = g.clock_id
cross join lateral (select least(coalesce(k.frozen_at, w.now), w.due_at) as at) as n
"""


async def read_next_codes(reading: Reading) -> None:
    """The next codes of each batch that is named are in the layers, by their ids, and declared.

    Expects the batches' progress to be locked. There is one for each passage that may take steps, at least.
    """
    wanted: dict[tuple[int, str], int] = {}
    for realm, needs in reading.needs.items():
        passages = len(needs.rows.get(StepsOf, NOTHING))
        names: Any = needs.rows.get(NextCodes, NOTHING)
        for batch_id, most in names:
            wanted[realm, batch_id] = max(most, passages, wanted.get((realm, batch_id), 1))
    named = [(realm, id, most, *_instants(reading, realm)) for (realm, id), most in wanted.items()]
    for realm, batch_id, most, ids in await reading.connection.fetch(NEXT_CODES, *columns_of(named)) if named else ():
        reading.layers[realm].put(NextCodes(batch_id, most, tuple(ids)))
        for id in ids:
            reading.needs[realm].row(Code, id)


def _instants(reading: Reading, realm: int) -> tuple[datetime, datetime | None]:
    """Now, and when the first step is due that may be taken; None: none is."""
    needs = reading.needs[realm]
    dues = (
        row.due_at
        for row in reading.layers[realm].written(Enrolment)
        if row.due_at is not None and needs.declares(StepsOf, (row.account_id, row.campaign_id))
    )
    return needs.at or datetime.now(UTC), min(dues, default=None)

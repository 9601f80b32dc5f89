"""The laws of segments: who is in a dynamic one was announced, and places are what events announced (R17)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import sql

from vinr_server.core.segments.rows import Segment
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.reads.segment_sql import ACCOUNTS, where_of

# A query, or what makes it of what a connection reads: of conditions that a tenant chose.
Law = str | Callable[[Any], str]

LIVE = """
select realm, id, conditions::text from segments
where type = 'dynamic' and is_scanned and deleted_at is null order by realm, id
"""
NOBODY = "select null::int, null::text, null::text, null::text, null::text where false"
# All but who is due to be judged, which the worker, or the next command that names it, does first.
DIFFERENCES = """
select a.realm, a.id, {segment}, case when m.account_id is null then 'in' else 'out' end,
  case when m.account_id is null then 'out' else 'in' end
{accounts}
left join segment_members m
  on m.realm = a.realm and m.bucket = a.bucket and m.account_id = a.id and m.segment_id = {segment}
  and m.left_at is null
where a.realm = {realm} and a.status <> 'merged'
  and (a.next_segments_at is null or a.next_segments_at > n.now)
  and (a.status = 'active' and coalesce({conditions}, false)) <> (m.account_id is not null)"""


def _met_and_announced(connection: Any) -> str:
    """Who is in a dynamic segment by its conditions and not by what was announced, or the other way round."""
    decode = TABLES[Segment].json_decoder("conditions")

    def bind(value: Any) -> str:
        return sql.Literal(value).as_string(connection)

    parts = [
        DIFFERENCES.format(
            segment=bind(id) + "::text",
            realm=realm,
            accounts=ACCOUNTS.replace("$2", "now()"),
            conditions=f"({where_of(decode(conditions), bind)})",
        )
        for realm, id, conditions in connection.execute(LIVE).fetchall()
    ]
    return " union all ".join(parts) or NOBODY


SEGMENTS: dict[str, Law] = {
    "R17 who meets a dynamic segment's conditions was announced to be in it": _met_and_announced,
    # Of those who were merged no event says that they left; the one that they are now is where they were.
    "R17 an account is in a segment since the last event that says so": """
select m.realm, m.account_id, m.segment_id,
  coalesce(v.type, 'no event'), case when m.left_at is null then 'segment.entered' else 'segment.left' end
from segment_members m
join accounts a on a.realm = m.realm and a.id = m.account_id and a.status <> 'merged' and a.merged_from is null
left join (
  select distinct on (realm, account_id, data ->> 'segment') realm, account_id, data ->> 'segment' as segment_id, type
  from events where type in ('segment.entered', 'segment.left')
  order by realm, account_id, data ->> 'segment', id desc) v
  on v.realm = m.realm and v.account_id = m.account_id and v.segment_id = m.segment_id
where v.type is distinct from case when m.left_at is null then 'segment.entered' else 'segment.left' end""",
}

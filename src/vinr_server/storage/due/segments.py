"""What to announce of dynamic segments: members who newly meet the conditions, and members who no longer do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.segments.conditions import SegmentConditions
from vinr_server.core.segments.rows import Segment
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.reads.segment_sql import ACCOUNTS, where_of

LIVE_SEGMENTS = """
select s.realm, r.livemode, s.id, s.conditions::text from segments s join realms r on r.id = s.realm
where s.type = 'dynamic' and s.deleted_at is null order by s.realm, s.id
"""
# Plan: a range of the primary key.
PAGE_END = """
select max(id) from (select id from accounts where realm = $1 and id > $2 order by id limit $3) as page
"""
# Plan: the same range, with a primary key of segment_members for each. $2 is the wall's now.
DIFFERENCES = """
select a.id {accounts}
left join segment_members m
  on m.realm = a.realm and m.bucket = a.bucket and m.account_id = a.id and m.segment_id = $3 and m.left_at is null
where a.realm = $1 and a.id > $4 and a.id <= $5
  and (a.status = 'active' and coalesce({conditions}, false)) <> (m.account_id is not null)
"""


class Watched(NamedTuple):
    """The dynamic segments of one realm."""

    realm: int
    livemode: bool
    conditions: Mapping[str, SegmentConditions]


async def watched_realms(pool: Any) -> list[Watched]:
    """Every realm that has dynamic segments, with these."""
    decode = TABLES[Segment].json_decoder("conditions")
    found: dict[tuple[int, bool], dict[str, SegmentConditions]] = {}
    for realm, livemode, id, conditions in await pool.fetch(LIVE_SEGMENTS):
        found.setdefault((realm, livemode), {})[id] = decode(conditions)
    return [Watched(realm, livemode, segments) for (realm, livemode), segments in found.items()]


async def page_end(pool: Any, realm: int, after: str, *, limit: int) -> str | None:
    """The id of the last of the next accounts; None if none are left."""
    end: str | None = await pool.fetchval(PAGE_END, realm, after, limit)
    return end


async def to_be_announced(pool: Any, watched: Watched, now: datetime, *, after: str, end: str) -> dict[str, list[str]]:
    """The accounts of a page that entered or left segments and were not announced yet: account -> segments."""
    unannounced: dict[str, list[str]] = {}
    for segment_id, conditions in watched.conditions.items():
        arguments: list[Any] = [watched.realm, now, segment_id, after, end]

        def bind(value: Any, to: list[Any] = arguments) -> str:
            to.append(value)
            return f"${len(to)}"

        sql = DIFFERENCES.format(accounts=ACCOUNTS, conditions=f"({where_of(conditions, bind)})")
        for record in await pool.fetch(sql, *arguments):
            unannounced.setdefault(record[0], []).append(segment_id)
    return unannounced

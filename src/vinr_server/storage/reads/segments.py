"""What the API reads about segments: how many members each has, and which segments a member is in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.conditions.membership import lacking, uses_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.ledger.book.lots import is_inactive
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program
from vinr_server.core.segments.conditions import SegmentConditions
from vinr_server.core.segments.rows import Purchases, Segment, SegmentMember, SegmentScan
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.history.facts import read_history
from vinr_server.storage.reads.reader import Reader
from vinr_server.storage.reads.segment_sql import MEMBERS, where_of

COUNT_LISTED = """
select count(*) from segment_members m
join accounts a on a.realm = m.realm and a.id = m.account_id and a.bucket = m.bucket
where m.realm = $1 and m.segment_id = $2 and m.left_at is null and a.status = 'active'
"""
OVERDUE = f"""
select {TABLES[Lot].select_list} from lots t
where t.realm = $1 and t.account_id = $2 and t.remaining_points > 0 and (t.expires_at <= $3
  or (t.by_inactivity and $4))
"""


SCANS = f"select {TABLES[SegmentScan].select_list} from segment_scans t where t.realm = $1 and t.id = any($2)"


class TooManyMembers(Exception):
    """Counting took longer than a read may."""


async def count_listed(reader: Reader, realm: int, segment_id: str) -> int:
    """How many active accounts were put into a static segment and not taken out."""
    return await _count(reader, COUNT_LISTED, [realm, segment_id])


async def count_matching(reader: Reader, realm: int, conditions: SegmentConditions, now: datetime) -> int:
    """How many active accounts meet the conditions at their program's now, counted one by one."""
    arguments: list[Any] = [realm, now]

    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    return await _count(reader, f"select count(*) {MEMBERS} and {where_of(conditions, bind)}", arguments)


async def _count(reader: Reader, sql: str, arguments: list[Any]) -> int:
    try:
        count: int = await reader.pool.fetchval(sql, *arguments)
    except (asyncpg.QueryCanceledError, TimeoutError):
        raise TooManyMembers from None
    return count


async def scans_of(reader: Reader, realm: int, segment_ids: Sequence[str]) -> dict[str, SegmentScan]:
    """By segment: how far its members are looked through. Static segments have no scan."""
    records = await reader.pool.fetch(SCANS, realm, list(segment_ids)) if segment_ids else ()
    return {row.id: row for _realm, row in rows_of(TABLES[SegmentScan], records) if isinstance(row, SegmentScan)}


async def segments_of_account(reader: Reader, realm: int, account: Account, now: datetime) -> list[str]:
    """The ids of the segments that the account is in at its program's now, all judged in one snapshot."""
    async with reader.snapshot() as connection:
        layer = Layer()
        for kind, where, argument in (
            (Account, "t.id = $2", account.id),
            (Program, "t.id = $2", account.program_id),
            (Segment, "t.deleted_at is null and $2 <> ''", account.id),
        ):
            for record in await connection.fetch(
                f"select {TABLES[kind].select_list} from {TABLES[kind].name} t where t.realm = $1 and {where}",
                realm,
                argument,
            ):
                layer.put(TABLES[kind].row(record))
        program = layer.get(Program, account.program_id)
        assert program is not None
        if program.clock_id is not None:
            sql = f"select {TABLES[TestClock].select_list} from test_clocks t where t.realm = $1 and t.id = $2"
            clock = TABLES[TestClock].row(await connection.fetchrow(sql, realm, program.clock_id))
            assert isinstance(clock, TestClock)
            layer.put(clock)
            now = clock.frozen_at
        for record in await connection.fetch(OVERDUE, realm, account.id, now, is_inactive(account, now)):
            layer.put(TABLES[Lot].row(record))
        layer.put(uses_of(layer))
        needs = Needs()
        needs.children(SegmentMember, account.id)
        needs.children(Purchases, account.id)
        await read_history(connection, {realm: needs}, {realm: layer}, now)
    account = layer.get(Account, account.id) or account
    return [segment.id for segment in layer.written(Segment) if not lacking(layer, segment.id, account, now)]

"""What members hold, lot by lot: all that leaves with them when they are exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account
from vinr_server.storage.batch.tables import TABLES, rows_of
from vinr_server.storage.reads.reader import Reader
from vinr_server.storage.reads.scopes import end_of_lot_sql

# One statement, so that balance and lots are of one instant. Lots in the order of their use, along the index lots_live.
HOLDINGS = f"""
select {TABLES[Account].select_list}, k.email, coalesce(l.overdue, 0) as overdue_points,
  coalesce(l.points, '{{}}') as points, coalesce(l.starts, '{{}}') as starts, coalesce(l.ends, '{{}}') as ends
from unnest($1::int4[], $2::text[]) as w (realm, id)
join accounts t on t.realm = w.realm and t.id = w.id
join programs p on p.realm = t.realm and p.id = t.program_id
left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
left join customers k on k.realm = t.realm and k.id = t.customer_id and k.bucket = t.bucket
left join lateral (
  select sum(h.points) filter (where h.is_over)::int8 as overdue,
    array_agg(h.points) filter (where not h.is_over) as points,
    array_agg(h.starts_at) filter (where not h.is_over) as starts,
    array_agg(h.expires_at) filter (where not h.is_over) as ends
  from (
    select l.remaining_points - l.held_points as points, l.available_at as starts_at, e.expires_at,
      coalesce(e.expires_at <= coalesce(c.frozen_at, $3), false) as is_over
    from lots l cross join lateral (
      select {end_of_lot_sql("l", account="t")} as expires_at) as e
    where l.realm = t.realm and l.account_id = t.id and l.bucket = t.bucket and l.remaining_points > 0
      and l.remaining_points > l.held_points
    order by e.expires_at, l.available_at, l.sequence) as h
) as l on true
"""


LOTS_OF = f"""
select {TABLES[Lot].select_list} from unnest($1::int4[], $2::text[]) as w (realm, id)
join lots t on t.realm = w.realm and t.id = w.id
"""


# Plan: the unique index of a customer's accounts, a row for each pair. A merged account is the one it has become.
ACCOUNTS_IN_PROGRAMS = """
select a.customer_id, a.program_id, coalesce(a.merged_into, a.id)
from unnest($1::int4[], $2::text[], $3::text[]) as w (realm, customer, program)
join accounts a on a.realm = w.realm and a.customer_id = w.customer and a.program_id = w.program
"""


@dataclass(frozen=True, slots=True)
class LiveLot:
    """What is left of a lot that is not over."""

    points: int
    available_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holding:
    """An account with its live lots, the soonest to expire first, and its customer's e-mail."""

    account: Account
    email: str | None
    overdue_points: int
    lots: Sequence[LiveLot]


async def lots_of(reader: Reader, realm: int, entry_ids: Sequence[str]) -> dict[str, Lot]:
    """The lots of those entries that accrued, by the id that both have."""
    if not entry_ids:
        return {}
    records = await reader.pool.fetch(LOTS_OF, [realm] * len(entry_ids), list(entry_ids))
    return {row.id: row for _realm, row in rows_of(TABLES[Lot], records) if isinstance(row, Lot)}


async def accounts_in_programs(
    reader: Reader, realm: int, wanted: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The account of each customer in a program, by these two, where there is one."""
    if not wanted:
        return {}
    customers, programs = zip(*wanted, strict=True)
    columns = ([realm] * len(wanted), list(customers), list(programs))
    records = await reader.pool.fetch(ACCOUNTS_IN_PROGRAMS, *columns)
    return {(record[0], record[1]): record[2] for record in records}


async def holdings_of(reader: Reader, realm: int, accounts: Sequence[Account], now: datetime) -> dict[str, Holding]:
    """What each account holds at its program's now, by id."""
    ids = [account.id for account in accounts]
    async with reader.snapshot() as connection:  # by keys alone: a table filled a minute ago has no statistics yet
        records = await connection.fetch(HOLDINGS, [realm] * len(ids), ids, now)
    width = len(TABLES[Account].columns)
    found = {}
    for record in records:
        account = TABLES[Account].row(list(record)[:width])
        assert isinstance(account, Account)
        lots = [LiveLot(*lot) for lot in zip(record["points"], record["starts"], record["ends"], strict=True)]
        found[account.id] = Holding(account, record["email"], record["overdue_points"], lots)
    return found

"""Wallets with the figures that are shown beside their rows, and the zone and settings of store credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vinr_server.core.credit.rows import Wallet
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.reads.reader import Reader

# Expired credit not yet swept, and the next that ends, each by a short scan of the live lots in order of expiry.
WALLET_FIGURES = f"""
select {TABLES[Wallet].select_list}, coalesce(due.points, 0) as overdue_points, next.expires_at as next_at,
  next.points as next_points
from unnest($1::int4[], $2::text[]) as w (realm, id)
join wallets t on t.realm = w.realm and t.id = w.id
left join test_clocks c on c.realm = t.realm and c.id = t.clock_id
cross join lateral (select coalesce(c.frozen_at, $3) as now) as instant
left join lateral (
  select sum(l.remaining_points - l.held_points)::int8 as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.remaining_points > 0 and l.expires_at <= instant.now
    and t.next_expiry_at <= instant.now
) as due on true
left join lateral (
  select l.expires_at, sum(l.remaining_points - l.held_points)::int8 as points from lots l
  where l.realm = t.realm and l.account_id = t.id and l.remaining_points > 0 and l.expires_at > instant.now
    and l.remaining_points > l.held_points and t.next_expiry_at is not null
  group by l.expires_at order by l.expires_at limit 1
) as next on true
"""

WALLETS = f"""
select {TABLES[Wallet].select_list} from unnest($1::int4[], $2::text[]) as w (realm, id)
join wallets t on t.realm = w.realm and t.id = w.id
"""


@dataclass(frozen=True, slots=True)
class WalletFigures:
    """A wallet with what is shown beside its row, at its current time; all from one snapshot."""

    wallet: Wallet
    overdue_points: int
    next_expiry: tuple[datetime, int] | None


async def wallet_figures(reader: Reader, realm: int, ids: Sequence[str], now: datetime) -> dict[str, WalletFigures]:
    """What can be spent of each wallet and what ends next, correct before the sweep too (R2)."""
    records = await reader.pool.fetch(WALLET_FIGURES, [realm] * len(ids), list(ids), now)
    width = len(TABLES[Wallet].columns)
    return {
        record["id"]: WalletFigures(
            TABLES[Wallet].row(list(record)[:width]),  # type: ignore[arg-type]
            record["overdue_points"],
            None if record["next_at"] is None else (record["next_at"], record["next_points"]),
        )
        for record in records
    }


async def wallets_of(reader: Reader, realm: int, ids: Sequence[str]) -> dict[str, Wallet]:
    """The wallets with these ids, by id."""
    table = TABLES[Wallet]
    records = await reader.pool.fetch(WALLETS, [realm] * len(ids), list(ids)) if ids else []
    rows = [table.row(record) for record in records]
    return {row.id: row for row in rows if isinstance(row, Wallet)}

"""Batches whose codes are still to be made, and the making of some thousands in one transaction (R64)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Plan: the partial index code_batch_progress_open, which holds only batches that are not done.
OPEN_BATCHES = """
select p.realm, r.livemode, p.id, b.offer_id, b.pattern, b.alphabet, b.max_redemptions, b.expires_at, p.wanted - p.made
from code_batch_progress p
join code_batches b on b.realm = p.realm and b.id = p.id and b.status = 'active'
join realms r on r.id = p.realm
where p.made < p.wanted or p.announced < p.wanted
order by p.realm, p.id limit $1
"""
# Everybody who makes codes of a batch, or imports some, waits here for the others.
LOCK_PROGRESS = """
select wanted - made, made from code_batch_progress where realm = $1 and id = $2 for no key update
"""
# A key that another code holds is left out, and counts as not made.
INSERT_CODES = """
insert into codes (bucket, realm, id, folded, code, holds_key, offer_id, account_id, status, max_redemptions, used,
  reserved, starts_at, expires_at, metadata, created_at, batch_id, number)
select n.bucket, $1, n.id, n.folded, n.code, true, $2, null, 'active', $3, 0, 0, null, $4, '{}', $5, $6,
  $7 + n.position
from unnest($8::int2[], $9::text[], $10::text[], $11::text[]) with ordinality as n (bucket, id, folded, code, position)
on conflict (realm, folded, bucket) where holds_key do nothing
"""
MOVE_PROGRESS = "update code_batch_progress set made = made + $3 where realm = $1 and id = $2"


class KeyTaken(Exception):
    """A drawn code's key has a holder: the slice is drawn again, so that numbers have no gaps."""


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch with codes left to make, or with nothing left but to say so."""

    realm: int
    livemode: bool
    id: str
    offer_id: str
    pattern: str
    alphabet: str
    max_redemptions: int | None
    expires_at: datetime | None
    missing: int


@dataclass(frozen=True, slots=True)
class DrawnCode:
    """A code to be made: where it lives, its id, its key and its text."""

    bucket: int
    id: str
    folded: str
    code: str


async def open_batches(pool: Any, *, limit: int) -> list[OpenBatch]:
    """Batches that are not done, in a fixed order."""
    return [OpenBatch(*record) for record in await pool.fetch(OPEN_BATCHES, limit)]


async def make_codes(pool: Any, batch: OpenBatch, drawn: Sequence[DrawnCode], *, now: datetime) -> int:
    """As many of the codes as are still missing are the batch's, or none; how many. Raises KeyTaken.

    Codes and cursor are of one transaction: a worker that is killed goes on where the batch is.
    """
    async with pool.acquire() as connection, connection.transaction():
        missing, made = await connection.fetchrow(LOCK_PROGRESS, batch.realm, batch.id)
        wanted = drawn[:missing]
        if not wanted:
            return 0
        columns = [[getattr(code, name) for code in wanted] for name in ("bucket", "id", "folded", "code")]
        of_batch = (batch.realm, batch.offer_id, batch.max_redemptions, batch.expires_at, now, batch.id, made)
        done = await connection.execute(INSERT_CODES, *of_batch, *columns)
        if done != f"INSERT 0 {len(wanted)}":
            raise KeyTaken(batch.id)
        await connection.execute(MOVE_PROGRESS, batch.realm, batch.id, len(wanted))
        return len(wanted)

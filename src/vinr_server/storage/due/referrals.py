"""Referrals whose window is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# Plan: for each program that has referrals, a short scan of referrals_due.
DUE_REFERRALS = """
select p.realm, r.livemode, f.id, case when c.id is null then f.expires_at end
from referral_programs p
join realms r on r.id = p.realm
join programs o on o.realm = p.realm and o.id = p.program_id
left join test_clocks c on c.realm = o.realm and c.id = o.clock_id
cross join lateral (
  select id, expires_at from referrals
  where realm = p.realm and program_id = p.program_id and status = 'registered'
    and expires_at is not null and expires_at <= coalesce(c.frozen_at, $1)
  order by expires_at limit $2
) as f
where $3::int4 is null or p.realm = $3
limit $2
"""

# For a program on a clock: nothing that is due by the clock's instant is still open.
NONE_DUE = """not exists (
  select from programs p join referrals f on f.realm = p.realm and f.program_id = p.id
  where p.realm = c.realm and p.clock_id = c.id and f.status = 'registered'
    and f.expires_at is not null and f.expires_at <= c.frozen_at)"""


class DueReferral(NamedTuple):
    """A referral whose window is over; `due_at` says when, unless its program lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def due_referrals(pool: Any, now: datetime, *, limit: int, realm: int | None = None) -> list[DueReferral]:
    """Open referrals whose window is over at their program's now, in one realm or in all."""
    return [DueReferral(*record) for record in await pool.fetch(DUE_REFERRALS, now, limit, realm)]

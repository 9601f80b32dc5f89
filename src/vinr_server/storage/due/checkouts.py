"""Checkout sessions that have expired."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

# Plan: the partial index checkout_sessions_open, earliest expiry first; sessions on test clocks join their clock.
DUE_SESSIONS = """
select s.realm, r.livemode, s.id, case when c.id is null then s.expires_at end
from checkout_sessions s
join realms r on r.id = s.realm
left join test_clocks c on c.realm = s.realm and c.id = s.clock_id
where s.status = 'open' and s.expires_at <= coalesce(c.frozen_at, $1)
order by s.expires_at limit $2
"""


class DueSession(NamedTuple):
    """A session that has expired; `due_at` says when, unless it lives on a test clock."""

    realm: int
    livemode: bool
    id: str
    due_at: datetime | None


async def due_sessions(pool: Any, now: datetime, *, limit: int) -> list[DueSession]:
    """Open sessions that have expired at their now."""
    return [DueSession(*record) for record in await pool.fetch(DUE_SESSIONS, now, limit)]

"""Unknown codes by whom they were presented, minute by minute: what all processes together have counted (R65)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

# By primary key, in its order, so that two processes never wait for each other.
COUNT = """
insert into code_failures as t (realm, client_hash, minute, failures, counted_at)
select $1, n.client_hash, $3, $4, clock_timestamp() from unnest($2::bytea[]) as n (client_hash) order by n.client_hash
on conflict (realm, client_hash, minute) do update set failures = t.failures + excluded.failures,
  counted_at = excluded.counted_at
returning realm, client_hash, minute, failures
"""
# Plan: the index code_failures_by_time: what was counted since the last look, by whichever process.
COUNTED_SINCE = """
select realm, client_hash, minute, failures from code_failures
where counted_at > clock_timestamp() - make_interval(secs => $1)
"""


class Failures(NamedTuple):
    """How many codes were unknown in a minute, of those that one client, customer or key presented."""

    realm: int
    client_hash: bytes
    minute: datetime
    failures: int


async def count_failures(
    pool: Any, realm: int, hashes: Sequence[bytes], minute: datetime, failures: int
) -> list[Failures]:
    """So many more are counted of each; what each has in this minute now."""
    return [Failures(*record) for record in await pool.fetch(COUNT, realm, list(hashes), minute, failures)]


async def counted_since(pool: Any, seconds: float) -> list[Failures]:
    """What was counted in so many seconds, by all processes."""
    return [Failures(*record) for record in await pool.fetch(COUNTED_SINCE, seconds)]

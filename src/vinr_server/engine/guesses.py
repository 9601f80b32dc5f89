"""Who presents too many unknown codes, over all processes: from then on every code is refused for a while (R65).

Counts are kept in PostgreSQL. A process reads what others have counted since its last look, at most twice a second and
only while somebody presents codes; carts without codes ask for nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.storage.due.guesses import Failures, count_failures, counted_since

LOOK_EVERY_SECONDS = 0.5
# The first look reaches back as far as the longest window; each other one a little further than the last look.
FIRST_SECONDS, OVERLAP_SECONDS = 3600.0, 5.0
# Past this many names, those whose minutes are over are forgotten.
NAMES_MAX = 50_000


class Limit(NamedTuple):
    """More than `most` unknown codes in `minutes` are too many."""

    most: int
    minutes: int


OF_CLIENT, OF_CUSTOMER, OF_KEY = Limit(10, 10), Limit(20, 60), Limit(300, 1)


class Guesser(NamedTuple):
    """A client, a customer or a key: by the hash of its name, for no name of a shopper is stored."""

    realm: int
    hash: bytes
    limit: Limit


def guessers(realm: int, *, client: str | None, customer: str | None, key: str | None, pepper: str) -> list[Guesser]:
    """All whose unknown codes a call counts for."""
    named = (("client", client, OF_CLIENT), ("customer", customer, OF_CUSTOMER), ("key", key, OF_KEY))
    return [
        Guesser(realm, hashlib.sha256(f"{pepper}/{kind}/{name}".encode()).digest(), limit)
        for kind, name, limit in named
        if name is not None
    ]


class Guesses:
    """One process' view of what all have counted."""

    def __init__(self, pool: Any, *, clock: Clock = wall_clock) -> None:
        self._pool, self._clock = pool, clock
        self._minutes: dict[tuple[int, bytes], dict[datetime, int]] = {}
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    async def seconds_left(self, named: Sequence[Guesser]) -> int:
        """How long all codes of these are refused; 0: they are not."""
        await self._look()
        return max((self._left(guesser) for guesser in named), default=0)

    async def count(self, named: Sequence[Guesser], failures: int) -> int:
        """So many more unknown codes are counted of each; how long their codes are refused now."""
        if not named:
            return 0
        minute = self._minute()
        hashes = [guesser.hash for guesser in named]
        self._see(await count_failures(self._pool, named[0].realm, hashes, minute, failures))
        return max(self._left(guesser) for guesser in named)

    async def _look(self) -> None:
        """What others have counted is known, as of half a second ago at most."""
        async with self._looking:
            now = time.monotonic()
            if self._looked_at is not None and now - self._looked_at < LOOK_EVERY_SECONDS:
                return
            since = FIRST_SECONDS if self._looked_at is None else now - self._looked_at + OVERLAP_SECONDS
            self._see(await counted_since(self._pool, min(since, FIRST_SECONDS)))
            self._looked_at = now

    def _see(self, counted: Sequence[Failures]) -> None:
        if len(self._minutes) > NAMES_MAX:
            first = self._minute() - timedelta(minutes=OF_CUSTOMER.minutes)
            self._minutes = {name: kept for name, kept in self._minutes.items() if max(kept) > first}
        for realm, client_hash, minute, failures in counted:
            self._minutes.setdefault((realm, client_hash), {})[minute] = failures

    def _left(self, guesser: Guesser) -> int:
        """The seconds until enough minutes are over for the limit."""
        now, window = self._clock(), timedelta(minutes=guesser.limit.minutes)
        counted = self._minutes.get((guesser.realm, guesser.hash))
        if counted is None:
            return 0
        within = sorted((minute, failures) for minute, failures in counted.items() if minute + window > now)
        left = sum(failures for _minute, failures in within)
        for minute, failures in within:
            if left <= guesser.limit.most:
                return 0
            left -= failures
            if left <= guesser.limit.most:
                return max(int((minute + window - now).total_seconds()), 1)
        return 0

    def _minute(self) -> datetime:
        return self._clock().replace(second=0, microsecond=0)

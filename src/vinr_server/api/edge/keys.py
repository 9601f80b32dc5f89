"""API keys: they identify the caller by a secret of which only a keyed hash is stored."""

from __future__ import annotations

import hmac
import time
from typing import TypeVar

from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.call import Caller
from vinr_server.api.edge.permissions import allowed
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.rate_limits import Bucket
from vinr_server.api.edge.secrets import KEY, hash_key, hint_of, make_key
from vinr_server.storage.batch.tables import decode_json
from vinr_server.storage.reads.reader import FoundKey, Reader

__all__ = ["KeyRing", "hash_key", "make_key"]

K = TypeVar("K")
V = TypeVar("V")

# A revoked key is refused everywhere within 5 seconds: 4 here, plus 1 for the look-up that remembered it.
CACHE_SECONDS = 4.0
CACHE_KEYS_MAX = 10_000


class KeyRing:
    """Looks up callers by their key, and remembers them for a few seconds, but never beyond a key's expiry.

    An index finds the hash in the database: without the pepper nobody can measure how much of a guess's hash agrees.
    """

    def __init__(self, reader: Reader, pepper: str, *, rate_limit_per_second: int = 0) -> None:
        self._reader, self._pepper, self._rate = reader, pepper, rate_limit_per_second
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._refused: dict[bytes, tuple[float, Problem]] = {}
        self._buckets: dict[tuple[int, str], Bucket] = {}

    def hash(self, key: str) -> bytes:
        """What is stored of a key."""
        return hash_key(key, self._pepper)

    async def caller(self, authorization: bytes | None) -> Caller:
        """The caller behind an Authorization header."""
        if not authorization:
            message = "The request has no API key. Send the header `Authorization: Bearer sk_test_…`."
            raise Problem("api_key_missing", message)
        known = self._known.get(authorization)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        refused = self._refused.get(authorization)
        if refused is not None and refused[0] > time.monotonic():
            raise Problem(refused[1].code, refused[1].message)
        return await self._look_up(authorization)

    async def _look_up(self, authorization: bytes) -> Caller:
        scheme, _, key = authorization.decode("latin-1").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            message = "The Authorization header must be `Bearer ` followed by an API key."
            raise Problem("api_key_invalid", message)
        until = time.monotonic() + CACHE_SECONDS
        digest = self.hash(key)
        found = await self._reader.find_key(digest) if KEY.match(key) else None
        problem = _refuse(found, key, digest)
        if problem is not None:
            if found is not None:  # unknown keys are not remembered: there is no end of them
                _remember(self._refused, authorization, (until, problem))
            raise problem
        assert found is not None, "refused above"
        if found.seconds_left is not None:
            until = min(until, time.monotonic() + found.seconds_left)
        caller = Caller(
            found.realm,
            found.livemode,
            key_id=found.id,
            kind=found.kind,
            allowed=allowed(OPERATIONS, found.kind, decode_json(found.permissions)),
            bucket=self._bucket(found),
        )
        _remember(self._known, authorization, (until, caller))
        return caller

    def _bucket(self, found: FoundKey) -> Bucket | None:
        """The key's token bucket, which outlives what is remembered about the key."""
        if not self._rate:
            return None
        name = (found.realm, found.id)
        if name not in self._buckets:
            _remember(self._buckets, name, Bucket(self._rate, now=time.monotonic()))
        return self._buckets[name]


def _refuse(found: FoundKey | None, key: str, digest: bytes) -> Problem | None:
    if found is None or not hmac.compare_digest(found.key_hash, digest):
        shown = hint_of(key) if len(key) > 24 else f"{key[:4]}…"
        return Problem("api_key_invalid", f"Unknown API key {shown}. Check that it belongs to this installation.")
    if found.is_revoked:
        return Problem("api_key_invalid", f"API key {hint_of(key)} was revoked. Use another key.")
    if found.is_expired:
        return Problem("api_key_expired", f"API key {hint_of(key)} has expired. Use the one that replaced it.")
    return None


def _remember(known: dict[K, V], name: K, value: V) -> None:
    """Keep the value under its name; a cache that is full is emptied first."""
    if len(known) >= CACHE_KEYS_MAX:
        known.clear()
    known[name] = value

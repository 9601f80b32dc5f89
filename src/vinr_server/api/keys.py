"""API keys: who calls, by a secret of which only a keyed hash is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from vinr_server.api.call import Caller
from vinr_server.api.problems import Problem
from vinr_server.storage.read import Reader

# A revoked key is refused everywhere within this many seconds.
CACHE_SECONDS = 5.0
CACHE_KEYS_MAX = 10_000


def make_key(*, livemode: bool) -> str:
    """A new secret key of 256 random bits."""
    return f"sk_{'live' if livemode else 'test'}_{secrets.token_urlsafe(32)}"


def hash_key(key: str, pepper: str) -> bytes:
    """What is stored of a key: its HMAC-SHA-256 under the installation's pepper."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).digest()


class KeyRing:
    """Looks callers up by their key, and remembers them for a few seconds."""

    def __init__(self, reader: Reader, pepper: str) -> None:
        self._reader, self._pepper = reader, pepper
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: bytes | None) -> Caller:
        """The caller behind an Authorization header."""
        if not authorization:
            message = "No API key. Send the header `Authorization: Bearer sk_test_…`."
            raise Problem("api_key_missing", message)
        known = self._known.get(authorization)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        return await self._look_up(authorization)

    async def _look_up(self, authorization: bytes) -> Caller:
        scheme, _, key = authorization.decode("latin-1").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Problem("api_key_invalid", "The Authorization header must read `Bearer ` and a secret key.")
        found = await self._reader.find_key(hash_key(key, self._pepper))
        if found is None:
            shown = f"{key[:11]}…{key[-4:]}" if len(key) > 24 else f"{key[:8]}…"
            raise Problem("api_key_invalid", f"Unknown API key {shown}. Check that it belongs to this installation.")
        if len(self._known) >= CACHE_KEYS_MAX:
            self._known.clear()
        caller = Caller(*found)
        self._known[authorization] = (time.monotonic() + CACHE_SECONDS, caller)
        return caller

"""Rate limits: a token bucket for each key, in each process (docs/decisions/0008)."""

from __future__ import annotations

import math

# In seconds: a bucket holds what one second fills, so a key that was silent may send that much at once.
WINDOW = 1

Headers = list[tuple[bytes, bytes]]


class Bucket:
    """What one key may still send: fills at `per_second`, and holds a second's worth."""

    __slots__ = ("_at", "_capacity", "_policy", "_tokens")

    def __init__(self, per_second: int, *, now: float) -> None:
        self._capacity, self._tokens, self._at = per_second, float(per_second), now
        self._policy = (b"ratelimit-policy", b'"key";q=%d;w=%d' % (per_second, WINDOW))

    def take(self, now: float) -> tuple[float, Headers]:
        """How many seconds to wait (0: the request may go on), and the headers that report it to the caller."""
        tokens = min(self._capacity, self._tokens + (now - self._at) * self._capacity)
        self._at = now
        wait = 0.0
        if tokens >= 1:
            tokens -= 1
        else:
            wait = (1 - tokens) / self._capacity
        self._tokens = tokens
        full_in = math.ceil((self._capacity - tokens) / self._capacity)
        return wait, [self._policy, (b"ratelimit", b'"key";r=%d;t=%d' % (tokens, full_in))]

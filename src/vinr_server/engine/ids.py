"""Ids that the engine makes: sortable by time, unique without asking anyone, carrying their member's bucket."""

from __future__ import annotations

import secrets
import time

from vinr_server.engine.code_drawing import draw_codes

# 56 bits, started at random in each process: two processes in the same millisecond do not collide.
COUNTER_BITS = 56
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    """A source of ids; `tick` takes the time once for a batch."""

    def __init__(self) -> None:
        self._counter = secrets.randbits(COUNTER_BITS - 1)
        self._time = ""
        self.tick()

    def tick(self) -> None:
        """Ids from now on sort after those made before."""
        self._time = f"{time.time_ns() // 1_000_000:011x}"

    def make_id(self, prefix: str, bucket: int) -> str:
        """`prefix_`, 11 hex digits of milliseconds, 14 of a counter, 2 of the bucket."""
        self._counter = (self._counter + 1) & ((1 << COUNTER_BITS) - 1)
        return f"{prefix}_{self._time}{self._counter:014x}{bucket:02x}"

    @staticmethod
    def make_code() -> str:
        """A voucher code of 12 characters (58 bits) that is easy to read aloud."""
        return "".join(secrets.choice(CODE_ALPHABET) for _ in range(12))

    @staticmethod
    def draw_code(pattern: str, alphabet: str) -> str:
        """A code of a batch's pattern, drawn by the system's generator."""
        (code,) = draw_codes(1, pattern=pattern, alphabet=alphabet)
        return code

"""The one clock: passed to everything that needs the time, so that tests can pass another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The wall clock's time, in UTC."""
    return datetime.now(UTC)

"""The one clock: handed to whoever needs the time, so that tests can hand in another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The wall's time, in UTC."""
    return datetime.now(UTC)

"""Test clocks as the wire shows them."""

from __future__ import annotations

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.kernel.payloads import Wire, unix


def clock_payload(clock: TestClock) -> Wire:
    """The test_clock object; it exists only in test mode."""
    return {
        "id": clock.id,
        "object": "test_clock",
        "name": clock.name,
        "frozen_time": unix(clock.frozen_at),
        "status": clock.status,
        "created": unix(clock.created_at),
        "livemode": False,
    }

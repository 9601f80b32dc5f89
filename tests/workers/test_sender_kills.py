"""A sender is killed again and again: every event arrives, twice only where it died before it could note the answer."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hooks import Hooks
from webhook_runs import sender_kills

from vinr_server.engine.clock import wall_clock


@pytest.fixture
async def hooks(database: str) -> AsyncIterator[Hooks]:
    """An engine by the wall's clock; the senders are processes of their own."""
    made = Hooks(database, wall_clock)  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.stop()


class TestKills:
    async def test_lose_nothing_and_repeat_only_what_was_not_noted(self, hooks: Hooks) -> None:
        (await sender_kills(hooks, seed=os.environ.get("VINR_SEED", "7"), kills=20, events_each=15)).require()

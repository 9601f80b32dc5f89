"""A sender is killed again and again: every event arrives, twice only where it died before it could note the answer."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hooks import Hooks, Receiver

from conftest import SECRETS_KEY
from vinr_server.engine.clock import wall_clock

KILLS, EVENTS_PER_KILL = 20, 15
# Long enough for a busy machine: what is noted later than that is sent again though nobody was killed.
LEASE_SECONDS = 6.0


@pytest.fixture
async def hooks(database: str) -> AsyncIterator[Hooks]:
    """An engine by the wall's clock; the senders are processes of their own."""
    made = Hooks(database, wall_clock)  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.stop()


def start(database_url: str) -> subprocess.Popen[bytes]:
    """A sender of its own, on its way up."""
    program = str(Path(__file__).parent / "sender_process.py")
    return subprocess.Popen(
        [sys.executable, program, database_url, SECRETS_KEY, str(LEASE_SECONDS)], stderr=subprocess.DEVNULL
    )


async def until_new(receiver: Receiver, known: int) -> None:
    """Something more has come in than was known."""
    began = time.monotonic()
    while len(receiver.requests) <= known:
        assert time.monotonic() - began < 30, "nothing more comes in"
        await asyncio.sleep(0.002)


class TestKills:
    async def test_lose_nothing_and_repeat_only_what_was_not_noted(self, hooks: Hooks) -> None:
        seed = int(os.environ.get("VINR_SEED", "7"))
        chance = random.Random(seed)
        receiver = await hooks.receiver("slow")
        endpoint = await hooks.endpoint(receiver, "loyalty.points.earned")
        arrived: list[tuple[float, str]] = []
        events: set[str] = set()
        kills: list[float] = []
        sender = start(hooks.database_url)

        for _ in range(KILLS):
            known = len(receiver.requests)
            events |= set(await hooks.award(EVENTS_PER_KILL))
            await until_new(receiver, known)
            await asyncio.sleep(chance.random() * 0.15)
            arrived += [(time.monotonic(), one.id) for one in receiver.requests[len(arrived) :]]
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
            kills.append(time.monotonic())
            await asyncio.sleep(0.05)  # what was on its way when it died has come in
            arrived += [(kills[-1], one.id) for one in receiver.requests[len(arrived) :]]
            sender = start(hooks.database_url)
        try:
            began = time.monotonic()
            while hooks.one("select count(*) from deliveries where status = 'pending'"):
                assert time.monotonic() - began < 60, "something is still pending"
                await asyncio.sleep(0.1)
        finally:
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
        arrived += [(time.monotonic(), one.id) for one in receiver.requests[len(arrived) :]]

        assert {id for _at, id in arrived} == events, f"seed {seed}: lost {len(events - {id for _at, id in arrived})}"
        twice = [id for id in events if sum(one == id for _at, one in arrived) > 1]
        for id in twice:
            for first, second in pairwise(at for at, one in arrived if one == id):
                assert any(first <= kill <= second for kill in kills), f"seed {seed}: {id} came twice without a kill"
        succeeded = hooks.one("select count(*) from deliveries where status = 'succeeded'")
        noted = hooks.one("select count(*) from delivery_attempts where status_code = 200")
        assert (succeeded, noted) == (len(events), len(events)), "an answer is noted once"
        assert len(twice) <= KILLS * 16, "as many as a sender has under way"
        again = len(arrived) - len(events)
        assert len(events) == KILLS * EVENTS_PER_KILL and again > 0, "the verdict is unknown"
        secret = endpoint["secret"]
        for one in receiver.requests[:: len(receiver.requests) // 20]:
            one.verify(secret)
        print(f"{len(events)} events, {len(kills)} kills: 0 lost, {again} came again")

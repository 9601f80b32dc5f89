"""The runs of webhooks, of any size: receivers that are down or hang for hours, and senders that are killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hooks import Hooks, Receiver

from conftest import PATIENCE_SECONDS, SECRETS_KEY
from outcome import Outcome

Json = dict[str, Any]
# Long enough for a busy machine: what is noted later than that is sent again though nobody was killed.
LEASE_SECONDS = 30.0
# How much later it is for the next sender than for the one that was killed: leases are over, and retries are due.
LATER_SECONDS = 60
DAY_SECONDS = 86_400
PENDING = "select count(*) from deliveries where status = 'pending'"


@dataclass
class Told:
    """One endpoint and what its receiver has answered with a 2xx, with the second when that was first seen."""

    name: str
    receiver: Receiver
    endpoint: Json
    arrived: list[tuple[float, str]] = field(default_factory=list)

    def note(self, by: float) -> None:
        """What has come in since the last time came by then."""
        self.arrived += [(by, id) for id in self.receiver.received()[len(self.arrived) :]]


@dataclass
class Senders:
    """Senders that follow one another as processes; each lives later than the one before it."""

    database_url: str
    ahead_seconds: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, later: int = 0) -> None:
        """The next one is on its way up."""
        self.ahead_seconds += later
        program = str(Path(__file__).parent / "sender_process.py")
        words = [self.database_url, SECRETS_KEY, str(LEASE_SECONDS), str(self.ahead_seconds)]
        self.process = subprocess.Popen([sys.executable, program, *words], stderr=subprocess.DEVNULL)

    def end(self) -> float:
        """It is gone without a word; when that was."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return time.monotonic()


async def sender_kills(hooks: Hooks, *, seed: str, kills: int, events_each: int) -> Outcome:
    """Senders are killed with -9 at work for three receivers, of which one refuses and one hangs until the last kill.

    What came twice had its sender killed in between, or its answer was not heard in time.
    """
    outcome, chance, began = Outcome("sender kills", seed), random.Random(seed), time.monotonic()
    told: list[Told] = []
    for name, mood in (("well", "slow"), ("refusing", "fail"), ("hanging", "hang")):
        receiver = await hooks.receiver(mood)
        told.append(Told(name, receiver, await hooks.endpoint(receiver, "loyalty.points.earned")))
    events: set[str] = set()
    killed_at: list[float] = []
    senders = Senders(hooks.database_url)
    senders.start()
    try:
        for number in range(kills):
            known = len(told[0].receiver.requests)
            events |= set(await hooks.award(events_each))
            await _until_new(told[0].receiver, known)
            if number % 2:  # else at once, before the answer: that one comes again
                await asyncio.sleep(chance.random() * 0.15)
            killed_at.append(await _kill(senders, told))
            senders.start(later=LATER_SECONDS)
        for one in told:
            one.receiver.mood = "slow"
        while hooks.one(PENDING):
            killed_at.append(await _kill(senders, told))
            senders.start(later=DAY_SECONDS)
            await _until_nothing_is_due(hooks, senders)
    finally:
        senders.end()
    _note(told)
    for one in told:
        _compare(outcome, hooks, one, events, killed_at)
    outcome.seen |= Counter({"events": len(events), "endpoints": len(told), "kills": len(killed_at)})
    outcome.floors = {"events": kills * events_each, "kills": kills, "well: came again": 1}
    outcome.floors |= {f"{name}: attempts in vain": kills for name in ("refusing", "hanging")}
    outcome.seconds = time.monotonic() - began
    return outcome


async def _kill(senders: Senders, told: list[Told]) -> float:
    """The sender is killed, and what was on its way by then has come in; when it was killed."""
    _note(told)
    at = senders.end()
    await asyncio.sleep(0.05)
    while any(one.receiver.at_once for one in told):
        await asyncio.sleep(0.005)
    _note(told, by=at)
    return at


def _note(told: list[Told], by: float | None = None) -> None:
    for one in told:
        one.note(time.monotonic() if by is None else by)


async def _until_new(receiver: Receiver, known: int) -> None:
    """Something more has come in than was known."""
    began = time.monotonic()
    while len(receiver.requests) <= known:
        assert time.monotonic() - began < PATIENCE_SECONDS, "nothing more comes in"
        await asyncio.sleep(0.002)


async def _until_nothing_is_due(hooks: Hooks, senders: Senders) -> None:
    """All that was due for this sender has been attempted. What was not heard in time is due for a later one.

    Expects that it becomes less all the time.
    """
    is_due = f"(lease is not null or next_attempt_at <= now() + interval '{senders.ahead_seconds} s')"
    least, since = hooks.one(PENDING), time.monotonic()
    while left := hooks.one(f"{PENDING} and {is_due}"):
        if left < least:
            least, since = left, time.monotonic()
        assert time.monotonic() - since < PATIENCE_SECONDS, f"{left} are still due"
        await asyncio.sleep(0.1)


def _compare(outcome: Outcome, hooks: Hooks, told: Told, events: set[str], killed_at: list[float]) -> None:
    """What an endpoint got against what there was for it."""
    got = Counter(id for _at, id in told.arrived)
    here = f"endpoint_id = '{told.endpoint['id']}'"
    attempts = f"select count(*) from delivery_attempts a join deliveries d on d.id = a.delivery_id and d.{here} where"
    unheard = hooks.one(f"{attempts} a.status_code is null")
    again, unexplained = sum(got.values()) - len(got), 0
    for id, count in got.items():
        if count > 1:
            for first, second in pairwise(at for at, one in told.arrived if one == id):
                unexplained += not any(first <= kill <= second for kill in killed_at)
    outcome.seen[f"{told.name}: received"] = len(got)
    outcome.seen[f"{told.name}: came again"] = again
    outcome.seen[f"{told.name}: attempts in vain"] = len(told.receiver.requests) - len(told.arrived)
    if set(got) != events:
        outcome.violations.append(f"{told.name}: {len(events - set(got))} lost, {len(set(got) - events)} made up")
    if unexplained > unheard:
        outcome.violations.append(f"{told.name}: {unexplained} came twice without a kill, {unheard} were not heard")
    succeeded = hooks.one(f"select count(*) from deliveries where {here} and status = 'succeeded'")
    noted = hooks.one(f"{attempts} a.status_code = 200")
    if (succeeded, noted) != (len(events), len(events)):
        outcome.violations.append(f"{told.name}: {succeeded} succeeded, {noted} answers noted, of {len(events)}")
    for one in told.receiver.requests[:: max(1, len(told.receiver.requests) // 20)]:
        one.verify_whenever(told.endpoint["secret"])


async def receivers_down(hooks: Hooks, *, seed: str, events: int) -> Outcome:
    """By a clock that is moved: one receiver is down for six hours, one hangs as long, one is well."""
    outcome, began = Outcome("receivers down", seed), time.monotonic()
    well, down, hanging = [
        Told(name, receiver, await hooks.endpoint(receiver, "loyalty.points.earned"))
        for name, receiver in [(name, await hooks.receiver(mood)) for name, mood in MOODS.items()]
    ]
    down.receiver.close()
    sender = hooks.make_sender(hang_seconds=0.05)
    start = hooks.clock.now
    made: set[str] = set()
    for _round in range(4):
        made |= set(await hooks.award(events // 4))
        while set(well.receiver.received()) != made:
            assert await sender.claim_once(), "who is well has nothing to wait for"
            await sender.until_idle()
        hooks.clock.on(seconds=30)
    outcome.seen["well: served after, virtual s"] = round((hooks.clock.now - start).total_seconds())
    await hooks.send_until(start + timedelta(hours=6), sender)
    _note([well, down, hanging])
    outcome.seen["down and hanging: received by then"] = len(down.arrived) + len(hanging.arrived)
    await down.receiver.open()
    hanging.receiver.mood = "ok"
    await hooks.send_until(start + timedelta(days=4), sender)
    _note([well, down, hanging])
    for told in (well, down, hanging):
        _compare(outcome, hooks, told, made, [])
    if outcome.seen["well: served after, virtual s"] > 300 or outcome.seen["down and hanging: received by then"]:
        outcome.violations.append(f"who is well waited, or who is down did not: {dict(outcome.seen)}")
    outcome.seen |= Counter({"events": len(made), "endpoints": 3})
    outcome.floors = {"events": events, "hanging: attempts in vain": events}
    outcome.seconds = time.monotonic() - began
    return outcome


MOODS = {"well": "ok", "down": "ok", "hanging": "hang"}

"""The runs of the torture: 64 clients at two processes, cap races, and kills under load."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from books import batches, deadlocks, known_before, replayed, settle, wrong_books
from calls import Call
from clients import Crowd, send_all
from crash_rig import Rig, kill_all
from plan import Plan, prepare, prepare_rivals

from conftest import RunningServer, is_healthy, start_server, wait_until
from outcome import Outcome

CLIENTS = 64
READY_SECONDS = 5.0


def note(outcome: Outcome, calls: Sequence[Call], *, may_fail: bool) -> None:
    """Count the calls by their verdicts and refusals, and collect what no answer may be."""
    for call in calls:
        outcome.seen["calls"] += 1
        outcome.seen[call.verdict] += 1
        outcome.seen[call.operation] += 1
        if call.verdict == "refused":
            outcome.seen[call.answers[-1].code] += 1
        outcome.violations += call.violations(may_fail=may_fail)


def never() -> bool:
    """Clients end when their plans do."""
    return False


async def torture(server: RunningServer, *, seed: str, calls: int) -> Outcome:
    """64 clients, 20 accounts of which the first are the busiest, capped rewards; nothing fails."""
    outcome = Outcome("torture", seed)
    started = time.monotonic()
    with server.client() as client:
        ground = prepare(client)
    before, batches_before = known_before(server.database_url), batches(server.database_url)
    crowd = Crowd(server.base_url, server.realm.key, [Plan(ground, seed, n) for n in range(CLIENTS)], never)
    await crowd.run(each=-(-calls // CLIENTS))
    made = [call for plan in crowd.plans for call in plan.calls]
    outcome.seen["settled"] = await settle(crowd, made)
    note(outcome, made, may_fail=False)
    outcome.violations += await replayed(crowd, made[:: max(1, len(made) // 4000)])
    outcome.violations += wrong_books(server.database_url, made, before=before)
    outcome.seen.update(crowd.manners)
    outcome.seen["deadlocks"] = deadlocks(server.database_url)
    if outcome.seen["deadlocks"]:
        outcome.violations.append(f"{outcome.seen['deadlocks']} deadlocks")
    done = outcome.seen["ok"]
    outcome.seen["shared batches"] = max(0, done - (batches(server.database_url) - batches_before))
    outcome.floors = {
        "calls": calls,
        "ok": calls // 2,
        "settled": calls // 200,
        "twins": calls // 10,
        "shared batches": done // 4,
        "insufficient_points": calls // 400,
        "reward_out_of_stock": calls // 20,
        "idempotency_key_reused": calls // 100,
        "refund_exceeds_payment": 1,
        "redemption_already_canceled": 1,
    }
    outcome.seconds = time.monotonic() - started
    return outcome


async def cap_races(server: RunningServer, *, seed: str, caps: Sequence[int]) -> Outcome:
    """64 clients want what is there `cap` times, and more of them than that: it is given exactly so often.

    Each member wants it once. Where two batches spend of one account, the unique sequence of its entries sends the
    later one back to look again, and a counter that nobody locked is right by luck.
    """
    outcome = Outcome("cap races", seed)
    started = time.monotonic()
    dice = random.Random(seed)
    with server.client() as client:
        program, members = prepare_rivals(client, max(caps) + CLIENTS)
        for number, cap in enumerate(caps):
            reward: dict[str, Any] = {"program": program, "name": f"{cap}", "points_cost": 1, "stock": cap}
            reward_id = client.post("/v1/loyalty/rewards", json={**reward, "benefit": {"type": "voucher"}}).json()["id"]
            crowd = Crowd(server.base_url, server.realm.key, [], never)
            rivals = dice.sample(members, cap + CLIENTS)
            wanted = [redemption(one, reward_id, f"{seed}-race-{number}-{at}") for at, one in enumerate(rivals)]
            await send_all(crowd, wanted, at_once=CLIENTS)
            given = sum(1 for call in wanted if call.done is not None)
            if given != cap:
                outcome.violations.append(f"race {number}: {given} given of {cap}")
            note(outcome, wanted, may_fail=False)
            outcome.seen["races"] += 1
    outcome.floors = {"races": len(caps), "reward_out_of_stock": len(caps) * CLIENTS}
    outcome.seconds = time.monotonic() - started
    return outcome


def redemption(account: str, reward: str, key: str) -> Call:
    """The wish of a member."""
    return Call("redeem", "/v1/loyalty/redemptions", {"account": account, "reward": reward}, key)


@dataclass
class Murder:
    """Kills under load: of whom, and how long until the server was ready again."""

    rig: Rig
    ready_seconds: list[tuple[str, float]] = field(default_factory=list)

    def kill_server(self) -> None:
        """All its processes at once; a new one on the same port and data."""
        kill_all(self.rig.server)
        old = self.rig.server
        self._measured(
            "server", partial(start_server, old.database_url, port=int(old.base_url.rsplit(":", 1)[1]), realm=old.realm)
        )

    def kill_postgres(self) -> None:
        """PostgreSQL; the servers find it again by themselves."""
        os.kill(self.rig.postgres.pid, signal.SIGKILL)
        wait_until(lambda: not self.rig.postgres.is_alive(), what="the postmaster is gone")
        self.rig.postgres.stop()
        self._measured("PostgreSQL", self.rig.start_postgres)

    def _measured(self, whom: str, start: Callable[[], Any]) -> None:
        began = time.monotonic()
        started = start()
        if isinstance(started, RunningServer):
            self.rig.server = started
        wait_until(lambda: is_healthy(self.rig.server.base_url), what="the server is ready again")
        self.ready_seconds.append((whom, time.monotonic() - began))


async def kills(
    rig: Rig, *, seed: str, server_kills: int, postgres_kills: int, between: int, ready_within: float = READY_SECONDS
) -> Outcome:
    """Servers and PostgreSQL are killed with -9 under load; `between` calls are acknowledged from one to the next."""
    outcome = Outcome("kills", seed)
    started = time.monotonic()
    with rig.server.client() as client:
        ground = prepare(client)
    before = known_before(rig.postgres.url)
    is_over = asyncio.Event()
    crowd = Crowd(rig.server.base_url, rig.server.realm.key, [Plan(ground, seed, n) for n in range(24)], is_over.is_set)
    clients = asyncio.create_task(crowd.run(each=10**9))
    murder = Murder(rig)
    order = [murder.kill_server] * server_kills + [murder.kill_postgres] * postgres_kills
    random.Random(seed).shuffle(order)
    for kill in order:
        await _acknowledged(crowd, between)
        await asyncio.to_thread(kill)
    await _acknowledged(crowd, between)
    is_over.set()
    await clients
    made = [call for plan in crowd.plans for call in plan.calls]
    outcome.seen["settled"] = await settle(crowd, made)
    note(outcome, made, may_fail=True)
    outcome.violations += await replayed(crowd, made)
    outcome.violations += wrong_books(rig.postgres.url, made, before=before)
    for whom, seconds in murder.ready_seconds:
        outcome.seen[f"{whom} killed"] += 1
        slowest = f"{whom} ready after at most, ms"
        outcome.seen[slowest] = max(outcome.seen[slowest], round(seconds * 1000))
        if seconds > ready_within:
            outcome.violations.append(f"ready {seconds:.1f} s after the {whom} was killed")
    outcome.floors = {
        "server killed": server_kills,
        "PostgreSQL killed": postgres_kills,
        "ok": len(order) * between,
        "settled": len(order),
    }
    outcome.seconds = time.monotonic() - started
    return outcome


async def _acknowledged(crowd: Crowd, more: int) -> None:
    """So many more calls are answered as done."""

    def count() -> int:
        return sum(1 for plan in crowd.plans for call in plan.calls if call.done is not None)

    goal, end = count() + more, time.monotonic() + 120
    while count() < goal:
        assert time.monotonic() < end, f"only {count()} of {goal} calls were acknowledged"
        await asyncio.sleep(0.05)

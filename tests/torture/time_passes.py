"""Time passes for many members at once, and the worker that writes what falls due is killed on the way (R24).

Every member has lots that end one after the other; some have points that are pending, held redemptions, and tiers that
end. The clock moves thirteen months in one step. Nothing may be done twice, and nothing missed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg

from conftest import WITHOUT_TLS, RunningServer, start_process
from outcome import Outcome
from vinr_server.storage.laws.verify import verify

START = datetime(2027, 1, 31, 12, tzinfo=UTC)
# Thirteen months later; a leap day and both changes of the clocks lie between.
END = datetime(2028, 3, 1, tzinfo=UTC)
LOTS_EACH = 10
BULK = 500
CLIENTS = 16
Json = dict[str, Any]
# Members enter and leave these by points that end, by a window that ends, and by a tier that does.
SEGMENTS = {
    "poor": {"balance": {"lte": 100}},
    "recent": {"payments": {"gte": 1, "days": 30}},
    "golden": {"tier": "gold"},
    "old": {"days_since_enrolled": {"gte": 200}},
}

# What is due and not written, and what was written twice.
MISSED = """
select 'lot ' || id from lots where remaining_points > 0 and expires_at <= %(end)s
union all select 'pending lot ' || id from lots where pending_points > 0 and available_at <= %(end)s
union all select 'hold ' || id from holds where ended_at is null and expires_at <= %(end)s
union all select 'account ' || id from accounts where due_at <= %(end)s or next_segments_at <= %(end)s
union all
select 'twice: ' || account_id || ' ' || type from (
  select account_id, type, lag(type) over (partition by account_id, data ->> 'segment' order by id) as before
  from events where type in ('segment.entered', 'segment.left')) as moves where type = before
union all
select 'twice: lot ' || source_id from entries where kind = 'expiry'
  and source_id not in (select lot_id from lot_uses where points < 0)
  and account_id not in (select account_id from holds) group by source_id having count(*) > 1
union all
select 'twice: ' || reverses_id from entries where kind = 'activation' group by reverses_id having count(*) > 1
"""
WRITTEN = """
select (select count(*) from entries where kind = 'expiry'), (select count(*) from entries where kind = 'activation'),
  (select count(*) from holds where ended_at is not null), (select count(*) from tier_changes where number > 0),
  (select count(*) from events where type in ('segment.entered', 'segment.left'))
"""


async def time_passes(server: RunningServer, *, seed: str, members: int, kills: int) -> Outcome:
    """Thirteen months pass for so many members, with the worker killed so often; a server without a worker of its own.

    The figures say how fast that was. A worker that was done before it could be killed is not counted as killed.
    """
    outcome, chance = Outcome("time passes", seed), random.Random(seed)
    limits = httpx2.Limits(max_connections=CLIENTS)
    headers = {"Authorization": f"Bearer {server.realm.key}"}
    async with httpx2.AsyncClient(
        base_url=server.base_url, headers=headers, limits=limits, timeout=300, verify=WITHOUT_TLS
    ) as client:
        began = time.monotonic()
        clock = await _settle_in(client, chance, members)
        outcome.seen["seconds to settle in"] = round(time.monotonic() - began)
        began = time.monotonic()
        await _post(client, f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": END.isoformat()})
        outcome.seen["kills"] = await _work(server.database_url, client, clock, kills, members)
        seconds = time.monotonic() - began
    with psycopg.connect(server.database_url) as connection:
        names = ("lots that ended", "awards that became available", "holds that lapsed", "tiers that fell", "moves")
        for name, count in zip(names, connection.execute(WRITTEN.encode()).fetchone() or (), strict=True):
            outcome.seen[name] = count
        outcome.violations += [str(row[0]) for row in connection.execute(MISSED.encode(), {"end": END})]
    outcome.violations += [str(one) for one in verify(server.database_url).disagreements]
    done = sum(outcome.seen[name] for name in names)
    outcome.seen |= {
        "members": members,
        "seconds": round(seconds),
        "done per second": round(done / seconds),
    }
    outcome.floors = {"lots that ended": members, "awards that became available": 1, "holds that lapsed": 1}
    outcome.floors |= {"tiers that fell": 1, "moves": members}
    outcome.seconds = seconds
    return outcome


async def _settle_in(client: httpx2.AsyncClient, chance: random.Random, members: int) -> str:
    """The members have lots, tiers, pending points and holds; returns their clock."""
    clock = (await _post(client, "/v1/test_helpers/test_clocks", {"frozen_time": START.isoformat()}))["id"]
    program = {
        "id": "prog_time",
        "name": "Time",
        "test_clock": clock,
        "timezone": "Europe/Berlin",
        "currency": {"pending_days": 30, "expiry_months": 6},
        "tiers": [{"id": "silver", "threshold": 1_000_000}, {"id": "gold", "threshold": 2_000_000}],
        "tier_policy": {"metric": "points_earned", "window": "rolling_months", "months": 12, "grace_days": 9},
    }
    await _post(client, "/v1/loyalty/programs", program)
    rule = {"program": "prog_time", "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}}
    await _post(client, "/v1/loyalty/earning_rules", rule)
    reward = {"program": "prog_time", "name": "Tea", "points_cost": 5, "benefit": {"type": "voucher"}}
    tea = (await _post(client, "/v1/loyalty/rewards", reward))["id"]
    for name, conditions in SEGMENTS.items():
        segment = {"id": name, "name": name, "type": "dynamic", "conditions": conditions}
        await _post(client, "/v1/engagement/segments", segment)
    customers = [f"cust_{number}" for number in range(members)]
    groups = [customers[at : at + BULK] for at in range(0, members, BULK)]
    enrolled = await _all([_enroll(client, group, chance) for group in groups])
    accounts = [id for group in enrolled for id in group]
    await _all([_rank(client, group, chance) for group in _some(accounts, 5)])
    await _all([_pay(client, group) for group in _some(customers, 5)])
    await _all([_reserve(client, id, tea) for group in _some(accounts, 20) for id in group])
    return str(clock)


def _some(ids: Sequence[str], every: int) -> Iterator[Sequence[str]]:
    """Every so-manieth of them, in groups."""
    chosen = ids[::every]
    yield from (chosen[at : at + BULK] for at in range(0, len(chosen), BULK))


async def _enroll(client: httpx2.AsyncClient, customers: Sequence[str], chance: random.Random) -> list[str]:
    """Each has its lots, which end at any second of twenty months."""
    accounts = [
        {
            "customer": customer,
            "lots": [
                {"points": chance.randint(1, 99), "expires_at": int(START.timestamp()) + chance.randint(60, 52_000_000)}
                for _ in range(LOTS_EACH)
            ],
        }
        for customer in customers
    ]
    made = await _post(client, "/v1/loyalty/accounts/bulk", {"program": "prog_time", "accounts": accounts})
    assert made["created"] == len(customers), made["failed"]
    return [one["account"]["id"] for one in made["data"]]


async def _rank(client: httpx2.AsyncClient, accounts: Sequence[str], chance: random.Random) -> None:
    items = [
        {"account": id, "tier": "gold", "expires_at": (START + timedelta(days=chance.randint(1, 600))).isoformat()}
        for id in accounts
    ]
    made = await _post(client, "/v1/loyalty/accounts/tiers", {"accounts": items})
    assert all(one["status"] == 200 for one in made["data"]), made["data"][:3]


async def _pay(client: httpx2.AsyncClient, customers: Sequence[str]) -> None:
    payments = [
        {"id": f"pay_{customer}", "amount": 5000, "currency": "EUR", "customer": customer} for customer in customers
    ]
    made = await _post(client, "/v1/payments/bulk", {"payments": payments, "deliver_events": False})
    assert made["created"] == len(customers), made["failed"]


async def _reserve(client: httpx2.AsyncClient, account: str, reward: str) -> None:
    await _post(client, "/v1/loyalty/redemptions", {"account": account, "reward": reward, "capture": False})


async def _post(client: httpx2.AsyncClient, path: str, body: Json) -> Json:
    answer = await client.post(path, json=body)
    assert answer.is_success, (path, answer.text[:500])
    return dict(answer.json())


async def _all(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """What they return; so many at a time."""
    turns = asyncio.Semaphore(CLIENTS)

    async def taken(call: Awaitable[Any]) -> Any:
        async with turns:
            return await call

    return await asyncio.gather(*map(taken, calls))


async def _work(database_url: str, client: httpx2.AsyncClient, clock: str, kills: int, members: int) -> int:
    """A worker writes what is due; it is killed after each part of the lots, and another one goes on."""
    worker, killed = start_process(database_url, "worker"), 0
    expected = members * LOTS_EACH * 2 // 3
    try:
        while (await client.get(f"/v1/test_helpers/test_clocks/{clock}")).json()["status"] != "ready":
            if killed < kills and _ended(database_url) >= expected * (killed + 1) // (kills + 1):
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()
                killed += 1
                worker = start_process(database_url, "worker")
            await asyncio.sleep(0.05)
    finally:
        worker.terminate()
        worker.wait()
    return killed


def _ended(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from entries where kind = 'expiry'").fetchone()
    assert row is not None
    return int(row[0])

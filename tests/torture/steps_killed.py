"""Members step through a campaign, all at once, while workers and servers are killed with -9: each effect exactly once.

A worker takes what is due, and so does a server when something arrives of a member: members report events meanwhile,
under keys, and ask again until they are answered. At the end every passage has every step once, every award is in the
ledger once, every message was announced once.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
from crash_rig import kill_all

from conftest import WITHOUT_TLS, RunningServer, start_process, start_server
from outcome import Outcome
from vinr_server.storage.laws.verify import verify

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
# Everybody enters then, by a scan of the worker's.
ENTERS = {"every": "once", "on": "2027-03-01", "at": "12:30"}
# Both waits are over by then.
END = START + timedelta(hours=4)
BULK, CLIENTS = 500, 8
CAMPAIGN, PROGRAM, REPORTED = "cmp_kills", "prog_kills", "app.opened"
POINTS, AGAIN = 7, 3
Json = dict[str, Any]
STEPS: Json = {
    "rest": {"kind": "wait", "for": "1h", "next": "tell"},
    "tell": {"kind": "send_event", "name": "first", "next": "gift"},
    "gift": {"kind": "award_points", "points": POINTS, "next": "half"},
    "half": {
        "kind": "split",
        "ways": [{"name": "a", "share": 5_000, "next": "calm"}, {"name": "b", "share": 5_000, "next": "calm"}],
    },
    "calm": {"kind": "wait", "for": "1h", "next": "tell_again"},
    "tell_again": {"kind": "send_event", "name": "second", "next": "gift_again"},
    "gift_again": {"kind": "award_points", "points": AGAIN, "next": "end"},
    "end": {"kind": "exit", "outcome": "done"},
}
TAKEN = "select count(*) from campaign_steps"
# Every passage with its steps in order; then what each gave, by what names it.
BOOKS = {
    "steps": """
        select 'passage ' || e.id || ': ' || coalesce(string_agg(s.step, ' ' order by s.position), 'no steps')
        from campaign_enrolments e left join campaign_steps s on s.realm = e.realm and s.enrolment_id = e.id
        group by e.realm, e.id, e.status, e.outcome
        having e.status <> 'over' or e.outcome <> 'done'
          or string_agg(s.step, ' ' order by s.position) is distinct from %(steps)s
          or array_agg(s.position order by s.position) <> array(select generate_series(1::int8, %(length)s))
        limit 20""",
    "awards": """
        select 'award ' || e.id || ' ' || steps.step || ': ' || count(n.id) from campaign_enrolments e
        cross join unnest(%(awards)s::text[]) as steps (step)
        left join entries n on n.realm = e.realm and n.account_id = e.account_id and n.source_type = 'campaign'
          and n.source_id = e.id and n.receipt ->> 'step' = steps.step
        group by e.id, steps.step having count(n.id) <> 1 limit 20""",
    "messages": """
        select 'message ' || e.id || ' ' || steps.step || ': ' || count(m.id) from campaign_enrolments e
        cross join unnest(%(messages)s::text[]) as steps (step)
        left join events m on m.realm = e.realm and m.account_id = e.account_id and m.type = 'campaign.message'
          and m.data ->> 'enrolment' = e.id and m.data ->> 'step' = steps.step
        group by e.id, steps.step having count(m.id) <> 1 limit 20""",
    "members": """
        select 'account ' || a.id || ': ' || a.ledger_balance_points || ' points, ' || count(e.id) || ' passages'
        from accounts a left join campaign_enrolments e on e.realm = a.realm and e.account_id = a.id
        group by a.realm, a.id, a.ledger_balance_points having a.ledger_balance_points <> %(points)s or count(e.id) <> 1
        limit 20""",
}
TOTALS = """
select (select count(*) from campaign_steps), (select count(*) from entries), (select count(*) from events
  where type = 'campaign.message'), (select count(*) from events where type = %(reported)s)
"""


class Processes:
    """A server and a worker, either of which can be killed and replaced."""

    def __init__(self, database_url: str, count: int) -> None:
        self._count = count
        self.server = start_server(database_url, workers=count, with_worker=False)
        self.worker = self._start_worker()

    @property
    def url(self) -> str:
        """The database that both use."""
        return self.server.database_url

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return start_process(self.url, "worker")

    def kill_worker(self) -> None:
        """The worker is gone without a word, and another one begins."""
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        self.worker = self._start_worker()

    def kill_server(self) -> None:
        """All processes of the server are gone, and new ones answer on the same port."""
        kill_all(self.server)
        port = int(self.server.base_url.rsplit(":", 1)[1])
        realm = self.server.realm
        self.server = start_server(self.url, workers=self._count, with_worker=False, port=port, realm=realm)

    def stop(self) -> None:
        """Neither runs any longer."""
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        self.server.stop()


async def steps_killed(database_url: str, *, seed: str, members: int, kills: int, processes_each: int = 2) -> Outcome:
    """So many members take eight steps each; workers and servers, of so many processes, are killed while they do."""
    outcome, chance = Outcome("steps, killed", seed), random.Random(seed)
    processes = Processes(database_url, processes_each)
    try:
        began = time.monotonic()
        async with _client(processes.server) as client:
            clock, customers = await _enter(client, members)
            await _post(client, f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": END.isoformat()})
            is_over = asyncio.Event()
            reporting = [asyncio.create_task(_report(client, chance, customers, n, is_over)) for n in range(CLIENTS)]
            try:
                outcome.seen.update(await _kill(processes, client, chance, clock, members, kills))
            finally:
                is_over.set()
                reported = sum(await asyncio.gather(*reporting))
        outcome.seconds = time.monotonic() - began
    finally:
        processes.stop()
    outcome.seen |= {"members": members, "events acknowledged": reported}
    outcome.violations += _wrong(database_url, members, reported)
    outcome.violations += [str(one) for one in verify(database_url).disagreements]
    outcome.floors = {"workers killed": kills // 2, "servers killed": kills // 2, "killed in the midst": kills}
    outcome.floors |= {"events acknowledged": members // 50}
    return outcome


def _client(server: RunningServer) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {server.realm.key}"}
    return httpx2.AsyncClient(base_url=server.base_url, headers=headers, timeout=60, verify=WITHOUT_TLS)


async def _post(client: httpx2.AsyncClient, path: str, body: Json) -> Json:
    answer = await client.post(path, json=body)
    assert answer.is_success, (path, answer.text[:500])
    return dict(answer.json())


async def _enter(client: httpx2.AsyncClient, members: int) -> tuple[str, list[str]]:
    """Everybody is a member, and will be let in at one time; the clock, and the customers."""
    clock = (await _post(client, "/v1/test_helpers/test_clocks", {"frozen_time": START.isoformat()}))["id"]
    await _post(client, "/v1/loyalty/programs", {"id": PROGRAM, "name": "Kills", "test_clock": clock})
    definition = {"entry": {"schedule": ENTERS}, "start": "rest", "steps": STEPS}
    campaign = {"id": CAMPAIGN, "program": PROGRAM, "name": "Kills", "definition": definition}
    await _post(client, "/v1/engagement/campaigns", campaign)
    await _post(client, f"/v1/engagement/campaigns/{CAMPAIGN}/publish", {})
    customers = [f"cust_{number}" for number in range(members)]
    for at in range(0, members, BULK):
        accounts = [{"customer": customer} for customer in customers[at : at + BULK]]
        made = await _post(client, "/v1/loyalty/accounts/bulk", {"program": PROGRAM, "accounts": accounts})
        assert made["created"] == len(accounts), made["failed"]
    return str(clock), customers


async def _report(
    client: httpx2.AsyncClient, chance: random.Random, customers: Sequence[str], number: int, is_over: asyncio.Event
) -> int:
    """Events of some members, one after the other, each until it is acknowledged; how many."""
    count = 0
    while not is_over.is_set():
        body = {"type": REPORTED, "data": {"customer": chance.choice(customers)}}
        headers = {"Idempotency-Key": f"{number} {count}"}
        while True:
            try:
                answer = await client.post("/v1/events", json=body, headers=headers)
            except httpx2.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if answer.is_success:
                break
            assert answer.status_code in (409, 503), answer.text[:500]  # its first attempt may still be under way
            await asyncio.sleep(0.05)
        count += 1
    return count


async def _kill(
    processes: Processes, client: httpx2.AsyncClient, chance: random.Random, clock: str, members: int, kills: int
) -> Counter[str]:
    """All that is due is done; on the way, after each part of the steps, a worker or a server is killed."""
    seen: Counter[str] = Counter()
    steps = members * len(STEPS)
    places = [steps * (number + chance.random()) / (kills + 1) for number in range(kills)]
    # Of two the worker is the first: while a server starts, it would take the steps that are left.
    turns = [("servers killed", processes.kill_server), ("workers killed", processes.kill_worker)]
    while not await _is_ready(client, clock):
        if places and (taken := _taken(processes.url)) >= places[0]:
            places.pop(0)
            name, kill = turns[len(places) % 2]
            await asyncio.to_thread(kill)
            seen[name] += 1
            seen["killed in the midst"] += taken < steps
        await asyncio.sleep(0.02)
    return seen


async def _is_ready(client: httpx2.AsyncClient, clock: str) -> bool:
    try:
        answer = await client.get(f"/v1/test_helpers/test_clocks/{clock}")
    except httpx2.HTTPError:
        return False
    return answer.is_success and answer.json()["status"] == "ready"


def _taken(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(TAKEN).fetchone()
    assert row is not None
    return int(row[0])


def _wrong(database_url: str, members: int, reported: int) -> list[str]:
    """What is missing in the books, or there twice."""
    known: Json = {"steps": " ".join(STEPS), "length": len(STEPS), "points": POINTS + AGAIN}
    known |= {"awards": [id for id, step in STEPS.items() if step["kind"] == "award_points"]}
    known |= {"messages": [id for id, step in STEPS.items() if step["kind"] == "send_event"], "reported": REPORTED}
    with psycopg.connect(database_url) as connection:
        wrong = [str(row[0]) for query in BOOKS.values() for row in connection.execute(query.encode(), known)]
        totals = connection.execute(TOTALS.encode(), known).fetchone()
    expected = (members * len(STEPS), members * len(known["awards"]), members * len(known["messages"]), reported)
    return wrong if totals == expected else [*wrong, f"steps, entries, messages, events: {totals}, expected {expected}"]

"""Killed servers, a killed PostgreSQL, lost replies to COMMIT: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
import psycopg
import pytest
from crash_rig import Rig, crash_rig, kill_all
from database_proxy import Cut, DatabaseProxy, proxied
from ledger_invariants import broken_invariants
from submissions import Ground, answered, settle, submission

from conftest import PATIENCE_SECONDS, WITHOUT_TLS, RunningServer, make_database, make_realm, start_server, wait_until
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.engine.submission import Outcome, Reply, Unavailable
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer

LANES = 12


@dataclass
class Sent:
    """One call of the load: what was sent under which key, and what was answered, if anything."""

    path: str
    body: dict[str, Any]
    key: str
    answer: httpx2.Response | None = None

    def send(self, client: httpx2.Client) -> httpx2.Response:
        """The answer of this call, the first or a repeated one."""
        return client.post(self.path, json=self.body, headers={"Idempotency-Key": self.key})

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client was told that it is done."""
        return self.answer is not None and self.answer.is_success

    @property
    def is_unknown(self) -> bool:
        """Whether the client can't tell if it was done: no answer, or one that says as much."""
        return self.answer is None or self.answer.status_code >= 500


@dataclass
class Load:
    """Clients that send without pause, each logging every answer it got."""

    key: str
    accounts: Sequence[str]
    reward: str
    sent: list[Sent] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, base_url: str, lane: int) -> None:
        """Send until told to stop; a lost connection is opened anew."""
        dice = random.Random(lane + len(self.sent))
        while not self.stopping.is_set():
            with httpx2.Client(
                base_url=base_url,
                headers={"Authorization": f"Bearer {self.key}"},
                timeout=60,
                trust_env=False,
                verify=WITHOUT_TLS,
            ) as client:
                try:
                    while not self.stopping.is_set():
                        one = self.draw(dice)
                        self.sent.append(one)
                        one.answer = one.send(client)
                except httpx2.HTTPError:
                    self.stopping.wait(0.01)

    def draw(self, dice: random.Random) -> Sent:
        """An award, a payment under an id of its own, or a redemption."""
        key = uuid.uuid4().hex
        position = dice.randrange(len(self.accounts))
        kind = dice.random()
        if kind < 0.5:
            body = {"account": self.accounts[position], "points": dice.randint(1, 50)}
            return Sent("/v1/loyalty/points/award", body, key)
        if kind < 0.75:
            body = {
                "id": f"pay_{key}",
                "amount": dice.randint(0, 9999),
                "currency": "EUR",
                "customer": f"cust_{position}",
            }
            return Sent("/v1/payments", body, key)
        return Sent("/v1/loyalty/redemptions", {"account": self.accounts[position], "reward": self.reward}, key)

    def has_acknowledged(self, count: int) -> bool:
        """Whether at least so many calls were told that they are done."""
        return self.acknowledged() >= count

    def has_seen(self, status: int, *, since: int) -> bool:
        """Whether a call sent since then was answered with a status."""
        return any(one.answer is not None and one.answer.status_code == status for one in self.sent[since:])

    def acknowledged(self) -> int:
        """How many calls were told that they are done."""
        return sum(1 for one in self.sent if one.is_acknowledged)


def prepare(server: RunningServer) -> Load:
    """The load for a fresh server: ten members, a rule and a reward with a stock."""
    with server.client() as client:

        def made(path: str, body: dict[str, Any]) -> str:
            answer = client.post(path, json=body)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        program = made("/v1/loyalty/programs", {"name": "Crash"})
        rule = {"program": program, "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}}
        made("/v1/loyalty/earning_rules", rule)
        reward = {
            "program": program,
            "name": "Cup",
            "points_cost": 20,
            "stock": 1_000_000,
            "benefit": {"type": "voucher"},
        }
        names = [f"cust_{number}" for number in range(10)]
        accounts = [made("/v1/loyalty/accounts", {"program": program, "customer": name}) for name in names]
        return Load(server.realm.key, accounts, made("/v1/loyalty/rewards", reward))


def settle_unknowns(load: Load, base_url: str) -> dict[str, int]:
    """Every call without an answer is sent again, and so is every one that was acknowledged: those must agree."""
    counts = {"acknowledged": 0, "unknown": 0, "refused": 0}
    headers = {"Authorization": f"Bearer {load.key}"}

    def settle_some(lane: int) -> None:
        with httpx2.Client(
            base_url=base_url,
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=WITHOUT_TLS,
        ) as client:
            for one in load.sent[lane::LANES]:
                settle_one(one, client)

    def settle_one(one: Sent, client: httpx2.Client) -> None:
        if one.is_acknowledged:
            assert one.answer is not None
            again = one.send(client)
            counts["acknowledged"] += 1
            assert again.headers.get("idempotent-replayed") == "true", (one, again.text)
            assert (again.status_code, again.content) == (one.answer.status_code, one.answer.content), one
        elif one.is_unknown:
            counts["unknown"] += 1
            one.answer = one.send(client)
            assert one.answer.status_code in (200, 201, 409), one.answer.text
        else:
            counts["refused"] += 1
            assert one.answer is not None and one.answer.status_code == 409, one.answer

    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(settle_some, range(LANES)))
    return counts


def check_books(load: Load, database_url: str) -> None:
    """The database holds what was answered, once, and nothing else; all invariants hold."""
    done = [one for one in load.sent if one.is_acknowledged]
    awarded = dict.fromkeys(load.accounts, 0)
    redeemed = 0
    for one in done:
        if one.path.endswith("/award"):
            awarded[one.body["account"]] += one.body["points"]
        redeemed += one.path.endswith("/redemptions")
    with psycopg.connect(database_url) as connection:
        by_hand = "select account_id, sum(points) from entries where kind = 'award' and rule_id is null group by 1"
        in_books = {str(row[0]): int(row[1]) for row in connection.execute(by_hand)}
        payments = {str(row[0]) for row in connection.execute("select id from payments")}
        keys = {str(row[0]) for row in connection.execute("select key from idempotency_keys")}
        counted = connection.execute("select count(*) from redemptions").fetchone()
    assert in_books == {account: points for account, points in awarded.items() if points}
    assert payments == {one.body["id"] for one in done if one.path == "/v1/payments"}
    assert counted == (redeemed,)
    assert keys == {one.key for one in done}
    assert broken_invariants(database_url) == {}


class TestKilledServer:
    def test_loses_nothing_it_acknowledged(self, postgres: EmbeddedServer, template: str) -> None:
        database_url = make_database(postgres, template)
        server = start_server(database_url, workers=2, with_worker=False)
        load = prepare(server)

        for _ in range(2):
            before = load.acknowledged()
            load.stopping.clear()
            with ThreadPoolExecutor(LANES) as pool:
                for lane in range(LANES):
                    pool.submit(load.run, server.base_url, lane)
                wait_until(partial(load.has_acknowledged, before + 250), what="the load is under way")
                kill_all(server)
                load.stopping.set()
            server = start_server(database_url, workers=2, with_worker=False)
        counts = settle_unknowns(load, server.base_url)
        server.stop()

        assert counts["acknowledged"] >= 500 and counts["unknown"] >= 2, counts
        check_books(load, database_url)

    def test_goes_on_with_a_bulk_call_where_it_was_killed(self, postgres: EmbeddedServer, template: str) -> None:
        """Killed between two of its batches: its key stands for its body, and each item is done once."""
        database_url = make_database(postgres, template)
        server = start_server(database_url, workers=1, with_worker=False)
        program = prepare_bulk(server)
        payments: list[Any] = [
            {"amount": 100 + at, "currency": "EUR", "customer": f"cust_{at % 500}"} for at in range(1000)
        ]
        payments[3] = {"amount": -1, "currency": "EUR"}
        payments[700] = {"amount": 1, "currency": "EUR", "customer": "cust_busy"}
        body = {"payments": payments, "program": program}

        def send(**changes: Any) -> httpx2.Response:
            with server.client() as client:
                headers = {"Idempotency-Key": "night"}
                return client.post("/v1/payments/bulk", json=body | changes, headers=headers)

        def payments_made() -> int:
            return int(str(figure(database_url, "select count(*) from payments")))

        with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
            holder.execute("select from accounts where customer_id = 'cust_busy' for update")
            unanswered = pool.submit(send)
            wait_until(lambda: payments_made() >= 511, what="two batches are committed, and the third waits")
            kill_all(server)
            assert isinstance(unanswered.exception(PATIENCE_SECONDS), httpx2.HTTPError)
        before = payments_made()
        server = start_server(database_url, workers=1, with_worker=False, realm=server.realm)
        other = send(program=None)
        after = payments_made()
        answer, again = send(), send()
        counted = payments_made()
        server.stop()

        assert 511 <= before < 999 and after == before
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
        assert (answer.json()["created"], answer.json()["failed"], counted) == (999, 1, 999)
        assert [one["payment"]["amount"] for one in answer.json()["data"] if "payment" in one] == [
            payment["amount"] for payment in payments if payment["amount"] > 0
        ]
        assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
        assert broken_invariants(database_url) == {}


def prepare_bulk(server: RunningServer) -> str:
    """A program that customers can be enrolled in by a bulk call, with one member whose row can be held."""
    with server.client() as client:
        program = str(client.post("/v1/loyalty/programs", json={"name": "Night"}).json()["id"])
        client.post("/v1/loyalty/accounts", json={"program": program, "customer": "cust_busy"})
    return program


def figure(database_url: str, sql: str) -> object:
    """One value of the database."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="class")
def rig() -> Iterator[Rig]:
    """A fresh rig."""
    with crash_rig() as made:
        yield made


class TestKilledPostgres:
    def test_loses_nothing_that_was_acknowledged(self, rig: Rig) -> None:
        load = prepare(rig.server)

        for _ in range(2):
            before = load.acknowledged()
            load.stopping.clear()
            with ThreadPoolExecutor(LANES) as pool:
                for lane in range(LANES):
                    pool.submit(load.run, rig.server.base_url, lane)
                wait_until(partial(load.has_acknowledged, before + 250), what="the load is under way")
                rig.kill_postgres()
                seen = len(load.sent)
                wait_until(
                    partial(load.has_seen, 503, since=seen),
                    what="the server says 503",
                )
                after = load.acknowledged()
                rig.start_postgres()
                wait_until(partial(load.has_acknowledged, after + 50), what="the server has recovered by itself")
                load.stopping.set()
        counts = settle_unknowns(load, rig.server.base_url)

        assert counts["acknowledged"] >= 500 and counts["unknown"] >= 2, counts
        assert {one.answer.status_code for one in load.sent if one.answer is not None} <= {200, 201, 409}
        check_books(load, rig.postgres.url)

    def test_is_answered_by_503_and_a_hint_when_to_come_back(self, rig: Rig) -> None:
        known, fresh = rig.server.client(), rig.server.client(make_realm(rig.postgres.url, "tnt_other").key)
        assert known.get("/v1/payments").status_code == 200
        award = {"account": "loy_x", "points": 1}
        calls = {
            "write": partial(known.post, "/v1/loyalty/points/award", json=award),
            "write with an instant": partial(
                known.post, "/v1/loyalty/points/award", json={**award, "occurred_at": "2026-06-01"}
            ),
            "bulk": partial(known.post, "/v1/payments/bulk", json={"payments": [{"amount": 1, "currency": "EUR"}]}),
            "list": partial(known.get, "/v1/payments"),
            "retrieve": partial(known.get, "/v1/payments/pay_x"),
            "account": partial(known.get, "/v1/loyalty/accounts?customer=cust_0"),
            "a key not seen before": partial(fresh.get, "/v1/payments"),
            "readiness": partial(known.get, "/readyz"),
        }

        rig.kill_postgres()
        try:
            answers = {name: call() for name, call in calls.items()}
            health = known.get("/healthz")
        finally:
            rig.start_postgres()
        wait_until(lambda: known.get("/readyz").status_code == 200, what="the server is ready again")
        wait_until(
            lambda: {call().status_code for name, call in calls.items() if name != "readiness"} <= {200, 404},
            what="every call is answered again",
        )
        known.close()
        fresh.close()

        assert health.status_code == 200
        item = answers.pop("bulk")
        assert (item.status_code, [one["status"] for one in item.json()["data"]]) == (200, [503])
        wrong = {name: answer.status_code for name, answer in answers.items() if answer.status_code != 503}
        assert wrong == {}
        for name, answer in answers.items():
            assert answer.headers["retry-after"], name

    def test_does_not_end_the_worker(self, rig: Rig) -> None:
        rig.kill_postgres()
        rig.start_postgres()

        with rig.server.client() as client:
            wait_until(lambda: client.get("/readyz").status_code == 200, what="the server is ready again")
            answers = []

            def has_made_a_clock() -> bool:
                answers.append(client.post("/v1/test_helpers/test_clocks", json={"frozen_time": "2030-01-01"}))
                return answers[-1].status_code == 201

            wait_until(has_made_a_clock, what="the writer has recovered")
            url = f"/v1/test_helpers/test_clocks/{answers[-1].json()['id']}"
            assert client.post(f"{url}/advance", json={"frozen_time": "2031-01-01"}).json()["status"] == "advancing"
            wait_until(lambda: client.get(url).json()["status"] == "ready", what="the worker is at work")

    def test_does_not_keep_the_server_from_stopping(self, rig: Rig) -> None:
        """Runs last: the rig's server is stopped while its database is away."""
        rig.kill_postgres()

        for process in rig.server.processes:
            os.killpg(process.pid, signal.SIGTERM)
        ended = [process.wait(PATIENCE_SECONDS) for process in rig.server.processes]
        rig.start_postgres()

        assert all(code in (0, 143, -signal.SIGTERM) for code in ended), ended


SLOW_COMMIT = (
    """create function slow_commit() returns trigger language plpgsql as $$
       begin perform pg_sleep(1); return null; end $$""",
    """create constraint trigger slow_commit after insert on entries deferrable initially deferred
       for each row when (new.reason = 'slow') execute function slow_commit()""",
)


class TestLostCommit:
    """The connection is cut around COMMIT, by a proxy between the writer and PostgreSQL."""

    @pytest.fixture
    def proxy(self, database: str) -> Iterator[DatabaseProxy]:
        """The knife."""
        with proxied(database) as proxy:
            yield proxy

    @pytest.fixture
    async def writer(self, proxy: DatabaseProxy) -> AsyncIterator[Writer]:
        """An engine behind the proxy."""
        writer = Writer(partial(connect_writer, proxy.url))
        await writer.start()
        yield writer
        await writer.stop()

    @pytest.fixture
    async def ground(self, database: str, writer: Writer) -> Ground:
        """A realm with members."""
        with psycopg.connect(database) as connection:
            for statement in SLOW_COMMIT:
                connection.execute(statement.encode())
        return await settle(writer, make_realm(database).id, members=5)

    async def batch(
        self, writer: Writer, ground: Ground, name: str, *, reason: str = ""
    ) -> list[Outcome | BaseException]:
        """Awards, payments and refusals in one batch, each under a key."""
        # One award with the reason: ten slow ones were near the 3 s that a statement may take, COMMIT too.
        awards = [
            ground.award(at + 1, account=at % 5, key=f"{name}-{at}", reason=reason if reason and at == 0 else None)
            for at in range(10)
        ]
        payments = [ground.payment(at % 5, id=f"pay_{name}_{at}", key=f"{name}-pay-{at}") for at in range(10)]
        refused = submission(ground.realm, ledger_commands.AwardPoints("loy_none", 1), f"{name}-refused")
        waiting = [writer.enqueue(one) for one in (*awards, *payments, refused)]
        return await answered(waiting)

    @pytest.mark.parametrize("is_reset", [False, True], ids=["ended", "reset"])
    async def test_that_happened_is_answered_as_such(
        self, writer: Writer, proxy: DatabaseProxy, ground: Ground, database: str, is_reset: bool
    ) -> None:
        for number in range(10):
            proxy.arm("after", is_reset=is_reset)
            outcomes = await self.batch(writer, ground, f"b{number}")
            again = await self.batch(writer, ground, f"b{number}")

            assert [type(one) for one in outcomes[:20]] == [Reply] * 20, outcomes
            assert [one.status for one in outcomes if isinstance(one, Reply)] == [201] * 20
            assert [one.body for one in again if isinstance(one, Reply)] == [
                one.body for one in outcomes if isinstance(one, Reply)
            ]
            assert all(one.is_replay for one in again if isinstance(one, Reply))
        assert proxy.cuts == 10
        self.check(database, batches=10)

    @pytest.mark.parametrize("is_reset", [False, True], ids=["ended", "reset"])
    async def test_that_did_not_happen_is_safe_to_repeat(
        self, writer: Writer, proxy: DatabaseProxy, ground: Ground, database: str, is_reset: bool
    ) -> None:
        for number in range(5):
            proxy.arm("before", is_reset=is_reset)
            outcomes = await self.batch(writer, ground, f"b{number}")
            again = await self.batch(writer, ground, f"b{number}")

            assert [type(one) for one in outcomes] == [Unavailable] * 21
            assert "Nothing was done" in str(outcomes[0])
            assert [one.is_replay for one in again if isinstance(one, Reply)] == [False] * 20
        assert proxy.cuts == 5
        self.check(database, batches=5)

    async def test_that_is_still_under_way_is_waited_for(
        self, writer: Writer, proxy: DatabaseProxy, ground: Ground, database: str
    ) -> None:
        """The backend goes on with a COMMIT whose client has left; asking too early would say it never happened."""
        for number in range(2):
            proxy.arm("at_once", is_reset=number == 1)
            outcomes = await self.batch(writer, ground, f"b{number}", reason="slow" if number == 0 else "")
            assert [one.status for one in outcomes if isinstance(one, Reply)] == [201] * 20, outcomes
        assert proxy.cuts == 2
        self.check(database, batches=2)

    async def test_again_and_again_by_chance_is_settled_by_repeating(
        self, writer: Writer, proxy: DatabaseProxy, ground: Ground, database: str
    ) -> None:
        dice = random.Random(4)
        cuts: Sequence[Cut] = ("before", "after", "at_once")
        for number in range(25):
            proxy.arm(dice.choice(cuts), is_reset=dice.random() < 0.5)
            answered: dict[int, bytes] = {}
            for _ in range(4):
                outcomes = await self.batch(writer, ground, f"b{number}")
                for at, one in enumerate(outcomes[:20]):
                    if isinstance(one, Reply):
                        assert answered.setdefault(at, one.body) == one.body
                    else:
                        assert isinstance(one, Unavailable), one
                if len(answered) == 20:
                    break
            assert len(answered) == 20, number
        assert proxy.cuts == 25
        self.check(database, batches=25)

    def check(self, database_url: str, *, batches: int) -> None:
        """Every batch has its effects once."""
        with psycopg.connect(database_url) as connection:
            counts = """
              select (select count(*) from idempotency_keys), (select count(*) from payments), count(*), sum(points)
              from entries"""
            found = connection.execute(counts.encode()).fetchone()
            body = connection.execute("select data from events where type = 'payment.completed' limit 1").fetchone()
        assert found == (20 * batches, 10 * batches, 20 * batches, (55 + 10) * batches)
        assert body is not None and json.loads(json.dumps(body[0]))["object"] == "payment"
        assert broken_invariants(database_url) == {}

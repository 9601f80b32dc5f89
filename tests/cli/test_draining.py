"""A server that is told to end: it says so, answers what it took, and ends with 0."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import psycopg
import pytest

from conftest import PATIENCE_SECONDS, WITHOUT_TLS, RunningServer, start_server, wait_until

CALLERS = 16


@dataclass
class Caller:
    """One connection that awards until it is asked to close, as a load balancer's would."""

    server: RunningServer
    account: str
    answered: int = 0
    was_told: bool = False
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Award, one after the other."""
        with self.server.client() as client:
            while not self.was_told and not self.failures:
                try:
                    answer = client.post("/v1/loyalty/points/award", json={"account": self.account, "points": 1})
                except httpx2.HTTPError as error:
                    self.failures.append(repr(error))
                    return
                if answer.status_code != 201:
                    self.failures.append(answer.text)
                self.answered += answer.status_code == 201
                self.was_told = answer.headers.get("connection") == "close"


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def server(request: pytest.FixtureRequest, database: str) -> Iterator[RunningServer]:
    running = start_server(database, workers=request.param, with_worker=False, settings={"VINR_DRAIN_SECONDS": "5"})
    yield running
    running.stop()


def enrol(server: RunningServer) -> str:
    """A member's account."""
    with server.client() as client:
        client.post("/v1/loyalty/programs", json={"id": "prog_a", "name": "A"}).raise_for_status()
        made = client.post("/v1/loyalty/accounts", json={"program": "prog_a", "customer": "cust_a"})
    return str(made.raise_for_status().json()["id"])


def ready(server: RunningServer) -> tuple[int, str]:
    """What /readyz says."""
    answer = httpx2.get(f"{server.base_url}/readyz", timeout=30, trust_env=False, verify=WITHOUT_TLS)
    return answer.status_code, answer.json()["status"]


class TestSigterm:
    def test_loses_and_cuts_nothing_under_load(self, server: RunningServer) -> None:
        callers = [Caller(server, enrol(server)) for _caller in range(CALLERS)]
        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in threads:
            thread.start()
        wait_until(lambda: sum(one.answered for one in callers) > 500, what="500 awards")
        wait_until(lambda: ready(server) == (200, "ready"), what="it is ready")

        os.kill(server.processes[0].pid, signal.SIGTERM)

        wait_until(lambda: ready(server) == (503, "draining"), what="readyz refuses")
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert server.processes[0].wait(PATIENCE_SECONDS) == 0
        assert [one.failures for one in callers if one.failures] == []
        assert all(one.was_told for one in callers)
        with psycopg.connect(server.database_url) as connection:
            assert connection.execute("select count(*) from entries").fetchone() == (
                sum(one.answered for one in callers),
            )

    def test_twice_ends_sooner(self, database: str) -> None:
        server = start_server(database, workers=2, with_worker=False, settings={"VINR_DRAIN_SECONDS": "60"})
        process = server.processes[0]

        process.send_signal(signal.SIGTERM)
        wait_until(lambda: ready(server) == (503, "draining"), what="readyz refuses")
        time.sleep(3)  # within a second of the first it would pass for its echo, in the process that heard of it last
        process.send_signal(signal.SIGTERM)

        assert process.wait(50) == 0, "sooner than after the drain of 60 s"

    def test_ctrl_c_does_not_wait_for_a_load_balancer(self, database: str) -> None:
        server = start_server(database, workers=1, with_worker=False, settings={"VINR_DRAIN_SECONDS": "60"})

        os.killpg(server.processes[0].pid, signal.SIGINT)

        assert server.processes[0].wait(50) == 0, "sooner than after the drain of 60 s"


class TestReadyz:
    def test_refuses_another_schema(self, database: str) -> None:
        server = start_server(database, workers=1, with_worker=False)
        wait_until(lambda: ready(server) == (200, "ready"), what="it is ready")

        with psycopg.connect(database) as connection:
            connection.execute("update alembic_version set version_num = '9999'")

        # A busy machine may let go by the two seconds that the look at the database may take.
        wait_until(lambda: ready(server)[1] != "database unreachable", what="the database was looked at")
        status, why = ready(server)
        assert status == 503
        assert why.startswith("the database is at schema 9999, but this process needs ")
        server.stop()

"""What a running server shows its operator: metrics of what it did, and logs without secrets or personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import WITHOUT_TLS, RunningServer, free_port, start_server, wait_until
from vinr_server.api.contract.table import OPERATIONS

MARK = "zqmarkedzq"
METRICS = re.compile(r"metrics at http://[^ ]+:(\d+)/metrics")


class Observed:
    """A server with everything switched on, and what it has logged."""

    def __init__(self, server: RunningServer, log: Path) -> None:
        self.server, self.log = server, log

    def ports(self) -> list[int]:
        """Where its processes say that they show metrics: on the port that was asked for, or the next free one."""
        return [int(port) for port in METRICS.findall(self.log.read_text())]

    def metrics(self, port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample, by its name and labels."""
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False, verify=WITHOUT_TLS).text
        families = text_string_to_metric_families(text)
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}

    def lines(self) -> list[dict[str, Any]]:
        """The log; every line of it is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def sample(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A sample's name and labels."""
    return name, frozenset(labels.items())


@pytest.fixture
def observed(database: str, tmp_path: Path) -> Iterator[Observed]:
    settings = {"VINR_METRICS_PORT": str(free_port()), "VINR_LOG_REQUESTS": "1"}
    with (tmp_path / "log").open("wb") as log:
        server = start_server(database, workers=1, settings=settings, stderr=log)
        yield Observed(server, tmp_path / "log")
        server.stop()


def enrol(client: httpx2.Client) -> str:
    """A member's account."""
    client.post("/v1/loyalty/programs", json={"id": "prog_a", "name": "A"}).raise_for_status()
    made = client.post("/v1/loyalty/accounts", json={"program": "prog_a", "customer": "cust_a"})
    return str(made.raise_for_status().json()["id"])


class TestMetrics:
    def test_count_requests_refusals_and_batches(self, observed: Observed) -> None:
        with observed.server.client() as client:
            account = enrol(client)
            for _award in range(5):
                client.post("/v1/loyalty/points/award", json={"account": account, "points": 1})
            client.post("/v1/loyalty/points/award", json={"account": "loy_none", "points": 1})
            client.get("/v1/nothing")
        # The worker takes the port that the server left.
        wait_until(lambda: len(observed.ports()) == 2, what="both processes show metrics")
        apis = [observed.metrics(port) for port in observed.ports()]
        metrics = next(one for one in apis if sample("vinr_reader_connections", state="idle") in one)
        worker = next(one for one in apis if one is not metrics)

        awarded = {"operation": "award_points", "status": "201"}
        assert metrics[sample("vinr_request_seconds_count", **awarded)] == 5
        assert metrics[sample("vinr_request_seconds_bucket", **awarded, le="10.0")] == 5
        assert 0 < metrics[sample("vinr_request_seconds_sum", **awarded)] < 30
        assert metrics[sample("vinr_refusals_total", code="resource_missing")] == 1
        assert metrics[sample("vinr_request_seconds_count", operation="none", status="404")] == 1
        batches = metrics[sample("vinr_batch_size_count")]
        assert batches == 8  # a program, an account, five awards, a refused one: one after the other
        assert metrics[sample("vinr_batch_size_sum")] == 8
        for name in ("batch", "commit", "lock_hold"):
            assert metrics[sample(f"vinr_{name}_seconds_count")] == batches
        held, committed = (metrics[sample(f"vinr_{name}_seconds_sum")] for name in ("lock_hold", "commit"))
        assert metrics[sample("vinr_batch_seconds_sum")] > held > committed > 0
        assert metrics[sample("vinr_queue_depth")] == 0
        assert metrics[sample("vinr_writer_up")] == worker[sample("vinr_writer_up")] == 1
        assert metrics[sample("vinr_catalogue_reads_total")] >= 2
        assert worker[sample("vinr_due_lag_seconds")] == 0

    def test_are_not_public(self, observed: Observed) -> None:
        with observed.server.client() as client:
            assert client.get("/metrics").status_code == 404


class TestLogs:
    def test_tell_what_happened(self, observed: Observed) -> None:
        with observed.server.client() as client:
            answer = client.post("/v1/loyalty/points/award", json={"account": "loy_none", "points": 1})

        request_id = answer.headers["request-id"]
        line = next(one for one in observed.lines() if one.get("request_id") == request_id)
        assert line | {"time": 0, "milliseconds": 0} == {
            "time": 0, "level": "info", "logger": "vinr.requests", "message": "award_points 404",
            "request_id": request_id, "operation": "award_points", "status": 404, "milliseconds": 0,
            "realm": observed.server.realm.id, "code": "resource_missing",
        }  # fmt: skip

    def test_hold_neither_secrets_nor_personal_data(self, observed: Observed) -> None:
        database_url = observed.server.database_url
        marked = {"name": MARK, "email": f"{MARK}@example.org", "metadata": {MARK: MARK}}
        with observed.server.client() as client:
            client.headers["Idempotency-Key"] = MARK
            for operation in OPERATIONS:
                path = operation.path.replace("{", f"{MARK}_").replace("}", "")
                for body in (marked, {"id": f"cust_{MARK}", **marked}, {MARK: MARK}):
                    content = {} if operation.method in ("GET", "DELETE") else {"json": body}
                    client.request(operation.method, f"{path}?limit={MARK}", **content)
                    client.request(operation.method, path, **content)
            created = client.post("/v1/customers", json={"id": "cust_1", **marked}, headers={"Idempotency-Key": "1"})
            with psycopg.connect(database_url) as connection:  # PostgreSQL quotes the row that breaks a CHECK
                connection.execute("alter table customers add constraint broken check (id <> 'cust_2')")
            broken = client.post("/v1/customers", json={"id": "cust_2", **marked}, headers={"Idempotency-Key": "2"})
            client.get("/v1/customers", headers={"Authorization": f"Bearer sk_test_{MARK}"})

        assert (created.status_code, broken.status_code) == (201, 500)
        request_id = broken.headers["request-id"]
        text = observed.log.read_text()
        lines = observed.lines()
        assert {one["operation"] for one in lines if "operation" in one} >= {one.id for one in OPERATIONS}
        failures = [one for one in lines if one["level"] == "error" and "error" in one]
        assert {one["error"]["sqlstate"] for one in failures} == {"23514"}
        assert any(request_id in one["message"] for one in failures)
        assert MARK not in text
        assert observed.server.realm.key not in text
        assert "example.org" not in text

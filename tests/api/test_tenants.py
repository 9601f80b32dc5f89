"""What one tenant has does not show in what another is answered, even where both chose the same names."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx2
import psycopg
import pytest

from conftest import PEPPER, Realm, RunningServer, make_realm
from vinr_server.api.edge import keys
from vinr_server.api.edge.keys import KeyRing
from vinr_server.api.edge.problems import Problem
from vinr_server.storage.reads.reader import Reader

# Midnight of 1 June 2026: in Tokyo it comes nine hours before it does in UTC.
IN_UTC, IN_TOKYO = 1_780_272_000, 1_780_239_600


@pytest.fixture
def tenants(shared_server: RunningServer) -> Iterator[list[httpx2.Client]]:
    """Two tenants; the elder one's program and customer, of the same names, live in Tokyo."""
    clients = [shared_server.client(_realm(shared_server.database_url).key) for _ in range(2)]
    for client, zone in zip(clients, ("Asia/Tokyo", "UTC"), strict=True):
        made = [
            client.post("/v1/loyalty/programs", json={"id": "prog_same", "name": "Same", "timezone": zone}),
            client.post("/v1/loyalty/accounts", json={"program": "prog_same", "customer": "cust_same"}),
        ]
        assert [answer.status_code for answer in made] == [201, 201]
    yield clients
    for client in clients:
        client.close()


def _realm(database_url: str) -> Realm:
    return make_realm(database_url, f"tnt_{uuid.uuid4().hex}")


class TestZones:
    def test_of_a_customer_are_those_of_its_own_tenant(self, tenants: list[httpx2.Client]) -> None:
        body = {"amount": 100, "currency": "EUR", "customer": "cust_same", "occurred_at": "2026-06-01"}

        answers = [client.post("/v1/payments?dry_run=true", json=body) for client in tenants]

        assert [answer.json()["occurred_at"] for answer in answers] == [IN_TOKYO, IN_UTC]

    def test_of_a_program_are_those_of_its_own_tenant(self, tenants: list[httpx2.Client]) -> None:
        reward = {"program": "prog_same", "name": "Cup", "points_cost": 1, "benefit": {"type": "voucher"}}

        answers = [
            client.post("/v1/loyalty/rewards?dry_run=true", json=reward | {"starts_at": "2026-06-01"})
            for client in tenants
        ]

        assert [answer.json()["starts_at"] for answer in answers] == [IN_TOKYO, IN_UTC]


REVOKE = "update api_keys set revoked_at = now() where realm = %s"


class TestKeys:
    def test_that_are_revoked_open_nothing(self, shared_server: RunningServer) -> None:
        realm = _realm(shared_server.database_url)
        with psycopg.connect(shared_server.database_url) as connection:
            connection.execute(REVOKE, [realm.id])

        with shared_server.client(realm.key) as client:
            answer = client.get("/v1/payments")

        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "api_key_invalid")

    async def test_that_are_remembered_are_looked_up_again_in_time(
        self, database: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keys, "CACHE_SECONDS", 0.0)  # the five seconds are over at once
        realm, ring = make_realm(database), KeyRing(reader, PEPPER)
        header = f"Bearer {realm.key}".encode()
        assert (await ring.caller(header)).realm == realm.id
        with psycopg.connect(database) as connection:
            connection.execute(REVOKE, [realm.id])

        with pytest.raises(Problem, match="was revoked"):
            await ring.caller(header)

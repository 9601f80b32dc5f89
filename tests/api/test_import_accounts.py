"""Members in bulk: what they bring is theirs, once, and the ledger's laws hold of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from conftest import RunningServer, make_realm
from vinr_server.storage.laws.verify import verify

Json = dict[str, Any]
BULK, EXPORT = "/v1/loyalty/accounts/bulk", "/v1/loyalty/accounts/export"
TIERS = [{"id": "silver", "threshold": 0}, {"id": "gold", "threshold": 500}]
NEXT_YEAR = (datetime.now(UTC) + timedelta(days=365)).replace(microsecond=0)


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm with a program that gives a welcome bonus, tiers and an expiry."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        program = {"id": "prog_p", "name": "P", "tiers": TIERS, "currency": {"name": "points", "expiry_months": 12}}
        rule = {"program": "prog_p", "trigger": "loyalty.account.created", "earn": {"points": 7}}
        for path, body in (("programs", program), ("earning_rules", rule)):
            assert client.post(f"/v1/loyalty/{path}", json=body).status_code == 201
        yield client


def bring(client: httpx2.Client, *items: Json, **more: Any) -> list[Json]:
    """The results of a bulk call."""
    answer = client.post(BULK, json={"program": "prog_p", "accounts": list(items)}, **more)
    assert answer.status_code == 200, answer.text
    results: list[Json] = answer.json()["data"]
    return results


def exported(client: httpx2.Client, customer: str) -> Json:
    """What leaves with a member."""
    (member,) = client.get(EXPORT, params={"customer": customer}).json()["data"]
    found: Json = member
    return found


class TestImport:
    def test_gives_what_they_bring_and_no_welcome(self, client: httpx2.Client) -> None:
        lots = [{"points": 20}, {"points": 100, "expires_at": NEXT_YEAR.isoformat(), "available_at": "2025-01-02"}]
        item = {"customer": "cust_a", "email": "a@example.com", "joined_at": "2024-03-01", "lots": lots}

        (result,) = bring(client, item | {"lifetime_points": 900, "metadata": {"old_id": "7"}})

        account = result["account"]
        assert (result["status"], account["balance"], account["lifetime_points"]) == (201, 120, 900)
        assert (account["tier"], account["created"], account["metadata"]) == ("gold", 1709251200, {"old_id": "7"})
        assert account["next_expiry"] == {"at": int(NEXT_YEAR.timestamp()), "points": 100}
        member = exported(client, "cust_a")
        assert (member["email"], member["points"]) == ("a@example.com", 120)
        ends = [(lot["points"], lot["expires_at"]) for lot in member["lots"]]
        assert ends == [(100, int(NEXT_YEAR.timestamp())), (20, None)]
        assert member["lots"][0]["available_at"] == 1735776000

    def test_makes_a_debt_that_the_next_points_pay(self, client: httpx2.Client) -> None:
        (result,) = bring(client, {"customer": "cust_a", "points": -30, "lifetime_points": 40})

        award = {"account": result["account"]["id"], "points": 50}
        client.post("/v1/loyalty/points/award", json=award)

        assert result["account"]["balance"] == -30
        assert [(lot["points"]) for lot in exported(client, "cust_a")["lots"]] == [20]
        assert exported(client, "cust_a")["lifetime_points"] == 90

    def test_lets_points_that_are_over_expire_at_once(self, client: httpx2.Client) -> None:
        lots = [{"points": 5, "expires_at": "2025-01-01"}, {"points": 6}]

        (result,) = bring(client, {"customer": "cust_a", "lots": lots})

        assert (result["account"]["balance"], result["account"]["lifetime_points"]) == (6, 11)

    def test_lets_points_alone_expire_as_the_program_says(self, client: httpx2.Client) -> None:
        bring(client, {"customer": "cust_a", "points": 5})

        (lot,) = exported(client, "cust_a")["lots"]
        assert lot["expires_at"] - lot["available_at"] >= 365 * 86_400

    def test_adds_to_what_a_member_has_here(self, client: httpx2.Client) -> None:
        account = client.post("/v1/loyalty/accounts", json={"program": "prog_p", "customer": "cust_a"}).json()

        (result,) = bring(client, {"customer": "cust_a", "points": 100, "lifetime_points": 600})

        assert (account["balance"], result["status"]) == (7, 201)
        assert (result["account"]["balance"], result["account"]["lifetime_points"]) == (107, 607)
        assert result["account"]["tier"] == "gold"

    def test_raises_a_tier_without_a_point(self, client: httpx2.Client) -> None:
        client.post("/v1/loyalty/accounts", json={"program": "prog_p", "customer": "cust_a"})

        (result,) = bring(client, {"customer": "cust_a", "lifetime_points": 10, "tier": "gold"})

        assert (result["account"]["tier"], result["account"]["lifetime_points"]) == ("gold", 17)

    def test_moves_nothing_twice(self, client: httpx2.Client) -> None:
        item = {"customer": "cust_a", "points": 100}

        first, twin = bring(client, item, item)
        (again,) = bring(client, item)
        (other,) = bring(client, item | {"points": 101})

        assert [result["status"] for result in (first, twin, again, other)] == [201, 200, 200, 409]
        assert again["account"]["balance"] == 100
        assert other["error"]["code"] == "already_imported"
        assert exported(client, "cust_a")["points"] == 100

    def test_answers_its_key_as_at_first(self, client: httpx2.Client) -> None:
        items = [{"customer": "cust_a", "points": 1}, {"customer": "cust_b", "tier": "platinum"}]
        headers = {"Idempotency-Key": "members-1"}

        first = client.post(BULK, json={"program": "prog_p", "accounts": items}, headers=headers)
        again = client.post(BULK, json={"program": "prog_p", "accounts": items}, headers=headers)
        other = client.post(BULK, json={"program": "prog_p", "accounts": items[:1]}, headers=headers)

        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
        assert [result["status"] for result in first.json()["data"]] == [201, 400]
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize(
        ("more", "code", "param"),
        [
            ({"tier": "platinum"}, "parameter_invalid", "tier"),
            ({"joined_at": "2999-01-01"}, "parameter_invalid", "joined_at"),
            ({"lots": [{"points": 1, "available_at": "2999-01-01"}]}, "parameter_invalid", "lots[0].available_at"),
            ({"lots": [{"points": 0}]}, "parameter_invalid", "lots[0].points"),
            ({"points": 3, "lots": [{"points": 1}]}, "parameter_conflict", "points"),
            ({"lifetime_points": -1}, "parameter_invalid", "lifetime_points"),
            ({"expires_at": "2030-01-01"}, "unknown_parameter", "expires_at"),
        ],
    )
    def test_refuses_what_no_member_can_have(self, client: httpx2.Client, more: Json, code: str, param: str) -> None:
        refused, taken = bring(client, {"customer": "cust_a"} | more, {"customer": "cust_b"})

        assert (refused["error"]["code"], refused["error"]["param"]) == (code, f"accounts[0].{param}")
        assert (taken["status"], client.get("/v1/loyalty/accounts").json()["data"][0]["customer"]) == (201, "cust_b")

    def test_leaves_a_ledger_that_agrees(self, client: httpx2.Client, shared_server: RunningServer) -> None:
        client.post("/v1/loyalty/accounts", json={"program": "prog_p", "customer": "cust_here"})
        lots = [{"points": 5, "expires_at": "2025-01-01"}, {"points": 6, "expires_at": NEXT_YEAR.isoformat()}]
        items = [
            {"customer": "cust_here", "lifetime_points": 1_000},
            {"customer": "cust_a", "lots": lots, "lifetime_points": 3, "tier": "gold"},
            {"customer": "cust_b", "points": -20},
        ]

        results = bring(client, *items)
        for result in results:
            body = {"account": result["account"]["id"], "points": 600}
            assert client.post("/v1/loyalty/points/award", json=body).status_code == 201

        assert [result["status"] for result in results] == [201, 201, 201]
        assert verify(shared_server.database_url).is_consistent

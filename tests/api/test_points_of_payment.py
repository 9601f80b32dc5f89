"""What a payment did to a member's points is one list: its awards, and what was taken of them and given back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from test_lots import post

from conftest import RunningServer, make_realm

Json = dict[str, Any]
POINTS, PAYMENTS = "/v1/loyalty/points", "/v1/payments"


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm with a program that gives a point for each euro, and a member."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        post(client, "/v1/loyalty/programs", {"id": "prog_p", "name": "P"})
        earn = {"earn": {"points_per_currency_unit": 1}}
        post(client, "/v1/loyalty/earning_rules", {"program": "prog_p", "trigger": "payment.completed", **earn})
        post(client, "/v1/loyalty/accounts", {"program": "prog_p", "customer": "cust_a"})
        yield client


def pay(client: httpx2.Client, id: str, amount: int) -> None:
    """A payment of the member."""
    post(client, PAYMENTS, {"id": id, "customer": "cust_a", "amount": amount, "currency": "EUR"})


def listed(client: httpx2.Client, **query: Any) -> Json:
    """A page of transactions."""
    answer = client.get(POINTS, params=query)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


def test_are_awards_what_refunds_took_and_what_came_back(client: httpx2.Client) -> None:
    pay(client, "pay_1", 10_000)
    pay(client, "pay_2", 5_000)
    post(client, f"{PAYMENTS}/pay_1/refund", {"id": "re_1", "amount": 4_000})
    post(client, "/v1/refunds/re_1/cancel", {})
    post(client, f"{PAYMENTS}/pay_2/refund", {"id": "re_2"})

    found = listed(client, payment="pay_1")["data"]

    moves = sorted((entry["kind"], entry["points"]) for entry in found)
    assert moves == [("award", 100), ("reinstatement", 40), ("reversal", -40)]
    assert listed(client, payment="pay_unknown")["data"] == []


def test_are_paged_and_narrowed_like_other_lists(client: httpx2.Client) -> None:
    pay(client, "pay_1", 10_000)
    for number in range(3):
        post(client, f"{PAYMENTS}/pay_1/refund", {"id": f"re_{number}", "amount": 1_000})

    first = listed(client, payment="pay_1", limit=3)
    rest = listed(client, payment="pay_1", starting_after=first["data"][-1]["id"])
    reversals = listed(client, payment="pay_1", kind="reversal")

    assert (first["has_more"], rest["has_more"]) == (True, False)
    seen = [entry["id"] for page in (first, rest) for entry in page["data"]]
    assert len(seen) == len(set(seen)) == 4
    assert [entry["points"] for entry in reversals["data"]] == [-10, -10, -10]

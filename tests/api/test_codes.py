"""What calls about single codes answer, where carts have no part in it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from conftest import RunningServer, make_realm

CODES = "/v1/engagement/codes"


@pytest.fixture(scope="module")
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A client of a realm of its own, with a program and an offer that codes open."""
    with shared_server.client(make_realm(shared_server.database_url, "tnt_codes").key) as made:
        made.post("/v1/loyalty/programs", json={"name": "Shop", "id": "prog_shop"})
        bonus = {"type": "points_bonus", "points": 100}
        offer = {
            "id": "ofr_bonus",
            "program": "prog_shop",
            "name": "Bonus",
            "incentive": bonus,
            "requires_code": True,
        }
        assert made.post("/v1/engagement/offers", json=offer).status_code == 201
        yield made


def test_a_code_that_reads_like_a_refusal_is_looked_up_like_any_other(client: httpx2.Client) -> None:
    new = {"offer": "ofr_bonus", "code": "code_unknown", "metadata": {"why": "code_unknown"}}
    made = client.post(CODES, json=new)
    assert made.status_code == 201, made.text

    found = client.post(f"{CODES}/lookup", json={"code": "CODE_UNKNOWN"})

    assert (found.status_code, found.json()["id"]) == (200, made.json()["id"])


def test_a_code_that_can_not_be_redeemed_is_the_field_at_fault(client: httpx2.Client) -> None:
    account = client.post("/v1/loyalty/accounts", json={"program": "prog_shop", "customer": "cust_1"}).json()["id"]
    client.post(CODES, json={"offer": "ofr_bonus", "code": "LATER", "starts_at": "2090-01-01"})

    refused = client.post(f"{CODES}/redeem", json={"code": "later", "account": account})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (409, "code_not_applicable", "code")
    assert error["message"].startswith(f"Code later can't be redeemed for account {account}: code_not_started.")
    assert [code["reason"] for code in error["details"]["codes"]] == ["code_not_started"]

"""Tiers over the API: by hand, a thousand at once, and the history of those that were held (R12i, R12j)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from conftest import RunningServer, make_realm

Json = dict[str, Any]
ACCOUNTS = "/v1/loyalty/accounts"
# 31 December 2029 ends in Berlin an hour before it does in UTC.
START, END_OF_2029 = "2028-03-01", 1_893_452_400


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm with a program of calendar years in Berlin, on a test clock."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        clock = post(client, "/v1/test_helpers/test_clocks", {"frozen_time": START})["id"]
        tiers = [{"id": "silver", "threshold": 300}, {"id": "gold", "threshold": 1000}]
        policy = {"metric": "points_earned", "window": "calendar_year"}
        program = {"id": "prog_p", "name": "P", "timezone": "Europe/Berlin", "test_clock": clock}
        post(client, "/v1/loyalty/programs", program | {"tiers": tiers, "tier_policy": policy})
        yield client


def post(client: httpx2.Client, path: str, body: Json) -> Json:
    """The answer of a write."""
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    made: Json = answer.json()
    return made


def member(client: httpx2.Client) -> str:
    """A new account."""
    return str(post(client, ACCOUNTS, {"program": "prog_p", "customer": f"cust_{uuid.uuid4().hex}"})["id"])


def test_a_bare_date_is_the_end_of_that_day_in_the_programs_zone(client: httpx2.Client) -> None:
    dates = {"expires_at": "2029-12-31", "locked_until": "2029-12-31"}

    shown = post(client, f"{ACCOUNTS}/{member(client)}/tier", {"tier": "gold", **dates})

    ends = (shown["tier_expires_at"], shown["tier_locked_until"], shown["tier_lock"])
    assert ends == (END_OF_2029, END_OF_2029, "at_least")


def test_each_of_many_has_a_result(client: httpx2.Client) -> None:
    one, other = member(client), member(client)
    post(client, "/v1/loyalty/points/award", {"account": other, "points": 1000})
    brought = {"tier": "silver", "expires_at": "2029-12-31", "notify": False}
    items = [{"account": id, **brought} for id in (one, other, "loy_none")]
    items.append({"account": one, "tier": "gold", "expires_at": "2001-01-01"})

    answer = post(client, f"{ACCOUNTS}/tiers", {"accounts": items})

    assert [result["status"] for result in answer["data"]] == [200, 409, 404, 400]
    assert answer["data"][0]["account"]["tier_expires_at"] == END_OF_2029
    refused = [result["error"] for result in answer["data"][1:]]
    assert [error["param"] for error in refused] == [
        "accounts[1].tier",
        "accounts[2].account",
        "accounts[3].expires_at",
    ]
    assert refused[0]["details"]["confirmed"] == "gold"


def test_the_history_is_a_list_each_until_the_next(client: httpx2.Client) -> None:
    account = member(client)
    for points in (300, 700):
        post(client, "/v1/loyalty/points/award", {"account": account, "points": points})
    url = f"{ACCOUNTS}/{account}/tiers"

    whole = client.get(url).json()["data"]
    rest = client.get(url, params={"starting_after": whole[0]["id"]}).json()["data"]

    assert [(held["tier"], held["cause"]["type"]) for held in whole] == [
        ("gold", "earned"),
        ("silver", "earned"),
        (None, "enrolled"),
    ]
    assert [held["until"] for held in whole] == [None, whole[0]["since"], whole[1]["since"]]
    assert rest == whole[1:]


def test_a_lock_needs_its_end(client: httpx2.Client) -> None:
    answer = client.post(f"{ACCOUNTS}/{member(client)}/tier", json={"tier": "gold", "lock": "exactly"})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "parameter_invalid", "locked_until")


def test_accounts_are_found_by_the_end_and_the_lock_of_their_tier(client: httpx2.Client) -> None:
    soon, later, none = member(client), member(client), member(client)
    post(client, f"{ACCOUNTS}/{soon}/tier", {"tier": "gold", "expires_at": "2029-12-31"})
    post(client, f"{ACCOUNTS}/{later}/tier", {"tier": "gold", "expires_at": "2031-12-31", "locked_until": "2030-12-31"})

    def found(**query: Any) -> set[str]:
        answer = client.get(ACCOUNTS, params={"program": "prog_p", **query})
        assert answer.status_code == 200, answer.text
        return {account["id"] for account in answer.json()["data"]}

    assert found(**{"tier_expires_at[lte]": END_OF_2029}) == {soon}
    assert found(**{"tier_expires_at[gt]": END_OF_2029}) == {later}
    assert (found(locked="true"), found(locked="false")) == ({later}, {soon, none})
    assert found(tier="gold", locked="false") == {soon}

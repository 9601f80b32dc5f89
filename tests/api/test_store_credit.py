"""Store credit as callers see it: its liability, its lists, and that points and credit don't mix (R25, R27)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from test_lots import JULY, JUNE, MAY, post

from conftest import RunningServer, make_realm, wait_until

Json = dict[str, Any]
CREDIT, POINTS = "/v1/store_credit", "/v1/loyalty/points"
HOUR = 3_600


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm with a member of a program on a test clock that stands in May 2026."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        clock = post(client, "/v1/test_helpers/test_clocks", {"frozen_time": MAY})["id"]
        post(client, "/v1/loyalty/programs", {"id": "prog_p", "name": "P", "test_clock": clock})
        post(client, "/v1/loyalty/accounts", {"program": "prog_p", "customer": "cust_a"})
        yield client


def move(client: httpx2.Client, verb: str, amount: int, **body: Any) -> Json:
    """A movement of the member's store credit in euros."""
    return post(client, f"{CREDIT}/{verb}", {"customer": "cust_a", "currency": "EUR", "amount": amount, **body})


def read(client: httpx2.Client, path: str, **query: Any) -> Json:
    """What a read answers."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


def liability(client: httpx2.Client, **query: Any) -> Json:
    """The liability in euros."""
    (shown,) = read(client, f"{CREDIT}/liability", currency="EUR", **query)["data"]
    return dict(shown)


def advance(client: httpx2.Client, instant: int) -> None:
    """The test clock stands at the instant, and what was due is written."""
    (clock,) = read(client, "/v1/test_helpers/test_clocks")["data"]
    post(client, f"/v1/test_helpers/test_clocks/{clock['id']}/advance", {"frozen_time": instant})
    url = f"/v1/test_helpers/test_clocks/{clock['id']}"
    wait_until(lambda: read(client, url)["status"] == "ready", what="the clock is ready")


class TestLiability:
    def test_adds_up_whenever_it_is_asked_for(self, client: httpx2.Client) -> None:
        """Scenario 38."""
        move(client, "grant", 2_000, expires_at=JUNE, origin="promotional")
        kept = move(client, "grant", 500, origin="refund")
        move(client, "grant", 7_500, expires_at=JULY)
        spent = move(client, "spend", 4_000, reason="by phone")
        post(client, f"{CREDIT}/reverse", {"transaction": spent["id"], "amount": 1_000})
        post(client, f"{CREDIT}/reverse", {"transaction": kept["id"]})
        advance(client, JUNE - HOUR)
        before = liability(client)
        advance(client, JUNE)
        after = liability(client)

        figures = ("granted", "returned", "spent", "reversed", "expired", "adjusted", "outstanding", "held")
        assert [before[name] for name in figures] == [10_000, 1_000, 4_000, 500, 0, 0, 6_500, 0]
        assert before["origins"] == {"goodwill": 6_500}
        assert before["ends"] == [{"until": JULY, "amount": 6_500}]
        assert [after[name] for name in figures] == [10_000, 1_000, 4_000, 500, 0, 0, 6_500, 0]
        assert liability(client, as_of=JUNE - HOUR) == before | {"as_of": JUNE - HOUR}

    def test_counts_what_is_over_as_expired_before_and_after_it_is_written(self, client: httpx2.Client) -> None:
        move(client, "grant", 2_000, expires_at=JUNE, origin="promotional")
        move(client, "grant", 8_000)
        move(client, "adjust", -500, reason="counted twice")
        unwritten = liability(client, as_of=JUNE)
        advance(client, JUNE + HOUR)

        written = liability(client, as_of=JUNE)

        assert written == unwritten
        assert (written["expired"], written["adjusted"], written["outstanding"]) == (1_500, -500, 8_000)
        assert written["ends"] == [{"until": None, "amount": 8_000}]

    def test_takes_no_parameters_but_its_own(self, client: httpx2.Client) -> None:
        answers = [client.get(f"{CREDIT}/liability", params=query) for query in ({"limit": 5}, {"as_of": "soon"})]

        assert [answer.json()["error"]["code"] for answer in answers] == ["unknown_parameter", "parameter_invalid"]


class TestLists:
    def test_points_and_credit_are_listed_apart(self, client: httpx2.Client) -> None:
        (account,) = read(client, "/v1/loyalty/accounts")["data"]
        award = post(client, f"{POINTS}/award", {"account": account["id"], "points": 5})
        grant = move(client, "grant", 500)

        assert [entry["id"] for entry in read(client, POINTS)["data"]] == [award["id"]]
        assert [entry["id"] for entry in read(client, f"{CREDIT}/transactions")["data"]] == [grant["id"]]
        assert len(read(client, "/v1/loyalty/accounts")["data"]) == 1
        for url in (f"{POINTS}/{grant['id']}", f"{CREDIT}/transactions/{award['id']}"):
            assert client.get(url).status_code == 404, url
        for url in (f"/v1/loyalty/accounts/{grant['account']}", f"/v1/loyalty/accounts/{grant['account']}/lots"):
            assert client.get(url).status_code == 404, url
        body = {"account": grant["account"], "points": 5}
        assert client.post(f"{POINTS}/award", json=body).json()["error"]["param"] == "account"

    def test_transactions_are_found_by_all_they_show(self, client: httpx2.Client) -> None:
        post(client, "/v1/payments", {"id": "pay_a", "customer": "cust_a", "amount": 900, "currency": "EUR"})
        grant = move(client, "grant", 500, origin="refund", payment="pay_a")
        spend = move(client, "spend", 200, payment="pay_a")
        back = post(client, f"{CREDIT}/reverse", {"transaction": spend["id"]})
        other = post(client, f"{CREDIT}/grant", {"customer": "cust_b", "currency": "USD", "amount": 100})

        def found(**query: Any) -> list[str]:
            return [entry["id"] for entry in read(client, f"{CREDIT}/transactions", **query)["data"]]

        mine = [back["id"], spend["id"], grant["id"]]
        assert found() == [other["id"], *mine]
        assert found(customer="cust_a") == found(account=grant["account"]) == found(currency="EUR") == mine
        assert found(payment="pay_a") == mine
        assert found(kind="spend") == [spend["id"]] and found(origin="refund") == [grant["id"]]
        assert found(customer="cust_a", limit=1, starting_after=spend["id"]) == [grant["id"]]
        shown = read(client, f"{CREDIT}/transactions/{grant['id']}")
        assert shown == grant

    def test_accounts_are_found_by_customer_and_currency(self, client: httpx2.Client) -> None:
        move(client, "grant", 500)
        post(client, f"{CREDIT}/accounts", {"customer": "cust_a", "currency": "usd"})

        (euros,) = read(client, f"{CREDIT}/accounts", customer="cust_a", currency="EUR")["data"]

        assert (euros["balance"], euros["held"], euros["next_expiry"]) == (500, 0, None)
        assert len(read(client, f"{CREDIT}/accounts", customer="cust_a")["data"]) == 2


class TestSettings:
    def test_are_the_defaults_until_somebody_says_otherwise(self, client: httpx2.Client) -> None:
        before = read(client, f"{CREDIT}/settings")
        post(client, f"{CREDIT}/settings", {"default_expiry_months": 24})
        changed = post(client, f"{CREDIT}/settings", {"expiry_rounding": "month"})

        assert (before["default_expiry_months"], before["expiry_rounding"]) == (None, "none")
        assert (changed["default_expiry_months"], changed["expiry_rounding"]) == (24, "month")
        assert read(client, f"{CREDIT}/settings") == changed


class TestRefusals:
    def test_name_the_field(self, client: httpx2.Client) -> None:
        grant = move(client, "grant", 500)
        bodies: list[tuple[str, Json, str, str]] = [
            ("grant", {"amount": 1, "customer": "cust_a"}, "parameter_missing", "currency"),
            ("grant", {"amount": 1}, "parameter_missing", "customer"),
            ("grant", {"amount": 1, "account": grant["account"], "currency": "USD"}, "parameter_conflict", "account"),
            ("spend", {"amount": 1, "account": grant["account"], "customer": "cust_b"}, "not_eligible", "account"),
            ("spend", {"amount": 1, "account": "crd_none"}, "resource_missing", "account"),
            ("spend", {"amount": 501, "account": grant["account"]}, "insufficient_credit", "amount"),
            ("grant", {"amount": 0, "account": grant["account"]}, "parameter_invalid", "amount"),
            ("adjust", {"amount": 0, "account": grant["account"], "reason": "x"}, "parameter_invalid", "amount"),
            ("reverse", {"transaction": "crt_none"}, "resource_missing", "transaction"),
            ("reverse", {"transaction": "ptx_none"}, "parameter_invalid", "transaction"),
        ]
        for verb, body, code, param in bodies:
            error = client.post(f"{CREDIT}/{verb}", json=body).json()["error"]
            assert (error["code"], error["param"]) == (code, param), (verb, body, error)

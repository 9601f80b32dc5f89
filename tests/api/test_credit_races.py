"""Races for store credit over two server processes: a wallet is spent once, held once, and returned once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
from test_races import CLIENTS, Call, Field, field, posting

from vinr_server.storage.laws.verify import verify

assert field, "the fixture of the two servers"


def a_wallet(field: Field, amount: int) -> dict[str, Any]:
    """The wallet of a new customer, in four grants."""
    customer = field.fresh("cust_credit")
    body = {"customer": customer, "currency": "EUR", "amount": amount // 4}
    for _ in range(4):
        granted = field.post("/v1/store_credit/grant", body)
    return {"id": granted["account"], "customer": customer}


def figures(field: Field, wallet: dict[str, Any]) -> tuple[int, int]:
    """Balance and what is held, as the other process sees it."""
    shown = field.clients[1].get(f"/v1/store_credit/accounts/{wallet['id']}").json()
    return shown["balance"], shown["held"]


def deadlocks(field: Field) -> int:
    """How many PostgreSQL has found. A connection tells its own when it closes, or after a second."""
    with psycopg.connect(field.servers[0].database_url) as connection:
        row = connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def spends(wallet: dict[str, Any]) -> list[Call]:
    """The three ways to spend 100: by hand, as a payment's tender, and by a session that holds it."""
    customer = {"customer": wallet["customer"], "currency": "EUR"}
    tender = {"type": "store_credit", "amount": 100, "account": wallet["id"]}
    cart = {**customer, "lines": [{"sku": "tea", "unit_price": 100}], "store_credit": True}
    return [
        posting("/v1/store_credit/spend", {"account": wallet["id"], "amount": 100}),
        posting("/v1/payments", {**customer, "amount": 150, "tenders": [tender]}),
        posting("/v1/checkout/sessions", cart),
    ]


class TestOneWallet:
    def test_is_never_overspent_by_anyone(self, field: Field) -> None:
        wallet = a_wallet(field, 10_000)

        answers = field.race(spends(wallet) * (2 * CLIENTS // 3 + 1))

        taken = [
            100 if not answer.json().get("store_credit") else answer.json()["store_credit"]["applied"]
            for answer in answers
            if answer.is_success and answer.json()["object"] != "checkout_session"
        ]
        held = [
            answer.json()["store_credit"]["applied"]
            for answer in answers
            if answer.is_success and answer.json()["object"] == "checkout_session"
        ]
        refused = Counter(answer.json()["error"]["code"] for answer in answers if answer.is_error)
        assert set(refused) == {"insufficient_credit"}
        assert sum(taken) + sum(held) == 10_000
        assert figures(field, wallet) == (0, sum(held))
        assert deadlocks(field) == 0
        assert verify(field.servers[0].database_url).disagreements == []

    def test_pays_a_session_once_or_gets_it_back_once(self, field: Field) -> None:
        for _ in range(6):
            wallet = a_wallet(field, 1_000)
            cart = {"customer": wallet["customer"], "currency": "EUR", "store_credit": True}
            session = field.post("/v1/checkout/sessions", {**cart, "lines": [{"sku": "tea", "unit_price": 1500}]})
            url = f"/v1/checkout/sessions/{session['id']}"
            paid = {
                "amount": 1500,
                "currency": "EUR",
                "customer": wallet["customer"],
                "checkout_session": session["id"],
            }
            ends = [posting("/v1/payments", paid), posting(f"{url}/expire", {}), posting(f"{url}/complete", {})]

            answers = field.race(ends * (CLIENTS // 3))

            status = field.clients[0].get(url).json()["status"]
            pays = [answer for answer in answers if answer.status_code == 201]
            assert len(pays) <= 1
            assert figures(field, wallet) == ((0, 0) if status == "completed" else (1_000, 0))
        assert verify(field.servers[0].database_url).disagreements == []

    def test_gets_back_what_refunds_return_exactly(self, field: Field) -> None:
        wallet = a_wallet(field, 1_000)
        tender = {"type": "store_credit", "amount": 777, "account": wallet["id"]}
        whose = {"customer": wallet["customer"], "currency": "EUR"}
        payment = field.post("/v1/payments", {**whose, "amount": 1301, "tenders": [tender]})["id"]
        refunds = [posting(f"/v1/payments/{payment}/refund", {"amount": amount}) for amount in range(1, 65)]

        answers = field.race(refunds)

        done = [answer.json()["refund"] for answer in answers if answer.is_success]
        total = sum(refund["amount"] for refund in done)
        returned = sum(refund["credit_returned"] for refund in done)
        assert returned == 777 * total // 1301
        assert figures(field, wallet) == (223 + returned, 0)
        rest = field.post(f"/v1/payments/{payment}/refund", {}) if total < 1301 else None
        assert rest is None or rest["refunded"]
        assert figures(field, wallet) == (1_000, 0)
        assert deadlocks(field) == 0
        assert verify(field.servers[0].database_url).disagreements == []

"""Races over two server processes: caps are exact, balances never overspent, ids and enrolments are one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg
import pytest

from conftest import PATIENCE_SECONDS, SCALE, RunningServer, make_database, start_server
from vinr_server.storage.laws.ledger import LAWS
from vinr_server.storage.laws.verify import snapshot, verify
from vinr_server.storage.postgres.embedded import EmbeddedServer

CLIENTS = 64
# How often the races for the cap of an offer are run.
REPEATS = max(int(SCALE), 1)
OFFERS = "/v1/engagement/offers"
Call = Callable[[httpx2.Client], httpx2.Response]


@dataclass
class Field:
    """Two server processes over one database, and clients with connections held open to both, in turns."""

    servers: Sequence[RunningServer]
    clients: Sequence[httpx2.Client]
    pool: ThreadPoolExecutor
    program: str
    number: int = 0

    def fresh(self, prefix: str) -> str:
        """A name not used before."""
        self.number += 1
        return f"{prefix}_{self.number}"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of a write outside any race."""
        answer = self.clients[0].post(path, json=body)
        assert answer.status_code in (200, 201), (path, answer.text)
        return dict(answer.json())

    def member(self, *, points: int = 0) -> str:
        """A new account that holds some points."""
        account = self.post("/v1/loyalty/accounts", {"program": self.program, "customer": self.fresh("cust")})["id"]
        if points:
            self.post("/v1/loyalty/points/award", {"account": account, "points": points})
        return str(account)

    def members(self, count: int) -> list[dict[str, Any]]:
        """So many new accounts."""
        bodies = [{"program": self.program, "customer": self.fresh("cust")} for _ in range(count)]
        return [one.json() for one in self.race([posting("/v1/loyalty/accounts", body) for body in bodies])]

    def offer(self, cap: int, incentive: dict[str, Any]) -> str:
        """A published offer that each member may use once, and all of them so often as the cap says."""
        body = {"program": self.program, "name": "Race", "incentive": incentive}
        limits = {"max_redemptions": cap, "per_member_limit": 1}
        offer = self.post(OFFERS, body | limits)["id"]
        self.post(f"{OFFERS}/{offer}/publish", {})
        return str(offer)

    def reward(self, *, cost: int = 100, **more: Any) -> str:
        """A new reward."""
        body = {"program": self.program, "name": "Prize", "points_cost": cost, "benefit": {"type": "voucher"}}
        return str(self.post("/v1/loyalty/rewards", body | more)["id"])

    def race(self, calls: Sequence[Call]) -> list[httpx2.Response]:
        """All calls at once, each by a client of its own where there are no more calls than clients."""
        starters = min(len(calls), len(self.clients))
        ready = threading.Barrier(starters)

        def run(lane: int) -> list[tuple[int, httpx2.Response]]:
            ready.wait(PATIENCE_SECONDS)
            return [(at, calls[at](self.clients[lane])) for at in range(lane, len(calls), starters)]

        answers = [one for lane in self.pool.map(run, range(starters)) for one in lane]
        return [answer for _at, answer in sorted(answers, key=lambda pair: pair[0])]


@pytest.fixture(scope="module")
def field(postgres: EmbeddedServer, template: str) -> Iterator[Field]:
    """The two servers, warm."""
    database_url = make_database(postgres, template)
    with ThreadPoolExecutor(2) as starting:
        servers = list(starting.map(lambda _: start_server(database_url, workers=1, with_worker=False), range(2)))
    clients = [servers[lane % 2].client() for lane in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = Field(servers, clients, pool, "")
        made.program = made.post("/v1/loyalty/programs", {"name": "Races"})["id"]
        rule = {"program": made.program, "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}}
        made.post("/v1/loyalty/earning_rules", rule)
        made.race([lambda client: client.get("/v1/payments")] * CLIENTS)
        yield made
    for client in clients:
        client.close()
    for server in servers:
        server.stop()


def posting(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Call:
    """A call that posts a body."""
    return lambda client: client.post(path, json=body, headers=headers)


def tally(answers: Sequence[httpx2.Response]) -> dict[str, int]:
    """How many answers there are of each status, or refusal code."""
    return dict(
        Counter(
            str(answer.json()["error"]["code"]) if answer.is_error else str(answer.status_code) for answer in answers
        )
    )


def account_of(field: Field, account: str) -> dict[str, Any]:
    """The account as the other process sees it."""
    answer = field.clients[1].get(f"/v1/loyalty/accounts/{account}")
    return dict(answer.json())


FAULTS = """
select 'balance of ' || a.id from accounts a left join entries e on e.realm = a.realm and e.account_id = a.id
group by a.realm, a.bucket, a.id
having a.ledger_balance_points <> coalesce(sum(e.points), 0) or a.sequence <> count(e.id) or a.ledger_balance_points < 0
union all
select 'lots of ' || a.id from accounts a left join lots l on l.realm = a.realm and l.account_id = a.id
group by a.realm, a.bucket, a.id having a.ledger_balance_points <> coalesce(sum(l.remaining_points), 0)
union all
select 'stock of ' || w.id from rewards w left join counters c on c.realm = w.realm and c.id = 'reward:' || w.id
left join redemptions r on r.realm = w.realm and r.reward_id = w.id and r.status = 'confirmed'
where w.stock is not null group by w.realm, w.id, w.stock, c.used
having coalesce(c.used, 0) <> count(r.id) or count(r.id) > w.stock
union all
select 'refunds of ' || p.id from payments p left join refunds f on f.realm = p.realm and f.payment_id = p.id
group by p.realm, p.bucket, p.id having p.refunded_minor <> coalesce(sum(f.amount_minor), 0)
"""


def faults(field: Field) -> list[str]:
    """What does not add up in the database."""
    with psycopg.connect(field.servers[0].database_url) as connection:
        return [str(row[0]) for row in connection.execute(FAULTS)]


class TestRedemptions:
    def test_never_overspend_a_balance(self, field: Field) -> None:
        reward = field.reward(cost=100)

        for _ in range(10):
            account = field.member(points=500)
            answers = field.race([posting("/v1/loyalty/redemptions", {"account": account, "reward": reward})] * 20)
            assert tally(answers) == {"201": 5, "insufficient_points": 15}
            assert account_of(field, account)["balance"] == 0
            assert len({answer.json()["id"] for answer in answers if answer.is_success}) == 5

        assert faults(field) == []

    @pytest.mark.parametrize(("cap", "demand"), [(1, 32), (10, 32), (50, 96), (50, 40)])
    def test_take_a_stock_exactly(self, field: Field, cap: int, demand: int) -> None:
        members = [field.member(points=10) for _ in range(8)]

        for _ in range(4 if cap < 50 else 2):
            reward = field.reward(cost=1, stock=cap)
            calls = [
                posting("/v1/loyalty/redemptions", {"account": members[at % 8], "reward": reward})
                for at in range(demand)
            ]
            for member in members:
                field.post("/v1/loyalty/points/award", {"account": member, "points": demand})
            expected = {"201": min(cap, demand)} | ({"reward_out_of_stock": demand - cap} if demand > cap else {})
            assert tally(field.race(calls)) == expected

        assert faults(field) == []

    def test_keep_to_a_members_limit(self, field: Field) -> None:
        reward = field.reward(cost=1, per_member_limit=3, stock=1000)

        for _ in range(5):
            accounts = [field.member(points=100), field.member(points=100)]
            calls = [
                posting("/v1/loyalty/redemptions", {"account": accounts[at % 2], "reward": reward})
                for at in range(CLIENTS)
            ]
            answers = field.race(calls)
            for account in (0, 1):
                assert tally(answers[account::2]) == {"201": 3, "not_eligible": CLIENTS // 2 - 3}
            assert [account_of(field, account)["balance"] for account in accounts] == [97, 97]

        assert faults(field) == []

    def test_are_canceled_once(self, field: Field) -> None:
        reward = field.reward(cost=100, stock=10)

        for _ in range(5):
            account = field.member(points=100)
            redemption = field.post("/v1/loyalty/redemptions", {"account": account, "reward": reward})["id"]
            answers = field.race([posting(f"/v1/loyalty/redemptions/{redemption}/cancel", {})] * 16)
            assert tally(answers) == {"200": 1, "redemption_already_canceled": 15}
            assert account_of(field, account)["balance"] == 100

        assert faults(field) == []

    def test_and_cancellations_keep_the_stock(self, field: Field) -> None:
        """Slots that cancellations free are taken again, whichever process does what."""
        reward = field.reward(cost=1, stock=8)
        account = field.member(points=10_000)
        for _ in range(4):
            made = [
                field.post("/v1/loyalty/redemptions", {"account": account, "reward": reward})["id"] for _ in range(8)
            ]
            calls = [posting(f"/v1/loyalty/redemptions/{one}/cancel", {}) for one in made]
            calls += [posting("/v1/loyalty/redemptions", {"account": account, "reward": reward})] * 24
            answers = field.race(calls)
            assert tally(answers[:8]) == {"200": 8}
            again = [answer.json()["id"] for answer in answers[8:] if answer.is_success]
            assert set(tally(answers[8:])) <= {"201", "reward_out_of_stock"}
            assert len(again) <= 8
            assert faults(field) == []
            for one in again:
                field.post(f"/v1/loyalty/redemptions/{one}/cancel", {})


class TestHolds:
    @pytest.mark.parametrize(("way", "status"), [("capture", "confirmed"), ("cancel", "canceled")])
    def test_end_once_by_a_call_or_by_time(self, field: Field, way: str, status: str) -> None:
        """The clock stands at the hold's last second while 63 clients end it, and then moves past that."""
        clock = field.post("/v1/test_helpers/test_clocks", {"frozen_time": "2026-01-15T12:00:00Z"})["id"]
        program = field.post("/v1/loyalty/programs", {"name": "Holds", "test_clock": clock})["id"]
        reward = {"program": program, "name": "Tea", "points_cost": 60, "benefit": {"type": "voucher"}, "stock": 1}
        holding = {"reward": field.post("/v1/loyalty/rewards", reward)["id"], "capture": False, "expires_in_minutes": 5}
        account = field.post("/v1/loyalty/accounts", {"program": program, "customer": field.fresh("cust")})["id"]
        field.post("/v1/loyalty/points/award", {"account": account, "points": 100})
        held = field.post("/v1/loyalty/redemptions", {"account": account, **holding})["id"]
        field.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2026-01-15T12:04:59Z"})
        url = f"/v1/loyalty/redemptions/{held}"

        calls = [posting(f"{url}/{way}", {})] * CLIENTS
        calls[1] = posting(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2026-01-15T12:05:00Z"})
        answers = field.race(calls)

        now = field.clients[0].get(url).json()["status"]
        shown = field.clients[0].get(f"/v1/loyalty/accounts/{account}").json()
        ended = sum(answer.is_success for answer in answers[:1] + answers[2:])
        assert (ended, now) in ((1, status), (0, "expired"))
        assert (shown["balance"], shown["held"]) == (40 if now == "confirmed" else 100, 0)
        assert faults(field) == []

    def test_never_reserve_more_than_there_is(self, field: Field) -> None:
        account = field.member(points=500)
        holding = {"account": account, "reward": field.reward(), "capture": False}

        answers = field.race([posting("/v1/loyalty/redemptions", holding)] * CLIENTS)

        assert Counter(answer.status_code for answer in answers) == {201: 5, 409: CLIENTS - 5}
        shown = field.clients[0].get(f"/v1/loyalty/accounts/{account}").json()
        assert (shown["balance"], shown["held"]) == (0, 500)


class TestPayments:
    def test_of_one_id_earn_once(self, field: Field) -> None:
        for _ in range(10):
            customer, payment = field.fresh("cust"), field.fresh("pay")
            account = field.post("/v1/loyalty/accounts", {"program": field.program, "customer": customer})["id"]
            body = {"id": payment, "amount": 2500, "currency": "EUR", "customer": customer}
            answers = field.race([posting("/v1/payments", body)] * 20)
            assert tally(answers) == {"201": 1, "200": 19}
            assert len({answer.content for answer in answers}) == 1
            assert account_of(field, account)["balance"] == 25

        assert faults(field) == []

    def test_of_one_id_and_different_bodies_are_one_of_them(self, field: Field) -> None:
        for _ in range(5):
            payment = field.fresh("pay")
            bodies = [{"id": payment, "amount": amount, "currency": "EUR"} for amount in range(1, 21)]
            answers = field.race([posting("/v1/payments", body) for body in bodies])
            assert tally(answers) == {"201": 1, "id_conflict": 19}

    def test_use_a_discount_once(self, field: Field) -> None:
        reward = field.reward(cost=1, benefit={"type": "discount", "amount": 100, "currency": "EUR"})

        for _ in range(5):
            redemption = field.post("/v1/loyalty/redemptions", {"account": field.member(points=1), "reward": reward})
            body = {"amount": 500, "currency": "EUR", "discounts": [redemption["discount"]]}
            answers = field.race([posting("/v1/payments", body)] * 16)
            assert tally(answers) == {"201": 1, "discount_consumed": 15}

    def test_in_bulk_of_the_same_ids_earn_once(self, field: Field) -> None:
        customers = [field.fresh("cust") for _ in range(10)]
        payments = [
            {"id": field.fresh("pay"), "amount": 1000, "currency": "EUR", "customer": customers[at % 10]}
            for at in range(60)
        ]
        orders = [payments, payments[::-1], payments[30:] + payments[:30], payments[::2] + payments[1::2]]

        calls = [
            posting("/v1/payments/bulk", {"payments": orders[at % 4], "program": field.program}) for at in range(8)
        ]
        answers = [answer.json() for answer in field.race(calls)]

        assert sum(answer["created"] for answer in answers) == 60
        assert sum(answer["existing"] for answer in answers) == 7 * 60
        for customer in customers:
            accounts = field.clients[0].get(f"/v1/loyalty/accounts?customer={customer}").json()["data"]
            assert [account["balance"] for account in accounts] == [60]
        assert faults(field) == []

    def test_in_bulk_under_one_key_are_one_call(self, field: Field) -> None:
        """Twins answer the same bytes; of calls with different bodies all but one are refused whole."""
        for _ in range(3):
            customers = [field.fresh("cust") for _ in range(20)]
            key = {"Idempotency-Key": field.fresh("night")}
            payments: list[Any] = [
                {"amount": 100 * (at + 1), "currency": "EUR", "customer": customer}
                for at, customer in enumerate(customers)
            ]
            payments.insert(7, {"amount": -1, "currency": "EUR"})
            bodies = [
                {"payments": payments, "program": field.program, "deliver_events": at % 2 == 1} for at in range(16)
            ]

            answers = field.race([posting("/v1/payments/bulk", body, key) for body in bodies])

            accepted = [answer for answer in answers if answer.status_code == 200]
            assert tally(answers) == {"200": 8, "idempotency_key_reused": 8}
            assert len({answer.content for answer in accepted}) == 1
            assert (accepted[0].json()["created"], accepted[0].json()["failed"]) == (20, 1)
            for at, customer in enumerate(customers):
                accounts = field.clients[0].get(f"/v1/loyalty/accounts?customer={customer}").json()["data"]
                assert [account["balance"] for account in accounts] == [at + 1]

        assert faults(field) == []


class TestRefunds:
    def test_of_one_id_move_once(self, field: Field) -> None:
        for _ in range(10):
            customer, refund = field.fresh("cust"), field.fresh("re")
            account = field.post("/v1/loyalty/accounts", {"program": field.program, "customer": customer})["id"]
            payment = field.post("/v1/payments", {"amount": 1000, "currency": "EUR", "customer": customer})["id"]
            calls = [posting(f"/v1/payments/{payment}/refund", {"id": refund, "amount": 400})] * 20
            assert tally(field.race(calls)) == {"201": 1, "200": 19}
            assert account_of(field, account)["balance"] == 6

        assert faults(field) == []

    def test_never_exceed_their_payment(self, field: Field) -> None:
        for _ in range(5):
            customer = field.fresh("cust")
            account = field.post("/v1/loyalty/accounts", {"program": field.program, "customer": customer})["id"]
            payment = field.post("/v1/payments", {"amount": 10_000, "currency": "EUR", "customer": customer})["id"]
            calls = [posting(f"/v1/payments/{payment}/refund", {"amount": 3000})] * 20
            assert tally(field.race(calls)) == {"201": 3, "refund_exceeds_payment": 17}
            shown = field.clients[0].get(f"/v1/payments/{payment}").json()
            assert (shown["amount_refunded"], account_of(field, account)["balance"]) == (9000, 10)

        assert faults(field) == []

    def test_and_reversals_take_no_more_than_the_award(self, field: Field) -> None:
        for _ in range(5):
            customer = field.fresh("cust")
            account = field.post("/v1/loyalty/accounts", {"program": field.program, "customer": customer})["id"]
            payment = field.post("/v1/payments", {"amount": 1000, "currency": "EUR", "customer": customer})
            award = payment["awards"][0]["points_transaction"]
            calls = [posting("/v1/loyalty/points/reverse", {"transaction": award})] * 8
            calls += [posting(f"/v1/payments/{payment['id']}/refund", {"amount": 100})] * 8
            answers = field.race(calls)
            assert {answer.status_code for answer in answers} <= {200, 201}
            shown = account_of(field, account)
            assert (shown["balance"], shown["lifetime_points"]) == (0, 0)

        assert faults(field) == []


class TestEnrolment:
    def test_at_once_makes_one_account(self, field: Field) -> None:
        for _ in range(10):
            customer = field.fresh("cust")
            calls = [posting("/v1/loyalty/accounts", {"program": field.program, "customer": customer})] * 20
            answers = field.race(calls)
            assert tally(answers) == {"201": 1, "200": 19}
            assert len({answer.json()["id"] for answer in answers}) == 1
            found = field.clients[0].get(f"/v1/loyalty/accounts?customer={customer}").json()["data"]
            assert len(found) == 1

    def test_at_once_with_payments_earns_or_does_not_but_never_breaks(self, field: Field) -> None:
        """A payment that comes before the enrolment earns nothing; none is refused or doubled."""
        for _ in range(10):
            customer = field.fresh("cust")
            payment = {"amount": 100, "currency": "EUR", "customer": customer}
            calls = [posting("/v1/loyalty/accounts", {"program": field.program, "customer": customer})]
            calls += [posting("/v1/payments", payment)] * 15
            answers = field.race(calls)
            assert tally(answers) == {"201": 16}
            earned = sum(len(answer.json()["awards"]) for answer in answers[1:])
            account = answers[0].json()["id"]
            assert account_of(field, account)["balance"] == earned

        assert faults(field) == []


class TestOffers:
    @pytest.mark.parametrize("cap", [1, 10, 500])
    def test_give_a_bonus_as_often_as_their_cap_says(self, field: Field, cap: int) -> None:
        """Distinct members, more of them than the cap has room for, each by one of 64 clients of two processes."""
        demand = cap + 100

        for _ in range(REPEATS * (2 if cap == 500 else 5)):
            members = field.members(demand)
            offer = field.offer(cap, {"type": "points_bonus", "points": 5})
            bodies = [{"offer": offer, "account": one["id"]} for one in members]
            answers = field.race([posting(f"{OFFERS}/activate", body) for body in bodies])
            assert tally(answers) == {"201": cap, "offer_limit_reached": demand - cap}
            assert field.clients[1].get(f"{OFFERS}/{offer}").json()["status"] == "exhausted"

        assert verify(field.servers[0].database_url).disagreements == []

    @pytest.mark.parametrize("cap", [1, 10, 500])
    def test_in_checkouts_are_held_as_often_and_held_again_when_freed(self, field: Field, cap: int) -> None:
        """Sessions hold the cap; those that give up make room for just as many others."""
        cart = {"currency": "EUR", "lines": [{"sku": "tea", "quantity": 1, "unit_price": 1000}]}

        for _ in range(REPEATS):
            members = field.members(cap + 50)
            offer = field.offer(cap, {"type": "percentage_discount", "percent": 10})
            opening = [posting("/v1/checkout/sessions", cart | {"customer": one["customer"]}) for one in members]
            opened = [answer.json() for answer in field.race(opening)]
            holders = [one["id"] for one in opened if offer in [use["offer"] for use in one["applied"]]]
            assert len(holders) == cap
            leaving = holders[: max(cap // 2, 1)]
            field.race([posting(f"/v1/checkout/sessions/{one}/expire", {}) for one in leaving])
            again = [answer.json() for answer in field.race(opening)]
            assert sum(offer in [use["offer"] for use in one["applied"]] for one in again) == len(leaving)
            field.post(f"{OFFERS}/{offer}/pause", {})

        assert verify(field.servers[0].database_url).disagreements == []


class TestPrograms:
    def test_at_once_with_their_first_members_never_break(self, field: Field) -> None:
        """A program, a member and a payment of that member, sent at the same moment to both processes."""
        for _ in range(40):
            program, customer = field.fresh("prog"), field.fresh("cust")
            calls = [posting("/v1/loyalty/programs", {"id": program, "name": "New"})]
            calls += [posting("/v1/loyalty/accounts", {"program": program, "customer": customer})] * 8
            calls += [posting("/v1/payments", {"amount": 100, "currency": "EUR", "customer": customer})] * 12
            answers = field.race(calls)
            assert answers[0].status_code == 201
            assert set(tally(answers[1:9])) <= {"200", "201", "resource_missing"}
            assert tally(answers[9:]) == {"201": 12}, [answer.text for answer in answers if answer.status_code >= 500]

    def test_are_seen_by_the_other_process_once_they_are_answered(self, field: Field) -> None:
        for _ in range(20):
            reward = field.reward(cost=1)
            account = field.member(points=1)
            other = field.clients[1].post("/v1/loyalty/redemptions", json={"account": account, "reward": reward})
            assert other.status_code == 201, other.text
            field.post(f"/v1/loyalty/rewards/{reward}/archive", {})
            refused = field.clients[1].post("/v1/loyalty/redemptions", json={"account": account, "reward": reward})
            assert tally([refused]) == {"reward_archived": 1}


class TestBudgets:
    def test_of_the_last_euros_nobody_takes_more_than_there_is(self, field: Field) -> None:
        budget = {"amount": 1_000, "currency": "SEK", "period": "year"}
        ten = {"name": "Ten", "type": "fixed_discount", "value": 100, "criteria": {"currency": "SEK"}, "budget": budget}
        offer = f"/v1/offers/{field.post('/v1/offers', ten)['id']}"
        cart = {"currency": "SEK", "lines": [{"sku": "tea", "unit_price": 500}]}
        opens = [posting("/v1/checkout/sessions", cart | {"customer": field.fresh("cust_b")}) for _ in range(CLIENTS)]

        opened = [answer.json() for answer in field.race(opens)]

        taking = [session for session in opened if session["total_discount"]]
        shown = field.clients[1].get(offer).json()["budget"]
        assert (len(taking), shown["used"], shown["reserved"], shown["remaining"]) == (10, 0, 1_000, 0)

        ends = [
            posting(f"/v1/checkout/sessions/{one['id']}/{end}", {}) for one in taking for end in ("expire", "complete")
        ]
        again = [answer.json() for answer in field.race([*ends, *opens[: CLIENTS - len(ends)]])]

        left = {one["id"]: one["status"] for one in again if one.get("status") in ("completed", "expired")}
        new = sum(one["total_discount"] for one in again if one.get("status") == "open")
        used = 100 * sum(status == "completed" for status in left.values())
        shown = field.clients[0].get(offer).json()["budget"]
        assert (shown["used"], shown["reserved"]) == (used, new)
        assert used + new <= 1_000
        assert found_by(field, "I3 ", "R56 ") == []

    def test_a_grant_is_used_once_by_whoever_comes_first(self, field: Field) -> None:
        terms = {"incentive": {"type": "points_multiplier", "multiplier": 2}, "application": "granted"}
        body = {"program": field.program, "name": "Twice", "per_member_limit": 3, **terms}
        offer = field.post(OFFERS, body)["id"]
        field.post(f"{OFFERS}/{offer}/publish", {})
        account = field.post("/v1/loyalty/accounts", {"program": field.program, "customer": field.fresh("cust")})
        paid = {"amount": 1_000, "currency": "EUR", "customer": account["customer"]}

        granted = field.race([posting(f"{OFFERS}/{offer}/grant", {"account": account["id"]})] * CLIENTS)
        field.race([posting("/v1/payments", paid)] * CLIENTS)

        assert tally(granted) == {"201": 3, "offer_limit_reached": CLIENTS - 3}
        assert account_of(field, account["id"])["balance"] == 10 * (CLIENTS + 3)
        assert found_by(field, "I3 ", "R48 ") == []


def found_by(field: Field, *laws: str) -> list[str]:
    """What the laws whose names begin so find in the database; and whether PostgreSQL has found deadlocks."""
    with snapshot(field.servers[0].database_url) as connection:
        found = [law for law, query in LAWS.items() if law.startswith(laws) and connection.execute(query).fetchall()]
        (deadlocks,) = connection.execute(
            "select deadlocks from pg_stat_database where datname = current_database()"
        ).fetchone() or (0,)
    return [*found, *(["deadlocks"] if deadlocks else [])]

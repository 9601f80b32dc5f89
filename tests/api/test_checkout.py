"""Checkouts over HTTP: what carts get, what sessions hold, what payments use up; on PostgreSQL and two processes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx2
import psycopg
import pytest

from conftest import RunningServer, make_realm
from vinr_server.storage.laws.verify import verify

Json = dict[str, Any]
numbers = itertools.count(1)


class Shop:
    """A realm of its own, in few words."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.realm = make_realm(server.database_url, f"tnt_shop_{next(numbers)}_{id(self)}")
        self.client: httpx2.Client = server.client(self.realm.key)
        self.clock: str | None = None
        self.program = self.post("/v1/loyalty/programs", {"name": "Shop", "tiers": [{"id": "gold", "threshold": 100}]})

    def post(self, path: str, body: Json | None = None, *, code: str | None = None) -> Any:
        """The answer; a refusal must be expected by its code."""
        answer = self.client.post(path, json=body or {})
        payload = answer.json()
        if code is not None:
            assert payload.get("error", {}).get("code") == code, payload
            return payload["error"]
        assert answer.status_code in (200, 201), payload
        return payload

    def get(self, path: str) -> Any:
        """The answer."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def member(self, **more: Any) -> Json:
        """A customer with an account."""
        body = {"program": self.program["id"], "customer": f"cust_{next(numbers)}", **more}
        return dict(self.post("/v1/loyalty/accounts", body))

    def offer(self, kind: str, value: int | None = None, **criteria: Any) -> str:
        """A checkout offer; what does not belong to its criteria is said of the offer."""
        of_offer = {name: criteria.pop(name) for name in ("per", "active", "stacking", "priority") if name in criteria}
        body = {"name": kind, "type": kind, "value": value, "criteria": criteria, **of_offer}
        return str(self.post("/v1/offers", body)["id"])

    def percent(self, percent: int, **more: Any) -> str:
        """A published percentage for members."""
        incentive = {"type": "percentage_discount", "percent": percent}
        if "max_discount" in more:
            incentive["max_discount"] = more.pop("max_discount")
        body = {"name": f"{percent} %", "program": self.program["id"], "incentive": incentive, **more}
        offer = self.post("/v1/engagement/offers", body)
        self.post(f"/v1/engagement/offers/{offer['id']}/publish")
        return str(offer["id"])

    def voucher(self, member: Json, **benefit: Any) -> str:
        """A discount that the member redeemed points for."""
        reward = {"program": self.program["id"], "name": "A voucher", "points_cost": 10}
        reward |= {"benefit": {"type": "discount", "currency": "EUR", **benefit}}
        made = self.post("/v1/loyalty/rewards", reward)
        self.post("/v1/loyalty/points/award", {"account": member["id"], "points": 10})
        redemption = self.post("/v1/loyalty/redemptions", {"account": member["id"], "reward": made["id"]})
        return str(redemption["discount"])

    def evaluate(self, body: Json) -> Json:
        """What a cart gets."""
        return dict(self.post("/v1/checkout/evaluate", body))

    def open(self, body: Json) -> Json:
        """A session."""
        return dict(self.post("/v1/checkout/sessions", body))

    def session(self, id: str) -> Json:
        """The session as it stands."""
        return dict(self.get(f"/v1/checkout/sessions/{id}"))

    def pay(self, session: Json, *, code: str | None = None, **more: Any) -> Json:
        """A payment of the session's total by its customer."""
        body = {"amount": session["total"], "currency": session["currency"], "checkout_session": session["id"]}
        if session["customer"] is not None:
            body["customer"] = session["customer"]
        return dict(self.post("/v1/payments", body | more, code=code))

    def events(self, kind: str) -> list[Json]:
        """The data of the events of a type, newest first."""
        return [one["data"] for one in self.get(f"/v1/events?type={kind}&limit=100")["data"]]


@pytest.fixture
def shop(shared_server: RunningServer) -> Iterator[Shop]:
    """A shop that nobody else shops at."""
    made = Shop(shared_server)
    yield made
    made.client.close()


def cart(*prices: int, customer: str | None = None, **more: Any) -> Json:
    """A unit of A, B, … at each price."""
    lines = [{"sku": chr(65 + at), "unit_price": price} for at, price in enumerate(prices)]
    return {"currency": "EUR", "lines": lines} | ({"customer": customer} if customer else {}) | more


def applied(body: Json) -> list[str]:
    """The offers and discounts that applied, in their order."""
    return [one["offer"] or one["discount"] for one in body["applied"]]


def why(body: Json, id: str) -> list[str]:
    """The conditions that kept one out."""
    return [unmet["condition"] for one in body["rejected"] if id in one.values() for unmet in one["unmet"]]


class TestEvaluate:
    def test_tells_line_by_line_what_a_cart_gets(self, shop: Shop) -> None:
        offer = shop.offer("fixed_discount", 1000, min_subtotal=8000)

        got = shop.evaluate(cart(3333, 3333, 3334, shipping={"amount": 499}))

        assert [line["discount"] for line in got["lines"]] == [333, 333, 334]
        assert (got["subtotal"], got["total_discount"], got["total"]) == (10_000, 1000, 9499)
        assert got["shipping"] == {"amount": 499, "discount": 0, "total": 499}
        assert applied(got) == [offer]
        assert got["applied"][0]["receipt"]["base"] == 10_000

    def test_knows_at_once_on_every_process_what_an_offer_has_become(self, shop: Shop) -> None:
        for _ in range(5):
            offer = shop.offer("fixed_discount", 100)
            seen = {shop.evaluate(cart(1000))["total_discount"] for _ in range(4)}
            shop.post(f"/v1/offers/{offer}", {"active": False})
            gone = {shop.evaluate(cart(1000))["total_discount"] for _ in range(4)}
            assert (seen, gone) == ({100}, {0})

    def test_writes_and_holds_nothing(self, shop: Shop) -> None:
        member = shop.member()
        shop.percent(50, max_redemptions=1)
        body = cart(1000, customer=member["customer"])

        answers = [shop.evaluate(body) for _ in range(3)]

        assert [one["total"] for one in answers] == [500, 500, 500]
        assert shop.get("/v1/checkout/sessions")["data"] == []

    def test_says_what_is_missing(self, shop: Shop) -> None:
        over = shop.offer("fixed_discount", 100, min_subtotal=5000)
        dollars = shop.offer("fixed_discount", 100, currency="USD")
        shoes = shop.offer("bogo", None, skus=["A"])

        got = shop.evaluate(cart(4580))

        assert got["total_discount"] == 0
        told = {one["offer"]: one["unmet"][0]["change"] for one in got["rejected"]}
        assert told == {over: "spend 420 more", dollars: "pay in USD", shoes: "add 1 more of A"}

    def test_gives_members_what_is_theirs(self, shop: Shop) -> None:
        gold, silver = shop.member(), shop.member()
        shop.post("/v1/loyalty/points/award", {"account": gold["id"], "points": 100})
        offer = shop.percent(20, targeting={"tiers": ["gold"]}, max_discount=1500)

        mine = shop.evaluate(cart(10_000, customer=gold["customer"]))

        assert (mine["total_discount"], mine["applied"][0]["account"]) == (1500, gold["id"])
        assert why(shop.evaluate(cart(10_000, customer=silver["customer"])), offer) == ["tiers"]
        assert why(shop.evaluate(cart(10_000, customer="cust_unknown")), offer) == ["account"]
        assert why(shop.evaluate(cart(10_000)), offer) == ["account"]

    def test_counts_first_orders_of_customers_who_are_no_members(self, shop: Shop) -> None:
        offer = shop.offer("fixed_discount", 100, first_order=True)

        assert applied(shop.evaluate(cart(1000, customer="cust_new"))) == [offer]
        shop.post("/v1/payments", {"amount": 5, "currency": "EUR", "customer": "cust_new"})

        assert why(shop.evaluate(cart(1000, customer="cust_new")), offer) == ["first_order"]
        assert why(shop.evaluate(cart(1000)), offer) == ["first_order"]

    def test_gives_segments_what_is_theirs(self, shop: Shop) -> None:
        inside, outside = shop.member(), shop.member()
        shop.post("/v1/engagement/segments", {"id": "vip", "name": "VIP", "type": "static"})
        shop.post("/v1/engagement/segments/vip/members", {"accounts": [inside["id"]]})
        offer = shop.offer("fixed_discount", 100, segments=["vip"])
        percent = shop.percent(10, targeting={"segments": ["vip"]})

        assert set(applied(shop.evaluate(cart(1000, customer=inside["customer"])))) == {offer, percent}
        for customer in (outside["customer"], "cust_unknown", None):
            assert why(shop.evaluate(cart(1000, customer=customer)), offer) == ["segments"]

    def test_gives_segments_by_what_was_bought_lately(self, shop: Shop) -> None:
        loyal, other = shop.member(), shop.member()
        lately = {"payments": {"gte": 1, "days": 30}}
        shop.post("/v1/engagement/segments", {"id": "lately", "name": "L", "type": "dynamic", "conditions": lately})
        shop.post("/v1/payments", {"amount": 500, "currency": "EUR", "customer": loyal["customer"]})
        offer = shop.offer("fixed_discount", 100, segments=["lately"])

        assert applied(shop.evaluate(cart(1000, customer=loyal["customer"]))) == [offer]
        assert why(shop.evaluate(cart(1000, customer=other["customer"])), offer) == ["segments.lately.payments"]

    def test_takes_issued_discounts(self, shop: Shop) -> None:
        member, other = shop.member(), shop.member()
        voucher = shop.voucher(member, amount=500)
        body = cart(2000, customer=member["customer"], discounts=[voucher])

        assert (applied(shop.evaluate(body)), shop.evaluate(body)["total"]) == ([voucher], 1500)
        shop.post("/v1/checkout/evaluate", body | {"currency": "USD"}, code="parameter_conflict")
        shop.post("/v1/checkout/evaluate", body | {"customer": other["customer"]}, code="not_eligible")
        shop.post("/v1/checkout/evaluate", body | {"discounts": ["disc_none"]}, code="resource_missing")
        shop.post(f"/v1/discounts/{voucher}/consume")
        shop.post("/v1/checkout/evaluate", body, code="discount_consumed")

    def test_needs_the_opt_in_of_offers_that_ask_for_it(self, shop: Shop) -> None:
        member = shop.member()
        offer = shop.percent(10, application="opt_in")
        body = cart(1000, customer=member["customer"])

        assert why(shop.evaluate(body), offer) == ["activation"]
        shop.post("/v1/engagement/offers/activate", {"offer": offer, "account": member["id"]})

        assert applied(shop.evaluate(body)) == [offer]


class TestSessions:
    def test_hold_the_only_use_until_it_is_given_back(self, shop: Shop) -> None:
        first, second = shop.member(), shop.member()
        offer = shop.percent(50, max_redemptions=1)
        one = shop.open(cart(1000, customer=first["customer"]))
        two = shop.open(cart(1000, customer=second["customer"]))

        assert (applied(one), applied(two), why(two, offer)) == ([offer], [], ["max_redemptions"])
        assert shop.post(f"/v1/checkout/sessions/{one['id']}/expire")["status"] == "expired"
        three = shop.open(cart(1000, customer=second["customer"]))
        assert applied(three) == [offer]

        payment = shop.pay(three)
        assert shop.session(three["id"])["status"] == "completed"
        assert shop.session(three["id"])["payment"] == payment["id"]
        assert payment["checkout_session"] == three["id"]
        uses = shop.get(f"/v1/engagement/offers/{offer}/redemptions")["data"]
        assert [(use["payment"], use["status"]) for use in uses] == [(payment["id"], "confirmed")]
        assert applied(shop.evaluate(cart(1000, customer=first["customer"]))) == []
        assert shop.get(f"/v1/engagement/offers/{offer}")["status"] == "exhausted"

    def test_are_told_of_when_they_are_redeemed(self, shop: Shop) -> None:
        member = shop.member()
        offer, plain = shop.percent(50), shop.offer("fixed_discount", 100)
        session = shop.open(cart(1000, customer=member["customer"]))
        assert shop.events("loyalty.offer.redeemed") == []

        payment = shop.pay(session)

        told = {one["offer"]: one for one in shop.events("loyalty.offer.redeemed")}
        assert told.keys() == {offer, plain}
        assert told[offer]["account"] == member["id"]
        assert told[offer]["discount"] == {"amount": 500, "currency": "EUR"}
        assert {one["payment"] for one in told.values()} == {payment["id"]}

    def test_use_one_slot_of_a_member_each(self, shop: Shop) -> None:
        member = shop.member()
        offer = shop.percent(50)
        body = cart(1000, customer=member["customer"])
        first = shop.open(body)

        assert why(shop.open(body), offer) == ["per_member_limit"]
        shop.pay(first)

        assert why(shop.open(body), offer) == ["per_member_limit"]

    def test_give_the_members_slot_back_with_a_full_refund(self, shop: Shop) -> None:
        member = shop.member()
        offer = shop.percent(50)
        payment = shop.pay(shop.open(cart(1000, customer=member["customer"])))

        shop.post(f"/v1/payments/{payment['id']}/refund")

        assert applied(shop.open(cart(1000, customer=member["customer"]))) == [offer]

    def test_are_completed_by_a_payment_on_record_as_by_one_that_names_them(self, shop: Shop) -> None:
        member = shop.member()
        voucher = shop.voucher(member, amount=100)
        offers = [shop.percent(50, per_member_limit=None), shop.offer("fixed_discount", 100)]
        body = cart(1000, customer=member["customer"], discounts=[voucher])
        session = shop.open(body)
        payment = shop.pay(session, checkout_session=None)
        assert (payment["checkout_session"], payment["offer_redemptions"]) == (None, [])

        shop.post(f"/v1/checkout/sessions/{session['id']}/complete", {"payment": payment["id"]})

        recorded = shop.get(f"/v1/payments/{payment['id']}")
        assert (recorded["checkout_session"], recorded["discounts"]) == (session["id"], [voucher])
        assert {one["offer"] for one in recorded["offer_redemptions"]} == set(offers)
        reported = shop.pay(shop.open(body | {"discounts": []}))
        assert recorded["offer_redemptions"][0].keys() == reported["offer_redemptions"][0].keys()
        shop.post(f"/v1/payments/{payment['id']}/refund")
        uses = shop.get(f"/v1/engagement/offers/{offers[0]}/redemptions")["data"]
        assert {use["payment"]: use["status"] for use in uses} == {
            payment["id"]: "refunded", reported["id"]: "confirmed",
        }  # fmt: skip

    def test_have_one_payment_each_and_a_payment_one_of_them(self, shop: Shop) -> None:
        body = cart(1000, customer=shop.member()["customer"])
        sessions = [shop.open(body), shop.open(body)]
        one, two = (session["id"] for session in sessions)
        payment = shop.pay(sessions[0], checkout_session=None)["id"]
        shop.post(f"/v1/checkout/sessions/{one}/complete", {"payment": payment})

        taken = shop.post(f"/v1/checkout/sessions/{two}/complete", {"payment": payment}, code="payment_has_session")
        again = shop.pay(sessions[0], code="checkout_session_not_open")

        for error in (taken, again):
            assert (error["details"]["payment"], error["details"]["checkout_session"]) == (payment, one)
            assert payment in error["message"] and one in error["message"]

    def test_are_over_at_the_second_that_they_show(self, shop: Shop, shared_server: RunningServer) -> None:
        session = shop.open(cart(1000))

        with psycopg.connect(shared_server.database_url) as connection:
            stored = connection.execute("select expires_at from checkout_sessions where id = %s", [session["id"]])
            assert stored.fetchone() == (datetime.fromtimestamp(session["expires_at"], UTC),)

    def test_stay_as_they_were_promised(self, shop: Shop) -> None:
        member = shop.member()
        offer = shop.percent(50)
        session = shop.open(cart(1000, customer=member["customer"]))

        shop.post(f"/v1/engagement/offers/{offer}", {"incentive": {"type": "percentage_discount", "percent": 10}})
        shop.post(f"/v1/engagement/offers/{offer}/pause")

        assert shop.session(session["id"]) == session
        changed = shop.post(f"/v1/checkout/sessions/{session['id']}", {"lines": cart(3000)["lines"]})
        assert (changed["total"], changed["applied"][0]["receipt"]["revision"]) == (1500, 1)
        payment = shop.pay(changed)
        (use,) = shop.get(f"/v1/engagement/offers/{offer}/redemptions")["data"]
        assert (use["revision"], use["discount"]["amount"], use["payment"]) == (1, 1500, payment["id"])

    def test_keep_a_deleted_offer(self, shop: Shop) -> None:
        offer = shop.offer("fixed_discount", 100)
        session = shop.open(cart(1000))
        assert shop.client.delete(f"/v1/offers/{offer}").status_code == 200

        changed = shop.post(f"/v1/checkout/sessions/{session['id']}", {"lines": cart(2000)["lines"]})

        assert changed["total"] == 1900
        assert shop.pay(changed)["checkout_session"] == session["id"]

    def test_give_back_what_a_changed_cart_no_longer_gets(self, shop: Shop) -> None:
        member = shop.member()
        offer = shop.percent(50, max_redemptions=1, conditions={"min_amount": 1000})
        voucher = shop.voucher(member, amount=300)
        session = shop.open(cart(1000, customer=member["customer"], discounts=[voucher]))
        assert set(applied(session)) == {offer, voucher}

        small = shop.post(f"/v1/checkout/sessions/{session['id']}", {"lines": cart(900)["lines"], "discounts": []})

        assert (applied(small), small["total"]) == ([], 900)
        assert shop.get(f"/v1/discounts/{voucher}")["status"] == "issued"
        other = shop.member()
        assert applied(shop.open(cart(1000, customer=other["customer"]))) == [offer]

    def test_find_the_limits_of_any_number_of_offers(self, shop: Shop) -> None:
        """More of them than a decision may ask for one by one: they are looked up together, for a changed cart too."""
        member = shop.member()
        offers = [shop.percent(1, per_member_limit=1, conditions={"skus": ["B"]}) for _ in range(70)]
        both = cart(1000, 9000, customer=member["customer"])
        assert applied(shop.evaluate(both)) == offers

        session = shop.open(cart(1000, customer=member["customer"]))
        assert applied(session) == []
        changed = shop.post(f"/v1/checkout/sessions/{session['id']}", {"lines": both["lines"]})

        assert applied(changed) == offers
        assert applied(shop.evaluate(both)) == []

    def test_hold_discounts_and_consume_them(self, shop: Shop) -> None:
        member = shop.member()
        voucher = shop.voucher(member, amount=300)
        session = shop.open(cart(1000, customer=member["customer"], discounts=[voucher]))
        held = shop.get(f"/v1/discounts/{voucher}")
        assert (held["status"], held["checkout_session"]) == ("reserved", session["id"])

        again = cart(1000, customer=member["customer"], discounts=[voucher])
        refusal = shop.post("/v1/checkout/sessions", again, code="discount_not_usable")
        assert refusal["details"]["checkout_session"] == session["id"]
        shop.post(f"/v1/discounts/{voucher}/consume", code="discount_not_usable")
        shop.post(f"/v1/discounts/{voucher}/release", code="discount_not_usable")
        redemption = held["redemption"]
        shop.post(f"/v1/loyalty/redemptions/{redemption}/cancel", code="discount_not_usable")

        payment = shop.pay(session)

        used = shop.get(f"/v1/discounts/{voucher}")
        assert (used["status"], used["payment"], used["checkout_session"]) == ("consumed", payment["id"], None)
        assert payment["discounts"] == [voucher]

    def test_hold_no_discount_that_takes_nothing_off(self, shop: Shop) -> None:
        member = shop.member()
        voucher = shop.voucher(member, amount=300)

        session = shop.open(cart(0, customer=member["customer"], discounts=[voucher]))

        assert why(session, voucher) == ["no_effect"]
        assert shop.get(f"/v1/discounts/{voucher}")["status"] == "issued"

    def test_earn_on_what_was_paid_for_the_goods(self, shop: Shop) -> None:
        member = shop.member()
        rule = {"program": shop.program["id"], "trigger": "payment.completed", "conditions": {"skus": ["A"]}}
        shop.post("/v1/loyalty/earning_rules", rule | {"earn": {"points_per_currency_unit": 1}})
        shop.percent(50)
        session = shop.open(cart(2000, 1000, customer=member["customer"], shipping={"amount": 500}))

        payment = shop.pay(session)

        assert (payment["amount"], payment["shipping"], payment["eligible_amount"]) == (2000, 500, 1500)
        assert [award["points"] for award in payment["awards"]] == [10]

    def test_are_paid_by_their_customer_in_full_and_once(self, shop: Shop) -> None:
        member, other = shop.member(), shop.member()
        session = shop.open(cart(1000, customer=member["customer"]))

        shop.pay(session, code="not_eligible", customer=other["customer"])
        shop.pay(session, code="parameter_conflict", amount=999)
        shop.pay(session, code="parameter_conflict", currency="USD")
        shop.pay(session, code="resource_missing", checkout_session="cs_none")
        payment = shop.pay(session)

        refusal = shop.pay(session, code="checkout_session_not_open")
        names = {"checkout_session": session["id"], "payment": payment["id"]}
        assert refusal["details"] == {"status": "completed", **names}
        shop.post(f"/v1/checkout/sessions/{session['id']}/expire", code="checkout_session_not_open")
        shop.post(f"/v1/checkout/sessions/{session['id']}", {"lines": []}, code="parameter_invalid")
        lines = {"lines": cart(2000)["lines"]}
        shop.post(f"/v1/checkout/sessions/{session['id']}", lines, code="checkout_session_not_open")

    def test_are_completed_with_a_payment_on_record_or_without(self, shop: Shop) -> None:
        member = shop.member()
        session = shop.open(cart(1000, customer=member["customer"]))
        wrong = shop.post("/v1/payments", {"amount": 900, "currency": "EUR", "customer": member["customer"]})
        right = shop.post("/v1/payments", {"amount": 1000, "currency": "EUR", "customer": member["customer"]})
        path = f"/v1/checkout/sessions/{session['id']}/complete"

        shop.post(path, {"payment": wrong["id"]}, code="parameter_conflict")
        shop.post(path, {"payment": "pay_none"}, code="resource_missing")
        assert shop.post(path, {"payment": right["id"]})["payment"] == right["id"]
        assert shop.post(path, {"payment": right["id"]})["payment"] == right["id"]
        shop.post(path, {"payment": wrong["id"]}, code="checkout_session_not_open")

        unpaid = shop.open(cart(1000))
        assert shop.post(f"/v1/checkout/sessions/{unpaid['id']}/complete")["status"] == "completed"

    def test_end_by_the_clock_of_their_member(self, shop: Shop) -> None:
        clock = shop.post("/v1/test_helpers/test_clocks", {"frozen_time": "2026-01-01T00:00:00Z"})
        program = shop.post("/v1/loyalty/programs", {"name": "Clocked", "test_clock": clock["id"]})
        shop.program = program
        first, second = shop.member(), shop.member()
        offer = shop.percent(50, max_redemptions=1)
        session = shop.open(cart(1000, customer=first["customer"]))
        assert session["expires_at"] - session["created"] == 30 * 60
        path = f"/v1/test_helpers/test_clocks/{clock['id']}"

        shop.post(f"{path}/advance", {"frozen_time": "2026-01-01T00:29:59Z"})
        _until_ready(shop, path)
        assert shop.session(session["id"])["status"] == "open"
        shop.post(f"{path}/advance", {"frozen_time": "2026-01-01T00:30:00Z"})
        shop.pay(session, code="checkout_session_not_open")
        _until_ready(shop, path)

        assert shop.session(session["id"])["status"] == "expired"
        assert applied(shop.open(cart(1000, customer=second["customer"]))) == [offer]

    def test_are_listed_newest_first(self, shop: Shop) -> None:
        made = [shop.open(cart(1000))["id"] for _ in range(3)]
        shop.post(f"/v1/checkout/sessions/{made[1]}/expire")

        assert [one["id"] for one in shop.get("/v1/checkout/sessions")["data"]] == made[::-1]
        assert [one["id"] for one in shop.get("/v1/checkout/sessions?status=expired")["data"]] == [made[1]]


class TestRaces:
    """Two processes, twelve callers at once."""

    def test_for_a_cap_are_won_by_as_many_as_it_has_room_for(self, shop: Shop) -> None:
        offer = shop.percent(50, max_redemptions=5)
        customers = [shop.member()["customer"] for _ in range(16)]

        opened = _all_at_once([partial(shop.open, cart(1000, customer=one)) for one in customers])
        winners = [one for one in opened if offer in applied(one)]
        assert len(winners) == 5
        # Two give up, three pay, and whoever lost tries again.
        calls = [partial(shop.post, f"/v1/checkout/sessions/{one['id']}/expire") for one in winners[:2]]
        calls += [partial(shop.pay, one) for one in winners[2:]]
        _all_at_once(calls)
        again = _all_at_once([partial(shop.open, cart(1000, customer=one)) for one in customers])

        assert sum(offer in applied(one) for one in again) == 2
        uses = shop.get(f"/v1/engagement/offers/{offer}/redemptions?limit=100")["data"]
        assert [use["status"] for use in uses] == ["confirmed"] * 3
        assert shop.get(f"/v1/engagement/offers/{offer}")["remaining"] == 0

    def test_to_complete_with_one_payment_are_won_once(self, shop: Shop) -> None:
        customer = shop.member()["customer"]
        sessions = [shop.open(cart(1000, customer=customer)) for _ in range(8)]
        payment = shop.pay(sessions[0], checkout_session=None)["id"]
        calls = [
            partial(shop.client.post, f"/v1/checkout/sessions/{session['id']}/complete", json={"payment": payment})
            for session in sessions
        ]

        answers = _all_at_once(calls)

        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        assert sum(shop.session(session["id"])["status"] == "completed" for session in sessions) == 1

    def test_to_pay_for_a_session_are_won_once(self, shop: Shop) -> None:
        session = shop.open(cart(1000, customer=shop.member()["customer"]))
        body = {"amount": 1000, "currency": "EUR", "customer": session["customer"], "checkout_session": session["id"]}

        answers = _all_at_once([partial(shop.client.post, "/v1/payments", json=body)] * 8)

        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def _all_at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each call answers, in their order."""
    with ThreadPoolExecutor(12) as callers:
        return [one.result() for one in [callers.submit(call) for call in calls]]


def _until_ready(shop: Shop, path: str) -> None:
    """The clock's due work is written; the worker does it within a second."""
    deadline = time.monotonic() + 10
    while shop.get(path)["status"] != "ready":
        assert time.monotonic() < deadline, "the clock is not ready"
        time.sleep(0.05)


def test_what_was_written_keeps_every_law(shared_server: RunningServer) -> None:
    verdict = verify(shared_server.database_url)

    assert not verdict.disagreements, verdict.disagreements

"""Races of referrals over two server processes: one registration keeps a customer, and a limit is exact."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from test_races import Field, field, posting

from vinr_server.storage.laws.verify import verify

assert field, "the fixture of the two servers"
FRIENDS = 24
LIMIT = 5


@pytest.fixture(scope="module")
def referring(field: Field) -> str:
    """A program whose referrers are rewarded five times for good, and each friend once."""
    program = field.post("/v1/loyalty/programs", {"name": "Friends"})["id"]
    rule = {"program": program, "trigger": "referral.converted", "earn": {"points": 10}}
    field.post("/v1/loyalty/earning_rules", rule)
    limit = {"max": LIMIT, "per": "lifetime"}
    field.post("/v1/referrals/programs", {"program": program, "limit": limit, "new_customers_only": False})
    return str(program)


def enroll(field: Field, program: str, count: int) -> list[dict[str, Any]]:
    """So many new accounts of the program."""
    bodies = [{"program": program, "customer": field.fresh("cust_friend")} for _ in range(count)]
    return [made.json() for made in field.race([posting("/v1/loyalty/accounts", body) for body in bodies])]


class TestRegistrations:
    def test_of_a_stranger_at_once_make_one_referral(self, field: Field, referring: str) -> None:
        referrers = enroll(field, referring, 8)
        stranger = field.fresh("cust_stranger")
        bodies = [{"referrer": one["id"], "customer": stranger} for one in referrers]

        answers = field.race([posting("/v1/referrals", body) for body in bodies for _ in range(3)])

        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 2, 409: 21}
        assert len({answer.json()["id"] for answer in answers if answer.status_code < 300}) == 1

    def test_of_each_other_at_once_are_one_way_round(self, field: Field, referring: str) -> None:
        ada, bob = enroll(field, referring, 2)
        ways = [
            {"referrer": ada["id"], "customer": bob["customer"]},
            {"referrer": bob["id"], "customer": ada["customer"]},
        ]

        answers = field.race([posting("/v1/referrals", body) for body in ways * 4])

        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 3, 409: 4}


class TestConversions:
    def test_at_once_reward_a_referrer_as_often_as_the_limit_says(self, field: Field, referring: str) -> None:
        (ada,) = enroll(field, referring, 1)
        code = field.post("/v1/referrals/codes", {"account": ada["id"]})["code"]
        friends = enroll(field, referring, FRIENDS)
        for friend in friends:
            field.post("/v1/referrals", {"code": code, "customer": friend["customer"]})
        paid = [{"amount": 1000, "currency": "EUR", "customer": friend["customer"]} for friend in friends]

        answers = field.race([posting("/v1/payments", body) for body in paid for _ in range(2)])

        assert {answer.status_code for answer in answers} == {201}
        assert sum(len(answer.json()["referrals"]) for answer in answers) == FRIENDS
        assert field.clients[0].get(f"/v1/loyalty/accounts/{ada['id']}").json()["balance"] == LIMIT * 10
        assert field.clients[0].get(f"/v1/referrals/codes/{code}").json()["conversions"] == FRIENDS
        events = field.clients[0].get("/v1/events", params={"type": "referral.converted", "limit": 100}).json()["data"]
        assert len(events) == FRIENDS

    def test_and_refunds_and_rejections_leave_no_law_broken(self, field: Field, referring: str) -> None:
        (ada,) = enroll(field, referring, 1)
        friends = enroll(field, referring, 12)
        for friend in friends:
            field.post("/v1/referrals", {"referrer": ada["id"], "customer": friend["customer"]})
        paid = [
            field.post("/v1/payments", {"amount": 1000, "currency": "EUR", "customer": friend["customer"]})
            for friend in friends
        ]
        ends = [posting(f"/v1/payments/{one['id']}/refund", {}) for one in paid]
        ends += [posting(f"/v1/referrals/{one['referrals'][0]}/reject", {}) for one in paid]
        ends += [posting(f"/v1/referrals/{one['referrals'][0]}/convert", {}) for one in paid]

        answers = field.race(ends)

        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        assert field.clients[0].get(f"/v1/loyalty/accounts/{ada['id']}").json()["balance"] == 0
        assert verify(field.servers[0].database_url).disagreements == []

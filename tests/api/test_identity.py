"""Ids have one spelling and e-mails are found however they are written (R87); merged customers say so (R85)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from api_world import Json, World, build_world, problem

from conftest import RunningServer

UNCLEAN = {
    "cust_ada ": "cust_ada",
    "cust_ada\u200b": "cust_ada",
    "cust_a\u00adda": "cust_ada",
    "cust_ada\n": "cust_ada",
    "cust_ada\x7f": "cust_ada",
    "\ufeffcust_ada": "cust_ada",
    "cust_ame\u0301lie": "cust_am\u00e9lie",
}


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of this module's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


class TestIds:
    @pytest.mark.parametrize("id", UNCLEAN, ids=ascii)
    def test_of_a_body_are_refused_with_the_spelling_to_send(self, world: World, id: str) -> None:
        refused = world.client.post("/v1/payments", json={"amount": 1, "currency": "EUR", "customer": id})

        assert refused.status_code == 400
        found = problem(refused)
        assert (found["code"], found["param"]) == ("parameter_invalid", "customer")
        if id.startswith("cust_"):
            assert found["details"] == {"cleaned": UNCLEAN[id]}
            assert repr(UNCLEAN[id]) in found["message"]

    def test_in_lists_and_parts_of_a_body_name_their_place(self, world: World) -> None:
        body = {"amount": 1, "currency": "EUR", "discounts": ["disc_a", "disc_b "]}
        one = world.client.post("/v1/payments", json=body)
        many = world.client.post("/v1/payments/bulk", json={"payments": [{"amount": 1, "currency": "EUR"}, body]})

        assert problem(one)["param"] == "discounts[1]"
        assert [result["status"] for result in many.json()["data"]] == [201, 400]
        assert many.json()["data"][1]["error"]["param"] == "payments[1].discounts[1]"

    def test_of_a_path_are_refused(self, world: World) -> None:
        refused = world.client.get(f"/v1/customers/{quote('cust_ada ')}")

        assert refused.status_code == 400
        assert problem(refused)["details"] == {"cleaned": "cust_ada"}

    @pytest.mark.parametrize("name", ["loyalty_account", "loyaltyAccount"])
    def test_that_link_a_payment_are_refused(self, world: World, name: str) -> None:
        body = {"amount": 1, "currency": "EUR", "metadata": {name: "loy_a\u200b"}}
        refused = world.client.post("/v1/payments", json=body)

        assert problem(refused)["param"] == "metadata.loyalty_account"
        assert problem(refused)["details"] == {"cleaned": "loy_a"}

    def test_of_a_reported_event_link_it_to_nobody(self, world: World) -> None:
        body = {"type": "review.posted", "data": {"customer": "cust_ada\u200b"}}
        reported = world.client.post("/v1/events", json=body)

        assert reported.status_code == 201
        assert reported.json()["data"] == body["data"]
        assert "Send 'cust_ada'." in reported.json()["skipped"][0]["unmet"][0]["message"]

    @pytest.mark.parametrize("id", ["cust_a b", "cust_\u65e5\u672c", "cust_am\u00e9lie", "cust_\U0001f600"], ids=ascii)
    def test_may_hold_whatever_can_be_seen(self, world: World, id: str) -> None:
        assert world.client.post("/v1/customers", json={"id": id}).status_code in (200, 201)


class TestEmails:
    @pytest.mark.parametrize(
        "email", ["ada", "ada@", "@example.com", "a b@example.com", "Ada <ada@example.com>", "a@b"]
    )
    def test_that_no_mail_reaches_are_refused(self, world: World, email: str) -> None:
        refused = world.client.post("/v1/customers", json={"email": email})

        assert refused.status_code == 400
        assert problem(refused)["param"] == "email"

    def test_are_found_however_their_letters_are_written(self, world: World) -> None:
        made: Json = world.client.post("/v1/customers", json={"email": "Grace.Hopper@Example.COM"}).json()

        for written in ("grace.hopper@example.com", "GRACE.HOPPER@EXAMPLE.COM", " Grace.Hopper@example.com"):
            found = world.client.get("/v1/customers", params={"email": written}).json()["data"]
            assert [one["id"] for one in found] == [made["id"]], written
        assert made["email"] == "Grace.Hopper@example.com"

    def test_that_were_replaced_are_no_longer_found(self, world: World) -> None:
        made: Json = world.client.post("/v1/customers", json={"email": "old@example.com"}).json()
        world.client.post(f"/v1/customers/{made['id']}", json={"email": "New@example.com"})

        assert world.client.get("/v1/customers", params={"email": "old@example.com"}).json()["data"] == []
        assert world.client.get("/v1/customers", params={"email": "new@example.com"}).json()["data"] != []


class TestMergedCustomers:
    def test_say_who_they_are_now(self, world: World) -> None:
        old = world.client.post("/v1/customers", json={"id": "cust_old_1", "name": "Ada", "email": "ada@old.test"})
        merged = world.client.post("/v1/customers/merge", json={"from": "cust_old_1", "into": "cust_new_1"})

        assert (old.status_code, merged.status_code) == (201, 200)
        assert merged.json()["accounts"] == []
        assert world.client.get("/v1/customers/cust_old_1").json()["merged_into"] == "cust_new_1"
        new = world.client.get("/v1/customers/cust_new_1").json()
        assert (new["name"], new["email"], new["merged_into"]) == ("Ada", "ada@old.test", None)
        assert world.client.get("/v1/loyalty/accounts", params={"customer": "cust_old_1"}).json()["data"] == []

    def test_can_be_created_afterwards_by_the_id_they_have_now(self, world: World) -> None:
        world.client.post("/v1/customers", json={"id": "cust_old_2", "name": "Ada"})
        world.client.post("/v1/customers/merge", json={"from": "cust_old_2", "into": "cust_new_2"})

        made = world.client.post("/v1/customers", json={"id": "cust_new_2", "email": "ada@new.test"})
        again = world.client.post("/v1/customers", json={"id": "cust_new_2", "email": "ada@new.test"})
        old = world.client.post("/v1/customers", json={"id": "cust_old_2", "name": "Eve"})

        assert (made.status_code, again.status_code, old.status_code) == (201, 200, 409)
        assert (made.json()["name"], made.json()["email"]) == ("Ada", "ada@new.test")

    def test_are_updated_through_their_old_id(self, world: World) -> None:
        world.client.post("/v1/customers", json={"id": "cust_old_3"})
        world.client.post("/v1/customers/merge", json={"from": "cust_old_3", "into": "cust_new_3"})

        updated = world.client.post("/v1/customers/cust_old_3", json={"name": "Ada"})

        assert (updated.status_code, updated.json()["id"], updated.json()["name"]) == (200, "cust_new_3", "Ada")

    def test_are_shown_in_their_referral_as_who_they_are_now_however_it_is_asked_for(self, world: World) -> None:
        referring = world.post("/v1/loyalty/programs", {"name": "Friends"})["id"]
        world.post("/v1/referrals/programs", {"program": referring})
        ids = [
            world.post("/v1/loyalty/accounts", {"program": referring, "customer": f"cust_{name}"})["id"]
            for name in ("host", "guest", "later_self")
        ]
        brought = world.post("/v1/referrals", {"referrer": ids[0], "customer": "cust_guest"})
        world.post("/v1/customers/merge", {"from": "cust_guest", "into": "cust_later_self"})

        read = world.client.get(f"/v1/referrals/{brought['id']}").json()
        answered = world.post(f"/v1/referrals/{brought['id']}/convert", {})

        assert (brought["referee"], read["referee"], answered["referee"]) == (ids[1], ids[2], ids[2])

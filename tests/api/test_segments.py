"""Segments over HTTP: members by the thousand, lists and sizes, what is refused, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_references import twin
from api_world import Json, World, build_world, problem

from conftest import RunningServer

URL = "/v1/engagement/segments"


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture
def stranger(shared_server: RunningServer) -> Iterator[World]:
    """Another tenant."""
    made = build_world(shared_server)
    yield made
    made.client.close()


def dynamic(world: World, id: str, **conditions: Any) -> Json:
    return world.post(URL, {"id": id, "name": id, "type": "dynamic", "conditions": conditions})


def enrol(world: World, number: int, **metadata: Any) -> str:
    body = {"program": world.ids["prog"], "customer": f"cust_{number}", "metadata": metadata}
    return str(world.post("/v1/loyalty/accounts", body)["id"])


class TestMembers:
    def test_are_a_thousand_at_once_and_no_more(self, world: World) -> None:
        members = f"{URL}/{world.ids['seg']}/members"
        unknown = [f"loy_{number}" for number in range(999)]

        most = world.post(members, {"accounts": [world.ids["loy"], *unknown]})
        more = world.client.post(members, json={"accounts": [world.ids["loy"], *unknown, "loy_more"]})

        assert (most["added"], most["already_members"], most["unknown"]) == (0, 1, unknown)
        assert problem(more)["param"] == "accounts"

    def test_of_another_tenant_are_unknown_as_if_they_never_were(self, world: World, stranger: World) -> None:
        foreign = stranger.ids["loy"]

        for act in ("members", "members/remove"):
            answer = world.post(f"{URL}/{world.ids['seg']}/{act}", {"accounts": [foreign, twin(foreign)]})
            assert answer["unknown"] == [foreign, twin(foreign)]
        assert stranger.client.get(f"{URL}?account={foreign}&limit=100").json()["data"][0]["id"]

    def test_are_listed_page_by_page_the_newest_first(self, world: World) -> None:
        accounts = [world.ids["loy"], *(enrol(world, number) for number in range(5))]
        for account in accounts[1:]:
            world.post(f"{URL}/{world.ids['seg']}/members", {"accounts": [account]})
        world.post(f"{URL}/{world.ids['seg']}/members/remove", {"accounts": [accounts[2]]})
        other = world.post(URL, {"name": "Other", "type": "static"})["id"]
        world.post(f"{URL}/{other}/members", {"accounts": accounts})

        seen: list[str] = []
        page: Json = {"has_more": True}
        while page["has_more"]:
            after = f"&starting_after={seen[-1]}" if seen else ""
            page = world.client.get(f"{URL}/{world.ids['seg']}/members?limit=2{after}").json()
            seen += [one["account"] for one in page["data"]]
        back = world.client.get(f"{URL}/{world.ids['seg']}/members?ending_before={seen[-1]}").json()["data"]

        assert seen == [*accounts[:2], *accounts[3:]][::-1]
        assert [one["account"] for one in back] == seen[:-1]

    def test_of_a_dynamic_segment_are_not_for_callers_to_list(self, world: World) -> None:
        for act in ("members", "members/remove"):
            refused = world.client.post(f"{URL}/{world.ids['dyn']}/{act}", json={"accounts": [world.ids["loy"]]})
            assert "conditions" in problem(refused)["message"]


class TestSizes:
    def test_count_this_tenants_members_only(self, world: World, stranger: World) -> None:
        size = world.client.post(f"{URL}/preview", json={"conditions": {"tier": "gold"}}).json()

        assert size == {"object": "segment_size", "segment": None, "count": 1, "is_estimate": False}

    def test_tell_texts_numbers_and_truth_apart(self, world: World) -> None:
        for number, value in enumerate((1, True, "1", "true")):
            enrol(world, number, level=value)

        counts = [
            world.client.post(f"{URL}/preview", json={"conditions": {"metadata": {"level": value}}}).json()["count"]
            for value in (1, True, "1", "true", 2, "x")
        ]

        assert counts == [1, 1, 1, 1, 0, 0]

    def test_need_the_right_to_read_alone(self, world: World) -> None:
        key = world.post("/v1/api_keys", {"kind": "restricted", "permissions": {"engagement.segments": "read"}})
        with world.server.client(key["secret"]) as reader:
            assert reader.post(f"{URL}/preview", json={"conditions": {"tier": "gold"}}).status_code == 200
            refused = reader.post(f"{URL}/{world.ids['seg']}/members", json={"accounts": [world.ids["loy"]]})
            assert problem(refused)["code"] == "permission_missing"


class TestConditions:
    @pytest.mark.parametrize(
        ("conditions", "param"),
        [
            ({}, "conditions"),
            ({"balance": {}}, "conditions.balance"),
            ({"payments": {"gte": 3, "lte": 2}}, "conditions.payments"),
            ({"spend": {"gte": 3}}, "conditions.spend.currency"),
            ({"spend": {"gte": 3, "currency": "EURO"}}, "conditions.spend.currency"),
            ({"any": [{"tier": "gold"}, {}]}, "conditions.any[1]"),
            ({"any": [{"all": [{"any": [{"all": [{"tier": "gold"}]}]}]}]}, "conditions.any[0].all[0].any[0].all[0]"),
            ({"all": [{"metadata": {f"k{n}": 1 for n in range(26)}}] * 2}, "conditions"),
            ({"days_since_last_purchase": {"gte": 36_526}}, "conditions.days_since_last_purchase.gte"),
        ],
    )
    def test_that_say_nothing_or_too_much_are_refused_by_name(self, world: World, conditions: Json, param: str) -> None:
        for url, body in ((URL, {"name": "X", "type": "dynamic"}), (f"{URL}/preview", {})):
            error = problem(world.client.post(url, json=body | {"conditions": conditions}))
            assert error["param"] == param, error

    def test_that_are_unknown_suggest_the_nearest(self, world: World) -> None:
        body = {"name": "X", "type": "dynamic", "conditions": {"any": [{"days_since_last_order": {"gte": 9}}]}}

        error = problem(world.client.post(URL, json=body))

        assert error["details"] == {"nearest": "days_since_last_purchase"}
        assert error["param"] == "conditions.any[0].days_since_last_order"

    def test_are_shown_as_they_were_given(self, world: World) -> None:
        given = {
            "spend": {"currency": "EUR", "gte": 5000, "days": 30},
            "tier": ["gold"],
            "metadata": {"vip": True},
            "any": [{"never_purchased": False}, {"all": [{"balance": {"lte": -1}}]}],
        }

        assert dynamic(world, "seg_given", **given)["conditions"] == given

    def test_take_no_id_that_reads_as_another_objects(self, world: World) -> None:
        for id in ("loy_1", "ofr_x", "pay_1", "preview"):
            assert problem(world.client.post(URL, json={"id": id, "name": "X", "type": "static"}))["param"] == "id"


class TestDeleting:
    def test_waits_for_the_offers_that_name_it(self, world: World) -> None:
        segment = world.ids["seg"]
        offer = {
            "name": "For some",
            "program": world.ids["prog"],
            "incentive": {"type": "points_bonus", "points": 5},
            "targeting": {"segments": [segment]},
        }
        id = world.post("/v1/engagement/offers", offer)["id"]
        checkout = {"name": "Pairs", "type": "bogo", "criteria": {"segments": [segment]}}
        pairs = world.post("/v1/offers", checkout)["id"]
        world.post(f"/v1/engagement/offers/{id}/publish", {})

        refused = problem(world.client.delete(f"{URL}/{segment}"))
        assert refused["code"] == "segment_in_use"
        assert sorted(refused["details"]["offers"]) == sorted([id, pairs])

        assert world.client.delete(f"/v1/offers/{pairs}").status_code == 200
        assert problem(world.client.delete(f"{URL}/{segment}"))["details"]["offers"] == [id]

"""Members enter a campaign by one call: one, several, or those in a segment; each form by itself (R41)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_world import Json, World, build_world

from conftest import RunningServer, wait_until


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the file's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


def launch(world: World, **definition: Any) -> str:
    """A campaign that only calls let members in."""
    body = {"entry": {}, "start": "calm", "steps": {"calm": {"kind": "wait", "for": "30d"}}, **definition}
    made = world.post("/v1/engagement/campaigns", {"program": world.ids["prog"], "name": "Called", "definition": body})
    world.post(f"/v1/engagement/campaigns/{made['id']}/publish", {})
    return str(made["id"])


def enter(world: World, campaign: str, body: Json, **headers: str) -> Any:
    """The answer to one call."""
    return world.client.post(f"/v1/engagement/campaigns/{campaign}/enter", json=body, headers=headers)


def inside(world: World, campaign: str) -> list[Json]:
    """The campaign's enrollments."""
    return list(world.client.get("/v1/engagement/enrolments", params={"campaign": campaign}).json()["data"])


class TestSeveral:
    def test_have_a_result_each_and_hold_no_other_up(self, world: World) -> None:
        campaign, accounts = launch(world), [world.ids["friend"], "loy_gone", world.ids["loy"], world.ids["friend"]]

        answer = enter(world, campaign, {"accounts": accounts}).json()

        assert [answer[name] for name in ("object", "created", "existing", "failed")] == ["list", 2, 1, 1]
        assert [one["status"] for one in answer["data"]] == [201, 404, 201, 200]
        assert answer["data"][1]["error"]["param"] == "accounts[1]"
        assert answer["data"][3]["enrolment"]["already_enrolled"] is True
        assert {one["account"] for one in inside(world, campaign)} == {world.ids["friend"], world.ids["loy"]}

    def test_take_their_key_for_the_whole_call(self, world: World) -> None:
        campaign = launch(world, reentry={"mode": "per_key", "key_from": "data.wave"})
        body = {"accounts": [world.ids["friend"], world.ids["loy"]], "data": {"wave": 1}}

        first = enter(world, campaign, body, **{"Idempotency-Key": f"many-{campaign}"})
        again = enter(world, campaign, body, **{"Idempotency-Key": f"many-{campaign}"})
        single = {"account": world.ids["loy"], "data": {"wave": 2}}
        other = enter(world, campaign, single, **{"Idempotency-Key": f"many-{campaign}"})

        assert again.headers["idempotent-replayed"] == "true"
        assert again.json() == first.json()
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
        assert len(inside(world, campaign)) == 2

    def test_are_told_which_field_of_the_call_is_wrong(self, world: World) -> None:
        campaign = launch(world, reentry={"mode": "per_key", "key_from": "data.wave"})

        (result,) = enter(world, campaign, {"accounts": [world.ids["loy"]]}).json()["data"]

        assert (result["status"], result["error"]["param"]) == (400, "data")

    def test_are_refused_whole_where_there_is_no_campaign(self, world: World) -> None:
        answer = enter(world, "cmp_gone", {"accounts": [world.ids["loy"]]})

        assert (answer.status_code, answer.json()["error"]["param"]) == (404, "id")


class TestASegment:
    def test_enters_in_the_background_and_shows_how_far_it_is(self, world: World) -> None:
        campaign, url = launch(world), "/v1/engagement/campaigns/{}/scans"

        begun = enter(world, campaign, {"segment": world.ids["seg"]})

        assert (begun.status_code, begun.json()["status"], begun.json()["segment"]) == (
            201,
            "running",
            world.ids["seg"],
        )
        shown = lambda: world.client.get(url.format(campaign)).json()["data"]  # noqa: E731
        wait_until(lambda: shown()[0]["status"] == "done", what="the segment has entered")
        assert [(one["id"], one["entered"], one["refused"]) for one in shown()] == [(begun.json()["id"], 1, 0)]
        assert [one["entry"] for one in inside(world, campaign)] == [{"type": "call", "source": begun.json()["name"]}]


class TestABody:
    def test_says_in_one_way_who_enters(self, world: World) -> None:
        campaign, account = launch(world), world.ids["loy"]
        wrong: list[tuple[Json, str, str]] = [
            ({}, "parameter_missing", "account"),
            ({"account": account, "accounts": [account]}, "parameter_conflict", "accounts"),
            ({"account": account, "segment": world.ids["seg"]}, "parameter_conflict", "segment"),
            ({"accounts": [account], "segment": world.ids["seg"]}, "parameter_conflict", "segment"),
            ({"accounts": []}, "parameter_invalid", "accounts"),
            ({"accounts": [account] * 1_001}, "parameter_invalid", "accounts"),
            ({"accounts": [account, 7]}, "parameter_invalid", "accounts[1]"),
            ({"account": None, "segment": world.ids["seg"]}, "parameter_invalid", "account"),
        ]

        found = [enter(world, campaign, body).json()["error"] for body, _code, _param in wrong]

        assert [(one["code"], one["param"]) for one in found] == [(code, param) for _body, code, param in wrong]
        assert inside(world, campaign) == []

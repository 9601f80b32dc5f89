"""What rules ask of an event's data, and count of it, over HTTP: shown as sent, exact to the last digit, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from api_world import Json, World, build_world, problem

from conftest import RunningServer

RULES, EVENTS = "/v1/loyalty/earning_rules", "/v1/events"
KILOMETERS: Json = {"points": 2, "per_unit": {"field": "data.distance_km", "unit": "0.5"}}


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    made = build_world(shared_server)
    yield made
    made.client.close()


def rule(world: World, **more: Any) -> Json:
    """The body of a rule for an event of one's own."""
    return {"program": world.ids["prog"], "trigger": "trip.made", "earn": KILOMETERS, **more}


def reported(world: World, carried: str) -> Any:
    """The answer to an event whose data is written like this, letter by letter."""
    content = f'{{"type": "trip.made", "data": {{"customer": "{world.ids["cust"]}", {carried}}}}}'
    return world.client.post(EVENTS, content=content, headers={"Content-Type": "application/json"})


class TestQuantities:
    def test_are_shown_as_they_were_sent(self, world: World) -> None:
        made = world.post(RULES, rule(world, active=False))
        assert made["earn"] == KILOMETERS | {"rounding": "floor"}
        changed = world.post(
            f"{RULES}/{made['id']}", {"earn": {"points": 3, "perUnit": {"field": "data.a.b", "unit": 2}}}
        )
        assert changed["earn"] == {"points": 3, "per_unit": {"field": "data.a.b", "unit": 2}, "rounding": "floor"}

    def test_are_counted_to_the_last_digit_and_the_receipt_says_all(self, world: World) -> None:
        made = world.post(RULES, rule(world, multipliers=[{"factor": "1.5", "when": {"tier": "gold"}}]))
        for written, points in (
            ("12.5", 75),
            ("0.1499999999999999999999999999999999999999e1", 6),
            ("1.5", 9),
            ("1e2", 600),
            ("9007199254740.991", 54043195528443),
        ):
            event = reported(world, f'"distance_km": {written}').json()
            assert event["awards"][0]["points"] == points, written
            entry = world.client.get(f"/v1/loyalty/points/{event['awards'][0]['points_transaction']}").json()
            receipt = entry["receipt"]
            units = Fraction(receipt["quantity"]) // Fraction(receipt["per_unit"]["unit"])
            assert receipt["points_per_step"] * units * receipt["factor_e4"] // 10_000 == points
            assert Fraction(receipt["quantity"]) == Fraction(written)
            assert receipt["rule"] == made["id"] and receipt["formula"].endswith(f"= {points}")
        world.client.delete(f"{RULES}/{made['id']}")

    def test_beyond_what_an_account_can_hold_are_refused(self, world: World) -> None:
        made = world.post(RULES, rule(world, caps={"points": 10, "per": "day"}))
        told = problem(reported(world, f'"distance_km": 1{"0" * 390}e9'))
        assert (told["code"], told["param"]) == ("parameter_invalid", "points")
        assert reported(world, '"distance_km": 0.4').json()["skipped"][0]["unmet"] == [
            {
                "condition": "per_unit",
                "message": "data.distance_km is 0.4 (required: a number of at least 0.5).",
                "change": "set data.distance_km to 0.5",
            }
        ]
        world.client.delete(f"{RULES}/{made['id']}")


class TestReasons:
    def test_say_what_is_there_whatever_it_is(self, world: World) -> None:
        earn = {"points": 5}
        asked = {"field": "data.plan.interval", "eq": "year"}
        made = world.post(RULES, rule(world, earn=earn, conditions={"all": [asked]}))
        for carried, found in (
            ('"plan": {"interval": {"every": 1.5}}', "an object"),
            ('"plan": {"interval": [1.5, {"a": 2.5}]}', "a list"),
            ('"plan": {"interval": 1.50}', "1.50"),
            ('"plan": {"interval": true}', "true"),
            ('"plan": {"interval": "day"}', '"day"'),
            (f'"plan": {{"interval": "{"y" * 600}"}}', f'"{"y" * 100}…"'),
            ('"plan": {"interval": null}', "not set"),
            ('"plan": "year"', "not set"),
        ):
            (unmet,) = reported(world, carried).json()["skipped"][0]["unmet"]
            assert unmet["message"] == f'data.plan.interval is {found} (required: "year").'
            assert unmet["change"] == 'set data.plan.interval to "year"'
        assert reported(world, '"plan": {"interval": "year"}').json()["awards"][0]["points"] == 5
        world.client.delete(f"{RULES}/{made['id']}")

    def test_of_metadata_say_it_too(self, world: World) -> None:
        made = world.post(RULES, rule(world, earn={"points": 5}, conditions={"metadata": {"channel": "app"}}))
        (unmet,) = reported(world, '"metadata": {"channel": {"rate": 1.5}}').json()["skipped"][0]["unmet"]
        assert unmet["message"] == 'metadata.channel is an object (required: "app").'
        world.client.delete(f"{RULES}/{made['id']}")


@pytest.mark.parametrize(
    ("more", "param", "words"),
    [
        ({"earn": {"per_unit": KILOMETERS["per_unit"]}}, "earn.points_per_currency_unit", "exactly one"),
        ({"earn": {"points_per_currency_unit": 1, "per_unit": KILOMETERS["per_unit"]}}, "earn.per_unit", "earn.points"),
        ({"earn": KILOMETERS | {"per_amount": 100}}, "earn.per_unit", "Send one of them"),
        ({"earn": KILOMETERS | {"full_steps": True}}, "earn.full_steps", "earn.per_amount"),
        ({"earn": KILOMETERS | {"points": 1_000_000_001}}, "earn.points", "above"),
        ({"earn": {"points": 1, "per_unit": {"field": "data.km", "unit": 0}}}, "earn.per_unit.unit", "minimum"),
        ({"earn": {"points": 1, "per_unit": {"field": "data.km", "unit": -1}}}, "earn.per_unit.unit", ""),
        (
            {"earn": {"points": 1, "per_unit": {"field": "data.km", "unit": "0.00001"}}},
            "earn.per_unit.unit",
            "decimals",
        ),
        ({"earn": {"points": 1, "per_unit": {"field": "data.km"}}}, "earn.per_unit.unit", "required"),
        ({"earn": {"points": 1, "per_unit": {"field": "km", "unit": 1}}}, "earn.per_unit.field", "data.distance_km"),
        ({"earn": {"points": 1, "per_unit": {"field": "data.", "unit": 1}}}, "earn.per_unit.field", "data.distance_km"),
        ({"earn": {"points": 1, "per_unit": {"field": "metadata.km", "unit": 1}}}, "earn.per_unit.field", "data.dist"),
        ({"trigger": "payment.completed"}, "earn.per_unit", "payment.completed has no data.distance_km"),
        ({"trigger": "loyalty.account.created"}, "earn.per_unit", "a trigger of your own"),
        ({"conditions": {"not": {"field": "data.a..b", "eq": 1}}}, "conditions.not.field", "data.<key>"),
        ({"conditions": {"not": {"field": "data.a", "within": 3}}}, "conditions.not.within", "does not fit"),
        (
            {
                "trigger": "payment.completed",
                "earn": {"points": 1},
                "conditions": {"not": {"field": "data.a", "eq": 1}},
            },
            "conditions",
            "payment.completed says nothing about data.a",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(world: World, more: Json, param: str, words: str) -> None:
    told = problem(world.client.post(RULES, json=rule(world, **more)))
    assert (told["code"].startswith("parameter_"), told["param"]) == (True, param), told
    assert words in told["message"]

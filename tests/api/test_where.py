"""Conditions as trees over HTTP: shown as they were sent, and refused with the field, the place and what to send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_world import Json, World, build_world, problem

from conftest import RunningServer

RULES, OFFERS, CARTS = "/v1/loyalty/earning_rules", "/v1/engagement/offers", "/v1/offers"
SEGMENTS = "/v1/engagement/segments"


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    made = build_world(shared_server)
    yield made
    made.client.close()


def rule(world: World, **conditions: Any) -> Json:
    """The body of a rule with these conditions."""
    earn = {"points_per_currency_unit": 1}
    return {
        "program": world.ids["prog"],
        "trigger": "payment.completed",
        "active": False,
        "earn": earn,
        "conditions": conditions,
    }


TREE: Json = {
    "all": [
        {"field": "purchases.spend", "gte": 100, "lt": 900, "days": 30, "currency": "EUR"},
        {"not": {"any": [{"field": "tier", "in": ["gold", "star"]}, {"field": "tier", "exists": False}]}},
    ],
    "any": [
        {"field": "order.amount", "lte": 500, "skus": ["tea"], "exclude_categories": ["sale"]},
        {"field": "metadata.count", "eq": 3},
        {"field": "account.enrolled_at", "within": 30},
    ],
    "not": {"field": "lines.sku", "in": ["gift"]},
}


class TestShown:
    def test_as_it_was_sent(self, world: World) -> None:
        made = world.post(RULES, rule(world, min_amount=100, **TREE))
        assert made["conditions"] == {"min_amount": 100, **TREE}
        assert world.client.get(f"{RULES}/{made['id']}").json()["conditions"] == made["conditions"]

    def test_with_instants_as_seconds(self, world: World) -> None:
        asked = {"field": "account.enrolled_at", "gte": "2026-01-01", "lt": 1_800_000_000}
        shown = world.post(SEGMENTS, {"name": "New", "type": "dynamic", "conditions": asked})["conditions"]
        assert shown == {"field": "account.enrolled_at", "gte": 1_767_225_600, "lt": 1_800_000_000}

    def test_of_an_update(self, world: World) -> None:
        made = world.post(RULES, rule(world, **TREE))
        updated = world.post(f"{RULES}/{made['id']}", {"conditions": {"not": TREE["not"]}})
        assert updated["conditions"] == {"not": TREE["not"]}


TIER = {"field": "tier", "eq": "gold"}
DEEP: Json = {"not": {"not": {"not": {"not": {"not": TIER}}}}}


@pytest.mark.parametrize(
    ("conditions", "code", "param", "words"),
    [
        ({"all": [{"field": "teir", "eq": "gold"}]}, "parameter_invalid", "all[0].field", "Did you mean tier?"),
        (
            {"all": [{"field": "cart.shipping", "gt": 1}]},
            "parameter_invalid",
            "all[0].field",
            "can't be asked about here",
        ),
        ({"any": [TIER, {"field": "tier", "gte": 2}]}, "parameter_invalid", "any[1].gte", "takes eq, in or exists"),
        ({"not": {"field": "tier"}}, "parameter_missing", "not", "no operator"),
        ({"not": {}}, "parameter_invalid", "not", "asks nothing"),
        ({"not": {"eq": 3}}, "parameter_missing", "not.field", "belongs to a field"),
        ({"not": {**TIER, "all": [TIER]}}, "parameter_conflict", "not", "beside each other"),
        ({"not": {"field": "balance", "eq": "7"}}, "parameter_invalid", "not.eq", "a whole number"),
        ({"not": {"field": "balance", "in": [7, True]}}, "parameter_invalid", "not.in[1]", "a whole number"),
        ({"not": {"field": "balance", "gte": "7"}}, "parameter_invalid", "not.gte", "a whole number"),
        ({"not": {"field": "balance", "gte": 7, "lt": 7}}, "parameter_invalid", "not", "Correct one of the bounds"),
        ({"not": {"field": "order.is_first", "eq": 1}}, "parameter_invalid", "not.eq", "true or false"),
        ({"not": {"field": "order.currency", "eq": "EURO"}}, "parameter_invalid", "not.eq", "ISO 4217"),
        ({"not": {"field": "occurred_at", "gt": "soon"}}, "parameter_invalid", "not.gt", ""),
        ({"not": {"field": "tier", "eq": "a", "in": ["b"]}}, "parameter_conflict", "not.in", "Send one of them"),
        ({"not": {**TIER, "days": 3}}, "parameter_invalid", "not.days", "belongs to purchases.count"),
        ({"not": {**TIER, "skus": ["a"]}}, "parameter_invalid", "not.skus", "belongs to order.amount"),
        ({"not": {"field": "purchases.spend", "gt": 1}}, "parameter_missing", "not.currency", "required"),
        ({"not": {"field": "metadata.", "eq": 1}}, "parameter_invalid", "not.field", "metadata.<key>"),
        (DEEP, "parameter_invalid", "not.not.not.not", "Flatten"),
        ({"all": [TIER] * 51}, "parameter_invalid", "all", ""),
        ({"any": [{"all": [TIER] * 30}, {"all": [TIER] * 30}]}, "parameter_invalid", "", "at most 50"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    world: World, conditions: Json, code: str, param: str, words: str
) -> None:
    told = problem(world.client.post(RULES, json=rule(world, **conditions)))
    assert (told["code"], told["param"]) == (code, f"conditions.{param}" if param else "conditions")
    assert words in told["message"]


def test_each_place_asks_about_its_own_fields(world: World) -> None:
    offer = {"name": "Double", "incentive": {"type": "points_multiplier", "multiplier": 2}}
    cart = {"name": "Ten", "type": "fixed_discount", "value": 1000}
    of_member, of_lines = {"not": TIER}, {"not": {"field": "lines.sku", "eq": "tea"}}
    refused = [
        (OFFERS, {**offer, "conditions": of_member}, "conditions.not.field"),
        (OFFERS, {**offer, "targeting": of_lines}, "targeting.not.field"),
        (SEGMENTS, {"name": "Tea", "type": "dynamic", "conditions": of_lines}, "conditions.not.field"),
        (CARTS, {**cart, "criteria": {"not": {"field": "cart.total", "gt": 1}}}, "criteria.not.field"),
    ]
    for url, body, param in refused:
        assert problem(world.client.post(url, json=body))["param"] == param
    world.post(OFFERS, {**offer, "conditions": of_lines, "targeting": of_member})
    world.post(CARTS, {**cart, "criteria": {"all": [of_member, of_lines]}})
    world.post(SEGMENTS, {"name": "Others", "type": "dynamic", "conditions": of_member})
    factor = [{"factor": 2, "when": {"any": [TIER, {"field": "balance", "gte": 9}]}}]
    world.post(RULES, rule(world) | {"multipliers": factor})


@pytest.mark.parametrize(
    ("criteria", "code", "param"),
    [
        ({"min_subtotal": 9, "max_subtotal": 8}, "parameter_invalid", "criteria.max_subtotal"),
        ({"min_quantity": 9, "max_quantity": 8}, "parameter_invalid", "criteria.max_quantity"),
        ({"of": "discounted"}, "parameter_missing", "criteria.min_subtotal"),
        ({"of": "discounted", "min_subtotal": 9}, None, None),
    ],
)
def test_bounds_of_a_cart_leave_room(world: World, criteria: Json, code: str | None, param: str | None) -> None:
    body = {"name": "Ten", "type": "fixed_discount", "value": 1000, "criteria": criteria}
    answer = world.client.post(CARTS, json=body)
    if code is None:
        assert answer.json()["criteria"] == criteria
    else:
        told = problem(answer)
        assert (told["code"], told["param"]) == (code, param)

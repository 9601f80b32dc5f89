"""An unknown name is answered with the nearest known one, never with its contrary."""

from __future__ import annotations

import msgspec
import pytest

from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.suggestions import NEGATIONS, nearest_name
from vinr_server.api.resources.engagement_offers import CreateEngagementOfferInput
from vinr_server.api.resources.offers import CreateOfferInput

OFFER = {"name": "Ten", "type": "fixed_discount", "value": 1000}


def refusal(kind: type[msgspec.Struct], body: dict[str, object]) -> Problem:
    """How the body is refused."""
    with pytest.raises(Problem) as refused:
        read_struct(kind, body)
    return refused.value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("nonskus", ["A"]), ("unskus", ["A"]), ("not_quantity", 1)),
        *(("without_segments", ["vip"]), ("exclude_segments", ["vip"]), ("excludeSegments", ["vip"])),
        *(("not_currency", "EUR"), ("not_first_order", True)),
    ],
)
def test_the_contrary_is_never_suggested(field: str, value: object) -> None:
    problem = refusal(CreateOfferInput, {**OFFER, "criteria": {field: value}})

    assert (problem.code, problem.param) == ("unknown_parameter", f"criteria.{field}")
    assert "Did you mean" not in problem.message
    assert "Known parameters: " in problem.message
    assert "nearest" not in problem.details


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("exlude_skus", "exclude_skus"),
        ("excluded_skus", "exclude_skus"),
        ("not_skus", "exclude_skus"),
        ("skus_not", "exclude_skus"),
        ("without_categories", "exclude_categories"),
        ("least_subtotal", "min_subtotal"),
        ("most_subtotal", "max_subtotal"),
        ("maximum_subtotal", "max_subtotal"),
        ("sku", "skus"),
        ("skuss", "skus"),
        ("categorys", "categories"),
        ("min_subtotl", "min_subtotal"),
    ],
)
def test_a_typo_is_still_understood(field: str, nearest: str) -> None:
    problem = refusal(CreateOfferInput, {**OFFER, "criteria": {field: ["A"]}})

    assert problem.details["nearest"] == nearest


def test_conditions_of_members_are_refused_alike() -> None:
    incentive = {"type": "points_bonus", "points": 5}
    for where, field in (
        ("conditions", "exclude_metadata"),
        ("targeting", "exclude_tiers"),
        ("targeting", "not_segments"),
    ):
        problem = refusal(CreateEngagementOfferInput, {"name": "Ten", "incentive": incentive, where: {field: ["A"]}})

        assert "Did you mean" not in problem.message


def test_a_bound_is_not_taken_for_the_other_bound() -> None:
    assert nearest_name("max_quantity", ["min_quantity"]) is None
    assert nearest_name("min_redemptions", ["max_redemptions"]) is None
    assert nearest_name("enrolled_after", ["enrolled_before"]) is None


def test_no_negation_of_any_field_of_any_body_gets_that_field() -> None:
    fields = {name for one in OPERATIONS for name in getattr(one.body, "__struct_fields__", ())}
    assert len(fields) > 60
    for field in fields:
        for negation in NEGATIONS:
            assert nearest_name(f"{negation}_{field}", [field]) is None
        for prefix in ("un", "non", "dis"):
            assert nearest_name(f"{prefix}{field}", [field]) is None


def test_no_field_is_the_contrary_of_its_own_typos() -> None:
    fields = {name for one in OPERATIONS for name in getattr(one.body, "__struct_fields__", ())}
    for field in sorted(fields):
        if len(field) >= 4:
            assert nearest_name(field[:-1], [field]) == field, field

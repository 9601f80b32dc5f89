"""When time alone changes what conditions say of a member: never told late, and early only where points end."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SCALE
from vinr_server.core.conditions.course import Course, Purchase, next_change, windows_of
from vinr_server.core.conditions.fields import FIELDS, OF_MEMBER
from vinr_server.core.conditions.judging import holds, unmet_in
from vinr_server.core.conditions.tree import Condition, Predicate, predicates_of

# Three days before Berlin's clocks change and a week before a month ends: a day stays 24 hours.
NOW = datetime(2026, 3, 26, 12, tzinfo=UTC)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)

small = st.integers(0, 4)
bounds = st.one_of(*(st.fixed_dictionaries({name: small}) for name in ("gt", "gte", "lt", "lte", "equals")))
ranges = (
    bounds
    | st.fixed_dictionaries({"gte": small, "lt": small})
    | st.fixed_dictionaries({"one_of": st.tuples(small, small)})
)
windows = st.none() | st.integers(1, 4)
predicates = st.one_of(
    st.builds(lambda given: Predicate("purchases.days_since_last", **given), ranges),
    st.builds(lambda given: Predicate("account.days_since_enrolled", **given), ranges),
    st.builds(lambda given, days: Predicate("purchases.count", days=days, **given), ranges, windows),
    st.builds(lambda given, days: Predicate("purchases.spend", days=days, currency="EUR", **given), ranges, windows),
    st.builds(lambda days: Predicate("account.enrolled_at", within=days), st.integers(1, 4)),
    st.builds(lambda days: Predicate("account.enrolled_at", gte=NOW - days * DAY), small),
    st.just(Predicate("purchases.any", equals=True)),
    st.builds(lambda given: Predicate("balance", **given), bounds),
    st.just(Predicate("tier", equals="gold")),
    st.just(Predicate("account.metadata.vip", exists=True)),
)
contraries = st.builds(lambda asked: Condition(not_of=Condition(asked)), predicates)
trees = st.recursive(
    st.builds(Condition, predicates) | contraries,
    lambda inner: st.one_of(
        st.builds(lambda parts: Condition(all_of=tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: Condition(any_of=tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: Condition(not_of=part), inner),
    ),
    max_leaves=5,
)
# To the day, so that instants coincide, or a little off it; a merchant's clock may be ahead.
ages = st.builds(
    lambda days, off: NOW - days * DAY - timedelta(hours=off), st.integers(-2, 6), st.sampled_from((0, 0, 7))
)
bought = st.builds(Purchase, ages, st.sampled_from(("EUR", "EUR", "USD")), st.integers(1, 3))
courses = st.builds(
    lambda tier, enrolled_at, points, ends, purchases: Course(
        tier, {}, enrolled_at, points, ends, tuple(sorted(purchases, key=lambda one: one.occurred_at, reverse=True))
    ),
    st.sampled_from(("gold", None)),
    ages.map(lambda at: min(at, NOW)),
    small,
    st.none() | st.integers(1, 5).map(lambda days: NOW + days * DAY),
    st.lists(bought, max_size=6),
)
counted: Counter[str] = Counter()


def says(tree: Condition, course: Course, at: datetime) -> bool:
    return not unmet_in(tree, course.values_at(at, windows_of(predicates_of(tree))))


def all_instants(course: Course) -> list[datetime]:
    """Every instant at which a question of so few days could change its answer, and the moment before each."""
    starts = [course.enrolled_at, *(one.occurred_at for one in course.purchases)]
    found = {start + days * DAY for start in starts for days in range(7)}
    return sorted(at - early for at in found for early in (MOMENT, timedelta()) if at - early > NOW)


def test_the_next_change_is_the_first_that_looking_at_every_instant_finds() -> None:
    @settings(max_examples=int(500 * SCALE))
    @given(trees, courses)
    def law(tree: Condition, course: Course) -> None:
        found = next_change(tree, course, NOW)
        is_met = says(tree, course, NOW)
        first = next((at for at in all_instants(course) if says(tree, course, at) != is_met), None)
        asks_balance = any(asked.field == "balance" for asked in predicates_of(tree))
        ends = course.balance_until if asks_balance else None
        assert found == min((at for at in (first, ends) if at is not None), default=None)
        assert holds(tree, course.values_at(NOW, windows_of(predicates_of(tree)))) == is_met
        counted["moves" if first else "stays"] += 1

    law()
    assert min(counted["moves"], counted["stays"]) > 25 * min(SCALE, 1), counted


def test_the_newest_purchases_say_the_same_as_all_wherever_they_decide() -> None:
    @settings(max_examples=int(200 * SCALE))
    @given(trees, courses, st.integers(1, 4))
    def law(tree: Condition, course: Course, limit: int) -> None:
        some = Course(
            course.tier, {}, course.enrolled_at, course.balance_points, course.balance_until,
            course.purchases[:limit], is_whole=len(course.purchases) <= limit,
        )  # fmt: skip
        if all(some.decides(asked, NOW) for asked in predicates_of(tree)):
            counted["decided"] += not some.is_whole
            assert says(tree, some, NOW) == says(tree, course, NOW)
            assert next_change(tree, some, NOW) == next_change(tree, course, NOW)

    law()
    assert counted["decided"] > 12 * min(SCALE, 1), counted


# Each field of a member, a question about it, and whether time alone may change the answer.
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("tier", {"equals": "gold"}, False),
    ("balance", {"gte": 1}, True),
    ("account.metadata.", {"exists": True}, False),
    ("account.enrolled_at", {"within": 3}, True),
    ("account.days_since_enrolled", {"gte": 3}, True),
    ("purchases.any", {"equals": True}, False),
    ("purchases.days_since_last", {"gte": 3}, True),
    ("purchases.count", {"gte": 1, "days": 3}, True),
    ("purchases.spend", {"gte": 1, "days": 3, "currency": "EUR"}, True),
]


@pytest.mark.parametrize(("field", "given", "moves"), CASES)
def test_of_every_field_it_is_known_whether_time_moves_it(field: str, given: dict[str, Any], moves: bool) -> None:
    course = Course("gold", {}, NOW, 5, NOW + DAY, (Purchase(NOW, "EUR", 100),))
    name = field + "vip" if field.endswith(".") else field

    assert (next_change(Condition(Predicate(name, **given)), course, NOW) is not None) == moves


def test_no_field_of_a_member_is_left_out() -> None:
    # Who is in a segment is asked of offers and rules; a segment can't ask it (api/contract/where.py).
    assert {name for name, field in FIELDS.items() if field.of in OF_MEMBER} == {
        *(case[0] for case in CASES),
        "segment",
    }


def test_days_beyond_the_end_of_time_never_come() -> None:
    course = Course(None, {}, NOW, 0)

    assert next_change(Condition(Predicate("account.days_since_enrolled", gte=10**9)), course, NOW) is None

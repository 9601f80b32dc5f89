"""Trees of conditions: what holds, what the contrary is, and that a suggested change is enough."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SCALE
from vinr_server.core.conditions.fields import FIELDS, OPERATORS, field_of
from vinr_server.core.conditions.judging import Unmet, unmet_in, unmet_of
from vinr_server.core.conditions.member import Facts as MemberFacts
from vinr_server.core.conditions.member import FrozenValues, MemberValues, Totals, frozen
from vinr_server.core.conditions.tree import Condition, Lines, Predicate, assuming, contrary_of, predicates_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ("tier", "order.amount", "lines.sku", "metadata.k", "occurred_at", "order.is_first")


class Known:
    """Values by the names of fields; what is not there is missing."""

    now, exchanged = NOW, 1

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def value_of(self, asked: Predicate) -> Any:
        return self.values.get(asked.field)

    def since(self, asked: Predicate) -> datetime | None:
        return None

    def lacking(self, segment_ids: Any) -> list[Unmet]:
        return [Unmet("segments", "in none", None)]


small = st.integers(-3, 8)
words = st.sampled_from("abc")
predicates = st.one_of(
    st.builds(Predicate, st.just("tier"), one_of=st.lists(words, min_size=1, max_size=2).map(tuple)),
    st.builds(Predicate, st.just("tier"), exists=st.booleans()),
    st.builds(Predicate, st.just("order.amount"), gte=small, lt=st.none() | small),
    st.builds(Predicate, st.just("order.amount"), gt=small),
    st.builds(Predicate, st.just("order.amount"), lte=small),
    st.builds(Predicate, st.just("order.amount"), equals=small),
    st.builds(Predicate, st.just("lines.sku"), one_of=st.lists(words, min_size=1, max_size=2).map(tuple)),
    st.builds(Predicate, st.just("metadata.k"), equals=st.sampled_from([True, 1, 0, "1"])),
    st.builds(Predicate, st.just("metadata.k"), gte=small),
    st.builds(Predicate, st.just("occurred_at"), within=st.integers(1, 5)),
    st.builds(Predicate, st.just("occurred_at"), lt=small.map(lambda days: NOW + timedelta(days=days))),
    st.builds(Predicate, st.just("order.is_first"), equals=st.booleans()),
)
trees = st.recursive(
    st.builds(Condition, predicates),
    lambda inner: st.one_of(
        st.builds(lambda parts: Condition(all_of=tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: Condition(any_of=tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: Condition(not_of=part), inner),
        st.builds(
            lambda asked, one, other: Condition(asked.predicate, (one,), (other, one), other),
            st.builds(Condition, predicates),
            inner,
            inner,
        ),
    ),
    max_leaves=6,
)
values = st.fixed_dictionaries(
    {},
    optional={
        "tier": words,
        "order.amount": small | st.builds(Fraction, small, st.just(3)),
        "lines.sku": st.frozensets(words),
        "metadata.k": st.sampled_from([True, False, 1, 0, 5, "1", "x"]),
        "occurred_at": st.integers(-9, 9).map(lambda days: NOW + timedelta(days=days, hours=-1)),
        "order.is_first": st.booleans(),
    },
)


def holds(condition: Condition, known: dict[str, Any]) -> bool:
    """The second opinion: one question after the other, in plain words."""
    parts = [_is_met(condition.predicate, known)] if condition.predicate is not None else []
    parts += [holds(part, known) for part in condition.all_of]
    parts += [any(holds(part, known) for part in condition.any_of)] if condition.any_of else []
    parts += [not holds(condition.not_of, known)] if condition.not_of is not None else []
    return all(parts)


def _is_met(asked: Predicate, known: dict[str, Any]) -> bool:
    value = known.get(asked.field)
    has = value is not None and value != frozenset()
    if asked.exists is not None:
        return asked.exists == has
    if not has:
        return False
    if isinstance(value, frozenset):
        return bool(value & set(asked.values))
    if asked.values:
        return any(type(value) is type(one) and value == one for one in map(_alike(value), asked.values))
    if asked.within is not None:
        return bool((NOW - value).total_seconds() < asked.within * 86_400)
    if isinstance(value, bool | str):
        return False
    tests = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    return all(test(getattr(asked, name)) for name, test in tests.items() if getattr(asked, name) is not None)


def _alike(value: Any) -> Any:
    """A whole number may be held as a fraction."""
    return lambda one: Fraction(one) if isinstance(value, Fraction) and type(one) is int else one


counted: Counter[str] = Counter()


def test_what_holds_is_what_a_second_opinion_says_and_never_its_contrary() -> None:
    @settings(max_examples=int(600 * SCALE))
    @given(trees, values)
    def law(tree: Condition, known: dict[str, Any]) -> None:
        expected = holds(tree, known)
        assert (not unmet_in(tree, Known(known))) == expected
        assert (not unmet_in(contrary_of(tree), Known(known))) != expected
        counted[str(expected)] += 1

    law()
    assert min(counted["True"], counted["False"]) > 75, counted


def test_what_is_assumed_is_not_asked_and_never_stands_in_the_way() -> None:
    @settings(max_examples=int(300 * SCALE))
    @given(trees, values, st.sampled_from(NAMES))
    def law(tree: Condition, known: dict[str, Any], name: str) -> None:
        left = assuming(tree, lambda asked: asked.field == name)
        assert all(asked.field != name for asked in predicates_of(left))
        if holds(tree, known):
            assert not unmet_in(left, Known(known)), "what holds goes on to hold"

    law()


def test_a_suggested_amount_is_enough_and_no_less_is() -> None:
    @settings(max_examples=int(200 * SCALE))
    @given(predicates.filter(lambda asked: asked.field == "order.amount"), st.integers(-9, 12), st.booleans())
    def law(asked: Predicate, amount: int, is_contrary: bool) -> None:
        tree = Condition(predicate=asked)
        unmet = unmet_in(contrary_of(tree) if is_contrary else tree, Known({"order.amount": amount}))
        if not unmet or unmet[0].change is None:
            return
        word, by, direction = unmet[0].change.split()
        assert word == "spend"
        sign = 1 if direction == "more" else -1
        after = {less: holds(tree, {"order.amount": amount + sign * (int(by) - less)}) for less in (0, 1)}
        impossible = asked.gte is not None and asked.lt is not None and asked.gte >= asked.lt  # type: ignore[operator]
        assert after[0] != is_contrary or impossible
        assert after[1] == is_contrary or impossible

    law()


@pytest.mark.parametrize(
    ("asked", "value", "told"),
    [
        (Predicate("tier", one_of=("gold", "star")), "silver", "The member's tier is silver (required: gold or star)."),
        (Predicate("tier", equals="gold", is_contrary=True), "gold", "The member's tier is gold (required: not gold)."),
        (Predicate("tier", exists=True), None, "The member's tier is none (required: set)."),
        (Predicate("balance", gte=5, is_contrary=True), 9, "The balance is 9 points (required: less than 5)."),
        (Predicate("balance", lte=5), 9, "The balance is 9 points (allowed: at most 5)."),
        (Predicate("metadata.k", equals=True), 1, "metadata.k is 1 (required: true)."),
        (Predicate("order.is_first", equals=True), False, "The customer has ordered before (required: yes)."),
        (
            Predicate("occurred_at", lt=NOW),
            NOW,
            f"It happened at {NOW.isoformat()} (required: before {NOW.isoformat()}).",
        ),
        (Predicate("lines.sku", one_of=("a",)), frozenset("cb"), "The lines are of b, c (required: a)."),
        (Predicate("lines.sku", one_of=("a",)), frozenset(), "There are no lines (required: a)."),
    ],
)
def test_a_reason_says_what_is_and_what_was_wanted(asked: Predicate, value: Any, told: str) -> None:
    assert [reason.message for reason in unmet_of(asked, Known({asked.field: value}))] == [told]


def test_a_change_names_the_lines_that_count() -> None:
    asked = Predicate("order.amount", gte=100, lines=Lines(("a",), ("b",), ("c",)))
    assert [reason.change for reason in unmet_of(asked, Known({"order.amount": 40}))] == ["spend 60 more on a, b but c"]


def test_what_is_kept_of_a_member_answers_as_the_member_did() -> None:
    facts = MemberFacts(
        "gold",
        70,
        {"vip": True},
        NOW - timedelta(days=40),
        NOW - timedelta(days=3),
        {
            None: Totals(3, {"EUR": 500}),
            30: Totals(1, {"EUR": 200}),
        },
    )
    asked = [
        Predicate("tier", equals="gold"),
        Predicate("balance", gte=70),
        Predicate("account.metadata.vip", equals=True),
        Predicate("account.enrolled_at", lt=NOW - timedelta(days=30)),
        Predicate("account.days_since_enrolled", gte=40, lt=41),
        Predicate("purchases.any", equals=True),
        Predicate("purchases.days_since_last", lte=3),
        Predicate("purchases.count", gte=3, lt=4),
        Predicate("purchases.count", equals=1, days=30),
        Predicate("purchases.spend", equals=500, currency="EUR"),
        Predicate("purchases.spend", equals=200, currency="EUR", days=30),
        Predicate("segment", equals="vip"),
    ]
    member = MemberValues(facts, NOW, lambda ids: [] if "vip" in ids else [Unmet("segments", "in none", None)])
    kept = FrozenValues(frozen(asked, member), NOW + timedelta(days=99))
    for one in asked:
        assert unmet_of(one, member) == unmet_of(one, kept) == [], one.field
        assert unmet_of(Predicate(one.field, exists=False, days=one.days, currency=one.currency), kept), one.field


def test_every_field_has_its_words() -> None:
    for name, field in FIELDS.items():
        assert field is field_of(name + "k" if name.endswith(".") else name)
        assert field.state and OPERATORS[field.kind]
    assert field_of("metadata.") is field_of("tiers") is field_of("") is None

"""Caps of offers and rewards are one thing: what is full, what is counted, and under which names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vinr_server.core.kernel.caps import (
    Capped,
    Full,
    begin_counting,
    begin_uncounted,
    count_for_all,
    count_for_member,
    counter_of,
    full_for_all,
    full_for_member,
)
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.offers.rows import Offer, OfferTerms
from vinr_server.core.rewards.rows import Reward

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = Context(
    NOW, {}, lambda prefix, _bucket: f"{prefix}_1", lambda _name: 1, lambda: "", lambda pattern, _letters: pattern
)


def offer(most: int | None, each: int | None, *, is_counted: bool) -> Offer:
    terms = OfferTerms(max_redemptions=most, per_member_limit=each)
    return Offer(
        "ofr_1", "engagement", "prog_1", 1, "O", terms, None, None, "published", {}, NOW, is_counted=is_counted
    )


def reward(most: int | None, each: int | None, *, is_counted: bool) -> Reward:
    return Reward(
        "rwd_1", "prog_1", 1, "R", 5, {}, most, each, (), None, None, "active", {}, NOW, is_counted=is_counted
    )


@pytest.mark.parametrize("make", [offer, reward])
class TestCaps:
    def test_are_full_at_their_limit_with_what_sessions_hold(self, make: type[Capped]) -> None:
        draft, capped = Layer(), make(3, 2, is_counted=True)  # type: ignore[call-arg]

        assert full_for_all(draft, capped) is None
        assert [count_for_all(draft, CONTEXT, capped, used=1) for _time in range(2)] == [False, False]
        assert full_for_all(draft, capped) is None
        assert not count_for_all(draft, CONTEXT, capped, reserved=1)
        assert full_for_all(draft, capped) == Full("global", 3, 2, 1)
        assert count_for_all(draft, CONTEXT, capped, used=1, reserved=-1), "the use that fills the cap is known"
        assert not count_for_all(draft, CONTEXT, capped, used=1), "and only that one"

        count_for_member(draft, capped.counted_as, capped.id, "loy_1", bucket=7, used=2)
        assert full_for_member(draft, capped, "loy_1") == Full("per_member", 2, 2, 0)
        assert full_for_member(draft, capped, "loy_2") is None

    def test_of_nothing_are_full_from_the_start(self, make: type[Capped]) -> None:
        assert full_for_all(Layer(), make(0, None, is_counted=True)) == Full("global", 0, 0, 0)  # type: ignore[call-arg]

    def test_that_come_later_count_what_was_taken_before(self, make: type[Capped]) -> None:
        draft, before = Layer(), make(None, None, is_counted=False)  # type: ignore[call-arg]
        begin_uncounted(draft, before)

        count_for_all(draft, CONTEXT, before, used=2)
        assert full_for_all(draft, before) is full_for_member(draft, before, "loy_1") is None
        assert not draft.all_here(Counter), "nobody waits for a counter that nobody asks for"
        after = make(2, None, is_counted=True)  # type: ignore[call-arg]
        begin_counting(draft, CONTEXT, after)

        assert full_for_all(draft, after) == Full("global", 2, 2, 0)

    def test_that_are_taken_away_count_on(self, make: type[Capped]) -> None:
        draft, without = Layer(), make(None, None, is_counted=True)  # type: ignore[call-arg]

        count_for_all(draft, CONTEXT, without, used=1)

        assert full_for_all(draft, make(1, None, is_counted=True)) == Full("global", 1, 1, 0)  # type: ignore[call-arg]


def test_no_two_counters_have_one_name() -> None:
    """Ids are of the caller's making: a colon in one must not read as the end of another."""
    owners = [("reward", "rwd_a"), ("reward", "rwd_a:loy_1"), ("offer", "ofr_a"), ("offer", "ofr_a:loy_1")]
    members = [None, "loy_1", "loy_1:rwd_a", "cust_~", "cust_~0", "cust_:", "cust_~1"]

    names = [counter_of(counted_as, id, member) for counted_as, id in owners for member in members]  # type: ignore[arg-type]

    assert len({*names}) == len(names)

"""What the properties rest on: too few examples of a kind are drawn again, and a kind that never comes is told."""

from __future__ import annotations

from collections import Counter

import pytest
from examples import expect, hold
from hypothesis import strategies as st


def test_what_one_seed_drew_too_seldom_is_drawn_again() -> None:
    counted: Counter[str] = Counter()
    rounds: list[int] = []

    def more(round_number: int) -> None:
        rounds.append(round_number)
        counted.update({"histories": 250, "percentage": 60})

    counted.update({"histories": 250, "percentage": 2})
    expect(counted, {"percentage": 40}, more)

    assert rounds == [1]


def test_a_kind_that_is_never_drawn_is_told() -> None:
    counted: Counter[str] = Counter()

    def law(number: int) -> None:
        counted["histories"] += 1
        counted["even"] += number % 2 == 0

    more = hold(law, examples=300, number=st.integers(0, 1000).map(lambda number: number * 2 + 1))
    with pytest.raises(AssertionError, match=r"too few per 1,000 histories: \['even'\]"):
        expect(counted, {"even": 100}, more)

"""Roundings, the split of R13, exact decimals. The oracles use Fraction, which the module never does."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product
from math import ceil, floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vinr_server.core.kernel.numbers import (
    NUMBER_MAX,
    Rounding,
    ceil_div,
    divide,
    floor_div,
    half_even,
    parse_decimal,
    show_decimal,
    split,
)

# The last range is there for its size: from a range around 0 Hypothesis mostly draws what a float holds too.
numerators = st.integers(-(10**20), 10**20) | st.integers(-40, 40) | st.integers(10**17, 10**20)
denominators = st.integers(1, 10**12) | st.integers(1, 12)


class TestFloorDiv:
    def test_rounds_down(self) -> None:
        assert floor_div(7, 2) == 3

    def test_rounds_a_negative_quotient_down_too(self) -> None:
        assert floor_div(-7, 2) == -4

    def test_is_exact_beyond_what_a_float_holds(self) -> None:
        assert floor_div(2**60 + 1, 1) == 2**60 + 1
        assert floor_div(3 * 2**60 - 1, 3) == 2**60 - 1

    @given(numerators, denominators)
    def test_is_the_floor_of_the_exact_quotient(self, numerator: int, denominator: int) -> None:
        assert floor_div(numerator, denominator) == floor(Fraction(numerator, denominator))

    @pytest.mark.parametrize("denominator", [0, -1])
    def test_asserts_a_positive_denominator(self, denominator: int) -> None:
        with pytest.raises(AssertionError):
            floor_div(1, denominator)


class TestCeilDiv:
    def test_rounds_up(self) -> None:
        assert ceil_div(7, 2) == 4

    def test_rounds_a_negative_quotient_up_too(self) -> None:
        assert ceil_div(-7, 2) == -3

    def test_leaves_a_whole_quotient_alone(self) -> None:
        assert ceil_div(6, 2) == 3

    def test_is_exact_beyond_what_a_float_holds(self) -> None:
        assert ceil_div(3 * 2**60 + 1, 3) == 2**60 + 1

    @given(numerators, denominators)
    def test_is_the_ceiling_of_the_exact_quotient(self, numerator: int, denominator: int) -> None:
        assert ceil_div(numerator, denominator) == ceil(Fraction(numerator, denominator))

    @pytest.mark.parametrize("denominator", [0, -1])
    def test_asserts_a_positive_denominator(self, denominator: int) -> None:
        with pytest.raises(AssertionError):
            ceil_div(1, denominator)


class TestHalfEven:
    @pytest.mark.parametrize(
        ("numerator", "nearest"),
        [(-7, -4), (-5, -2), (-3, -2), (-1, 0), (0, 0), (1, 0), (3, 2), (5, 2), (7, 4)],
    )
    def test_takes_the_even_neighbour_of_a_half(self, numerator: int, nearest: int) -> None:
        assert half_even(numerator, 2) == nearest

    @pytest.mark.parametrize(("numerator", "nearest"), [(4, 1), (5, 2), (-4, -1), (-5, -2)])
    def test_takes_the_nearer_neighbour_otherwise(self, numerator: int, nearest: int) -> None:
        assert half_even(numerator, 3) == nearest

    def test_is_exact_beyond_what_a_float_holds(self) -> None:
        assert half_even(2**60 + 1, 2) == 2**59
        assert half_even(2**60 + 3, 2) == 2**59 + 2

    @given(numerators, denominators)
    def test_is_what_rounding_the_exact_quotient_gives(self, numerator: int, denominator: int) -> None:
        assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))

    @pytest.mark.parametrize("denominator", [0, -1])
    def test_asserts_a_positive_denominator(self, denominator: int) -> None:
        with pytest.raises(AssertionError):
            half_even(1, denominator)


class TestDivide:
    @pytest.mark.parametrize(("rounding", "quotient"), [("floor", 2), ("half_even", 2), ("ceil", 3)])
    def test_rounds_as_it_is_told(self, rounding: Rounding, quotient: int) -> None:
        assert divide(5, 2, rounding) == quotient

    def test_tells_half_even_from_floor(self) -> None:
        assert (divide(7, 2, "floor"), divide(7, 2, "half_even")) == (3, 4)

    def test_asserts_a_known_rounding(self) -> None:
        with pytest.raises(AssertionError):
            divide(1, 2, "half_up")  # type: ignore[arg-type]


def exact_shares(amount: int, weights: Sequence[int], ceilings: Sequence[int]) -> list[Fraction]:
    """Oracle: raise one level over all parts, full at their ceilings, until they hold the amount."""

    def held(level: Fraction) -> list[Fraction]:
        return [min(Fraction(ceiling), level * weight) for weight, ceiling in pairs]

    pairs = list(zip(weights, ceilings, strict=True))
    full_at = [Fraction(ceiling, weight) for weight, ceiling in pairs if weight > 0]
    level = max(level for level in [Fraction(0), *full_at] if sum(held(level)) <= amount)
    missing = amount - sum(held(level))
    rising_weight = sum(weight for weight, ceiling in pairs if level * weight < ceiling)
    return held(level + Fraction(missing) / rising_weight if missing else level)


def split_oracle(amount: int, weights: Sequence[int], ceilings: Sequence[int]) -> list[int]:
    """Oracle: round the exact shares down, then hand out what is missing one unit at a time."""
    shares = exact_shares(amount, weights, ceilings)
    parts = [floor(share) for share in shares]
    waiting = {index for index, weight in enumerate(weights) if weight > 0}
    while sum(parts) < amount:
        winner = max(waiting, key=lambda index: (shares[index] % 1, weights[index], -index))
        waiting.remove(winner)
        parts[winner] += 1
    return parts


@st.composite
def capped_splits(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    weights = draw(st.lists(st.integers(0, 6) | st.integers(0, 10**9), min_size=1, max_size=6))
    ceilings = [draw(st.integers(0, 9) | st.integers(0, 10**9)) for _ in weights]
    room = sum(ceiling for weight, ceiling in zip(weights, ceilings, strict=True) if weight > 0)
    return draw(st.integers(0, room)), weights, ceilings


class TestSplit:
    def test_gives_each_part_its_proportion(self) -> None:
        assert split(100, [3000, 1000, 6000]) == [30, 10, 60]

    def test_gives_leftover_units_to_the_largest_remainders(self) -> None:
        # Exact shares 5.0, 2.7, 1.4, 0.9: two units are left over.
        assert split(10, [50, 27, 14, 9]) == [5, 3, 1, 1]

    def test_breaks_ties_by_the_larger_weight(self) -> None:
        # Exact shares 0.5 and 1.5.
        assert split(2, [1, 3]) == [0, 2]

    def test_prefers_a_larger_remainder_to_a_larger_weight(self) -> None:
        # Exact shares 0.9 and 8.1.
        assert split(9, [1, 9]) == [1, 8]

    def test_breaks_ties_of_equal_weights_by_the_earlier_index(self) -> None:
        assert split(100, [1, 1, 1]) == [34, 33, 33]
        assert split(5, [1, 1, 1]) == [2, 2, 1]

    def test_gives_nothing_to_a_weight_of_0(self) -> None:
        assert split(7, [0, 2, 0, 1]) == [0, 5, 0, 2]

    def test_gives_a_weight_of_0_nothing_even_under_a_free_ceiling(self) -> None:
        assert split(3, [0, 1], ceilings=[9, 9]) == [0, 3]

    def test_stops_at_the_price_when_the_whole_price_is_given(self) -> None:
        assert split(60, [10, 20, 30], ceilings=[10, 20, 30]) == [10, 20, 30]

    def test_never_exceeds_a_ceiling_and_shares_the_excess_in_proportion(self) -> None:
        # 50, 30, 20 uncapped; the first is full at 10, so 90 is shared 3 : 2.
        assert split(100, [50, 30, 20], ceilings=[10, 100, 100]) == [10, 54, 36]

    def test_fills_a_part_that_is_over_its_ceiling_only_after_another_was_filled(self) -> None:
        # 40, 40, 20 uncapped; after the first is full at 10, the second's share is 60.
        assert split(100, [2, 2, 1], ceilings=[10, 50, 100]) == [10, 50, 40]

    def test_leaves_a_ceiling_of_0_empty(self) -> None:
        assert split(5, [9, 1], ceilings=[0, 5]) == [0, 5]

    def test_splits_nothing_into_nothing(self) -> None:
        assert split(0, []) == []
        assert split(0, [0, 0]) == [0, 0]
        assert split(0, [3, 4], ceilings=[0, 1]) == [0, 0]

    def test_is_exact_beyond_what_a_float_holds(self) -> None:
        assert split(3 * 2**60 + 3, [1, 2]) == [2**60 + 1, 2**61 + 2]

    @pytest.mark.parametrize(
        ("amount", "weights", "ceilings"),
        [
            (1, [], None),
            (1, [0, 0], None),
            (-1, [1], None),
            (1, [1, -1], None),
            (4, [1, 1], [1, 2]),
            (3, [1, 0], [2, 2]),
            (1, [1, 1], [1]),
            (1, [1, 1], [2, -1]),
        ],
    )
    def test_asserts_an_amount_that_fits(self, amount: int, weights: list[int], ceilings: list[int] | None) -> None:
        with pytest.raises(AssertionError):
            split(amount, weights, ceilings=ceilings)

    @given(capped_splits())
    def test_sums_to_the_whole(self, case: tuple[int, list[int], list[int]]) -> None:
        amount, weights, ceilings = case

        parts = split(amount, weights, ceilings=ceilings)

        assert sum(parts) == amount
        assert all(0 <= part <= ceiling for part, ceiling in zip(parts, ceilings, strict=True))
        assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)

    @given(capped_splits())
    @example((3, [1, 1, 1], [1, 2, 2]))
    def test_agrees_with_the_oracle(self, case: tuple[int, list[int], list[int]]) -> None:
        amount, weights, ceilings = case

        assert split(amount, weights, ceilings=ceilings) == split_oracle(amount, weights, ceilings)

    def test_agrees_with_the_oracle_on_every_small_case(self) -> None:
        compared = 0
        for weights in product(range(4), repeat=3):
            for ceilings in product(range(4), repeat=3):
                room = sum(ceiling for weight, ceiling in zip(weights, ceilings, strict=True) if weight)
                for amount in range(room + 1):
                    expected = split_oracle(amount, weights, ceilings)
                    assert split(amount, weights, ceilings=ceilings) == expected
                    compared += 1
        assert compared > 15_000

    @given(
        st.integers(0, 10**12) | st.integers(10**17, 10**18),
        st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
    )
    def test_stays_within_one_unit_of_the_exact_share_without_ceilings(self, amount: int, weights: list[int]) -> None:
        parts = split(amount, weights)

        assert sum(parts) == amount
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(amount * weight, sum(weights))) < 1

    @given(st.data(), st.lists(st.integers(0, 10**4), min_size=1, max_size=20))
    def test_gives_the_same_with_prices_as_ceilings_as_without(self, data: st.DataObject, prices: list[int]) -> None:
        discount = data.draw(st.integers(0, sum(prices)))

        capped = split(discount, prices, ceilings=prices)

        assert capped == split(discount, prices)

    @given(st.data(), st.lists(st.integers(0, 50), min_size=1, max_size=8, unique=True))
    def test_gives_parts_of_different_weight_the_same_in_any_order(
        self, data: st.DataObject, weights: list[int]
    ) -> None:
        amount = data.draw(st.integers(0, 200)) if any(weights) else 0
        shuffled = data.draw(st.permutations(weights))

        by_weight = dict(zip(weights, split(amount, weights), strict=True))

        assert split(amount, shuffled) == [by_weight[weight] for weight in shuffled]


class TestParseDecimal:
    @pytest.mark.parametrize(
        ("value", "scaled"),
        [
            (2, 20_000),
            (0, 0),
            (-3, -30_000),
            ("2", 20_000),
            ("1.5", 15_000),
            ("0.0001", 1),
            ("1.5000", 15_000),
            ("007", 70_000),
            (Decimal("1.5"), 15_000),
            (Decimal("-0.25"), -2_500),
            (Decimal("-0"), 0),
            (Decimal("1E+2"), 1_000_000),
            (Decimal("0E+999999"), 0),
            (NUMBER_MAX, NUMBER_MAX * 10_000),
            (-NUMBER_MAX, -NUMBER_MAX * 10_000),
            (str(NUMBER_MAX), NUMBER_MAX * 10_000),
            (Decimal(-NUMBER_MAX), -NUMBER_MAX * 10_000),
        ],
    )
    def test_holds_the_number_in_ten_thousandths(self, value: int | str | Decimal, scaled: int) -> None:
        assert parse_decimal(value) == scaled

    @pytest.mark.parametrize(
        "text",
        [
            "", " ", "abc", ".", ".5", "5.", "1.2.3", "1,5", "1_000", "0x10", "+1", "-1", "-0", "1e3", "1E3",
            "1e-2", " 1", "1 ", "1\n", "\t1", "١", "1.٥", "１", "²", "½", "1\x00", "NaN", "nan",
            "Infinity", "-Infinity", "inf", "−1", "1\u00a0000",
        ],
    )  # fmt: skip
    def test_refuses_text_that_is_not_plain_digits(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is not a plain decimal such as 1\.5"):
            parse_decimal(text)

    @pytest.mark.parametrize("value", [True, False, 1.5, 2.0, None, [], b"1"])
    def test_refuses_what_is_not_an_exact_number(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"is not an exact number\.$"):
            parse_decimal(value)  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity"])
    def test_refuses_a_decimal_that_is_no_number(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is not a number\.$"):
            parse_decimal(Decimal(text))

    @pytest.mark.parametrize(
        "value",
        ["1.00001", "1.50000", "0.00000", Decimal("1.00001"), Decimal("1.50000"), Decimal("1E-999999")],
    )
    def test_refuses_more_than_4_decimals(self, value: str | Decimal) -> None:
        with pytest.raises(ValueError, match=r"has \d+ decimals; at most 4 are allowed\.$"):
            parse_decimal(value)

    @pytest.mark.parametrize(
        "value",
        [
            NUMBER_MAX + 1,
            -NUMBER_MAX - 1,
            pytest.param(10**5000, id="5001 digits"),
            str(NUMBER_MAX + 1),
            f"{NUMBER_MAX}.0001",
            pytest.param("9" * 5000, id="5000 digits of text"),
            Decimal(NUMBER_MAX + 1),
            Decimal(-NUMBER_MAX - 1),
            Decimal(f"{NUMBER_MAX}.0001"),
            Decimal("1E+999999"),
        ],
    )
    def test_refuses_what_lies_beyond_the_range(self, value: int | str | Decimal) -> None:
        with pytest.raises(ValueError, match=r"is out of range: it must be between -9007199254740991 and"):
            parse_decimal(value)

    def test_keeps_its_message_short_whatever_it_was_given(self) -> None:
        with pytest.raises(ValueError, match="plain decimal") as caught:
            parse_decimal("x" * 100_000)

        assert len(str(caught.value)) < 200

    def test_does_not_depend_on_the_decimal_context(self) -> None:
        with localcontext() as context:
            context.prec = 2

            assert parse_decimal(Decimal("123456.7891")) == 1_234_567_891

    @given(st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True, alphabet="0123456789."))
    def test_is_exact_and_the_same_for_text_and_decimal(self, text: str) -> None:
        assert parse_decimal(text) == Fraction(text) * 10_000
        assert parse_decimal(text) == parse_decimal(Decimal(text))

    @given(st.text() | st.text(alphabet="0123456789.eE+- "))
    def test_answers_any_text_with_a_number_or_a_value_error(self, text: str) -> None:
        try:
            scaled = parse_decimal(text)
        except ValueError as error:
            assert str(error).endswith(".")
        else:
            assert Fraction(scaled, 10_000) == Fraction(text)


class TestShowDecimal:
    @pytest.mark.parametrize(
        ("scaled", "shown"),
        [
            (20_000, 2), (15_000, "1.5"), (0, 0), (1, "0.0001"), (10_010, "1.001"), (12_500, "1.25"),
            (100_000, 10), (-15_000, "-1.5"), (-1, "-0.0001"), (-20_000, -2), (100_500, "10.05"),
        ],
    )  # fmt: skip
    def test_is_the_shortest_form(self, scaled: int, shown: int | str) -> None:
        answer = show_decimal(scaled)

        assert answer == shown
        assert type(answer) is type(shown)

    @given(st.integers(0, NUMBER_MAX * 10_000))
    def test_is_read_back_as_the_same_number(self, scaled: int) -> None:
        assert parse_decimal(show_decimal(scaled)) == scaled

    @given(st.integers(-NUMBER_MAX * 10_000, NUMBER_MAX * 10_000))
    def test_has_the_value_it_shows(self, scaled: int) -> None:
        assert Fraction(show_decimal(scaled)) == Fraction(scaled, 10_000)

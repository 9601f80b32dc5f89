"""Whole numbers only: the one place that divides, splits, and reads exact decimals.

Points and money are int. The caller decides who gains from a rounding by the function it picks.
Rates, factors and percents are exact decimals of at most 4 places, held as an int of ten-thousandths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cmp_to_key
from typing import Any, Literal

Rounding = Literal["floor", "half_even", "ceil"]
# A number that is counted on with before it is rounded: an int wherever it is whole.
Exact = int | Fraction

SCALE = 10_000
DECIMALS_MAX = 4
# 2^53 - 1: above it a reader that holds JSON numbers as doubles (JavaScript) no longer gets the exact number.
NUMBER_MAX = 2**53 - 1

_PLAIN_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def floor_div(numerator: int, denominator: int) -> int:
    """Return the largest whole number that is not above the quotient.

    Expects: denominator > 0 (asserted). A negative quotient goes down, too: -1/2 is -1.
    """
    assert denominator > 0, denominator
    return numerator // denominator


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the smallest whole number that is not below the quotient.

    Expects: denominator > 0 (asserted). A negative quotient goes up, too: -1/2 is 0.
    """
    assert denominator > 0, denominator
    return -(-numerator // denominator)


def half_even(numerator: int, denominator: int) -> int:
    """Return the whole number nearest to the quotient.

    Expects: denominator > 0 (asserted).
    Ties: to the even neighbour, so that over many roundings neither side gains.
    """
    assert denominator > 0, denominator
    quotient, remainder = divmod(numerator, denominator)
    excess = 2 * remainder - denominator
    return quotient + 1 if excess > 0 or (excess == 0 and quotient % 2 == 1) else quotient


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Round the quotient to a whole number, in the way that a rule names.

    Expects: denominator > 0, a known rounding (both asserted).
    """
    if rounding == "floor":
        return floor_div(numerator, denominator)
    if rounding == "ceil":
        return ceil_div(numerator, denominator)
    assert rounding == "half_even", rounding
    return half_even(numerator, denominator)


def exact_div(numerator: Exact, denominator: Exact) -> Exact:
    """The quotient itself, as an int where it is whole.

    Expects: denominator > 0 (asserted).
    """
    assert denominator > 0, denominator
    if denominator == 1 and isinstance(numerator, int):
        return numerator
    quotient = Fraction(numerator) / denominator
    return quotient.numerator if quotient.denominator == 1 else quotient


def show_exact(value: Exact) -> int | str:
    """An exact number as receipts hold it: 2, or "7/3"; Fraction reads both. One that is out of range is text, too."""
    is_plain = value.denominator == 1 and abs(value.numerator) <= NUMBER_MAX
    return value.numerator if is_plain else str(value)


def exact_of(value: Any) -> Exact | None:
    """The number that a value of free-form JSON is, exactly; None where it is none. (true is no number.)

    Expects: digits and exponents within the bounds of bodies (api/edge/parse.py).
    """
    if isinstance(value, Decimal):
        return exact_div(*value.as_integer_ratio())
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def split(amount: int, weights: Sequence[int], *, ceilings: Sequence[int] | None = None) -> list[int]:
    """Divide a whole among its parts in proportion to their weights, by capped largest remainder (R13).

    A part whose share reaches its ceiling gets the ceiling, and the others share the rest in proportion.
    Units: any whole unit. Shape: one part per weight, in their order; sum(parts) == amount;
    0 <= part <= ceiling; weight 0 gets 0.
    Expects: nothing negative, one ceiling per weight, and an amount that fits under the ceilings of the
    parts with a weight above 0 (all asserted).
    Ties: leftover units go to the larger weight, then to the earlier index; callers sort by id or sku first.
    """
    assert amount >= 0, amount
    assert all(weight >= 0 for weight in weights), weights
    parts = [0] * len(weights)
    open_indexes = [index for index, weight in enumerate(weights) if weight > 0]
    if ceilings is not None:
        open_indexes = _fill_to_ceilings(parts, amount, weights, ceilings, open_indexes)
    rest = amount - sum(parts)
    _share(parts, rest, weights, open_indexes)
    assert sum(parts) == amount, f"{amount} does not fit: weights {weights}, ceilings {ceilings}"
    return parts


def _fill_to_ceilings(
    parts: list[int], rest: int, weights: Sequence[int], ceilings: Sequence[int], open_indexes: list[int]
) -> list[int]:
    """Set the parts whose share reaches their ceiling to it; return the indexes of the parts that stay below.

    Lowest ceiling per weight first: filling a part only makes the other shares larger, so the first part that
    stays below its ceiling proves that all after it do.
    """
    assert len(ceilings) == len(weights), (ceilings, weights)
    assert all(ceiling >= 0 for ceiling in ceilings), ceilings

    def compare(here: int, there: int) -> int:
        return ceilings[here] * weights[there] - ceilings[there] * weights[here]

    total_weight = sum(weights[index] for index in open_indexes)
    lowest_first = sorted(open_indexes, key=cmp_to_key(compare))
    for position, index in enumerate(lowest_first):
        if rest * weights[index] < ceilings[index] * total_weight:
            return lowest_first[position:]
        parts[index] = ceilings[index]
        rest -= ceilings[index]
        total_weight -= weights[index]
    return []


def _share(parts: list[int], rest: int, weights: Sequence[int], open_indexes: list[int]) -> None:
    """Split the rest among the open parts by largest remainder.

    A leftover unit never lifts a part over its ceiling: there are fewer leftover units than parts with a
    remainder, and such a part's exact share lies below its ceiling, so the next whole number is not above it.
    """
    total_weight = sum(weights[index] for index in open_indexes)
    remainders: dict[int, int] = {}
    leftover = rest
    for index in open_indexes:
        parts[index], remainders[index] = divmod(rest * weights[index], total_weight)
        leftover -= parts[index]
    neediest_first = sorted(open_indexes, key=lambda index: (-remainders[index], -weights[index], index))
    for index in neediest_first[:leftover]:
        parts[index] += 1


def parse_decimal(value: int | str | Decimal) -> int:
    """Return the exact number in ten-thousandths, or raise a ValueError whose text is a sentence for the caller.

    Units: ten-thousandths of `value`.
    Refuses: bool, float, NaN, Infinity; more than 4 written decimals, even zeros; beyond ±(2^53 - 1); in a
    string anything but ASCII digits with at most one point between them: no sign, exponent, space, separator.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ValueError(f"{value!r} is not an exact number.")
    if isinstance(value, str):
        scaled = _parse_text(value)
    elif isinstance(value, Decimal):
        scaled = _parse_number(value)
    else:
        scaled = value * SCALE
    if abs(scaled) > NUMBER_MAX * SCALE:
        raise _out_of_range()
    return scaled


def _parse_text(text: str) -> int:
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a plain decimal such as 1.5: only digits and one point.")
    fraction = match[2] or ""
    if len(fraction) > DECIMALS_MAX:
        raise _too_many_decimals(text, len(fraction))
    whole = match[1].lstrip("0")
    # 16 digits hold 2^53 - 1; for thousands of digits, int() would raise its own message.
    if len(whole) > 16:
        raise _out_of_range()
    return int(whole + fraction.ljust(DECIMALS_MAX, "0"))


def _parse_number(number: Decimal) -> int:
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{number} is not a number.")
    if exponent < -DECIMALS_MAX:
        raise _too_many_decimals(str(number), -exponent)
    if not number:
        return 0
    # Check before multiplying: Decimal("1e999999") would become a million digits.
    if number.adjusted() > 15:
        raise _out_of_range()
    magnitude = int("".join(map(str, digits)) + "0" * (exponent + DECIMALS_MAX))
    return -magnitude if sign else magnitude


def _too_many_decimals(text: str, decimals: int) -> ValueError:
    return ValueError(f"{text[:40]!r} has {decimals} decimals; at most {DECIMALS_MAX} are allowed.")


def _out_of_range() -> ValueError:
    return ValueError(f"The number is out of range: it must be between -{NUMBER_MAX} and {NUMBER_MAX}.")


def show_decimal(scaled: int) -> int | str:
    """Write the number as the API does, in its shortest form: 20000 is 2, 15000 is "1.5".

    Units: ten-thousandths. Shape: an int when the number is whole, else a string without trailing zeros.
    """
    whole, fraction = divmod(abs(scaled), SCALE)
    if fraction == 0:
        return -whole if scaled < 0 else whole
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{fraction:0{DECIMALS_MAX}d}".rstrip("0")

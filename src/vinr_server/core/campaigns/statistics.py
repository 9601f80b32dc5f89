"""What a campaign's results say of two groups: rates, their difference with its interval, and whether sizes fit (R50).

Everything is computed with many more digits than are shown: ten-thousandths, ties to the even.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from vinr_server.core.kernel.numbers import SCALE, half_even

# The quantile of the normal distribution at 97.5 %: of a two-sided interval of 95 %.
Z = Decimal("1.959963984540054235524594430520551525")
# The quantile of chi-square with one degree of freedom at 99.9 %: sizes that deviate more have p < 0.001.
CHI_SQUARE_MOST = Decimal("10.827566170662733")
# Below, nobody should read anything into a difference.
ARM_LEAST = 100
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)


class Arm(NamedTuple):
    """A group of enrollments: how many, of how many members, and how many of them converted."""

    enrolments: int
    members: int
    converted: int

    @property
    def rate(self) -> int | None:
        """The share that converted, in ten-thousandths; None of nobody."""
        return half_even(self.converted * SCALE, self.enrolments) if self.enrolments else None


class Difference(NamedTuple):
    """How much more of the first group converted than of the second, between which bounds, in ten-thousandths."""

    rate: int
    low: int
    high: int


def newcombe(first: Arm, second: Arm) -> Difference | None:
    """The difference of two rates with its interval of 95 %; None where a group is empty.

    Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10: from the two score intervals of Wilson.
    """
    if not first.enrolments or not second.enrolments:
        return None
    with_first, with_second = _wilson(first), _wilson(second)
    rate = _EXACT.subtract(_rate(first), _rate(second))
    low = _EXACT.subtract(rate, _length(_rate(first) - with_first[0], with_second[1] - _rate(second)))
    high = _EXACT.add(rate, _length(with_first[1] - _rate(first), _rate(second) - with_second[0]))
    exact = half_even(
        (first.converted * second.enrolments - second.converted * first.enrolments) * SCALE,
        first.enrolments * second.enrolments,
    )
    return Difference(exact, _scaled(low), _scaled(high))


def lift(first: Arm, second: Arm) -> int | None:
    """The difference of two rates as a part of the second one, in ten-thousandths; None where that is nothing."""
    if not first.enrolments or not second.converted:
        return None
    base = second.converted * first.enrolments
    return half_even((first.converted * second.enrolments - base) * SCALE, base)


def is_too_few(first: Arm, second: Arm) -> bool:
    """Whether one of the groups is too small to say anything."""
    return min(first.enrolments, second.enrolments) < ARM_LEAST


def is_mismatch(treated: int, held_out: int, *, holdout: int) -> bool:
    """Whether so many members on each side are less likely than one in a thousand, at this share held out.

    Units: `holdout` in ten-thousandths. Source: Pearson's chi-square test with one degree of freedom.
    """
    total = treated + held_out
    if total == 0 or holdout == 0:
        return False
    deviation = (held_out * SCALE - total * holdout) ** 2
    variance = total * holdout * (SCALE - holdout)
    return Decimal(deviation) > _EXACT.multiply(CHI_SQUARE_MOST, Decimal(variance))


def _rate(arm: Arm) -> Decimal:
    return _EXACT.divide(Decimal(arm.converted), Decimal(arm.enrolments))


def _wilson(arm: Arm) -> tuple[Decimal, Decimal]:
    """The score interval of a rate. Of none and of all, one bound is 0 or 1 itself."""
    size, rate, square = Decimal(arm.enrolments), _rate(arm), _EXACT.multiply(Z, Z)
    middle = _EXACT.add(_EXACT.multiply(2 * size, rate), square)
    under = _EXACT.add(square, _EXACT.multiply(4 * size, _EXACT.multiply(rate, 1 - rate)))
    reach = _EXACT.multiply(Z, _EXACT.sqrt(under))
    whole = 2 * _EXACT.add(size, square)
    low = Decimal(0) if arm.converted == 0 else _EXACT.divide(middle - reach, whole)
    high = Decimal(1) if arm.converted == arm.enrolments else _EXACT.divide(middle + reach, whole)
    return low, high


def _length(first: Decimal, second: Decimal) -> Decimal:
    return _EXACT.sqrt(_EXACT.add(_EXACT.multiply(first, first), _EXACT.multiply(second, second)))


def _scaled(value: Decimal) -> int:
    return int(_EXACT.multiply(value, Decimal(SCALE)).to_integral_value(ROUND_HALF_EVEN))

"""A cart and N live offers of which a tenth apply, the same for every measured engine; deterministic.

The cart has 20 lines of 3 units at 10, 12, … 48 (1,740 in all); the shop has 200 things for sale. Offers come in three
kinds in turn: a percentage off 5 of these, a sum off each of their units, and buy 2 get 1 of one of them. Those that
apply are spread over the list and over the lines of the cart. Of the others two thirds are for things that are not in
the cart, one third asks for more than the cart holds.

Up to 200 offers no two that apply share a line, so that every engine must arrive at the same discount, whatever its
rules of stacking; above that, each of the two orders that engines use has its own total.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

SIZES = (10, 100, 1_000, 10_000)
UNITS = 3
GOODS = [f"SKU{number:03d}" for number in range(200)]
IN_CART = GOODS[:20]
# Minor units.
PRICES = {sku: 1000 + 200 * position for position, sku in enumerate(IN_CART)}
OUT_OF_REACH_MINOR, OUT_OF_REACH_UNITS = 10_000_000, 99

Kind = Literal["percent", "fixed", "bogo"]
KINDS: tuple[Kind, ...] = ("percent", "fixed", "bogo")


@dataclass(frozen=True)
class BenchOffer:
    """One offer, in terms that belong to no engine. `value`: percent, or minor units off each unit."""

    number: int
    kind: Kind
    skus: tuple[str, ...]
    value: int
    min_minor: int
    min_units: int
    is_matching: bool


def offers(count: int) -> list[BenchOffer]:
    """`count` offers; every tenth applies to the cart."""
    drawn = random.Random(20260101)
    places = set(drawn.sample(range(count), count // 10))
    made: list[BenchOffer] = []
    matching = other = 0
    for number in range(count):
        if number in places:
            sku, is_far = IN_CART[matching % 20], False
            kind = KINDS[matching % 3]
            matching += 1
        else:
            is_far = other // 3 % 3 == 2
            sku = IN_CART[other % 20] if is_far else drawn.choice(GOODS[20:])
            kind = KINDS[other % 3]
            other += 1
        made.append(_offer(number, kind, sku, drawn, is_far=is_far, is_matching=number in places))
    return made


def _offer(number: int, kind: Kind, sku: str, drawn: random.Random, *, is_far: bool, is_matching: bool) -> BenchOffer:
    others = [other for other in drawn.sample(GOODS[20:], 5) if other != sku][:4]
    min_units = OUT_OF_REACH_UNITS if is_far else {"percent": 1, "fixed": 1, "bogo": 3}[kind]
    if kind == "percent":
        return BenchOffer(number, kind, (sku, *others), 2 + number % 4, 0, min_units, is_matching)
    if kind == "fixed":
        min_minor = OUT_OF_REACH_MINOR if is_far else 1000
        return BenchOffer(number, kind, (sku, *others), 50 + 10 * (number % 5), min_minor, 1, is_matching)
    return BenchOffer(number, kind, (sku,), 0, 0, min_units, is_matching)


def expected_minor(made: list[BenchOffer]) -> dict[str, int]:
    """The whole discount by three rules of stacking, by hand, in exact rationals, rounded down for each effect.

    phases: sums off units, then bogo, then percentages, each on what is left (R14). undiscounted: each on the full
    price. first: the first offer takes the line.
    """
    of_line: dict[str, list[BenchOffer]] = {}
    for offer in made:
        if offer.is_matching:
            of_line.setdefault(offer.skus[0], []).append(offer)
    totals = {"phases": 0, "undiscounted": 0, "first": 0}
    for sku, here in of_line.items():
        full = PRICES[sku] * UNITS
        totals["undiscounted"] += sum(_alone(offer, full, UNITS) for offer in here)
        totals["first"] += _alone(here[0], full, UNITS)
        left, units = full, UNITS
        for offer in sorted(here, key=lambda offer: ("fixed", "bogo", "percent").index(offer.kind)):
            taken = _alone(offer, left, units)
            if offer.kind == "bogo" and units >= 3:
                units -= 1
            left -= taken
        totals["phases"] += full - left
    return totals


def _alone(offer: BenchOffer, left: int, units: int) -> int:
    """What an offer takes off a line that costs this much for so many units."""
    if offer.kind == "percent":
        return int(Fraction(left * offer.value, 100))
    if offer.kind == "fixed":
        return min(offer.value * units, left)
    return left // units if units >= 3 else 0

"""How an effect lands on a cart's prices, in whole minor units, with a receipt of every input (R13, R14).

Prices are those after everything that applied before. A landing changes nothing: the caller applies it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from vinr_server.core.carts.cart import CartLine, Effect
from vinr_server.core.kernel.numbers import SCALE, ceil_div, floor_div, split
from vinr_server.core.kernel.values import dataclass

# Price of a unit, place of its line, the line, and how many there are.
PricedUnits = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Priced:
    """The prices so far: of each line, for all its units, and of the shipping; and how many units are still paid."""

    lines: Sequence[CartLine]
    minor: list[int]
    paid_units: list[int]
    shipping_minor: int


@dataclass(frozen=True, slots=True)
class Landing:
    """What an effect takes off: (line, minor units, units made free) for each line it touches, and off the shipping."""

    discount_minor: int
    shares: Sequence[tuple[int, int, int]]
    shipping_minor: int
    receipt: dict[str, Any]


def land(effect: Effect, priced: Priced, lines: Sequence[int]) -> Landing:
    """Compute what the effect would take off these lines; never more than they cost.

    Expects: `lines` are positions in the cart, in rank order.
    Units: minor units, whole. A percentage rounds down: the fraction stays with the merchant.
    Ties: leftover units of a split follow R13; of equally cheap units those on the earlier line are free.
    """
    if effect.type == "free_shipping":
        return _free_shipping(effect, priced)
    if effect.got is not None:
        return _buy_and_get(effect, priced, lines)
    if effect.type in ("bogo", "free_product"):
        return _free_units(effect, priced, lines)
    if effect.type == "fixed_discount" and effect.per == "unit":
        return _off_units(effect, priced, lines)
    return _off_order(effect, priced, lines)


def _off_order(effect: Effect, priced: Priced, lines: Sequence[int]) -> Landing:
    """Take an amount off all lines together, split in proportion to their prices."""
    weights = [priced.minor[line] for line in lines]
    base = weights[0] if len(weights) == 1 else sum(weights)
    if effect.type == "percentage":
        wanted = floor_div(base * effect.percent_e4, 100 * SCALE)
        if effect.max_minor is not None:
            wanted = min(wanted, effect.max_minor)
        receipt: dict[str, Any] = {"percent_e4": effect.percent_e4, "max_discount": effect.max_minor}
    else:
        assert effect.value_minor is not None
        wanted = effect.value_minor
        receipt = {"value": effect.value_minor, "per": "order"}
    if effect.most_percent_e4 is not None:
        goods = sum(line.price_minor for line in priced.lines)
        most = floor_div(goods * effect.most_percent_e4, 100 * SCALE)
        receipt |= {"max_percent_of_order_e4": effect.most_percent_e4, "order": goods, "most": most}
        wanted = min(wanted, most)
    amount = 0 if effect.is_whole and wanted > base else min(wanted, base)
    if effect.per_point_e4 is not None:
        assert effect.value_minor is not None
        points, needed = (ceil_div(minor * SCALE, effect.per_point_e4) for minor in (effect.value_minor, amount))
        receipt |= {"amount_per_point_e4": effect.per_point_e4, "points": needed, "points_returned": points - needed}
    receipt |= {"wanted": wanted} if effect.is_whole else {}
    parts = [amount] if len(weights) == 1 else split(amount, weights)
    receipt |= {"base": base, "lines": _receipt_lines(priced, lines, parts)}
    return Landing(amount, [(line, part, 0) for line, part in zip(lines, parts, strict=True)], 0, receipt)


def _off_units(effect: Effect, priced: Priced, lines: Sequence[int]) -> Landing:
    """Take an amount off every unit that is still paid for."""
    value = effect.value_minor
    assert value is not None
    parts = [min(value * priced.paid_units[line], priced.minor[line]) for line in lines]
    receipt = {"value": value, "per": "unit", "lines": _receipt_lines(priced, lines, parts, units=True)}
    return Landing(sum(parts), [(line, part, 0) for line, part in zip(lines, parts, strict=True)], 0, receipt)


def _free_units(effect: Effect, priced: Priced, lines: Sequence[int]) -> Landing:
    """Make the cheapest units on these lines free: `get` of every `buy` + `get` for a bogo, `get` for a gift.

    Units left over after whole groups count as bought, too: with buy 1 and get 2, the second unit is free.
    """
    units = sum(priced.paid_units[line] for line in lines)
    if effect.type == "free_product":
        count = min(effect.get, units)
        receipt: dict[str, Any] = {"units": units, "free": count}
    else:
        groups, rest = divmod(units, effect.buy + effect.get)
        count = groups * effect.get + min(max(rest - effect.buy, 0), effect.get)
        if effect.max_times is not None:
            count = min(count, effect.max_times * effect.get)
        receipt = {"buy": effect.buy, "get": effect.get, "units": units, "max_times": effect.max_times, "free": count}
    freed = _cheapest(priced, lines, count)
    shares = [(line, *freed[line]) for line in lines if line in freed]
    shown = _receipt_lines(priced, lines, [freed.get(line, (0, 0))[0] for line in lines], units=True)
    for row, line in zip(shown, lines, strict=True):
        row["free"] = freed.get(line, (0, 0))[1]
    receipt["lines"] = shown
    return Landing(sum(minor for _line, minor, _units in shares), shares, 0, receipt)


def _cheapest(priced: Priced, lines: Sequence[int], count: int) -> dict[int, tuple[int, int]]:
    """Pick the `count` cheapest units: line -> their cost and number."""
    priced_units = _priced_units(priced, lines)
    priced_units.sort()
    return _take(priced_units, count)


def _take(
    priced_units: Iterable[PricedUnits], count: int, *, scarce: Collection[int] = (), spare: int = 0
) -> dict[int, tuple[int, int]]:
    """Take `count` units in this order, of scarce lines at most `spare` together: line -> their cost and number."""
    taken: dict[int, tuple[int, int]] = {}
    for unit_minor, _position, line, units in priced_units:
        number = min(units, count, spare) if line in scarce else min(units, count)
        if line in scarce:
            spare -= number
        if number:
            count -= number
            minor, so_far = taken.get(line, (0, 0))
            taken[line] = (minor + unit_minor * number, so_far + number)
    assert count == 0, f"{count} more units were to be taken than there are"
    return taken


def _priced_units(priced: Priced, lines: Sequence[int]) -> list[PricedUnits]:
    """Paid units: a line's price is spread over its paid units."""
    priced_units: list[PricedUnits] = []
    for position, line in enumerate(lines):
        units = priced.paid_units[line]
        if units:
            low_minor, dearer = divmod(priced.minor[line], units)
            priced_units.append((low_minor, position, line, units - dearer))
            if dearer:
                priced_units.append((low_minor + 1, position, line, dearer))
    return priced_units


def _buy_and_get(effect: Effect, priced: Priced, lines: Sequence[int]) -> Landing:
    """Take a percentage off units of one selection for units of another that stay paid in full; a unit serves once.

    Units: the percentage of all given units together rounds down, and is split over their lines (R13).
    Ties: of equally cheap, or dear, units those on the earlier line are given.
    """
    assert effect.bought is not None and effect.got is not None, "a bogo with two selections has both"
    bought = {line for line in lines if effect.bought.selects(priced.lines[line])}
    got = [line for line in lines if effect.got.selects(priced.lines[line])]
    buyable, gettable = (sum(priced.paid_units[line] for line in some) for some in (bought, got))
    units = sum(priced.paid_units[line] for line in bought.union(got))
    count = _given_units(effect, buyable=buyable, gettable=gettable, units=units)
    times = ceil_div(count, effect.get)
    priced_units = _priced_units(priced, got)
    priced_units.sort(key=lambda unit: (-unit[0] if effect.is_dearest else unit[0], unit[1], unit[2]))
    # Those that are bought are no longer there to be given.
    given = _take(priced_units, count, scarce=bought, spare=buyable - times * effect.buy)
    touched = [line for line in lines if line in given]
    weights = [given[line][0] for line in touched]
    base = sum(weights)
    amount = floor_div(base * effect.percent_e4, 100 * SCALE)
    parts = dict(zip(touched, split(amount, weights) if amount else [0] * len(weights), strict=True))
    is_free = effect.percent_e4 == 100 * SCALE
    shares = [(line, parts[line], given[line][1] if is_free else 0) for line in touched]
    receipt: dict[str, Any] = {"buy": effect.buy, "get": effect.get, "max_times": effect.max_times, "times": times}
    receipt |= {"percent_e4": effect.percent_e4, "pick": "dearest" if effect.is_dearest else "cheapest"}
    receipt |= {"bought": buyable, "gettable": gettable, "units": units, "given": count, "base": base}
    shown = _receipt_lines(priced, lines, [parts.get(line, 0) for line in lines], units=True)
    receipt["lines"] = [
        row | {"given": given.get(line, (0, 0))[1], "buys": line in bought, "gets": line in got}
        for row, line in zip(shown, lines, strict=True)
    ]
    return Landing(amount, shares, 0, receipt)


def _given_units(effect: Effect, *, buyable: int, gettable: int, units: int) -> int:
    """How many units are given: all that can be while enough others are bought. `units`: of either selection.

    A customer who has bought for one more time gets what there is, even if that is less than `get`.
    """
    times = min(buyable // effect.buy, gettable // effect.get, units // (effect.buy + effect.get))
    count = times * effect.get
    if (times + 1) * effect.buy <= buyable:
        rest = units - (times + 1) * effect.buy
        count = max(count, min(gettable, rest, (times + 1) * effect.get))
    return count if effect.max_times is None else min(count, effect.max_times * effect.get)


def _free_shipping(effect: Effect, priced: Priced) -> Landing:
    """A credit toward the shipping, worth at most what is left of it."""
    base = priced.shipping_minor
    amount = base if effect.value_minor is None else min(effect.value_minor, base)
    if effect.percent_e4:
        amount = floor_div(base * effect.percent_e4, 100 * SCALE)
    receipt: dict[str, Any] = {"value": effect.value_minor, "percent_e4": effect.percent_e4 or None}
    receipt |= {"base": base, "lines": []}
    return Landing(amount, (), amount, receipt)


def _receipt_lines(
    priced: Priced, lines: Sequence[int], parts: Sequence[int], *, units: bool = False
) -> list[dict[str, Any]]:
    """List a receipt's lines in rank order: the price of each before, and its discount."""
    receipt_lines: list[dict[str, Any]] = [
        {"line": line, "sku": priced.lines[line].sku, "base": priced.minor[line], "discount": part}
        for line, part in zip(lines, parts, strict=True)
    ]
    if units:
        for shown, line in zip(receipt_lines, lines, strict=True):
            shown["units"] = priced.paid_units[line]
    return receipt_lines

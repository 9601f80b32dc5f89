"""A second opinion on carts: every unit by itself, every promotion looked at, exact rationals, no index.

Written from R13, R14, R23, R79 and R80 alone; it shares no code with the engine but the frozen values.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from vinr_server.core.carts.cart import Cart, CartLine, Criteria, Promotion, Selection

PHASES = ("item", "bogo", "order", "shipping")


class CartOracle:
    """What a cart gets: `taken` by line and from the shipping, `applied` in order, by promotion."""

    def __init__(self, cart: Cart, promotions: Sequence[Promotion], audiences: Sequence[str] = ()) -> None:
        self.cart, self.audiences = cart, set(audiences)
        self.order = sorted(range(len(cart.lines)), key=lambda at: place(cart.lines[at]))
        self.left = [line.unit_price_minor * line.quantity for line in cart.lines]
        self.units = [line.quantity for line in cart.lines]
        self.shipping = cart.shipping_minor
        self.applied: list[tuple[str, int]] = []
        self.spoken_for: dict[str | None, str] = {}
        qualified = [one for one in promotions if self.qualifies(one)]
        self.run(sorted(qualified, key=turn))

    def qualifies(self, one: Promotion) -> bool:
        """Whether the cart and the member meet every condition."""
        named = one.criteria.selection.skus | one.criteria.selection.categories
        if not named and one.audience and not self.audiences & set(one.audience):
            return False
        return not missing(one.criteria, self.cart)

    def run(self, promotions: Sequence[Promotion], *, is_trial: bool = False) -> None:
        """Everything in turn; where several can't go together, one of them is taken at the turn of the first."""
        waiting = list(promotions)
        while waiting:
            one = waiting.pop(0)
            if self.is_kept_out(one):
                continue
            rivals = [other for other in waiting if are_rivals(one, other)]
            if rivals:
                chosen = self.choose([one, *rivals], waiting, is_trial=is_trial)
                if chosen is None:
                    self.apply(one)  # in vain, and so do the others
                    continue
                waiting = [other for other in waiting if other is chosen or other not in rivals]
                if chosen.stacking == "exclusive":
                    self.spoken_for[chosen.group] = chosen.id
                if phase_of(chosen) != phase_of(one):
                    continue
                waiting = [other for other in waiting if other is not chosen]
                one = chosen
            self.apply(one)

    def choose(self, rivals: Sequence[Promotion], waiting: Sequence[Promotion], *, is_trial: bool) -> Promotion | None:
        """R80: exclusive ones by priority, then all by what each would take off this cart, then the first in turn."""
        amounts = {one.id: self.would_take(one, rivals, waiting, is_trial=is_trial) for one in rivals}
        useful = [one for one in rivals if amounts[one.id]]
        if not useful:
            return None
        if useful[0].stacking == "exclusive":
            top = max(one.priority for one in useful)
            useful = sorted((one for one in useful if one.priority == top), key=lambda one: (one.created_at, one.id))
        best = max(amounts[one.id] for one in useful)
        return next(one for one in useful if amounts[one.id] == best)

    def would_take(
        self, one: Promotion, rivals: Sequence[Promotion], waiting: Sequence[Promotion], *, is_trial: bool
    ) -> int:
        """What it would take off without its rivals: now, or in a later phase after all that comes before it.

        (While that is tried, other groups choose by the prices of the moment.)
        """
        if is_trial or phase_of(one) == phase_of(rivals[0]):
            return sum(self.takes(one))
        tried = copy.deepcopy(self)
        before = [other for other in waiting if turn(other) < turn(one) and other not in rivals]
        if one.stacking == "exclusive":
            before = [other for other in before if other.group != one.group or other.is_voucher]
        tried.run(before, is_trial=True)
        return 0 if tried.is_kept_out(one) else sum(tried.takes(one))

    def is_kept_out(self, one: Promotion) -> bool:
        """Whether another of its group came first."""
        before = [self.by_id[id] for id, _taken in self.applied if self.by_id[id].group == one.group]
        if one.is_voucher:
            return False
        before = [other for other in before if not other.is_voucher]
        return (
            self.spoken_for.get(one.group, one.id) != one.id
            or any(other.stacking == "exclusive" for other in before)
            or (one.stacking == "exclusive" and bool(before))
            or (one.stacking == "best" and any(other.stacking == "best" for other in before))
        )

    by_id: Mapping[str, Promotion] = {}

    def apply(self, one: Promotion) -> None:
        """It is applied, if it takes anything off."""
        takes = self.takes(one)
        if sum(takes) == 0:
            return
        self.by_id = {**self.by_id, one.id: one}
        self.applied.append((one.id, sum(takes)))
        if one.effect.got is not None:
            for _price, _rank, at in self.given_units(one) if one.effect.percent_e4 == 1_000_000 else ():
                self.units[at] -= 1
        elif one.effect.type in ("bogo", "free_product"):
            for at, _price in self.free_units(one):
                self.units[at] -= 1
        *lines, shipping = takes
        self.left = [left - taken for left, taken in zip(self.left, lines, strict=True)]
        self.shipping -= shipping

    def takes(self, one: Promotion) -> list[int]:
        """What it takes off each line, and of the shipping, at the prices as they stand."""
        effect = one.effect
        taken = [0] * (len(self.left) + 1)
        if effect.type == "free_shipping":
            taken[-1] = self.shipping if effect.value_minor is None else min(effect.value_minor, self.shipping)
            if effect.percent_e4:
                taken[-1] = int(Fraction(self.shipping * effect.percent_e4, 1_000_000))
            return taken
        lines = self.lines_of(one)
        if effect.got is not None:
            for at, part in percent_of_units(self.given_units(one), effect.percent_e4, lines).items():
                taken[at] = part
        elif effect.type in ("bogo", "free_product"):
            for at, price in self.free_units(one):
                taken[at] += price
        elif effect.type == "fixed_discount" and effect.per == "unit":
            for at in lines:
                taken[at] = min((effect.value_minor or 0) * self.units[at], self.left[at])
        else:
            whole = sum(self.left[at] for at in lines)
            wanted = Fraction(effect.value_minor or 0)
            if effect.type == "percentage":
                wanted = Fraction(whole) * effect.percent_e4 / 1_000_000
                wanted = wanted if effect.max_minor is None else min(wanted, Fraction(effect.max_minor))
            shared = share(min(int(wanted), whole), [self.left[at] for at in lines])
            for at, part in zip(lines, shared, strict=True):
                taken[at] = part
        return taken

    def lines_of(self, one: Promotion) -> list[int]:
        """The lines it takes money off, in their order."""
        selection = one.criteria.selection if one.lines is None else one.lines
        return [at for at in self.order if matches(selection, self.cart.lines[at])]

    def given_units(self, one: Promotion) -> list[tuple[int, int, int]]:
        """The units of `got` that come with those of `bought`, each with its price, rank and line."""
        bought, got = one.effect.bought, one.effect.got
        assert bought is not None and got is not None
        lines = [
            (at, self.left[at], self.units[at], matches(bought, self.cart.lines[at]), matches(got, self.cart.lines[at]))
            for at in self.lines_of(one)
        ]
        effect = one.effect
        return given_of(lines, effect.buy, effect.get, effect.max_times, is_dearest=effect.is_dearest)

    def free_units(self, one: Promotion) -> list[tuple[int, int]]:
        """The units it makes free, each with its line and price."""
        units: list[tuple[int, int, int]] = []
        for rank, at in enumerate(self.lines_of(one)):
            count, left = self.units[at], self.left[at]
            for number in range(count):
                # Units of one line differ by a cent at most; the cheaper come first.
                price = left // count + (number >= count - left % count)
                units.append((price, rank, at))
        effect, free = one.effect, 0
        if effect.type == "free_product":
            free = effect.get
        else:
            bought = got = 0
            for _unit in units:  # as they would go over the counter: buy first, then get
                if bought == effect.buy and got < effect.get:
                    got, free = got + 1, free + 1
                    if got == effect.get:
                        bought = got = 0
                else:
                    bought += 1
            if effect.max_times is not None:
                free = min(free, effect.max_times * effect.get)
        return [(at, price) for price, _rank, at in sorted(units)[:free]]


Line = tuple[int, int, int, bool, bool]


def given_of(
    lines: Sequence[Line], buy: int, get: int, max_times: int | None, *, is_dearest: bool
) -> list[tuple[int, int, int]]:
    """R79, by trying: the most units that can be given while others are bought, and of all ways the cheapest (dearest).

    A line is its number, its price, its units, and whether it may be bought and given.
    """
    both: list[tuple[int, int, int]] = []
    given_only: list[tuple[int, int, int]] = []
    bought_only = 0
    for rank, (at, left, count, is_bought, is_given) in enumerate(lines):
        prices = [(left // count + (number >= count - left % count), rank, at) for number in range(count)]
        if is_given:
            (both if is_bought else given_only).extend(prices)
        else:
            bought_only += count if is_bought else 0

    def order(unit: tuple[int, int, int]) -> tuple[int, int, int]:
        return (-unit[0], *unit[1:]) if is_dearest else unit

    both.sort(key=order)
    given_only.sort(key=order)
    most = len(both) + len(given_only) if max_times is None else max_times * get
    for wanted in range(min(most, len(both) + len(given_only)), 0, -1):
        times = -(-wanted // get)
        ways = [
            sorted(both[:shared] + given_only[: wanted - shared], key=order)
            for shared in range(min(wanted, len(both)) + 1)
            if wanted - shared <= len(given_only) and times * buy <= bought_only + len(both) - shared
        ]
        if ways:
            return min(ways, key=lambda way: [order(unit) for unit in way])
    return []


def percent_of_units(units: Sequence[tuple[int, int, int]], percent_e4: int, lines: Sequence[int]) -> dict[int, int]:
    """What a percentage of these units together comes to, by line, in the order of lines (R13)."""
    prices = {at: sum(price for price, _rank, line in units if line == at) for at in lines}
    amount = int(Fraction(sum(prices.values()) * percent_e4, 1_000_000))
    touched = [at for at in lines if any(line == at for _price, _rank, line in units)]
    return dict(zip(touched, share(amount, [prices[at] for at in touched]), strict=True))


def turn(one: Promotion) -> Any:
    """Its place in the order in which promotions apply (R14)."""
    return (PHASES.index(phase_of(one)), one.stacking != "exclusive", -one.priority, one.created_at, one.id)


def are_rivals(one: Promotion, other: Promotion) -> bool:
    """Whether only one of the two can apply, being of one kind and group."""
    is_free = one.stacking == "stack" or one.is_voucher or other.is_voucher
    return not is_free and (one.stacking, one.group) == (other.stacking, other.group)


def share(amount: int, weights: Sequence[int]) -> list[int]:
    """R13 with exact rationals: the whole parts, then a unit each to the largest remainders."""
    whole = sum(weights)
    exact = [Fraction(amount * weight, whole) if whole else Fraction(0) for weight in weights]
    parts = [int(one) for one in exact]
    by_need = sorted(
        (at for at in range(len(weights)) if weights[at]), key=lambda at: (parts[at] - exact[at], -weights[at], at)
    )
    for at in by_need[: amount - sum(parts)]:
        parts[at] += 1
    return parts


def phase_of(one: Promotion) -> str:
    """When it is applied."""
    kind = one.effect.type
    if kind == "fixed_discount":
        return "item" if one.effect.per == "unit" else "order"
    return {"free_product": "item", "bogo": "bogo", "percentage": "order", "free_shipping": "shipping"}[kind]


def place(line: CartLine) -> Any:
    """The order of lines: by id or sku, then by what tells them apart."""
    return (line.id or line.sku, line.sku, line.unit_price_minor, line.quantity, sorted(line.categories))


def matches(selection: Selection, line: CartLine) -> bool:
    """Whether a line is meant."""
    named = bool(selection.skus or selection.categories)
    if line.sku in selection.exclude_skus or set(line.categories) & selection.exclude_categories:
        return False
    return not named or line.sku in selection.skus or any(one in selection.categories for one in line.categories)


def missing(criteria: Criteria, cart: Cart) -> set[str]:
    """The conditions the cart does not meet."""
    lines = [line for line in cart.lines if matches(criteria.selection, line)]
    failed = set()
    if criteria.currency not in (None, cart.currency):
        failed.add("currency")
    if not lines:
        failed.add("lines")
    if sum(line.unit_price_minor * line.quantity for line in lines) < criteria.min_subtotal_minor:
        failed.add("min_subtotal")
    if sum(line.quantity for line in lines) < criteria.min_quantity and criteria.min_quantity > 1:
        failed.add("min_quantity")
    return failed


def recomputed(receipt: Mapping[str, Any]) -> dict[int | str, int]:
    """What an effect took off each line (by its number) and the "shipping", from its receipt and nothing else."""
    lines = receipt["lines"]
    kind = receipt["type"]
    if kind == "free_shipping":
        value = receipt["value"]
        if receipt["percent_e4"]:
            return {"shipping": int(Fraction(receipt["base"] * receipt["percent_e4"], 1_000_000))}
        return {"shipping": receipt["base"] if value is None else min(value, receipt["base"])}
    if kind == "fixed_discount" and receipt["per"] == "unit":
        return {one["line"]: min(receipt["value"] * one["units"], one["base"]) for one in lines}
    if "gettable" in receipt:
        mine = [(one["line"], one["base"], one["units"], one["buys"], one["gets"]) for one in lines]
        is_dearest = receipt["pick"] == "dearest"
        units = given_of(mine, receipt["buy"], receipt["get"], receipt["max_times"], is_dearest=is_dearest)
        places = [one["line"] for one in lines]
        return dict.fromkeys(places, 0) | percent_of_units(units, receipt["percent_e4"], places)
    if kind in ("bogo", "free_product"):
        prices = sorted(
            (one["base"] // one["units"] + (number >= one["units"] - one["base"] % one["units"]), rank, one["line"])
            for rank, one in enumerate(lines)
            for number in range(one["units"])
        )
        taken = {one["line"]: 0 for one in lines}
        for price, _rank, at in prices[: receipt["free"]]:
            taken[at] += price
        return taken
    base = sum(one["base"] for one in lines)
    wanted = (
        Fraction(receipt["value"]) if kind == "fixed_discount" else Fraction(base * receipt["percent_e4"], 1_000_000)
    )
    if receipt.get("max_discount") is not None:
        wanted = min(wanted, Fraction(receipt["max_discount"]))
    shared = share(min(int(wanted), base), [one["base"] for one in lines])
    return {one["line"]: part for one, part in zip(lines, shared, strict=True)}

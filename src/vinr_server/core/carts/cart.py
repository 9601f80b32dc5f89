"""Carts, and the promotions they can get: offers and issued discounts, as a cart sees them (R13, R14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.conditions.tree import Lines, Predicate
from vinr_server.core.earning.lines import is_selected
from vinr_server.core.kernel.values import dataclass

EffectType = Literal["fixed_discount", "percentage", "bogo", "free_product", "free_shipping"]
Phase = Literal["item", "bogo", "order", "shipping"]
Stacking = Literal["stack", "exclusive", "best"]

# The order in which promotions apply (R14).
PHASES: tuple[Phase, ...] = ("item", "bogo", "order", "shipping")


@dataclass(frozen=True, slots=True)
class CartLine:
    """A quantity of one product at one unit price, in minor units."""

    sku: str
    unit_price_minor: int
    quantity: int = 1
    categories: tuple[str, ...] = ()
    id: str | None = None
    is_shippable: bool = True
    metadata: Mapping[str, Any] | None = None

    @property
    def price_minor(self) -> int:
        """The price of all units, before any discount."""
        return self.unit_price_minor * self.quantity

    @property
    def rank(self) -> tuple[Any, ...]:
        """The key by which lines are ranked, independent of their position in the cart (R13)."""
        return (
            self.id or self.sku,
            self.sku,
            self.unit_price_minor,
            self.quantity,
            sorted(self.categories),
            self.is_shippable,
            sorted(map(repr, self.metadata.items())) if self.metadata else [],
        )


@dataclass(frozen=True, slots=True)
class Cart:
    """What somebody is about to buy. `lines` keep the order they came in, which decides nothing.

    If `prices_include_tax` is false, tax comes on top of the total: no discount looks at it (R73).
    """

    currency: str
    lines: tuple[CartLine, ...]
    shipping_minor: int = 0
    prices_include_tax: bool = True

    @property
    def subtotal_minor(self) -> int:
        """The price of all lines, before any discount, without shipping."""
        return sum(line.price_minor for line in self.lines)

    @property
    def ranked(self) -> list[int]:
        """The positions of the lines in rank order."""
        return sorted(range(len(self.lines)), key=lambda position: self.lines[position].rank)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines: those with one of the skus or categories, all if neither is named; never those excluded."""

    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    exclude_skus: frozenset[str] = frozenset()
    exclude_categories: frozenset[str] = frozenset()

    @property
    def names_lines(self) -> bool:
        """Whether some lines are named; otherwise it is all but the excluded ones."""
        return bool(self.skus or self.categories)

    @property
    def excludes_lines(self) -> bool:
        """Whether some lines are excluded."""
        return bool(self.exclude_skus or self.exclude_categories)

    @property
    def is_everything(self) -> bool:
        """Whether every line is selected, whatever it is."""
        return not self.names_lines and not self.excludes_lines

    def selects(self, line: CartLine) -> bool:
        """Whether this line is selected."""
        return is_selected(self, line.sku, line.categories)

    def chosen(self, lines: Sequence[CartLine], positions: Iterable[int]) -> list[int]:
        """Those of the positions whose lines are selected, in their order."""
        if self.categories or self.excludes_lines:
            return [at for at in positions if self.selects(lines[at])]
        skus = self.skus
        return [at for at in positions if lines[at].sku in skus] if skus else list(positions)

    def __str__(self) -> str:
        named = ", ".join((*sorted(self.skus), *sorted(self.categories)))
        excluded = ", ".join((*sorted(self.exclude_skus), *sorted(self.exclude_categories)))
        return f"{named or 'anything'} but {excluded}" if excluded else named or "any line"


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a promotion does to prices.

    fixed_discount takes `value_minor` off the order or off every unit; percentage takes `percent_e4` (ten-thousandths
    of a percent) of the lines, at most `max_minor`; bogo gives `get` of every `buy` + `get` units; with two selections
    it takes `percent_e4` off `get` units of `got` for every `buy` units of `bought`: the cheapest or the dearest, and a
    unit serves once (R79). `max_times` limits how often it does so in one cart. free_product gives `get` units;
    free_shipping pays `value_minor` of the shipping, or `percent_e4` of it, or (neither) all of it.

    Of issued discounts alone (R83): `most_percent_e4` of all goods, undiscounted, is the most that it takes off; one
    that `is_whole` takes nothing off where it finds less than all of it; and `per_point_e4` (ten-thousandths of a minor
    unit) is what each point of it is worth, of which it takes only those that it needs.
    """

    type: EffectType
    value_minor: int | None = None
    per: Literal["order", "unit"] = "order"
    percent_e4: int = 0
    max_minor: int | None = None
    buy: int = 1
    get: int = 1
    bought: Selection | None = None
    got: Selection | None = None
    is_dearest: bool = False
    max_times: int | None = None
    most_percent_e4: int | None = None
    is_whole: bool = False
    per_point_e4: int | None = None

    @property
    def either(self) -> Selection | None:
        """The lines that two selections name, bought or got; None for an effect without them."""
        if self.bought is None or self.got is None:
            return None
        return Selection(self.bought.skus | self.got.skus, self.bought.categories | self.got.categories)

    @property
    def phase(self) -> Phase:
        """The phase in which it applies (R14)."""
        if self.type == "free_shipping":
            return "shipping"
        if self.type == "bogo":
            return "bogo"
        is_of_units = self.type == "free_product" or (self.type == "fixed_discount" and self.per == "unit")
        return "item" if is_of_units else "order"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a cart must contain. Thresholds count the matching lines.

    They count them at their undiscounted prices (R23), or, where it `is_discounted`, at those that the item and BOGO
    phases leave (R78).
    """

    selection: Selection = EVERYTHING
    min_subtotal_minor: int = 0
    min_quantity: int = 0
    currency: str | None = None
    max_subtotal_minor: int | None = None
    max_quantity: int | None = None
    is_discounted: bool = False

    def unmet_subtotal(self, minor: int, *, is_before_discounts: bool) -> Predicate | None:
        """What is asked of the matching lines and not met by what they come to; None if that is enough.

        Discounts may yet bring down what is too much.
        """
        if minor < self.min_subtotal_minor:
            return Predicate("order.amount", gte=self.min_subtotal_minor, lines=self.lines, name="min_subtotal")
        most_minor = None if self.is_discounted and is_before_discounts else self.max_subtotal_minor
        if most_minor is not None and minor > most_minor:
            return Predicate("order.amount", lte=most_minor, lines=self.lines, name="max_subtotal")
        return None

    def unmet_quantity(self, units: int) -> Predicate | None:
        """The same of their units. (One unit is asked for by any line.)"""
        if self.min_quantity > 1 and units < self.min_quantity:
            return Predicate("order.quantity", gte=self.min_quantity, lines=self.lines, name="min_quantity")
        if self.max_quantity is not None and units > self.max_quantity:
            return Predicate("order.quantity", lte=self.max_quantity, lines=self.lines, name="max_quantity")
        return None

    @property
    def lines(self) -> Lines:
        """The lines that count, as conditions name them."""
        chosen = self.selection
        names = (chosen.skus, chosen.categories, chosen.exclude_skus, chosen.exclude_categories)
        return Lines(*(tuple(sorted(some)) for some in names))


@dataclass(frozen=True, slots=True)
class Promotion:
    """An offer or an issued discount as a cart sees it.

    `lines` are the lines it discounts; None: those that match its criteria. `audience` holds the keys of members it is
    for (see `offer_index`), any of which is enough; empty: everybody. `source` is what the caller made it from.
    """

    id: str
    revision: int
    name: str
    effect: Effect
    created_at: datetime
    criteria: Criteria = Criteria()
    lines: Selection | None = None
    audience: tuple[str, ...] = ()
    priority: int = 0
    stacking: Stacking = "stack"
    group: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_voucher: bool = False
    source: Any = None

    @property
    def rank(self) -> tuple[Any, ...]:
        """The order within a phase (R14): exclusive promotions first, then higher priority, then older ones."""
        return (self.stacking != "exclusive", -self.priority, self.created_at, self.id)

    @property
    def found_by(self) -> Selection:
        """The lines by which it is found: those of its criteria, or those it wants bought and gives."""
        return self.effect.either or self.criteria.selection

    def is_live(self, now: datetime) -> bool:
        """Whether its window is open."""
        return (self.starts_at is None or now >= self.starts_at) and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Applied:
    """A promotion with its discount, and the receipt from which the discount can be recomputed."""

    promotion: Promotion
    discount_minor: int
    receipt: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unqualified:
    """A promotion that gave nothing, and every condition that it failed."""

    promotion: Promotion
    unmet: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A cart with everything it gets. `line_discounts_minor` follow the order of the cart's lines."""

    cart: Cart
    line_discounts_minor: Sequence[int]
    shipping_discount_minor: int
    applied: Sequence[Applied]
    rejected: Sequence[Unqualified]

    @property
    def discount_minor(self) -> int:
        """The total discount, shipping included."""
        return sum(self.line_discounts_minor) + self.shipping_discount_minor

    @property
    def total_minor(self) -> int:
        """What is left to pay."""
        return self.cart.subtotal_minor + self.cart.shipping_minor - self.discount_minor

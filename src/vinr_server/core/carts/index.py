"""An index of live promotions, in which a cart finds those it may qualify for without looking at the others.

A promotion that names lines is listed under each of its skus and categories; one that names none is listed under its
currency and the members it is for. Under each key, promotions with a minimum quantity are sorted by it, the others by
their minimum subtotal: bisection cuts off what the whole cart can't reach. So the cost of a look-up depends on the cart
and its matches, not on the number of promotions.

Promotions that are cut off are not explained, except the nearest few (`NEAR_MAX`): the lowest thresholds beyond the
cart's reach, and the newest promotions for other currencies and members.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

from vinr_server.core.carts.cart import Cart, Promotion
from vinr_server.core.kernel.values import dataclass

# How many promotions beyond the cart's reach are shown, with what is missing.
NEAR_MAX = 10
# From one list; a later entry could never be among the nearest ten of several lists.
NEAR_OF_LIST = 3

# Who a promotion is for: everybody, any member, or the members of a segment or tier.
EVERYBODY = "everybody"
MEMBERS = "members"


_SEGMENT = "segment:"


def segment_key(segment: str) -> str:
    """The audience key of a segment."""
    return f"{_SEGMENT}{segment}"


def tier_key(tier: str) -> str:
    """The audience key of a tier, in any program."""
    return f"tier:{tier}"


@dataclass(frozen=True, slots=True)
class Found:
    """Promotions the cart may qualify for, and some just out of reach, each with its matching lines in rank order."""

    within: Sequence[tuple[Promotion, Sequence[int]]]
    beyond: Sequence[tuple[Promotion, Sequence[int]]]


class _Ladder:
    """Slots of promotions, in ascending order of a threshold."""

    __slots__ = ("_slots", "_thresholds")

    def __init__(self) -> None:
        self._thresholds: list[int] = []
        self._slots: list[int] = []

    def add(self, threshold: int, slot: int) -> None:
        """Add a slot. Expects ascending slots: among equal thresholds the lower slot stays in front."""
        at = bisect_right(self._thresholds, threshold)
        self._thresholds.insert(at, threshold)
        self._slots.insert(at, slot)

    def within(self, reach: int) -> Sequence[int]:
        """The slots whose threshold is reached."""
        if not self._thresholds or self._thresholds[-1] <= reach:
            return self._slots
        return self._slots[: bisect_right(self._thresholds, reach)]

    def beyond(self, reach: int, wanted: int) -> Iterator[tuple[int, int]]:
        """The nearest slots whose threshold is not reached: (what is missing, slot)."""
        at = bisect_right(self._thresholds, reach)
        for threshold, slot in zip(self._thresholds[at : at + wanted], self._slots[at : at + wanted], strict=True):
            yield threshold - reach, slot


class _Shelf:
    """The promotions under one key."""

    __slots__ = ("by_quantity", "by_subtotal")

    def __init__(self) -> None:
        self.by_subtotal = _Ladder()
        self.by_quantity = _Ladder()

    def add(self, promotion: Promotion, slot: int) -> None:
        if promotion.criteria.min_quantity > 1:
            self.by_quantity.add(promotion.criteria.min_quantity, slot)
        else:
            self.by_subtotal.add(promotion.criteria.min_subtotal_minor, slot)


# Currency (None: any) and audience.
Place = tuple[str | None, str]


class OfferIndex:
    """An immutable index of promotions; the order in which they are given never matters."""

    def __init__(self, promotions: Iterable[Promotion]) -> None:
        self._promotions = sorted(promotions, key=lambda promotion: (promotion.created_at, promotion.id))
        self._by_sku: dict[str, _Shelf] = {}
        self._by_category: dict[str, _Shelf] = {}
        self._of_all_lines: dict[Place, _Shelf] = {}
        audiences = {audience for promotion in self._promotions for audience in promotion.audience}
        # The segments that any of the promotions names.
        self.segments = frozenset(key.removeprefix(_SEGMENT) for key in audiences if key.startswith(_SEGMENT))
        # Slots of promotions that don't discount all lines under whose keys they are found, and only those.
        self._of_other_lines: set[int] = set()
        for slot, promotion in enumerate(self._promotions):
            selection = promotion.found_by
            if promotion.effect.got is not None or promotion.criteria.selection.excludes_lines:
                self._of_other_lines.add(slot)
            for sku in selection.skus:
                self._by_sku.setdefault(sku, _Shelf()).add(promotion, slot)
            for category in selection.categories:
                self._by_category.setdefault(category, _Shelf()).add(promotion, slot)
            if not selection.names_lines:
                for audience in promotion.audience or (EVERYBODY,):
                    self._of_all_lines.setdefault((promotion.criteria.currency, audience), _Shelf()).add(
                        promotion, slot
                    )

    def __len__(self) -> int:
        return len(self._promotions)

    def find(self, cart: Cart, ranked: Sequence[int], audiences: Collection[str] = ()) -> Found:
        """Return the promotions within the cart's reach, oldest first, and the nearest beyond it.

        `ranked` are the positions of the cart's lines in rank order; `audiences` are the groups the member belongs to.
        """
        subtotal_minor, quantity = cart.subtotal_minor, sum(line.quantity for line in cart.lines)
        hits: dict[int, list[int]] = {}
        shelves: dict[int, _Shelf] = {}
        for position in ranked:
            line = cart.lines[position]
            keyed = [self._by_sku.get(line.sku), *map(self._by_category.get, line.categories)]
            for shelf in keyed:
                if shelf is None:
                    continue
                shelves[id(shelf)] = shelf
                for slots in (shelf.by_subtotal.within(subtotal_minor), shelf.by_quantity.within(quantity)):
                    for slot in slots:
                        lines = hits.get(slot)
                        if lines is None:
                            hits[slot] = [position]
                        elif lines[-1] != position:
                            lines.append(position)
        asked = {
            (currency, audience): None for currency in (None, cart.currency) for audience in (EVERYBODY, *audiences)
        }
        for place in asked:
            shelf = self._of_all_lines.get(place)
            if shelf is not None:
                shelves[id(shelf)] = shelf
                for slots in (shelf.by_subtotal.within(subtotal_minor), shelf.by_quantity.within(quantity)):
                    hits.update((slot, list(ranked)) for slot in slots)
        for slot in self._of_other_lines.intersection(hits):
            hits[slot] = self._selected(slot, cart, hits[slot], ranked)
        within = [(self._promotions[slot], hits[slot]) for slot in sorted(hits)]
        near = self._near(shelves.values(), subtotal_minor, quantity, asked)
        beyond = [
            (promotion, promotion.criteria.selection.chosen(cart.lines, ranked))
            for promotion in (self._promotions[slot] for slot in near if slot not in hits)
        ]
        return Found(within, beyond)

    def _selected(self, slot: int, cart: Cart, hit: list[int], ranked: Sequence[int]) -> list[int]:
        """The lines that were hit, without those that the promotion excludes."""
        promotion = self._promotions[slot]
        if promotion.effect.got is not None:
            return list(ranked)  # criteria with two selections beside them count the whole cart
        return promotion.criteria.selection.chosen(cart.lines, hit)

    def _near(
        self, shelves: Iterable[_Shelf], subtotal_minor: int, quantity: int, asked: Collection[Place]
    ) -> Sequence[int]:
        """The nearest thresholds of these shelves, then the newest promotions for other carts than this one."""
        missing: dict[int, int] = {}
        for shelf in shelves:
            for ladder, reach in ((shelf.by_subtotal, subtotal_minor), (shelf.by_quantity, quantity)):
                for short, slot in ladder.beyond(reach, NEAR_OF_LIST):
                    missing[slot] = short
        nearest = sorted(missing, key=lambda slot: (missing[slot], slot))[:NEAR_MAX]
        return nearest + self._of_others(asked, NEAR_MAX)

    def _of_others(self, asked: Collection[Place], wanted: int) -> list[int]:
        others: list[int] = []
        for place in reversed(self._of_all_lines):
            if place not in asked:
                shelf = self._of_all_lines[place]
                others += shelf.by_subtotal.within(1 << 62)[:NEAR_OF_LIST]
                others += shelf.by_quantity.within(1 << 62)[:NEAR_OF_LIST]
            if len(others) >= wanted:
                break
        return list(dict.fromkeys(others))[:wanted]

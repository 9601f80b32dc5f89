"""Conditions as a tree: questions about fields, joined by all, any and not (R78).

What a rule, an offer, a cart's criteria or a segment asks in its own short form is a list of the same questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from vinr_server.core.kernel.values import dataclass, replace

# How deep conditions may be nested, and how many there may be in total.
DEPTH_MAX, CONDITIONS_MAX = 4, 50
Plain = bool | int | str
# Bounds of a number, or of an instant.
Bound = int | datetime | None
Days = int | None


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines count: those with one of the skus or categories, all if neither is named; never those excluded."""

    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join((*self.skus, *self.categories))
        excluded = ", ".join((*self.exclude_skus, *self.exclude_categories))
        return f"{named or 'anything'} but {excluded}" if excluded else named


ALL_LINES = Lines()


@dataclass(frozen=True, slots=True)
class Predicate:
    """What must be true of one field (fields.py): all that is given; or, if it `is_contrary`, not all of it.

    equals, one_of     the value; of a field with several values, one of them
    exists             whether there is a value
    gt, gte, lt, lte   bounds of a number or an instant
    within             less than so many days ago, for an instant
    days               of purchases, those of the last so many days
    currency           of what was spent
    lines              of an order's amount and quantity, these lines
    name               what its reason is called, where that is not the field
    """

    field: str
    equals: Plain | None = None
    one_of: tuple[Plain, ...] = ()
    exists: bool | None = None
    gt: Bound = None
    gte: Bound = None
    lt: Bound = None
    lte: Bound = None
    within: Days = None
    days: Days = None
    currency: str | None = None
    lines: Lines = ALL_LINES
    name: str | None = None
    is_contrary: bool = False

    @property
    def values(self) -> tuple[Plain, ...]:
        """The values of which it wants one; none where it asks otherwise."""
        return self.one_of if self.equals is None else (self.equals,)


@dataclass(frozen=True, slots=True)
class Condition:
    """One node: everything that is given must hold. Empty, it asks nothing."""

    predicate: Predicate | None = None
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    not_of: Condition | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks anything."""
        return self.predicate is not None or bool(self.all_of or self.any_of) or self.not_of is not None


def contrary_of(condition: Condition) -> Condition:
    """The condition that holds exactly where this one does not. Expects one that asks something (asserted)."""
    parts = [contrary_of(part) for part in condition.all_of]
    if condition.predicate is not None:
        is_contrary = not condition.predicate.is_contrary
        parts.append(Condition(predicate=replace(condition.predicate, is_contrary=is_contrary)))
    if condition.any_of:
        parts.append(Condition(all_of=tuple(contrary_of(part) for part in condition.any_of)))
    if condition.not_of is not None:
        parts.append(condition.not_of)
    assert parts, "what asks nothing has no contrary"
    return parts[0] if len(parts) == 1 else Condition(any_of=tuple(parts))


def assuming(condition: Condition, is_held: Callable[[Predicate], bool]) -> Condition:
    """What is left to ask where these questions, and their contraries, are taken as met."""
    asked = condition.predicate
    parts = list(condition.all_of) + ([contrary_of(condition.not_of)] if condition.not_of is not None else [])
    left = [assuming(part, is_held) for part in parts]
    return Condition(
        predicate=None if asked is None or is_held(asked) else asked,
        all_of=tuple(part for part in left if part.asks),
        any_of=tuple(assuming(part, is_held) for part in condition.any_of),
    )


def predicates_of(condition: Condition) -> Iterator[Predicate]:
    """Every question of the tree."""
    if condition.predicate is not None:
        yield condition.predicate
    for part in (*condition.all_of, *condition.any_of, *((condition.not_of,) if condition.not_of else ())):
        yield from predicates_of(part)


# ---- what must be known of a member


@dataclass(frozen=True, slots=True)
class Asked:
    """What has to be loaded of a member: totals of windows, the last purchase, the balance, places in segments."""

    windows: frozenset[Days] = frozenset()
    last_purchase: bool = False
    balance: bool = False
    segments: frozenset[str] = frozenset()

    def __or__(self, other: Asked) -> Asked:
        return Asked(
            self.windows | other.windows,
            self.last_purchase or other.last_purchase,
            self.balance or other.balance,
            self.segments | other.segments,
        )

    @property
    def asks_of_purchases(self) -> bool:
        """Whether anything is asked of the member's purchases."""
        return bool(self.windows) or self.last_purchase


def asked_by(predicates: Iterable[Predicate]) -> Asked:
    """All that these questions ask of a member."""
    windows: set[Days] = set()
    segments: set[str] = set()
    last_purchase = balance = False
    for asked in predicates:
        if asked.field in ("purchases.count", "purchases.spend"):
            windows.add(asked.days)
        elif asked.field in ("purchases.any", "purchases.days_since_last"):
            last_purchase = True
        elif asked.field == "balance":
            balance = True
        elif asked.field == "segment":
            segments.update(str(value) for value in asked.values)
    return Asked(frozenset(windows), last_purchase, balance, frozenset(segments))

"""Who belongs to a dynamic segment, in the short forms that segments have of their own (conditions/tree.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.judging import differences
from vinr_server.core.conditions.tree import Condition, Days, Predicate
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Whole numbers from `at_least` to `at_most`, both included; None means no limit."""

    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentCount:
    """How many purchases the member made in the last `days`; None: in its lifetime."""

    bounds: Bounds
    days: Days = None


@dataclass(frozen=True, slots=True)
class Spend:
    """How much the member spent in one currency, in minor units, in the last `days`; None: in its lifetime."""

    currency: str
    bounds: Bounds
    days: Days = None


@dataclass(frozen=True, slots=True)
class SegmentConditions:
    """What must be true of a member, all of it; None or empty asks nothing. `any_of`: at least one of them must hold.

    tiers: holds any of them; metadata: each key is equal; `enrolled_before` is exclusive, `enrolled_after` is not.
    """

    days_since_last_purchase: Bounds | None = None
    never_purchased: bool | None = None
    payments: PaymentCount | None = None
    spend: Spend | None = None
    tiers: tuple[str, ...] = ()
    balance: Bounds | None = None
    metadata: Mapping[str, Any] | None = None
    enrolled_before: datetime | None = None
    enrolled_after: datetime | None = None
    days_since_enrolled: Bounds | None = None
    all_of: tuple[SegmentConditions, ...] = ()
    any_of: tuple[SegmentConditions, ...] = ()
    not_of: SegmentConditions | None = None
    predicate: Predicate | None = None


def tree_of(asked: SegmentConditions) -> Condition:
    """The same conditions as they are judged."""
    parts = [Condition(predicate=predicate) for predicate in _predicates(asked)]
    return Condition(
        all_of=(*parts, *map(tree_of, asked.all_of)),
        any_of=tuple(map(tree_of, asked.any_of)),
        not_of=tree_of(asked.not_of) if asked.not_of is not None else None,
    )


def _predicates(asked: SegmentConditions) -> Iterator[Predicate]:
    if asked.predicate is not None:
        yield asked.predicate
    yield from _of_purchases(asked)
    if asked.tiers:
        yield Predicate("tier", one_of=asked.tiers, name="tier")
    if asked.balance is not None:
        yield _between("balance", asked.balance, name="balance")
    yield from differences("account.metadata.", asked.metadata)
    if asked.enrolled_before is not None:
        yield Predicate("account.enrolled_at", lt=asked.enrolled_before, name="enrolled_before")
    if asked.enrolled_after is not None:
        yield Predicate("account.enrolled_at", gte=asked.enrolled_after, name="enrolled_after")
    if asked.days_since_enrolled is not None:
        yield _between("account.days_since_enrolled", asked.days_since_enrolled, name="days_since_enrolled")


def _of_purchases(asked: SegmentConditions) -> Iterator[Predicate]:
    if asked.never_purchased is not None:
        yield Predicate("purchases.any", equals=not asked.never_purchased, name="never_purchased")
    if asked.days_since_last_purchase is not None:
        name = "days_since_last_purchase"
        yield _between("purchases.days_since_last", asked.days_since_last_purchase, name=name)
    if asked.payments is not None:
        yield _between("purchases.count", asked.payments.bounds, name="payments", days=asked.payments.days)
    if asked.spend is not None:
        spend = asked.spend
        yield _between("purchases.spend", spend.bounds, name="spend", days=spend.days, currency=spend.currency)


def _between(field: str, bounds: Bounds, *, name: str, days: Days = None, currency: str | None = None) -> Predicate:
    return Predicate(field, gte=bounds.at_least, lte=bounds.at_most, days=days, currency=currency, name=name)

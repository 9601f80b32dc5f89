"""What is known of a member when conditions ask: its attributes, its balance and its purchases.

A day is 24 hours. A purchase is a payment of the member of which something is kept; it spends its amount minus its
refunds. A window of n days holds what happened less than n days ago, so that a member whose last purchase was n days
ago has none in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vinr_server.core.conditions.fields import field_of
from vinr_server.core.conditions.judging import DAY, Unmet
from vinr_server.core.conditions.tree import Days, Predicate
from vinr_server.core.kernel.values import dataclass

# Earlier than any payment: instants start in 1970.
BEGINNING = datetime(1969, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Totals:
    """The purchases of one window: how many, and how much was spent in each currency."""

    count: int = 0
    spent_minor: Mapping[str, int] | None = None

    def spent(self, currency: str) -> int:
        """How much was spent in a currency, in its minor units."""
        return (self.spent_minor or {}).get(currency, 0)

    def plus(self, currency: str, *, count: int, minor: int) -> Totals:
        """Return these totals with more, or less, in one currency."""
        spent_minor = self.spent_minor or {}
        return Totals(self.count + count, {**spent_minor, currency: spent_minor.get(currency, 0) + minor})


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that conditions are judged by. `totals` holds the windows that the conditions ask for."""

    tier: str | None
    balance_points: int
    metadata: Mapping[str, Any]
    enrolled_at: datetime
    last_purchase_at: datetime | None
    totals: Mapping[Days, Totals]


def window_start(days: Days, now: datetime) -> datetime:
    """The instant after which a window that ends now begins."""
    return BEGINNING if days is None else now - days * DAY


def whole_days(since: datetime, now: datetime) -> int:
    """Count the days that have passed, rounded down; 0 if a merchant's clock is ahead of ours."""
    return max((now - since) // DAY, 0)


Lacking = Callable[[Sequence[str]], list[Unmet]]


def in_no_segment(segment_ids: Sequence[str]) -> list[Unmet]:
    """What somebody lacks of whom no segment is known."""
    return [Unmet("segments", f"The member is in none of {', '.join(segment_ids)}.", None)]


class MemberValues:
    """The fields of a member at an instant. `lacking` says what it lacks for segments."""

    exchanged = 1

    def __init__(self, facts: Facts, now: datetime, lacking: Lacking = in_no_segment) -> None:
        self._facts, self.now, self.lacking = facts, now, lacking

    def value_of(self, asked: Predicate) -> Any:
        """Shape: what the field's kind says; None where there is no value."""
        facts, name = self._facts, asked.field
        if name == "tier":
            return facts.tier
        if name == "balance":
            return facts.balance_points
        if name == "segment":
            return frozenset(id for id in map(str, asked.values) if not self.lacking([id])) or None
        if name.startswith("account."):
            return self._of_account(name.removeprefix("account."))
        return self._of_purchases(asked)

    def _of_account(self, name: str) -> Any:
        if name == "enrolled_at":
            return self._facts.enrolled_at
        if name == "days_since_enrolled":
            return whole_days(self._facts.enrolled_at, self.now)
        return self._facts.metadata.get(name.removeprefix("metadata."))

    def _of_purchases(self, asked: Predicate) -> Any:
        last_at, name = self._facts.last_purchase_at, asked.field
        if name == "purchases.any":
            return last_at is not None
        if name == "purchases.days_since_last":
            return None if last_at is None else whole_days(last_at, self.now)
        totals = self._facts.totals[asked.days]
        assert name in ("purchases.count", "purchases.spend"), f"a member has no {name}"
        return totals.count if name == "purchases.count" else totals.spent(asked.currency or "")

    def since(self, asked: Predicate) -> datetime | None:
        """When the days began that a field counts."""
        return self._facts.last_purchase_at if asked.field == "purchases.days_since_last" else None


# ---- what was true then


Frozen = Mapping[str, Any]


def frozen(predicates: Iterable[Predicate], values: MemberValues) -> Frozen:
    """The member's values that are asked for, to be kept: what is judged again later is judged by them."""
    kept: dict[str, Any] = {}
    for asked in predicates:
        value = values.value_of(asked)
        if isinstance(value, datetime):
            value = value.isoformat()
        if asked.field == "segment":
            value = sorted({*kept.get(_key(asked), ()), *(value or ())})
        kept[_key(asked)] = value
    return kept


class FrozenValues:
    """The values of a member as they were kept."""

    exchanged = 1

    def __init__(self, kept: Frozen, now: datetime) -> None:
        self._kept, self.now = kept, now

    def value_of(self, asked: Predicate) -> Any:
        """As of MemberValues."""
        value = self._kept.get(_key(asked))
        field = field_of(asked.field)
        if field is not None and field.kind == "instant" and value is not None:
            return datetime.fromisoformat(value)
        return frozenset(value) or None if asked.field == "segment" and value is not None else value

    def since(self, asked: Predicate) -> datetime | None:
        """Not kept: nobody asks now what would have been enough then."""
        return None

    def lacking(self, segment_ids: Sequence[str]) -> list[Unmet]:
        """Nothing if the member was in one of them."""
        inside = self._kept.get("segment", ())
        return [] if any(id in inside for id in segment_ids) else in_no_segment(segment_ids)


def _key(asked: Predicate) -> str:
    """The name under which a value is kept: the field, and what narrows it."""
    days = f" {asked.days}d" if asked.days is not None else ""
    return f"{asked.field}{days}{f' {asked.currency}' if asked.currency else ''}"

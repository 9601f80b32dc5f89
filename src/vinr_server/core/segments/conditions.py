"""Who belongs to a dynamic segment: typed conditions on a member's history and attributes, judged from facts alone.

A day is 24 hours. A purchase is a payment of the member of which something is kept; it spends its amount minus its
refunds. A window of n days holds what happened less than n days ago, so that a member whose last purchase was n days
ago has none in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vinr_server.core.earning.rules import Unmet, metadata_differences
from vinr_server.core.kernel.values import dataclass

# How deep conditions may be nested, and how many there may be in total.
DEPTH_MAX, CONDITIONS_MAX = 4, 50
DAY = timedelta(days=1)
Days = int | None
# Earlier than any payment: instants start in 1970.
BEGINNING = datetime(1969, 12, 31, tzinfo=UTC)


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

    @property
    def asks_of_purchases(self) -> bool:
        """Whether the time of the member's last purchase is needed."""
        mine = self.days_since_last_purchase is not None or self.never_purchased is not None
        return mine or any(part.asks_of_purchases for part in (*self.all_of, *self.any_of))

    @property
    def asks_of_balance(self) -> bool:
        """Whether the spendable balance is needed."""
        return self.balance is not None or any(part.asks_of_balance for part in (*self.all_of, *self.any_of))

    @property
    def windows(self) -> frozenset[Days]:
        """The windows whose totals are needed."""
        mine = {asked.days for asked in (self.payments, self.spend) if asked is not None}
        return frozenset(mine).union(*(part.windows for part in (*self.all_of, *self.any_of)))


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


def is_member(conditions: SegmentConditions, facts: Facts, now: datetime) -> bool:
    """Whether all conditions hold at an instant."""
    return not unmet_conditions(conditions, facts, now)


def unmet_conditions(conditions: SegmentConditions, facts: Facts, now: datetime) -> list[Unmet]:
    """List the conditions that do not hold, each with the smallest change that would meet it, if there is one."""
    unmet = [
        *_purchase_dates(conditions, facts, now),
        *_purchase_totals(conditions, facts),
        *_attributes(conditions, facts),
        *_enrollment(conditions, facts, now),
    ]
    for part in conditions.all_of:
        unmet += unmet_conditions(part, facts, now)
    if conditions.any_of:
        unmet += _alternatives(conditions.any_of, facts, now)
    return unmet


def _purchase_dates(conditions: SegmentConditions, facts: Facts, now: datetime) -> Iterator[Unmet]:
    last_at = facts.last_purchase_at
    if conditions.never_purchased is not None and conditions.never_purchased != (last_at is None):
        if last_at is None:
            yield Unmet("never_purchased", "The member has not made a purchase yet.", "make a purchase")
        else:
            yield Unmet("never_purchased", f"The member last made a purchase at {last_at.isoformat()}.", None)
    bounds = conditions.days_since_last_purchase
    if bounds is None:
        return
    name = "days_since_last_purchase"
    if last_at is None:
        yield Unmet(name, "The member has not made a purchase yet.", _purchase_again(bounds))
        return
    days = whole_days(last_at, now)
    if bounds.at_least is not None and days < bounds.at_least:
        until = last_at + bounds.at_least * DAY
        message = f"The last purchase was {days} days ago (required: at least {bounds.at_least})."
        yield Unmet(name, message, f"make no purchase until {until.isoformat()}")
    if bounds.at_most is not None and days > bounds.at_most:
        message = f"The last purchase was {days} days ago (allowed: at most {bounds.at_most})."
        yield Unmet(name, message, _purchase_again(bounds))


def _purchase_again(bounds: Bounds) -> str:
    """Name the purchase that brings a member within the bounds, now or after some days."""
    return f"make a purchase and no other for {bounds.at_least} days" if bounds.at_least else "make a purchase"


def _purchase_totals(conditions: SegmentConditions, facts: Facts) -> Iterator[Unmet]:
    if conditions.payments is not None:
        wanted = conditions.payments
        count = facts.totals[wanted.days].count
        yield from _outside(
            "payments",
            wanted.bounds,
            count,
            f"The member made {count} purchases {_within(wanted.days)}",
            "purchase {} more times",
        )
    if conditions.spend is not None:
        spend = conditions.spend
        minor = facts.totals[spend.days].spent(spend.currency)
        what = f"The member spent {minor} ({spend.currency}, minor units) {_within(spend.days)}"
        yield from _outside("spend", spend.bounds, minor, what, "spend {} more")


def _attributes(conditions: SegmentConditions, facts: Facts) -> Iterator[Unmet]:
    if conditions.tiers and facts.tier not in conditions.tiers:
        wanted = " or ".join(conditions.tiers)
        yield Unmet(
            "tier", f"The member's tier is {facts.tier or 'none'} (required: {wanted}).", f"needs tier {wanted}"
        )
    if conditions.balance is not None:
        balance = facts.balance_points
        yield from _outside("balance", conditions.balance, balance, f"The balance is {balance} points", "earn {} more")
    yield from metadata_differences(conditions.metadata, facts.metadata)


def _enrollment(conditions: SegmentConditions, facts: Facts, now: datetime) -> Iterator[Unmet]:
    enrolled_at = facts.enrolled_at
    before, after, bounds = conditions.enrolled_before, conditions.enrolled_after, conditions.days_since_enrolled
    if before is not None and enrolled_at >= before:
        message = f"The member enrolled at {enrolled_at.isoformat()} (required: before {before.isoformat()})."
        yield Unmet("enrolled_before", message, None)
    if after is not None and enrolled_at < after:
        message = f"The member enrolled at {enrolled_at.isoformat()} (required: {after.isoformat()} or later)."
        yield Unmet("enrolled_after", message, None)
    if bounds is not None:
        days = whole_days(enrolled_at, now)
        yield from _outside(
            "days_since_enrolled", bounds, days, f"The member enrolled {days} days ago", "wait {} more days"
        )


def _alternatives(parts: Sequence[SegmentConditions], facts: Facts, now: datetime) -> list[Unmet]:
    """Nothing if one alternative holds; otherwise a single reason, with what the nearest alternative lacks.

    Ties: fewest changes, then the first; an alternative that nothing can meet comes last.
    """
    lacking = [unmet_conditions(part, facts, now) for part in parts]
    if not all(lacking):
        return []
    nearest = min(lacking, key=lambda unmet: (any(reason.change is None for reason in unmet), len(unmet)))
    changes = [reason.change for reason in nearest]
    change = None if None in changes else " and ".join(part for part in changes if part is not None)
    reasons = " ".join(reason.message for reason in nearest)
    return [Unmet("any", f"The member meets none of {len(parts)} alternatives. Closest: {reasons}", change)]


def _outside(condition: str, bounds: Bounds, value: int, what: str, change: str) -> Iterator[Unmet]:
    if bounds.at_least is not None and value < bounds.at_least:
        missing = bounds.at_least - value
        yield Unmet(condition, f"{what} (required: at least {bounds.at_least}).", change.format(missing))
    if bounds.at_most is not None and value > bounds.at_most:
        yield Unmet(condition, f"{what} (allowed: at most {bounds.at_most}).", None)


def _within(days: Days) -> str:
    return "in total" if days is None else f"in the last {days} days"


def whole_days(since: datetime, now: datetime) -> int:
    """Count the days that have passed, rounded down; 0 if a merchant's clock is ahead of ours."""
    return max((now - since) // DAY, 0)

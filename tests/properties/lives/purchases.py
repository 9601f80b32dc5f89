"""Payments and referrals as facts, and what follows from them: what is kept, what that earns, how refunds split.

R7, R9, R19, R26. Amounts are minor units; a unit of the currency is a hundred of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from lives.book import Entry, Lot, Taker
from lives.member import Member, ReferralTerms, Rule

ROUNDINGS = {"floor": math.floor, "ceil": math.ceil, "half_even": round}


@dataclass(eq=False)
class Award:
    """What a rule gave, frozen: the rule (None: by hand) and the factor; and which clawbacks by refunds stand."""

    member: Member
    lot: Lot
    rule: Rule | None
    factor: Fraction
    clawbacks: list[tuple[Taker, int]] = field(default_factory=list)

    def for_kept(self, payment: Payment) -> int:
        """R7: what it comes to for what is kept of the payment."""
        if payment.is_refunded_whole:
            return 0
        if self.rule is None:
            return math.floor(self.lot.points * payment.kept_share)
        return points_of(self.rule, payment.kept, self.factor)


@dataclass(eq=False)
class Refund:
    """What was given back; `returned` to credit, `granted` as credit in place of money, the rest in money."""

    name: str
    amount: int
    returned: int
    granted: int
    grant: Lot | None = None
    is_undone: bool = False
    # What it took of points, and of these what was pending.
    reversed: int = 0
    pending_reversed: int = 0


@dataclass(eq=False)
class Payment:
    """A payment: `credit` of it came from the wallet, which spent it by `spends`."""

    name: str
    customer: str
    amount: int
    tax: int
    credit: int
    at: datetime
    # Which of all that happened it was: what was reported before, and what after.
    number: int
    refunds: list[Refund] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    spends: list[Entry] = field(default_factory=list)
    counted_for: list[Member] = field(default_factory=list)
    referrals: list[Referral] = field(default_factory=list)

    @property
    def standing(self) -> list[Refund]:
        return [refund for refund in self.refunds if not refund.is_undone]

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.standing)

    @property
    def returned(self) -> int:
        return sum(refund.returned for refund in self.standing)

    @property
    def is_refunded_whole(self) -> bool:
        return bool(self.standing) and self.refunded == self.amount

    @property
    def money(self) -> int:
        """What was not paid by credit."""
        return self.amount - self.credit

    @property
    def money_left(self) -> int:
        """What of the money was not given back, as money or as credit."""
        return self.money - (self.refunded - self.returned)

    @property
    def eligible(self) -> int:
        """R9: without tax, and without what credit paid."""
        return max(self.amount - self.tax - self.credit, 0)

    @property
    def kept(self) -> Fraction:
        """R7, R26b: the eligible part, by the share of the money that is kept."""
        if self.is_refunded_whole or not self.eligible:
            return Fraction(0)
        return self.eligible * Fraction(self.money_left, self.money)

    @property
    def kept_share(self) -> Fraction:
        """What of the eligible part is kept; where nothing was eligible, what of the amount."""
        if self.eligible:
            return self.kept / self.eligible
        return Fraction(self.amount - self.refunded, self.amount) if self.amount else Fraction(1)

    def split(self, amount: int, named: int | None) -> tuple[int, int]:
        """R26, R26a: what of a refund returns to credit, and what is granted as credit in place of money."""
        credit_left = self.credit - self.returned
        if named is not None:
            return min(named, credit_left), named - min(named, credit_left)
        share = self.credit * (self.refunded + amount) // self.amount - self.returned
        return min(max(share, amount - self.money_left, 0), credit_left, amount), 0


def points_of(rule: Rule, eligible: Fraction | int, factor: Fraction) -> int:
    """R9: what a rule gives for so much, rounded once; nothing below its least amount."""
    if eligible < rule.least:
        return 0
    if rule.flat is not None:
        return rule.flat
    return int(ROUNDINGS[rule.rounding](Fraction(eligible) / 100 * rule.rate * factor))


def factor_of(rule: Rule, tier: str | None) -> Fraction:
    """The best factor for holders of the tier."""
    return max((factor for name, factor in rule.factors if name == tier), default=Fraction(1))


@dataclass(eq=False)
class Referral:
    """A member brings a customer. `status` is what was written of it; time may have ended it since."""

    name: str
    referrer: Member
    customer: str
    terms: ReferralTerms
    since: datetime
    until: datetime | None
    # Which of all that happened it was.
    number: int
    status: str = "registered"
    converted_at: datetime | None = None
    payment: Payment | None = None
    least: int = 1
    has_slot: bool = False
    awards: list[Award] = field(default_factory=list)
    skipped: tuple[str, ...] = ()

    def is_open(self, now: datetime) -> bool:
        """R19e: whether it can convert."""
        return self.status == "registered" and (self.until is None or now < self.until)

    def is_in_window(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)

    @property
    def keeps_the_customer(self) -> bool:
        """R19c: while it is open, and for good once it has converted."""
        return self.status == "registered" or self.converted_at is not None


@dataclass(eq=False)
class Redemption:
    """Points for a reward: `status` authorized, confirmed, canceled or expired."""

    name: str
    member: Member
    reward: str
    cost: int
    at: datetime
    status: str = "confirmed"
    until: datetime | None = None
    spent: int = 0
    entry: Entry | None = None
    grant: Lot | None = None
    captured_at: datetime | None = None
    canceled_at: datetime | None = None

"""One member and one wallet: their books, and what time brings them, instant by instant (R4, R10, R24, R84)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from oracle_units import days_after, months_after

from lives.book import NEVER, Book, Entry, Lot
from lives.tiers import Credit, Standing, TierTerms


@dataclass(frozen=True)
class Rule:
    """What earns: flat points, or so many for each currency unit; times a factor for holders of some tiers."""

    name: str
    trigger: str
    flat: int | None = None
    rate: Fraction = Fraction(0)
    rounding: str = "floor"
    least: int = 0
    pending_days: int | None = None
    factors: tuple[tuple[str, Fraction], ...] = ()
    recipients: tuple[str, ...] = ("referrer", "referee")


@dataclass(frozen=True)
class Reward:
    """What points buy: a voucher, or store credit that ends after so many months."""

    name: str
    cost: int
    credit: int = 0
    credit_months: int | None = None
    stock: int | None = None
    per_member: int | None = None


@dataclass(frozen=True)
class ReferralTerms:
    """How members bring others."""

    window_days: int | None
    hold_days: int
    least: int
    only_new: bool
    limit: tuple[int, str] | None


@dataclass(frozen=True)
class CreditTerms:
    """How long store credit lasts."""

    months: int | None
    rounding: str
    return_days: int
    zone: str


@dataclass(frozen=True)
class Terms:
    """All that a program says."""

    zone: str
    months: int | None
    rounding: str
    by_inactivity: bool
    pending_days: int
    tiers: TierTerms
    rules: tuple[Rule, ...]
    rewards: tuple[Reward, ...]
    referrals: ReferralTerms
    credit: CreditTerms


class Member(Book):
    """A customer's account. `counts`: what its payments count towards tiers; `lapse`: what the end of a hold ends."""

    prefix = "loyalty.points"

    def __init__(self, customer: str, terms: Terms, tell: Callable[..., None], **ways: Callable[..., Any]) -> None:
        super().__init__(("account", customer), tell)
        self.customer, self.terms, self.counts, self.lapse = customer, terms, ways["counts"], ways["lapse"]
        self.is_closed = False
        self.inactive_at: datetime | None = None
        self.standing = Standing(self)

    # ---- figures

    @property
    def tier(self) -> str | None:
        return self.terms.tiers.tiers[self.standing.rank][0] if self.standing.rank >= 0 else None

    @property
    def lifetime(self) -> int:
        """What was granted and is there, less what was taken back of it."""
        return sum(lot.points - lot.reversed for lot in self.lots if lot.is_there)

    def credits(self) -> list[Credit]:
        """R12b."""
        if self.terms.tiers.metric in ("lifetime_points", "points_earned"):
            return [(lot.at, Fraction(lot.points - lot.reversed)) for lot in self.lots if lot.is_there]
        counted: list[Credit] = self.counts(self)
        return counted

    def end_of(self, lot: Lot) -> datetime:
        return (self.inactive_at if lot.by_inactivity else lot.end) or NEVER

    # ---- points come

    def months_on(self, at: datetime) -> datetime | None:
        """R1: the end that the program gives points of then."""
        if self.terms.months is None:
            return None
        return months_after(at, self.terms.months, self.terms.rounding, self.terms.zone)

    def act(self, at: datetime) -> None:
        """R84: who earns or redeems keeps alive what ends by inactivity; it never ends sooner by that."""
        end = self.months_on(at) if self.terms.by_inactivity else None
        if end is not None:
            self.inactive_at = max(self.inactive_at or end, end)

    def accrue(
        self,
        kind: str,
        points: int,
        *,
        now: datetime,
        occurred_at: datetime | None = None,
        days: int = 0,
        end: datetime | None = None,
        source: str | None = None,
    ) -> Lot:
        """R10: a lot that is there, or pending; R22: since it happened; R23: even if over, it pays debts."""
        self.act(now)
        at = min(occurred_at or now, now)
        ready = days_after(at, days, self.terms.zone) if days else at
        is_there = ready <= now
        moved = {"points": points} if is_there else {"pending": points}
        entry = self.post(kind, at=occurred_at or now, source=source, **moved)
        lot = Lot(entry.number, points, ready, end, is_there, is_end_named=end is not None)
        self._end_by_program(lot)
        self.lots.append(lot)
        if is_there:
            self.pay_debts()
        what = "adjusted" if kind == "adjustment" else "earned" if is_there else "pending"
        self.say(what, entry, lot)
        self.expire(now)
        return lot

    def _end_by_program(self, lot: Lot) -> None:
        if lot.is_end_named:
            return
        lot.by_inactivity = self.terms.by_inactivity
        lot.end = None if lot.by_inactivity else self.months_on(lot.at)

    def activate(self, lot: Lot, at: datetime) -> Entry | None:
        """R10d: what is left of a pending lot is there, since then."""
        points = lot.pending
        if at != lot.at:
            lot.at = at
            self._end_by_program(lot)
        if points:
            self.act(at)
        lot.is_there = True
        if not points:
            return None
        source = self.entries[lot.number - 1].source
        entry = self.post("activation", points, pending=-points, at=at, about=lot.number, source=source)
        self.pay_debts()
        self.say("earned", entry, lot)
        return entry

    # ---- time

    def next_instant(self) -> datetime | None:
        """When time next brings something."""
        instants = [self.end_of(lot) for lot in self.lots if lot.free]
        if not self.is_closed:
            instants += [lot.at for lot in self.lots if not lot.is_there]
            instants += self.holds.values()
            instants += [at for at in [self.standing.next_instant] if at is not None]
        return min((at for at in instants if at != NEVER), default=None)

    def live(self, until: datetime) -> None:
        """R24: all that is due up to and at an instant, each at its own."""
        while (at := self.next_instant()) is not None and at <= until:
            self._live_at(at)

    def _live_at(self, at: datetime) -> None:
        """At one instant: what pends is there, holds lapse, tiers move, lots expire."""
        if not self.is_closed:
            for lot in self.lots:
                if not lot.is_there and lot.at <= at:
                    self.activate(lot, at)
            for name in [name for name, end in self.holds.items() if end <= at]:
                self.lapse(name, at)
            self.standing.judge(at, "activated", is_by_time=True)
            while (end := self.standing.next_instant) is not None and end <= at:
                self.standing.pass_instant(at)
        self.expire(at)


class Wallet(Book):
    """A customer's store credit: the same book, and never a debt (R25)."""

    prefix = "store_credit"

    def __init__(self, customer: str, terms: CreditTerms, tell: Callable[..., None]) -> None:
        super().__init__(("wallet", customer), tell)
        self.customer, self.terms = customer, terms

    def grant(
        self,
        amount: int,
        now: datetime,
        *,
        kind: str = "grant",
        what: str = "granted",
        origin: str | None,
        end: datetime | None,
        about: int | None = None,
        source: str | None = None,
    ) -> Lot:
        """A new lot, until an end that is known."""
        entry = self.post(kind, amount, at=now, about=about, source=source)
        lot = Lot(entry.number, amount, now, end, origin=origin)
        self.lots.append(lot)
        self.say(what, entry, lot)
        return lot

    def end_by_settings(self, now: datetime, months: int | None = None) -> datetime | None:
        """R25a: after so many months, else as the settings say, else never."""
        months = self.terms.months if months is None else months
        return None if months is None else months_after(now, months, self.terms.rounding, self.terms.zone)

    def pay(self, amount: int, now: datetime, *, kind: str = "spend", source: str | None = None) -> Entry:
        """The lots pay. Expects that they can."""
        entry = self.post(kind, -amount, at=now, source=source)
        unpaid = self.spend(amount, ("spend", entry.number))
        assert unpaid == 0, "credit is never below 0"
        self.say("adjusted" if kind == "adjustment" else "spent", entry)
        return entry

    def returned(self, spend: Entry) -> int:
        """What came back of a spend."""
        return sum(entry.points for entry in self.entries if entry.about == spend.number)

    def give_back_spend(
        self, spend: Entry, amount: int, now: datetime, *, days: int = 0, source: str | None = None
    ) -> None:
        """R5, R26c: to the lots that paid, the last used first. What would end sooner is a lot of `days`."""
        taker, limit = ("spend", spend.number), days_after(now, days, self.terms.zone) if days else None
        in_time, late = 0, dict[str, int]()
        for lot, paid in self.payers(taker):
            part = min(paid, amount)
            amount -= part
            if limit is not None and (lot.end or NEVER) < limit:
                lot.take(-part, taker)
                lot.take(part, ("returned elsewhere", spend.number))
                late[lot.origin or ""] = late.get(lot.origin or "", 0) + part
            else:
                in_time += part
                lot.take(-part, taker)
        assert amount == 0, "more comes back than was paid"
        if in_time:
            self.say("returned", self.post("return", in_time, at=now, about=spend.number, source=source))
        for origin, part in sorted((origin, part) for origin, part in late.items() if part):
            self.grant(
                part, now, kind="return", what="returned", origin=origin or None, end=limit, about=spend.number,
                source=source,
            )  # fmt: skip
        self.expire(now)

    def live(self, until: datetime) -> None:
        """R24: each lot at its own end."""
        while True:
            ends = [self.end_of(lot) for lot in self.lots if lot.free and self.end_of(lot) <= until]
            if not ends:
                return
            self.expire(min(ends))

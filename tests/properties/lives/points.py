"""Members and their points: what each call does, and what time brings. What is refused raises Refused with its code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from opinions import Refused
from oracle_units import days_after

from lives.book import Entry
from lives.member import Member, Rule, Terms, Wallet
from lives.purchases import Award, Payment, Redemption, Referral, points_of
from lives.tiers import Credit

PAID, ENROLLED, CONVERTED = "payment.completed", "loyalty.account.created", "referral.converted"


@dataclass(frozen=True)
class Told:
    """An event: whose it is, its type, and its figures."""

    owner: Any
    type: str
    figures: dict[str, Any]


class Points:
    """Facts: members, wallets, payments, referrals and redemptions. `told`: every event there was, in its order."""

    def __init__(self, terms: Terms, now: datetime) -> None:
        self.terms, self.now = terms, now
        self.members: dict[str, Member] = {}
        self.wallets: dict[str, Wallet] = {}
        self.payments: dict[str, Payment] = {}
        self.referrals: list[Referral] = []
        self.redemptions: dict[str, Redemption] = {}
        self.told: list[Told] = []
        # What a command tells after its entries and its tiers (R12g).
        self.rest: list[Told] = []
        self.activated: set[Member] = set()
        # What counted for each member after the last command: who has nothing new is not judged again.
        self.credits: dict[str, list[Credit]] = {}
        self.happened = 0

    # ---- how events are told

    def tell(self, owner: Any, type: str, **figures: Any) -> None:
        self.told.append(Told(owner, type, figures))

    def tell_last(self, owner: Any, type: str, **figures: Any) -> None:
        self.rest.append(Told(owner, type, figures))

    def end_command(self) -> None:
        """R12g: entries' events were told; then tiers, each at most once, then the rest."""
        for member in self.members.values():
            credits = member.credits()
            if not member.is_closed and credits != self.credits.get(member.customer):
                member.standing.judge(self.now, "activated" if member in self.activated else "earned")
            self.credits[member.customer] = credits
        self.activated.clear()
        for told in self.rest:
            if isinstance(told.owner, tuple) and told.owner[0] == "account":
                told.figures["sequence"] = len(self.members[told.owner[1]].entries)
        self.told += self.rest
        self.rest.clear()
        self.happened += 1

    # ---- time

    def wait(self, until: datetime) -> None:
        """R24: members, wallets and referrals each live through what is due; they have nothing in common by time."""
        self.now = until
        for book in (*self.members.values(), *self.wallets.values()):
            book.live(until)
        self.credits = {customer: member.credits() for customer, member in self.members.items()}
        for referral in sorted(self.referrals, key=lambda one: one.until or until):
            self._end_if_over(referral)

    def _end_if_over(self, referral: Referral) -> None:
        if referral.status == "registered" and not referral.is_open(self.now):
            referral.status = "expired"
            self._tell_referral(referral, is_last=False)

    # ---- members and points

    def enroll(self, customer: str) -> Member:
        """With a welcome bonus, if there is one."""
        member = Member(customer, self.terms, self.tell, counts=self._counted, lapse=self._lapse)
        self.members[customer] = member
        for rule in self._rules(ENROLLED):
            if points := points_of(rule, 0, Fraction(1)):
                days = rule.pending_days or 0
                member.accrue("award", points, now=self.now, days=days, source="account", occurred_at=self.now)
        self.tell_last(member.owner, "loyalty.account.created")
        return member

    def _counted(self, member: Member) -> list[Credit]:
        """R12b: what payments count for the member's tier."""
        mine = [payment for payment in self.payments.values() if member in payment.counted_for]
        if self.terms.tiers.metric == "payment_count":
            return [(payment.at, Fraction(not payment.is_refunded_whole)) for payment in mine]
        return [(payment.at, payment.kept) for payment in mine]

    def _rules(self, trigger: str) -> list[Rule]:
        return [rule for rule in self.terms.rules if rule.trigger == trigger]

    def close(self, customer: str) -> None:
        """R10g, R11g: what pends is taken back, what is held is free."""
        member = self.members[customer]
        if member.is_closed:
            return
        for lot in list(member.lots):
            if lot.pending:
                member.say("reversed", member.take_back(lot, lot.pending, now=self.now))
        for name in sorted(member.holds, key=lambda name: member.holds[name]):
            self._release(self.redemptions[name], tell=self.tell)
        member.is_closed = True

    def award(
        self,
        customer: str,
        points: int,
        *,
        occurred_at: datetime | None = None,
        end: datetime | None = None,
        days: int | None = None,
        payment: str | None = None,
    ) -> None:
        """By hand: for a payment it pends as the program says, else as the call says (R10a)."""
        member = self.members[customer]
        wait = days if days is not None else self.terms.pending_days if payment is not None else 0
        at = min(occurred_at or self.now, self.now)
        ready = days_after(at, wait, self.terms.zone) if wait else at
        if end is not None and end <= ready:
            raise Refused("parameter_invalid")
        self._must_be_open(member)
        source = None if payment is None else f"payment {payment}"
        lot = member.accrue(
            "award", points, now=self.now, occurred_at=occurred_at, end=end, days=wait, source=source
        )  # fmt: skip
        if payment is not None:
            self.payments[payment].awards.append(Award(member, lot, None, Fraction(1)))

    def _must_be_open(self, member: Member) -> None:
        if member.is_closed:
            raise Refused("account_closed")

    def adjust(self, customer: str, points: int) -> None:
        """Up a lot; down from the lots, never below what can be spent."""
        member = self.members[customer]
        self._must_be_open(member)
        if points > 0:
            member.accrue("adjustment", points, now=self.now)
            return
        if member.spendable < -points:
            raise Refused("insufficient_points")
        entry = member.post("adjustment", points, at=self.now)
        member.spend(-points, ("adjustment", entry.number))
        member.say("adjusted", entry)

    def reverse(self, customer: str, number: int, points: int | None) -> None:
        """Take an accrual back, or an activation's award; again nothing moves."""
        member = self.members[customer]
        entry = self._award_of(member, number)
        lot = member.lot_of(entry)
        if entry.kind == "reversal":
            raise Refused("reversal_of_reversal")
        if lot is None:
            raise Refused("not_reversible")
        if lot.reversible == 0:
            return
        if points is not None and points > lot.reversible:
            raise Refused("not_reversible")
        member.say("reversed", member.take_back(lot, points or lot.reversible, now=self.now))

    def _award_of(self, member: Member, number: int) -> Entry:
        entry = member.entries[number - 1]
        return member.entries[entry.about - 1] if entry.kind == "activation" and entry.about else entry

    def activate(self, customer: str, number: int) -> None:
        """R10e: what is pending of an award is there now."""
        member = self.members[customer]
        award = self._award_of(member, number)
        if any(entry.kind == "activation" and entry.about == award.number for entry in member.entries):
            return
        lot = member.lot_of(award)
        if lot is None or not lot.pending:
            raise Refused("not_pending")
        member.activate(lot, self.now)
        self.activated.add(member)
        member.expire(self.now)

    def set_tier(self, customer: str, rank: int, end: datetime | None, lock: tuple[str, datetime] | None) -> None:
        """R12i: never below what is confirmed, unless it is to be exactly that."""
        member = self.members[customer]
        self._must_be_open(member)
        is_exact = lock is not None and lock[0] == "exactly"
        if not is_exact and any(ends is not None for ends in member.standing.confirmed(self.now)[rank + 1 :]):
            raise Refused("not_eligible")
        member.standing.by_hand(rank, end, self.now, lock)

    # ---- what the rest of a club says

    def _lapse(self, name: str, at: datetime) -> None:
        """A hold is over."""
        raise NotImplementedError

    def _release(self, redemption: Redemption, *, tell: Any) -> None:
        """A hold is let go."""
        raise NotImplementedError

    def _tell_referral(self, referral: Referral, *, is_last: bool = True) -> None:
        """A referral is what it is now."""
        raise NotImplementedError

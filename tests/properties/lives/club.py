"""A program with all that happens in it: payments, their refunds, and referrals, on top of points and rewards."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from opinions import Refused
from oracle_units import days_after

from lives.book import Lot
from lives.member import Member, Wallet
from lives.points import CONVERTED, PAID
from lives.purchases import Award, Payment, Referral, Refund, factor_of, points_of
from lives.rewards import Rewards


class Club(Rewards):
    """Members who buy, and bring others (R7, R19, R26, R72)."""

    # ---- payments

    def pay(
        self,
        name: str,
        customer: str,
        amount: int,
        *,
        tax: int,
        credit: int,
        occurred_at: datetime | None,
        wall: datetime,
    ) -> Payment:
        """What credit pays is spent; what is left earns; then a referral may convert. Nobody's time is the wall's."""
        member, wallet = self.members.get(customer), self.wallets[customer]
        at = occurred_at or (self.now if member is not None else wall)
        if credit and wallet.spendable < credit:
            raise Refused("insufficient_credit")
        payment = Payment(name, customer, amount, tax, credit, at, self.happened)
        self.payments[name] = payment
        if credit:
            payment.spends.append(wallet.pay(credit, self.now, source=f"payment {name}"))
        if member is not None and not member.is_closed:
            payment.counted_for.append(member)
            tier = member.tier
            for rule in self._rules(PAID):
                factor = factor_of(rule, tier)
                if points := points_of(rule, payment.eligible, factor):
                    days = self.terms.pending_days if rule.pending_days is None else rule.pending_days
                    lot = member.accrue(
                        "award", points, now=self.now, occurred_at=payment.at, days=days, source=f"payment {name}"
                    )
                    payment.awards.append(Award(member, lot, rule, factor))
        shown = [(award.lot.points, "available" if award.lot.is_there else "pending") for award in payment.awards]
        if member is not None and not member.is_closed:
            self._convert_by(payment, member)
        self._tell_payment(payment, "payment.completed", awards=shown)
        return payment

    def _convert_by(self, payment: Payment, referee: Member) -> None:
        """R19e: the first payment reported after the registration, in the window, and large enough."""
        for referral in self.referrals:
            is_meant = referral.customer == payment.customer and referral.is_open(self.now)
            least = max(referral.terms.least, 1)
            if is_meant and referral.is_in_window(payment.at) and payment.eligible >= least:
                self._convert(referral, referee, payment.at, payment)

    def _tell_payment(self, payment: Payment, type: str, **figures: Any) -> None:
        member = self.members.get(payment.customer)
        self.tell_last(
            ("payment", payment.name),
            type,
            amount=payment.amount,
            refunded=payment.refunded,
            eligible=payment.eligible,
            referrals=len(payment.referrals),
            sequence=None if member is None else len(member.entries),
            **figures,
        )

    def refund(
        self, name: str, of: str, amount: int, named: int | None, end: datetime | None, return_days: int
    ) -> Refund:
        """R26: credit is back in its lots, or granted; then R7 on all that the payment earned."""
        payment, wallet = self.payments[of], self.wallets[self.payments[of].customer]
        if named is not None and amount - named > payment.money_left:
            raise Refused("refund_exceeds_tender")
        returned, granted = payment.split(amount, named)
        refund = Refund(name, amount, returned, granted)
        self._return(payment, wallet, returned, f"refund {name}")
        if granted:
            refund.grant = wallet.grant(granted, self.now, origin="refund", end=end, source=f"refund {name}")
        payment.refunds.append(refund)
        moved = self._settle(payment, f"refund {name}")
        refund.reversed, refund.pending_reversed = moved["reversed"], moved["pending_reversed"]
        self._tell_refund(payment, refund, "payment.refunded", reinstated=0)
        return refund

    def _return(self, payment: Payment, wallet: Wallet, amount: int, source: str) -> None:
        for spend in reversed(payment.spends):
            part = min(amount, -spend.points - wallet.returned(spend))
            if part:
                days = self.terms.credit.return_days
                wallet.give_back_spend(spend, part, self.now, days=days, source=source)
                amount -= part
        assert amount == 0, "more credit returns than was spent"

    def undo(self, name: str) -> None:
        """R72: the refund never was: its credit is taken and spent again, or nothing happens."""
        payment, refund = next(
            (payment, refund) for payment in self.payments.values() for refund in payment.refunds if refund.name == name
        )
        wallet = self.wallets[payment.customer]
        if refund.is_undone:
            return
        if refund.grant is not None and refund.grant.free < refund.granted:
            raise Refused("credit_spent")
        if refund.returned and wallet.spendable - refund.granted < refund.returned:
            raise Refused("insufficient_credit")
        if refund.grant is not None:
            self._take_grant(wallet, refund.grant)
        if refund.returned:
            payment.spends.append(wallet.pay(refund.returned, self.now, source=f"payment {payment.name}"))
        refund.is_undone = True
        moved = self._settle(payment, f"refund {name}")
        self._tell_refund(payment, refund, "payment.refund_canceled", reinstated=moved["reinstated"])

    def _tell_refund(self, payment: Payment, refund: Refund, type: str, *, reinstated: int) -> None:
        self._tell_payment(
            payment,
            type,
            money=refund.amount - refund.returned - refund.granted,
            returned=refund.returned,
            granted=refund.granted,
            reversed=refund.reversed,
            pending_reversed=refund.pending_reversed,
            reinstated=reinstated,
        )

    def _settle(self, payment: Payment, source: str) -> dict[str, int]:
        """R7, R19h: each award is what is kept of it; conversions stand while enough is kept."""
        moved = {"reversed": 0, "pending_reversed": 0, "reinstated": 0}
        by_hand = [award for award in payment.awards if award.rule is None]
        for award in [award for award in payment.awards if award.rule is not None] + by_hand:
            self._settle_award(award, award.for_kept(payment), source, moved)
        for referral in payment.referrals:
            if referral.status not in ("converted", "reversed"):
                continue
            is_enough = payment.kept >= referral.least
            for award in referral.awards:
                self._settle_award(award, award.for_kept(payment) if is_enough else 0, source, moved)
            status = "converted" if is_enough else "reversed"
            if status != referral.status:
                referral.status = status
                self._tell_referral(referral)
        return moved

    def _settle_award(self, award: Award, target: int, source: str, moved: dict[str, int]) -> None:
        member, lot = award.member, award.lot
        held = lot.points - sum(points for _taker, points in award.clawbacks)
        if target < held:
            points = min(lot.points - target - lot.reversed, lot.reversible)
            if points > 0:
                entry = member.take_back(lot, points, now=self.now, source=source)
                member.say("reversed", entry)
                award.clawbacks.append((("clawback", entry.number), points))
                moved["reversed"] += points
                moved["pending_reversed"] -= entry.pending
            return
        wanted = target - held
        for taker, points in reversed(award.clawbacks):
            part = min(points, wanted)
            if part:
                self._reinstate(award, taker, part, source)
                wanted -= part
                moved["reinstated"] += part

    def _reinstate(self, award: Award, taker: Any, points: int, source: str) -> None:
        """R72, R5: back to the lots that paid, the last used first, its own lot last of all."""
        member, lot = award.member, award.lot
        lot.is_there = lot.is_there or lot.at <= self.now  # of a closed member time has brought nothing
        pending = 0
        left = points
        backs: list[tuple[Lot, int]] = []
        for other, paid in member.payers(taker):
            if other is not lot and left:
                backs.append((other, min(paid, left)))
                left -= backs[-1][1]
        if left:
            backs.append((lot, left))
            pending = 0 if lot.is_there else left
        entry = member.post(
            "reinstatement", points - pending, pending=pending, at=self.now, about=taker[1], source=source
        )  # fmt: skip
        for other, part in backs:
            other.take(-part, taker)
        lot.reversed -= points
        member.pay_debts()
        member.say("reinstated", entry)
        member.expire(self.now)
        award.clawbacks = [
            (each, n - points if each == taker else n) for each, n in award.clawbacks if each != taker or n > points
        ]

    # ---- referrals

    def register(self, name: str, referrer: str, customer: str, occurred_at: datetime | None) -> Referral:
        """R19c: the first in force keeps the customer."""
        terms, member = self.terms.referrals, self.members[referrer]
        since = occurred_at or self.now
        known = [one for one in self.referrals if one.customer == customer]
        for one in known:
            if one.referrer is member and (one.keeps_the_customer or one.since == occurred_at):
                return one
        self._must_be_open(member)
        brought = [one for one in self.referrals if one.customer == referrer]
        if referrer == customer or any(one.referrer.customer == customer for one in brought):
            raise Refused("self_referral")
        if any(one.keeps_the_customer for one in known):
            raise Refused("referral_exists")
        paid = [one for one in self.payments.values() if one.customer == customer and one.amount > 0]
        if terms.only_new and any(payment.at < since for payment in paid):
            raise Refused("not_eligible")
        days = terms.window_days
        until = None if days is None else days_after(since, days, self.terms.zone)
        referral = Referral(name, member, customer, terms, since, until, self.happened)
        self.referrals.append(referral)
        self._tell_referral(referral, is_last=False)
        self._end_if_over(referral)
        return referral

    def convert(self, referral: Referral, payment: Payment | None) -> None:
        """By hand: all is asked but the amount."""
        referee = self.members.get(referral.customer)
        if referral.status == "converted":
            return
        if not referral.is_open(self.now):
            raise Refused("referral_not_open")
        if referee is None or referee.is_closed:
            raise Refused("not_eligible")
        if payment is not None and payment.customer != referral.customer:
            raise Refused("parameter_conflict")
        if payment is not None and (payment.is_refunded_whole or not referral.is_in_window(payment.at)):
            raise Refused("not_eligible")
        self._convert(referral, referee, payment.at if payment is not None else self.now, payment)

    def _convert(self, referral: Referral, referee: Member, at: datetime, payment: Payment | None) -> None:
        """R19f, R19g: both sides earn, each by its own tier; the referrer within its limit."""
        kept = payment.kept if payment is not None else Fraction(0)
        referrer = referral.referrer
        why_not = "account" if referrer.is_closed else "referrer_limit" if self._is_full(referral, at) else None
        referral.skipped = () if why_not is None else (why_not,)
        referral.has_slot = why_not is None
        referral.status, referral.converted_at, referral.payment = "converted", at, payment
        referral.least = max(min(referral.terms.least, int(kept)), 1)
        for role, member in (("referrer", referrer), ("referee", referee)):
            rules = [rule for rule in self._rules(CONVERTED) if role in rule.recipients]
            for rule in rules if role == "referee" or why_not is None else []:
                factor = factor_of(rule, member.tier)
                if points := points_of(rule, kept, factor):
                    own = self.terms.pending_days if rule.pending_days is None else rule.pending_days
                    days = max(referral.terms.hold_days, own)
                    lot = member.accrue(
                        "award", points, now=self.now, occurred_at=at, days=days, source=f"referral {referral.name}"
                    )
                    referral.awards.append(Award(member, lot, rule, factor))
        if payment is not None:
            payment.referrals.append(referral)
        self._tell_referral(referral)

    def _is_full(self, referral: Referral, at: datetime) -> bool:
        """R19f: the limit counts what stands and was rewarded, by the month or the year of the conversion."""
        if referral.terms.limit is None:
            return False
        most, per = referral.terms.limit
        rewarded = [
            self._period(one.converted_at, per)
            for one in self.referrals
            if one.referrer is referral.referrer and one.status == "converted" and one.has_slot and one.converted_at
        ]
        return rewarded.count(self._period(at, per)) >= most

    def _period(self, at: datetime, per: str) -> Any:
        local = at.astimezone(ZoneInfo(self.terms.zone))
        return {"month": (local.year, local.month), "year": local.year, "lifetime": None}[per]

    def approve(self, referral: Referral) -> None:
        """R19g: what it gave is there now."""
        if referral.status != "converted":
            raise Refused("referral_not_open")
        for award in referral.awards:
            if award.lot.pending:
                award.member.activate(award.lot, self.now)
                award.member.expire(self.now)
                self.activated.add(award.member)

    def reject(self, referral: Referral) -> None:
        """R19g: it is over for good, and what it gave is taken back."""
        if referral.status == "rejected":
            return
        if referral.status == "expired":
            raise Refused("referral_not_open")
        for award in referral.awards:
            if award.lot.reversible:
                source = f"referral {referral.name}"
                entry = award.member.take_back(award.lot, award.lot.reversible, now=self.now, source=source)
                award.member.say("reversed", entry)
        referral.status = "rejected"
        self._tell_referral(referral)

    def _tell_referral(self, referral: Referral, *, is_last: bool = True) -> None:
        (self.tell_last if is_last else self.tell)(
            ("referral", referral.name),
            f"referral.{referral.status}",
            since=referral.since,
            until=referral.until,
            converted_at=referral.converted_at,
            payment=referral.payment.name if referral.payment is not None else None,
            awards=[(award.member.customer, award.lot.points, award_status(award.lot)) for award in referral.awards],
            skipped=list(referral.skipped),
        )


def award_status(lot: Lot) -> str:
    """What became of an award, as a referral shows it."""
    return "pending" if lot.pending else "reversed" if lot.reversed == lot.points else "available"

"""Moves of money, drawn at random: store credit, payments with their refunds, and referrals."""

from __future__ import annotations

from typing import Any

from engines import WALL

from lives.life import CUSTOMERS
from lives.moves import PointMoves
from lives.purchases import Payment
from lives.sides import Side
from vinr_server.core.credit import commands as credit_commands
from vinr_server.core.kernel.commands import Command
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.referrals import commands as referral_commands

# Each move as often as it stands here.
MOVES = (
    *("pay",) * 9, *("refund",) * 6, *("undo",) * 2, *("award",) * 4, "adjust", *("reverse",) * 2, *("redeem",) * 4,
    *("authorize",) * 5, *("capture",) * 2, *("cancel",) * 3, "activate", *("grant",) * 4, "spend", "adjust_credit",
    *("reverse_credit",) * 2, *("enroll",) * 4, *("register",) * 3, *("convert",) * 2, "approve", "reject",
    "set_tier", "close",
)  # fmt: skip


class Play(PointMoves):
    """A whole life."""

    def move(self) -> None:
        """One of all moves."""
        move = self.chance.choice(MOVES)
        self.counted[move] += 1
        getattr(self, f"move_{move}")()

    # ---- store credit

    def move_grant(self) -> None:
        customer, amount = self.chance.choice(CUSTOMERS[:3]), self.part_of(5_000)
        end, months = self.chance.choice(((None, None), (self.ahead(), None), (None, 1)))
        origin: Any = self.chance.choice(("goodwill", "promotional", "purchase"))
        self.both(
            lambda side: credit_commands.GrantCredit(
                amount, side.ids["wallet", customer], origin=origin, expires_at=end, expiry_months=months
            ),
            lambda: self.club.grant(customer, amount, origin=origin, end=end, months=months),
        )

    def move_spend(self) -> None:
        customer, amount = self.chance.choice(CUSTOMERS), self.part_of(3_000)
        self.both(
            lambda side: credit_commands.SpendCredit(amount, side.ids["wallet", customer]),
            lambda: self.club.spend(customer, amount),
        )

    def move_adjust_credit(self) -> None:
        customer, amount = self.chance.choice(CUSTOMERS), self.part_of(1_000) * self.chance.choice((1, -1))
        self.both(
            lambda side: credit_commands.AdjustCredit(amount, "by hand", side.ids["wallet", customer]),
            lambda: self.club.adjust_credit(customer, amount),
        )

    def move_reverse_credit(self) -> None:
        customer = self.chance.choice(CUSTOMERS)
        entries = self.club.wallets[customer].entries
        numbers = [entry.number for entry in entries if entry.kind != "expiry"][-6:]
        if not numbers:
            return
        number, amount = self.chance.choice(numbers), self.chance.choice((None, None, self.part_of(500)))
        self.both(
            lambda side: credit_commands.ReverseCredit(
                self.entry_id(side, self.club.wallets[customer], number), amount
            ),
            lambda: self.club.reverse_credit(customer, number, amount),
        )

    # ---- payments

    def move_pay(self) -> None:
        chance = self.chance
        customer = chance.choice((self.customer(), self.customer(), chance.choice(CUSTOMERS)))
        brought = [one.customer for one in self.club.referrals if one.is_open(self.club.now)]
        customer = chance.choice(brought) if brought and chance.random() < 0.6 else customer
        amount = chance.choice((chance.randint(1, 500), chance.randint(500, 6_000), chance.randint(6_000, 20_000)))
        there = self.club.wallets[customer].spendable
        credit = chance.choice(
            (0, min(amount, there), *(chance.randint(0, min(amount, there)) for _part in range(3)), there + 1)
        )
        credit = min(credit, amount)
        tax = chance.choice((0, 0, amount // 6))
        is_member = customer in self.club.members
        occurred_at, name = self.past() if is_member else None, f"pay_{self.number}"

        def make(side: Side) -> Command:
            tender = {"type": "store_credit", "amount": credit, "account": side.ids["wallet", customer]}
            return payments_commands.CreatePayment(
                amount, "EUR", 100, id=name, customer_id=f"cust_{customer}", tax_minor=tax,
                tenders=(tender,) if credit else (), occurred_at=occurred_at,
            )  # fmt: skip

        def opinion() -> Payment:
            return self.club.pay(
                name, customer, amount, tax=tax, credit=credit, occurred_at=occurred_at, wall=WALL
            )  # fmt: skip

        self.both(make, opinion)

    def move_refund(self) -> None:
        left = [payment for payment in self.club.payments.values() if payment.amount > payment.refunded]
        if not left:
            return
        brought = [payment for payment in left if payment.referrals]
        mixed = [payment for payment in left if payment.credit and payment.money]
        those = self.chance.choice((left[-6:], brought, mixed[-2:], mixed[-2:])) or left[-6:]
        payment, name = self.chance.choice(those), f"re_{self.number}"
        amount = self.part_of(payment.amount - payment.refunded)
        named = self.chance.randint(0, amount) if self.chance.random() < 0.2 else None
        end = self.ahead() if named and self.chance.random() < 0.3 else None
        command = payments_commands.RefundPayment(
            payment.name, id=name, amount_minor=amount, credit_minor=named, credit_expires_at=end
        )
        days = self.terms.credit.return_days
        self.both(lambda _side: command, lambda: self.club.refund(name, payment.name, amount, named, end, days))

    def move_undo(self) -> None:
        names = [refund.name for payment in self.club.payments.values() for refund in payment.refunds][-5:]
        if names:
            name = self.chance.choice(names)
            self.both(lambda _side: payments_commands.CancelRefund(name), lambda: self.club.undo(name))

    # ---- referrals

    def move_register(self) -> None:
        taken = {one.customer for one in self.club.referrals if one.keeps_the_customer}
        free = [each for each in CUSTOMERS if each not in taken] if self.chance.random() < 0.7 else []
        referrer, customer = self.customer(), self.chance.choice(free or CUSTOMERS)
        occurred_at, name = self.past(), f"referral_{self.number}"
        known = {one.name for one in self.club.referrals}
        command = referral_commands.RegisterReferral(
            f"cust_{customer}", account_id=f"loy_{referrer}", occurred_at=occurred_at
        )

        def opinion() -> str:
            return self.club.register(name, referrer, customer, occurred_at).name

        wanted = self.both(lambda _side: command, opinion)
        for side in self.sides if wanted is not None else ():
            id = side.run.answers[side.number]["id"]
            if wanted not in known:
                side.name(("referral", wanted), id)
            assert side.ids["referral", wanted] == id

    def _referral(self) -> Any:
        return self.chance.choice(self.club.referrals[-5:]) if self.club.referrals else None

    def move_convert(self) -> None:
        converted = [one for one in self.club.referrals if one.converted_at is not None]
        again = self.chance.choice(converted) if converted and self.chance.random() < 0.4 else None
        if (one := again or self._referral()) is not None:
            mine = [payment for payment in self.club.payments.values() if payment.customer == one.customer][-3:]
            payment = self.chance.choice((None, *mine))
            name = payment.name if payment is not None else None
            self.both(
                lambda side: referral_commands.ConvertReferral(side.ids["referral", one.name], name),
                lambda: self.club.convert(one, payment),
            )

    def move_approve(self) -> None:
        if (one := self._referral()) is not None:
            self.both(
                lambda side: referral_commands.ApproveReferral(side.ids["referral", one.name]),
                lambda: self.club.approve(one),
            )

    def move_reject(self) -> None:
        if (one := self._referral()) is not None:
            self.both(
                lambda side: referral_commands.RejectReferral(side.ids["referral", one.name]),
                lambda: self.club.reject(one),
            )

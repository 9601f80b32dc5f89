"""R19: random histories of registrations, payments, refunds and time, against a second opinion of each step."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from examples import expect, hold
from hypothesis import strategies as st
from oracle_referrals import Club
from sides import Sides

from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.members.rows import Account
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.referrals import commands as referral_commands
from vinr_server.core.referrals.rows import Referral, ReferralLimit, ReferralTerms

START = datetime(2028, 2, 20, 9, tzinfo=UTC)
CUSTOMERS = ("a", "b", "c", "d", "e", "f", "g")
MOVES = ("enroll", "register", "register", "pay", "pay", "pay", "refund", "convert", "approve", "reject", "wait")
Json = dict[str, Any]


class Friends(Sides):
    """The product and the second opinion, side by side."""

    def __init__(self, random: Random, counted: Counter[str]) -> None:
        super().__init__(counted)
        self.random = random
        pick = random.choice
        self.club = Club(
            window=pick((None, 3, 30)),
            hold=pick((0, 5)),
            least=pick((0, 500)),
            limit=pick((None, 1, 1)),
            only_new=pick((True, False)),
        )
        self.clock = self.must(clocks_commands.CreateTestClock(START))["id"]
        self.must(programs_commands.CreateProgram("Club", id="prog_club", clock_id=self.clock))
        limit = None if self.club.limit is None else ReferralLimit(self.club.limit, "lifetime")
        terms = ReferralTerms(
            self.club.window,
            self.club.only_new,
            min_amount_minor=self.club.least,
            currency="EUR",
            hold_days=self.club.hold,
            limit=limit,
        )
        self.must(referral_commands.CreateReferralProgram("prog_club", terms))
        rule = earning_commands.CreateEarningRule("prog_club", "referral.converted", EarnRate(points=100), Conditions())
        self.must(rule)
        for customer in ("a", "b"):
            self.enroll(customer)

    def compare(self) -> None:
        """Everybody has the same points, and every referral the same status."""
        for customer in sorted(self.club.members):  # due work is done by a command that names them
            self.do(ledger_commands.ExpireLots(f"loy_{customer}"))
        layer = self.run.layers[1]
        for customer in self.club.members:
            account = layer.find(Account, f"loy_{customer}")
            assert account is not None
            found = (account.ledger_balance_points, account.pending_points)
            assert found == self.club.points(customer), (customer, found, self.club.points(customer))
        now = START + timedelta(hours=self.club.now)
        for referral in self.club.referrals:
            row = layer.find(Referral, referral["id"])
            assert row is not None
            status = "expired" if row.is_due(now) else row.status
            assert status == self.club.status(referral), (row, referral)

    # ---- moves

    def enroll(self, customer: str | None = None) -> None:
        name = customer or self.random.choice(CUSTOMERS)
        self.must(members_commands.CreateAccount("prog_club", f"cust_{name}", account_id=f"loy_{name}"))
        self.club.members.add(name)

    def register(self) -> None:
        referrer = self.random.choice(("a", "a", *sorted(self.club.members)))
        customer = self.random.choice(CUSTOMERS)
        command = referral_commands.RegisterReferral(f"cust_{customer}", account_id=f"loy_{referrer}")
        answer, referral = self.both(command, lambda: self.club.register(referrer, customer))
        if answer is not None:
            assert referral.setdefault("id", answer["id"]) == answer["id"]
            self.counted["registered"] += 1

    def pay(self) -> None:
        customer, amount = self.random.choice(CUSTOMERS), self.random.choice((0, 1, 499, 500, 900))
        name = f"pay_{self.number}"
        command = payments_commands.CreatePayment(amount, "EUR", 100, id=name, customer_id=f"cust_{customer}")
        answer, referral = self.both(command, lambda: self.club.pay(name, customer, amount))
        assert answer is not None
        assert answer["referrals"] == ([] if referral is None else [referral["id"]])
        self.counted["converted"] += referral is not None
        self.counted["beyond the limit"] += referral is not None and not referral["has_slot"]

    def refund(self) -> None:
        left = [(name, one["kept"]) for name, one in self.club.payments.items() if one["kept"]]
        if left:
            name, kept = self.random.choice(left[-6:])
            amount = self.random.choice((kept, min(kept, 100)))
            before = sum(one["status"] == "reversed" for one in self.club.referrals)
            command = payments_commands.RefundPayment(name, amount_minor=amount)
            self.both(command, lambda: self.club.refund(name, amount))
            self.counted["reversed"] += sum(one["status"] == "reversed" for one in self.club.referrals) - before

    def _one(self) -> Json | None:
        return self.random.choice(self.club.referrals[-4:]) if self.club.referrals else None

    def convert(self) -> None:
        if (one := self._one()) is not None:
            answer, _one = self.both(referral_commands.ConvertReferral(one["id"]), lambda: self.club.convert(one))
            self.counted["converted by hand"] += answer is not None
            self.counted["beyond the limit"] += answer is not None and not one["has_slot"]

    def approve(self) -> None:
        if (one := self._one()) is not None:
            self.both(referral_commands.ApproveReferral(one["id"]), lambda: self.club.approve(one))

    def reject(self) -> None:
        if (one := self._one()) is not None:
            answer, _none = self.both(referral_commands.RejectReferral(one["id"]), lambda: self.club.reject(one))
            self.counted["rejected"] += answer is not None

    def wait(self) -> None:
        self.club.now += self.random.choice((1, 24, 72, 120, 720))
        until = START + timedelta(hours=self.club.now)
        self.must(clocks_commands.AdvanceTestClock(self.clock, until))
        self.must(clocks_commands.FinishTestClock(self.clock, until))


def test_referrals_are_what_a_second_opinion_says() -> None:
    counted: Counter[str] = Counter()

    def law(random: Random, length: int) -> None:
        friends = Friends(random, counted)
        for _step in range(length):
            getattr(friends, random.choice(MOVES))()
            friends.compare()
        counted["histories"] += 1

    more = hold(law, examples=60, random=st.randoms(use_true_random=False), length=st.integers(10, 50))
    floors = {
        "registered": 2_000,
        "converted": 150,
        "converted by hand": 200,
        "beyond the limit": 20,
        "reversed": 20,
        "rejected": 500,
        "refused self_referral": 200,
        "refused referral_exists": 200,
        "refused not_eligible": 200,
        "refused referral_not_open": 200,
    }
    expect(counted, floors, more)

"""R25 and R26: random histories of one wallet, carts, payments and refunds, against a second opinion of each step."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from examples import expect, hold
from hypothesis import strategies as st
from oracle_credit import FAR, Wallet
from sides import Sides

from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout import commands as checkout_commands
from vinr_server.core.checkout.rows import CreditTender
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.credit import commands as credit_commands
from vinr_server.core.credit import rows as credit_rows
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands

START = datetime(2026, 1, 30, 9, tzinfo=UTC)
MOVES = (
    "grant",
    "grant",
    "spend",
    "pay",
    "open",
    "open",
    "recart",
    "paid",
    "abandon",
    "refund",
    "refund",
    "undo",
    "wait",
)
Json = dict[str, Any]


class Shop(Sides):
    """The product and the second opinion, side by side, about one customer."""

    def __init__(self, counted: Counter[str]) -> None:
        super().__init__(counted)
        self.clock = self.must(clocks_commands.CreateTestClock(START))["id"]
        self.must(programs_commands.CreateProgram("Shop", id="prog_shop", clock_id=self.clock))
        self.must(members_commands.CreateAccount("prog_shop", "cust_a"))
        self.wallet_id = self.must(credit_commands.CreateWallet("cust_a", "EUR"))["id"]
        self.model = Wallet(START)
        self.sessions: list[str] = []
        self.payments: list[str] = []
        self.refunds: list[str] = []

    def compare(self) -> None:
        """Both have the same balance, holds and lots."""
        layer = self.run.layers[1]
        wallet = layer.find(credit_rows.Wallet, self.wallet_id)
        now = self.model.now
        assert wallet is not None
        if wallet.due_at is not None and wallet.due_at <= now:  # due work is done by the next command that names it
            self.do(credit_commands.SpendCredit(10**12, account_id=self.wallet_id))
            wallet = self.run.layers[1].find(credit_rows.Wallet, self.wallet_id)
            assert wallet is not None
        lots = self.run.layers[1].children(Lot, self.wallet_id)
        over = sum(lot.free_points for lot in lots if lot.expires_at is not None and lot.expires_at <= now)
        left = [
            (
                lot.expires_at,
                lot.remaining_points if lot.expires_at is None or lot.expires_at > now else lot.held_points,
            )
            for lot in lots
        ]
        shown = sorted((FAR if end is None else end, n) for end, n in left if n)
        found = (wallet.free_points - over, wallet.held_points, shown)
        assert found == self.model.standing(), f"{found}\n{self.model.standing()}\n{self.said}"

    # ---- moves

    def grant(self, draw: Any) -> None:
        end = draw.pick((None, None, timedelta(minutes=20), timedelta(hours=5), timedelta(days=9), timedelta(days=90)))
        at = None if end is None else self.model.now + end
        amount, origin = draw.size(), draw.pick(("goodwill", "promotional"))
        command = credit_commands.GrantCredit(amount, account_id=self.wallet_id, origin=origin, expires_at=at)
        self.both(command, lambda: self.model.grant(amount, at, origin))

    def spend(self, draw: Any) -> None:
        amount = draw.size()
        command = credit_commands.SpendCredit(amount, account_id=self.wallet_id)
        self.both(command, lambda: self.model.spend(amount))

    def pay(self, draw: Any) -> None:
        amount, name = draw.size(), f"pay_{self.number}"
        part = draw.upto(amount)
        tender = {"type": "store_credit", "amount": part, "account": self.wallet_id}
        command = payments_commands.CreatePayment(
            amount, "EUR", 100, id=name, customer_id="cust_a", tenders=(tender,) if part else ()
        )
        answer, _credit = self.both(command, lambda: self.model.pay(name, amount, part))
        if answer is not None:
            self.payments.append(name)

    def open(self, draw: Any) -> None:
        total, most = draw.size(), draw.pick((None, None, draw.size()))
        cart = Cart("EUR", (CartLine("shoe", total),))
        minutes = draw.pick((5, 30, 600))
        command = checkout_commands.CreateCheckoutSession(
            cart, "cust_a", minutes=minutes, credit=CreditTender(most_minor=most)
        )
        name = f"cs_{self.number}"
        end = self.model.now + timedelta(minutes=minutes)
        answer, applied = self.both(command, lambda: self.model.open(name, total, most, end))
        assert answer is not None
        self.sessions.append(name)
        self.model.sessions[name]["id"] = answer["id"]
        assert (answer["store_credit"]["applied"], answer["amount_due"]) == (applied, total - applied)

    def recart(self, draw: Any) -> None:
        if not self.sessions:
            return
        name, total = draw.pick(self.sessions[-3:]), draw.size()
        lines = (CartLine("shoe", total),)
        command = checkout_commands.UpdateCheckoutSession(self.model.sessions[name]["id"], {"lines": lines})
        if self.model.sessions[name]["total"] == total:
            return
        answer, applied = self.both(command, lambda: self.model.recart(name, total))
        if answer is not None:
            self.counted["recarted"] += 1
            assert (answer["store_credit"]["applied"], answer["amount_due"]) == (applied, total - applied)

    def paid(self, draw: Any) -> None:
        if not self.sessions:
            return
        name, payment = draw.pick(self.sessions[-3:]), f"pay_{self.number}"
        session = self.model.sessions[name]
        command = payments_commands.CreatePayment(
            session["total"], "EUR", 100, id=payment, customer_id="cust_a", session_id=session["id"]
        )
        answer, credit = self.both(command, lambda: self.model.pay_session(name, payment))
        if answer is not None:
            self.counted["session paid with credit"] += credit > 0
            self.payments.append(payment)
            assert answer["eligible_amount"] == session["total"] - credit

    def abandon(self, draw: Any) -> None:
        if self.sessions:
            name = draw.pick(self.sessions[-3:])
            command = checkout_commands.ExpireCheckoutSession(self.model.sessions[name]["id"])
            self.both(command, lambda: self.model.abandon(name))

    def refund(self, draw: Any) -> None:
        if not self.payments:
            return
        payment, name = draw.pick(self.payments[-3:]), f"re_{self.number}"
        paid = self.model.payments[payment]
        left = paid["a"] - paid["refunded"]
        if not left:
            return
        amount = left if draw.pick((False, False, True)) else 1 + draw.upto(left - 1)
        named = draw.upto(amount) if draw.pick((False, False, True)) else None
        command = payments_commands.RefundPayment(payment, id=name, amount_minor=amount, credit_minor=named)
        answer, wanted = self.both(command, lambda: self.model.refund(name, payment, amount, named))
        if answer is None:
            return
        shown = answer["refund"]
        assert (shown["money"], shown["credit_returned"], shown["credit_granted"]) == wanted
        self.refunds.append(name)
        self.counted["returned"] += wanted[1] > 0
        self.counted["granted in place of money"] += wanted[2] > 0
        ours = [one for one in self.model.refunds.values() if one["payment"] == payment and not one["is_undone"]]
        if all(not one.get("named") for one in ours) and named is None:
            paid["is_plain"] = paid.get("is_plain", True)
        else:
            paid["is_plain"] = False
        if paid["is_plain"]:
            assert paid["returned"] == paid["c"] * paid["refunded"] // paid["a"], "any path of unnamed refunds"
            self.counted["plain path"] += 1

    def undo(self, draw: Any) -> None:
        if self.refunds:
            name = draw.pick(self.refunds[-3:])
            answer, _nothing = self.both(payments_commands.CancelRefund(name), lambda: self.model.undo(name))
            self.counted["undone"] += answer is not None

    def wait(self, draw: Any) -> None:
        steps = (
            timedelta(minutes=1),
            timedelta(minutes=10),
            timedelta(minutes=30),
            timedelta(hours=5),
            timedelta(days=20),
        )
        until = self.model.now + draw.pick(steps)
        self.must(clocks_commands.AdvanceTestClock(self.clock, until))
        self.must(clocks_commands.FinishTestClock(self.clock, until))
        self.model.advance(until)


class Draws:
    """What the moves ask of chance."""

    def __init__(self, random: Any) -> None:
        self.random = random

    def pick(self, choices: Any) -> Any:
        return self.random.choice(choices)

    def size(self) -> int:
        return int(self.random.choice((self.random.randint(1, 9), self.random.randint(1, 10_000))))

    def upto(self, most: int) -> int:
        return int(self.random.choice((0, most, self.random.randint(0, most))))


def test_a_wallet_is_what_a_second_opinion_says() -> None:
    counted: Counter[str] = Counter()

    def law(random: Any, length: int) -> None:
        shop, draws = Shop(counted), Draws(random)
        for _step in range(length):
            move = draws.pick(MOVES)
            counted[move] += 1
            getattr(shop, move)(draws)
            shop.compare()
        counted["histories"] += 1

    more = hold(law, examples=80, random=st.randoms(use_true_random=False), length=st.integers(5, 40))
    floors = {
        "returned": 500,
        "granted in place of money": 200,
        "undone": 300,
        "session paid with credit": 300,
        "recarted": 500,
        "plain path": 400,
        "refused insufficient_credit": 500,
        "refused credit_spent": 10,
        "refused refund_exceeds_tender": 50,
        "refused checkout_session_not_open": 300,
    }
    expect(counted, floors, more)

"""R7, R71, R74, R75: what a purchase has earned depends on its state alone, whatever captures, refunds, amendments and
cancellations of refunds led there."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from engines import CoreRun
from examples import expect, hold
from hypothesis import strategies as st
from test_property_offers import double, offer
from worlds import step_of

from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.caps import Cap
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import Band, EarnRate
from vinr_server.core.members import commands as members_commands
from vinr_server.core.members.rows import Account
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.payments.rows import RefundLine
from vinr_server.core.programs import commands as programs_commands
from vinr_server.engine.submission import Reply

MOVES = 9
counted: Counter[str] = Counter()


@dataclass(frozen=True)
class Asked:
    """A rule as the oracle knows it: what it gives for an amount, or flat points; from so much up to less than so much,
    of a sku, of all but one, or of all; and never more than its cap.

    `rates`: what each part above the one before gives for one minor unit; the last has no end.
    """

    flat: int | None = None
    rates: tuple[tuple[int | None, Fraction], ...] = ()
    step: tuple[int, int] | None = None
    rounds: str = "floor"
    least: int | None = None
    below: int | None = None
    sku: str | None = None
    but: str | None = None
    cap: tuple[int, str] | None = None

    @property
    def earn(self) -> EarnRate:
        """The rule as it is created."""
        if self.flat is not None:
            return EarnRate(points=self.flat)
        if self.step is not None:
            points, minor = self.step
            return EarnRate(points=points, per_amount_minor=minor, full_steps=True)
        bands = [Band(up_to, rate_e4=int(per_minor * 1_000_000)) for up_to, per_minor in self.rates]
        rounding: Any = self.rounds
        if len(bands) == 1:
            return EarnRate(rate_e4=bands[0].rate_e4, rounding=rounding)
        return EarnRate(bands=tuple(bands), rounding=rounding)

    @property
    def asks(self) -> Conditions:
        """What it asks, as it is created."""
        skus, excluded = ((sku,) if sku else () for sku in (self.sku, self.but))
        return Conditions(min_amount_minor=self.least, max_amount_minor=self.below, skus=skus, exclude_skus=excluded)

    def gives(self, part: Fraction, factor: int) -> int:
        """What so much earns, but for the cap."""
        if self.flat is not None:
            return self.flat
        if self.step is not None:
            points, minor = self.step
            return points * math.floor(part / minor) * factor
        exact, start = Fraction(0), 0
        for up_to, per_minor in self.rates:
            end = part if up_to is None else min(part, Fraction(up_to))
            exact += max(end - start, Fraction(0)) * per_minor
            start = up_to or 0
        return ROUNDS[self.rounds](exact * factor)


ROUNDS = {"floor": math.floor, "ceil": math.ceil, "half_even": round}


@dataclass
class Refunded:
    """A refund as the oracle knows it."""

    id: str
    amount: int
    # Per sku: the share of the line.
    shares: dict[str, Fraction] = field(default_factory=dict)


@dataclass
class Paid:
    """A payment as the oracle knows it; a line for each sku, of (unit price, quantity)."""

    id: str
    amount: int
    tax: int
    lines: dict[str, tuple[int, int]]
    refunds: list[Refunded] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.amount - sum(refund.amount for refund in self.refunds)

    def kept(self) -> tuple[Fraction, dict[str, Fraction]]:
        """The eligible part that is kept, and that of each line: R70 and R71 word for word."""
        eligible = Fraction(max(self.amount - self.tax, 0))
        nets = {sku: Fraction(price * quantity) for sku, (price, quantity) in self.lines.items()}
        total = sum(nets.values())
        if total > eligible:
            nets = {sku: eligible * net / total for sku, net in nets.items()}
        if self.refunds and self.left == 0:
            return Fraction(0), dict.fromkeys(nets, Fraction(0))
        by_line = [refund for refund in self.refunds if refund.shares]
        left = {sku: net * (1 - sum(refund.shares.get(sku, 0) for refund in by_line)) for sku, net in nets.items()}
        rest = eligible - sum(nets.values()) + sum(left.values())
        money = self.amount - sum(refund.amount for refund in by_line)
        others = sum(refund.amount for refund in self.refunds if not refund.shares)
        share = 1 - Fraction(others, money) if money else Fraction(1)
        return rest * share, {sku: line * share for sku, line in left.items()}


def earned(rules: list[Asked], doubles_from: int | None, order: list[Paid]) -> int:
    """What an order in this state earns, and nothing else counts."""
    if all(paid.refunds and paid.left == 0 for paid in order):
        return 0
    kept = [paid.kept() for paid in order]
    everything = sum((eligible for eligible, _lines in kept), Fraction(0))
    factor = 2 if doubles_from is not None and everything >= doubles_from else 1
    points = 0
    for rule in rules:
        part = part_of(rule, order)
        if part is None or (rule.least is not None and part < rule.least):
            continue
        if rule.below is not None and part >= rule.below:
            continue
        desired = rule.gives(part, factor)
        points += desired if rule.cap is None else min(desired, rule.cap[0])
    return points


def part_of(rule: Asked, order: list[Paid]) -> Fraction | None:
    """What a rule counts of what is kept; None where no line counts that has to."""
    kept = [paid.kept() for paid in order]
    everything = sum((eligible for eligible, _lines in kept), Fraction(0))
    skus = {sku for paid in order for sku in paid.lines}
    named = rule.sku or rule.but
    part = sum((lines.get(named, Fraction(0)) for _eligible, lines in kept), Fraction(0)) if named else Fraction(0)
    if rule.sku is not None:
        return part if rule.sku in skus else None
    if rule.but is not None and skus == {rule.but} and everything == part:
        return None
    return everything - part


class Shop:
    """A program with these rules, and one member with one order."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.run, self.number = chance, CoreRun(), 0
        self.order: list[Paid] = []
        self.canceled = 0
        self.rules = [self._rule() for _rule in range(chance.randint(1, 4))]
        self.doubles_from = chance.choice((None, 0, 1_000, 5_000))
        self.do(programs_commands.CreateProgram("Shop", id="prog_shop"))
        for rule in self.rules:
            caps = Cap(*rule.cap) if rule.cap is not None else None
            rule_of = earning_commands.CreateEarningRule("prog_shop", "payment.completed", rule.earn, rule.asks)
            self.do(replace(rule_of, caps=caps))
        if self.doubles_from is not None:
            conditions = Conditions(min_amount_minor=self.doubles_from)
            for command in offer("double", double(1, conditions=conditions), program_id="prog_shop"):
                self.do(command)
        self.do(members_commands.CreateAccount("prog_shop", "cust_a"))

    def _rule(self) -> Asked:
        chance = self.chance
        least = chance.choice((None, None, 500, 2_000, 6_000))
        sku, but = chance.choice(((None, None), (None, None), ("beans", None), ("mug", None), (None, "beans")))
        cap = chance.choice((None, None, (chance.randint(1, 60), chance.choice(("payment", "day", "month", "member")))))
        asked = Asked(
            least=least, below=chance.choice((None, None, None, (least or 0) + 3_000)), sku=sku, but=but, cap=cap
        )
        form = chance.choice(("flat", "rate", "rate", "bands", "steps"))
        if form == "flat":
            return replace(asked, flat=chance.randint(1, 50))
        if form == "steps":
            return replace(asked, step=(chance.randint(1, 9), chance.choice((100, 250, 999))))
        ends = sorted(chance.sample((300, 1_000, 2_500, 7_000), chance.randint(1, 3))) if form == "bands" else []
        rates = [(end, Fraction(chance.choice((0, 1_000, 3_333, 10_000, 25_000)), 1_000_000)) for end in (*ends, None)]
        if not rates[-1][1]:
            rates[-1] = (None, Fraction(1, 100))
        return replace(asked, rates=tuple(rates), rounds=chance.choice(("floor", "half_even", "ceil")))

    def do(self, *commands: Any) -> Any:
        """What becomes of the commands, decided in one batch; of the last."""
        steps = [step_of(self.number + place, 0, command) for place, command in enumerate(commands, start=1)]
        self.number += len(commands)
        *others, outcome = self.run.submit(steps)
        assert all(isinstance(other, Reply) for other in others), (commands, others)
        return outcome

    def accept(self, name: str, *commands: Any) -> None:
        outcome = self.do(*commands)
        assert isinstance(outcome, Reply), (commands, outcome)
        counted[name] += 1

    def balance(self) -> int:
        (account,) = [row for row in self.run.layers[1].all_written() if isinstance(row, Account)]
        return account.ledger_balance_points

    def move(self) -> None:
        """Something happens to the order."""
        moves = [self.capture] if not self.order else [self.capture, self.refund, self.refund, self.amend, self.undo]
        self.chance.choice(moves)()
        expected = earned(self.rules, self.doubles_from, self.order)
        assert self.balance() == expected, (self.rules, self.doubles_from, self.order)

    def capture(self) -> None:
        """One more payment of the order, or two in one batch."""
        commands = [self._capture(place) for place in range(self.chance.choice((1, 1, 2)))]
        self.accept("captures", *commands)
        counted["captures in one batch"] += len(commands) > 1

    def _capture(self, place: int) -> Any:
        chance = self.chance
        lines = {
            sku: (chance.randint(1, 3_000), chance.randint(1, 3)) for sku in ("beans", "mug") if chance.random() < 0.6
        }
        total = sum(price * quantity for price, quantity in lines.values())
        amount = chance.choice((total, total + chance.randint(0, 900), chance.randint(0, 8_000)))
        tax = chance.choice((0, 0, amount // 6))
        paid = Paid(f"pay_{self.number}_{place}", amount, tax, lines)
        self.order.append(paid)
        return payments_commands.CreatePayment(
            amount, "EUR", 100, id=paid.id, customer_id="cust_a", tax_minor=tax, lines=_lines(lines), order_id="7"
        )

    def refund(self) -> None:
        paid = self.chance.choice(self.order)
        if paid.left == 0:
            return
        id = f"re_{self.number}"
        if paid.lines and self.chance.random() < 0.5:
            self._refund_line(paid, id)
            return
        amount = self.chance.choice((paid.left, self.chance.randint(1, paid.left)))
        names: dict[str, int] = {"amount_minor": amount}
        if self.chance.random() < 0.3:
            names = {"total_refunded_minor": paid.amount - paid.left + amount}
        paid.refunds.append(Refunded(id, amount))
        self.accept("refunds by amount", payments_commands.RefundPayment(paid.id, id=id, **names))

    def _refund_line(self, paid: Paid, id: str) -> None:
        """A line of it comes back, or a piece; the amount is what the shop says it is."""
        sku = self.chance.choice(sorted(paid.lines))
        quantity = self.chance.randint(1, paid.lines[sku][1])
        share = Fraction(quantity, paid.lines[sku][1])
        amount = self.chance.randint(1, paid.left)
        line = RefundLine(sku=sku, quantity=quantity)
        outcome = self.do(payments_commands.RefundPayment(paid.id, id=id, amount_minor=amount, lines=(line,)))
        taken = sum((refund.shares.get(sku, Fraction(0)) for refund in paid.refunds), Fraction(0))
        assert isinstance(outcome, Reply) == (taken + share <= 1), (outcome, paid)
        if isinstance(outcome, Reply):
            counted["refunds by line"] += 1
            paid.refunds.append(Refunded(id, amount, {sku: share}))

    def amend(self) -> None:
        paid = self.chance.choice(self.order)
        least = max(paid.amount - paid.left, paid.tax)
        amount = self.chance.randint(least, least + 6_000)
        paid.amount = amount
        self.accept("amendments", payments_commands.UpdatePayment(paid.id, amount_minor=amount))

    def undo(self) -> None:
        """A refund that stands is canceled, whichever it is."""
        refunded = [paid for paid in self.order if paid.refunds]
        if not refunded:
            return
        paid = self.chance.choice(refunded)
        refund = paid.refunds.pop(self.chance.randrange(len(paid.refunds)))
        self.accept("cancellations", payments_commands.CancelRefund(refund.id))


def _lines(lines: dict[str, tuple[int, int]]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"sku": sku, "unit_price": price, "quantity": quantity, "categories": []}
        for sku, (price, quantity) in lines.items()
    )


def test_what_an_order_has_earned_depends_on_its_state_alone() -> None:
    def law(seed: int) -> None:
        shop = Shop(random.Random(seed))
        for _move in range(MOVES):
            shop.move()
        counted["histories"] += 1

    more = hold(law, examples=250, seed=st.integers(0, 2**64))

    names = ("captures", "captures in one batch", "refunds by amount", "refunds by line", "amendments", "cancellations")
    expect(counted, dict.fromkeys(names, 600), more)

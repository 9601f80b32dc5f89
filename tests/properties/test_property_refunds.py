"""R7: whatever the path of refunds, a payment's awards end where one refund of the same sum would have left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from engines import CoreRun
from examples import hold
from hypothesis import strategies as st
from oracle_earning import points_for
from steps import Ref
from worlds import step_of

from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members import commands as members_commands
from vinr_server.core.members.rows import Account
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.engine.submission import Reply

# Amount, and the eligible part where the merchant names it.
Part = tuple[int, int | None]


@dataclass(frozen=True)
class Case:
    """A payment under a rule, refunded in parts; the awards by hand are tied to it."""

    earn: EarnRate
    min_amount_minor: int | None
    factor_e4: int
    amount_minor: int
    tax_minor: int
    units: int
    by_hand: int
    parts: tuple[Part, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small amounts often, so that thresholds and roundings matter; large ones too, where a float would not do."""
    amount = draw(st.integers(0, 60) | st.integers(0, 10_000) | st.integers(0, 2**35))
    rate = EarnRate(
        rate_e4=draw(st.integers(1, 40_000) | st.integers(1, 10**9)),
        rounding=draw(st.sampled_from(("floor", "half_even", "ceil"))),
    )
    tax = draw(st.integers(0, amount // 3))
    refunded = draw(st.just(amount) | st.integers(0, amount))
    cuts = sorted(draw(st.lists(st.integers(0, refunded), max_size=5)))
    sizes = [after - before for before, after in zip([0, *cuts], [*cuts, refunded], strict=True)]
    return Case(
        earn=draw(st.just(rate) | st.builds(EarnRate, points=st.integers(1, 500))),
        min_amount_minor=draw(st.none() | st.integers(0, amount)),
        factor_e4=draw(st.sampled_from((10_000, 15_000, 12_345))),
        amount_minor=amount,
        tax_minor=tax,
        units=draw(st.sampled_from((1, 100, 1_000))),
        by_hand=draw(st.sampled_from((0, 0, 7, 100))),
        parts=_named(draw, sizes, amount - tax) if draw(st.booleans()) else tuple((size, None) for size in sizes),
    )


def _named(draw: st.DrawFn, sizes: Sequence[int], eligible_left: int) -> tuple[Part, ...]:
    """Every part with its eligible part, together no more than there is."""
    parts: list[Part] = []
    for size in sizes:
        eligible = draw(st.integers(0, min(size, eligible_left)))
        eligible_left -= eligible
        parts.append((size, eligible))
    return tuple(parts)


class Shop:
    """A program with the case's rule, where customers pay and get their money back."""

    def __init__(self, case: Case) -> None:
        self.case, self.run, self.number = case, CoreRun(), 0
        asks = Conditions(min_amount_minor=case.min_amount_minor)
        factor = Multiplier(case.factor_e4, metadata={"day": "double"})
        self.do(programs_commands.CreateProgram("Shop", id="prog_shop"))
        self.do(earning_commands.CreateEarningRule("prog_shop", "payment.completed", case.earn, asks, (factor,)))

    def do(self, command: Any) -> Reply:
        """The command is accepted."""
        self.number += 1
        (outcome,) = self.run.submit([step_of(self.number, 0, command)])
        assert isinstance(outcome, Reply), outcome
        return outcome

    def points_after(self, customer: str, parts: Sequence[Part]) -> list[tuple[int, int]]:
        """What the payment's awards gave and what was reversed of each, once the customer has these refunds."""
        case = self.case
        self.do(members_commands.CreateAccount("prog_shop", customer))
        account: Any = Ref(self.number, ("id",))
        payment = payments_commands.CreatePayment(
            case.amount_minor, "EUR", case.units, id=f"pay_{customer}", customer_id=customer,
            tax_minor=case.tax_minor, metadata={"day": "double"},
        )  # fmt: skip
        self.do(payment)
        if case.by_hand:
            self.do(ledger_commands.AwardPoints(account, case.by_hand, payment_id=payment.id))
        for amount, eligible in parts:
            if not self.is_over(payment.id):
                self.do(
                    payments_commands.RefundPayment(f"pay_{customer}", amount_minor=amount, eligible_minor=eligible)
                )
        layer = self.run.layers[1]
        (row,) = [row for row in layer.all_written() if isinstance(row, Account) and row.customer_id == customer]
        lots = sorted(layer.children(Lot, row.id), key=lambda lot: lot.sequence)
        return [(lot.points, lot.reversed_points) for lot in lots]

    def is_over(self, payment_id: Any) -> bool:
        """Whether all of the payment is refunded, so that no refund is accepted any more, not even one of nothing."""
        (outcome,) = self.run.submit(
            [
                step_of(
                    10**6 + self.number, 0, payments_commands.RefundPayment(payment_id, amount_minor=0), is_dry_run=True
                )
            ]
        )
        return not isinstance(outcome, Reply)


def test_any_path_of_refunds_ends_where_one_refund_does() -> None:
    def law(case: Case, order: Any) -> None:
        shop = Shop(case)
        named = [eligible for _amount, eligible in case.parts if eligible is not None]
        whole = (sum(amount for amount, _eligible in case.parts), sum(named) if named else None)
        shuffled = list(case.parts)
        order.shuffle(shuffled)

        at_once = shop.points_after("cust_whole", [whole])
        in_parts = shop.points_after("cust_parts", case.parts)
        in_another_order = shop.points_after("cust_order", shuffled)

        assert in_parts == at_once
        assert in_another_order == at_once

    hold(law, examples=250, case=cases(), order=st.randoms(use_true_random=False))


def test_what_is_left_is_what_the_kept_part_earns() -> None:
    def law(case: Case) -> None:
        shop = Shop(case)
        refunded = sum(amount for amount, _eligible in case.parts)
        eligible = case.amount_minor - case.tax_minor

        lots = shop.points_after("cust_parts", case.parts)

        kept = eligible
        for amount, part in case.parts:
            kept -= Fraction(eligible * amount, case.amount_minor or 1) if part is None else part
        is_whole = refunded == case.amount_minor
        expected = _earned(case, Fraction(0) if is_whole else kept, is_whole=is_whole)
        got = [points - reversed_points for points, reversed_points in lots]
        assert sum(got[: len(got) - bool(case.by_hand)]) == expected

    hold(law, examples=200, case=cases())


def _earned(case: Case, kept: Any, *, is_whole: bool) -> int:
    """What the rule gives for the kept part by the oracle's arithmetic; nothing where it had given nothing before."""
    frozen = {
        "flat": case.earn.points,
        "units": case.units,
        "rounding": case.earn.rounding,
        "rate": Fraction(case.earn.rate_e4 or 0, 10_000),
        "factor": Fraction(case.factor_e4, 10_000),
    }
    eligible = case.amount_minor - case.tax_minor
    threshold = case.min_amount_minor or 0
    if eligible < threshold or kept < threshold or (case.earn.points is not None and is_whole):
        return 0
    return points_for(frozen, kept)


def test_the_example_of_the_rules() -> None:
    case = Case(
        EarnRate(rate_e4=1_000), None, 10_000, 2_190, 0, 100, 0, ((100, None), (500, None), (1_000, None), (590, None))
    )

    assert [Shop(case).points_after("cust", case.parts[:count])[0][1] for count in (1, 2, 3, 4)] == [0, 1, 2, 2]

"""What rates, full steps, bands, caps and exchange give, against a second opinion in plain fractions (R76)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from examples import expect, hold
from hypothesis import strategies as st

from vinr_server.core.earning.caps import Cap, Room
from vinr_server.core.earning.conditions import Conditions, Occasion
from vinr_server.core.earning.rates import Band, EarnRate, Exchange, PerUnit
from vinr_server.core.earning.rules import Boost, Earned, Multiplier, evaluate_rule

counted: Counter[str] = Counter()
ROUNDINGS = {"floor": math.floor, "ceil": math.ceil, "half_even": round}


@dataclass(frozen=True)
class Case:
    """A rule whose points go by the amount, and a payment that meets all it asks but amounts."""

    earn: EarnRate
    min_amount_minor: int | None
    factor_e4: int
    boost_e4: int | None
    exchange: Exchange | None
    room: Room | None
    units: int
    eligible: Any

    def result(self, eligible: Any) -> Any:
        """What the rule gives for so much."""
        return evaluate_rule(
            rule_id="rule_1",
            revision=1,
            earn=self.earn,
            conditions=Conditions(min_amount_minor=self.min_amount_minor),
            multipliers=(Multiplier(self.factor_e4, tiers=("gold",)),),
            occasion=Occasion("payment.completed", "payment", "pay_1", None, "EUR", eligible, self.units),
            tier="gold",
            boost=None if self.boost_e4 is None else Boost("ofr_1", 1, self.boost_e4),
            exchange=self.exchange,
            room=self.room,
        )

    def points(self, eligible: Any) -> int:
        """The points of that, 0 where the rule was skipped."""
        result = self.result(eligible)
        return result.points if isinstance(result, Earned) else 0


steps = st.tuples(st.integers(1, 50), st.integers(1, 400))
rates = st.one_of(
    st.builds(lambda rate: Band(rate_e4=rate), st.integers(0, 40_000)),
    st.builds(lambda step: Band(points=step[0], per_amount_minor=step[1]), steps),
    st.builds(lambda amount: Band(points=0, per_amount_minor=amount), st.integers(1, 400)),
)


@st.composite
def earns(draw: st.DrawFn) -> EarnRate:
    """Every form but a flat bonus, by every rounding."""
    rounding = draw(st.sampled_from(("floor", "half_even", "ceil")))
    form = draw(st.sampled_from(("rate", "amount", "steps", "bands", "bands")))
    if form == "rate":
        return EarnRate(rate_e4=draw(st.integers(1, 40_000)), rounding=rounding)
    if form != "bands":
        points, per_amount = draw(steps)
        return EarnRate(points=points, per_amount_minor=per_amount, full_steps=form == "steps", rounding=rounding)
    ends = sorted(draw(st.sets(st.integers(1, 3_000), max_size=4)))
    bands = [replace(draw(rates), up_to_minor=end) for end in ends]
    last = draw(st.integers(1, 40_000).map(lambda rate: Band(rate_e4=rate)))
    return EarnRate(bands=(*bands, last), rounding=rounding)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Amounts that need not be whole; caps and exchange now and then."""
    exchange = Exchange(
        "USD", draw(st.sampled_from((1, 100, 1_000))), {"EUR": draw(st.sampled_from(("0.051", "3", "17.25")))}
    )
    room = Room(Cap(1_000, "day"), draw(st.integers(1, 200)), "2026-01-01")
    return Case(
        earn=draw(earns()),
        min_amount_minor=draw(st.none() | st.integers(0, 2_000)),
        factor_e4=draw(st.sampled_from((10_000, 15_000, 12_345))),
        boost_e4=draw(st.sampled_from((None, None, 20_000))),
        exchange=exchange if draw(st.booleans()) else None,
        room=room if draw(st.integers(0, 3)) == 0 else None,
        units=draw(st.sampled_from((1, 100, 1_000))),
        eligible=draw(st.integers(0, 5_000) | st.fractions(0, 5_000, max_denominator=30)),
    )


def worth(case: Case, eligible: Any) -> int:
    """The points by the words of the rule, one band after the other."""
    earn, units, amount = case.earn, case.units, Fraction(eligible)
    if case.exchange is not None:
        units = case.exchange.minor_per_unit
        amount = amount / case.units * Fraction(case.exchange.rates["EUR"]) * units
    if case.min_amount_minor is not None and amount < case.min_amount_minor:
        return 0
    if earn.full_steps:
        exact = Fraction(earn.points * (amount // earn.per_amount_minor))  # type: ignore[operator]
    else:
        bands = earn.bands or (Band(None, earn.rate_e4, earn.points, earn.per_amount_minor),)
        exact = Fraction(0)
        for position, band in enumerate(bands):
            low = bands[position - 1].up_to_minor if position else 0
            here = max(Fraction(0), min(amount, band.up_to_minor or amount) - low)  # type: ignore[operator]
            each = Fraction(band.rate_e4, 10_000) / units if band.rate_e4 is not None else None
            exact += here * (each if each is not None else Fraction(band.points, band.per_amount_minor))  # type: ignore[arg-type]
    exact *= Fraction(case.factor_e4, 10_000) * Fraction(case.boost_e4 or 10_000, 10_000)
    points = ROUNDINGS[case.earn.rounding](exact)
    return points if case.room is None else min(points, case.room.points)


def test_points_are_what_the_rule_says_of_any_amount() -> None:
    def law(case: Case) -> None:
        counted["cases"] += 1
        assert case.points(case.eligible) == worth(case, case.eligible)
        counted["bands"] += bool(case.earn.bands)
        counted["exchanged"] += case.exchange is not None and worth(case, case.eligible) > 0
        counted["capped"] += case.room is not None and worth(case, case.eligible) == case.room.points

    more = hold(law, examples=250, case=cases())

    names = ("bands", "exchanged", "capped")
    expect(counted, dict.fromkeys(names, 40), more, per="cases")


def test_more_never_earns_less() -> None:
    def law(case: Case, more: Any) -> None:
        assert case.points(case.eligible) <= case.points(case.eligible + more)

    hold(law, examples=250, case=cases(), more=st.fractions(0, 500, max_denominator=30))


# ---- a quantity


@dataclass(frozen=True)
class Counting:
    """A rule that counts what an event carries, and what it carries."""

    points: int
    unit_e4: int
    factor_e4: int
    rounding: Any
    carried: Any

    def result(self, carried: Any) -> Any:
        """What the rule gives for an event that carries this."""
        return evaluate_rule(
            rule_id="rule_1",
            revision=1,
            earn=EarnRate(points=self.points, per_unit=PerUnit("data.trip.km", self.unit_e4), rounding=self.rounding),
            conditions=Conditions(),
            multipliers=(Multiplier(self.factor_e4, tiers=("gold",)),),
            occasion=Occasion("trip.made", "event", "evt_1", data={"trip": {"km": carried}}),
            tier="gold",
        )


quantities = st.integers(-5, 2_000) | st.decimals(-5, 2_000, allow_nan=False) | st.decimals(0, 60, places=4)
countings = st.builds(
    Counting,
    points=st.integers(1, 50),
    unit_e4=st.integers(1, 60) | st.integers(1, 200_000),
    factor_e4=st.sampled_from((10_000, 15_000, 12_345, 3_000)),
    rounding=st.sampled_from(("floor", "half_even", "ceil")),
    carried=quantities | st.sampled_from((None, "12", True, [], {}, {"km": 5})),
)


def test_each_whole_unit_of_a_quantity_gives_its_points() -> None:
    def law(case: Counting) -> None:
        counted["counted"] += 1
        is_number = isinstance(case.carried, int | Decimal) and case.carried is not True and case.carried >= 0
        units = Fraction(case.carried) // Fraction(case.unit_e4, 10_000) if is_number else 0
        wanted = ROUNDINGS[case.rounding](Fraction(case.points * units * case.factor_e4, 10_000))
        result = case.result(case.carried)
        if wanted:
            assert result.points == wanted
            assert Fraction(result.receipt["quantity"]) == Fraction(case.carried)
            return
        counted["gave nothing"] += 1
        (unmet,) = result
        least = Decimal(unmet.change.split()[-1])
        assert case.result(least).points > 0, unmet
        assert not isinstance(case.result(least - Decimal("0.00000001")), Earned), unmet

    more = hold(law, examples=300, case=countings)

    expect(counted, {"gave nothing": 40}, more, per="counted")


# ---- rules that are skipped


def test_what_a_skipped_rule_suggests_is_the_least_that_earns() -> None:
    def law(case: Case) -> None:
        result = case.result(case.eligible)
        if isinstance(result, Earned):
            return
        counted["skipped"] += 1
        more = max(int(unmet.change.split()[1]) for unmet in result)

        assert case.points(case.eligible + more) > 0, result
        assert case.points(case.eligible + more - 1) == 0, result

    hold(law, examples=300, case=cases())

    assert counted["skipped"] > 20, counted

"""Every award follows from its receipt alone, and doing what a refusal or a skipped rule suggests qualifies."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from engines import WALL, CoreRun
from examples import expect, hold
from histories import History, histories
from hypothesis import strategies as st
from steps import Step

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.earning.conditions import Conditions, Occasion
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.earning.rules import Earned, Multiplier, evaluate_rule
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members.rows import Account
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.rewards.rows import Reward
from vinr_server.engine.submission import Reply

counted: Counter[str] = Counter()


def recomputed(receipt: Mapping[str, Any]) -> int:
    """The points of an award from its receipt and nothing else."""
    if receipt.get("manual"):
        return int(receipt["points"])
    if "flat" in receipt:
        return int(receipt["flat"])
    rounding = {"floor": math.floor, "ceil": math.ceil, "half_even": round}[receipt["rounding"]]
    factor = Fraction(receipt["factor_e4"], 10_000)
    if "per_unit" in receipt:
        units = Fraction(receipt["quantity"]) // Fraction(receipt["per_unit"]["unit"])
        return rounding(receipt["points_per_step"] * units * factor)
    exact = Fraction(receipt["eligible"]) / receipt["minor_per_unit"]
    return rounding(exact * Fraction(receipt["rate_e4"], 10_000) * factor)


def test_every_award_follows_from_its_receipt() -> None:
    def law(history: History) -> None:
        for layer in history.run.layers.values():
            for entry in layer.all_written():
                if isinstance(entry, Entry) and entry.kind in ("award", "adjustment"):
                    assert recomputed(entry.receipt) == entry.moved_points, entry
                    threshold = entry.receipt.get("min_amount")
                    assert threshold is None or Fraction(entry.receipt["eligible"]) >= threshold, entry
                    counted["awards by rule"] += entry.rule_id is not None
                    counted["awards by quantity"] += "per_unit" in entry.receipt
                    counted["awards by hand"] += entry.rule_id is None
        counted["histories"] += 1

    more = hold(law, examples=100, history=histories)

    expect(counted, {"awards by rule": 3_000, "awards by hand": 1_500, "awards by quantity": 20}, more)


# ---- rules that give nothing


@dataclass(frozen=True)
class Case:
    """A rule, and something that happens to a member of a tier."""

    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...]
    occasion: Occasion
    tier: str | None

    def evaluate(self) -> Earned | list[Unmet]:
        """What the rule gives."""
        return evaluate_rule(
            rule_id="rule_1",
            revision=1,
            earn=self.earn,
            conditions=self.conditions,
            multipliers=self.multipliers,
            occasion=self.occasion,
            tier=self.tier,
        )


amounts = st.integers(0, 3_000) | st.integers(0, 2**50)
instants = st.integers(-40, 40).map(lambda days: WALL + timedelta(days=days))
metadata = st.dictionaries(st.sampled_from(("day", "count", "vip")), st.sampled_from(("double", 1, True, "it's")))
skus = st.lists(st.sampled_from(("tea", "pot")), unique=True).map(tuple)
categories = st.lists(st.sampled_from(("drinks", "ware")), unique=True).map(tuple)
lines = st.lists(st.tuples(st.sampled_from(("tea", "pot", None)), categories, st.integers(0, 2_000)), max_size=3)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every condition now and then, most of them not met."""
    currencies = st.sampled_from((None, "EUR", "USD"))
    starts_at, ends_at = draw(st.none() | instants), draw(st.none() | instants)
    if starts_at and ends_at and ends_at <= starts_at:
        starts_at = None
    rate = st.builds(
        EarnRate,
        rate_e4=st.integers(1, 20_000),
        currency=currencies,
        rounding=st.sampled_from(("floor", "half_even", "ceil")),
    )
    earn = draw(rate | st.builds(EarnRate, points=st.integers(1, 50), currency=currencies))
    conditions = Conditions(
        metadata=draw(st.none() | metadata),
        min_amount_minor=draw(st.none() | amounts),
        # Of two currencies that a rule asks for, no payment has both.
        currency=earn.currency and draw(st.sampled_from((None, earn.currency))),
        skus=draw(st.just(()) | skus),
        categories=draw(st.just(()) | categories),
        first_payment=draw(st.none() | st.booleans()),
        starts_at=starts_at,
        ends_at=ends_at,
    )
    factors = st.builds(
        Multiplier,
        st.just(0) | st.just(0) | st.integers(1, 30_000),
        tiers=st.sampled_from((("gold",), ("gold", "silver"))),
    )
    occasion = Occasion(
        trigger="payment.completed",
        source_type="payment",
        source_id="pay_1",
        occurred_at=draw(instants),
        currency=draw(st.sampled_from(("EUR", "USD"))),
        eligible_minor=draw(amounts),
        minor_per_unit=draw(st.sampled_from((1, 100, 1_000))),
        metadata=draw(metadata),
        lines=draw(lines),
        is_first_payment=draw(st.booleans()),
    )
    multipliers = tuple(draw(st.lists(factors, max_size=2)))
    return Case(earn, conditions, multipliers, occasion, draw(st.sampled_from((None, "silver", "gold"))))


def after(case: Case, unmet: list[Unmet], *, short_minor: int = 0) -> Case:
    """The case once everything is changed that the rule suggested; `short_minor` less is spent."""
    if any(one.condition == "factor" for one in unmet):
        case = replace(case, multipliers=_raised(case.multipliers))
    occasion = case.occasion
    # What is to be added comes first, and then the most that is to be spent more: that meets the lesser ones too.
    spends = [int(one.change.split()[1]) for one in unmet if one.change.startswith("spend ")]
    for one in unmet:
        if one.condition != "factor" and not one.change.startswith("spend "):
            occasion = _changed(occasion, one.change)
    return replace(case, occasion=_spent(case, occasion, max(spends) - short_minor) if spends else occasion)


def _raised(multipliers: tuple[Multiplier, ...]) -> tuple[Multiplier, ...]:
    """Every factor of 0 is 1."""
    return tuple(replace(one, factor_e4=one.factor_e4 or 10_000) for one in multipliers)


def _changed(occasion: Occasion, change: str) -> Occasion:
    verb, _, rest = change.partition(" ")
    match verb:
        case "pay":
            return replace(occasion, currency=rest.removeprefix("in "))
        case "set":
            name, value = re.fullmatch(r"metadata\.(\w+) to (.*)", rest).groups()  # type: ignore[union-attr]
            return replace(occasion, metadata={**(occasion.metadata or {}), name: json.loads(value)})
        case "report":
            return replace(occasion, is_first_payment="first payment" in rest)
        case "wait":
            return replace(occasion, occurred_at=datetime.fromisoformat(rest.removeprefix("until ")))
        case "be":
            before = datetime.fromisoformat(rest.removeprefix("before "))
            return replace(occasion, occurred_at=before - timedelta(seconds=1))
        case "add":
            name = rest.removeprefix("a line of ").partition(", ")[0]
            return replace(occasion, lines=[*occasion.lines, (name, (name,), 0)])
    raise AssertionError(f"nobody can do this: {change}")


def _spent(case: Case, occasion: Occasion, more_minor: int) -> Occasion:
    """So much more of what the rule counts."""
    wanted = (*case.conditions.skus, *case.conditions.categories)
    bought = [*occasion.lines, (wanted[0], (wanted[0],), more_minor)] if wanted else occasion.lines
    return replace(occasion, lines=bought, eligible_minor=occasion.eligible_minor + more_minor)


def test_doing_what_a_skipped_rule_suggests_earns() -> None:
    def law(case: Case) -> None:
        result = case.evaluate()
        counted["occasions"] += 1
        if isinstance(result, Earned):
            assert recomputed(result.receipt) == result.points > 0
            return
        counted["skipped"] += 1
        names = {one.condition for one in result}
        counted["skipped for several reasons"] += len(names) > 1
        counted["multiplied by 0"] += "factor" in names

        again = after(case, result).evaluate()
        assert isinstance(again, Earned), f"{result}, and then {again}"
        if names & {"amount", "min_amount"}:
            assert not isinstance(after(case, result, short_minor=1).evaluate(), Earned), f"less is enough: {result}"
            counted["smallest"] += 1

    more = hold(law, examples=500, case=cases())

    names = ("skipped", "skipped for several reasons", "smallest", "multiplied by 0")
    expect(counted, dict.fromkeys(names, 20), more, per="occasions")


# ---- redemptions that are refused


def test_doing_what_a_refused_redemption_suggests_redeems() -> None:
    def law(history: History) -> None:
        run = history.run.copy()
        run.ids.start_at(10**9)
        layer = run.layers[1]
        members = [row for row in layer.all_written() if isinstance(row, Account) and row.status == "active"]
        for reward in [row for row in layer.all_written() if isinstance(row, Reward)]:
            for account in members:
                if account.program_id == reward.program_id:
                    _redeem_after_advice(run, account.id, reward.id)
        counted["advised"] += 1

    hold(law, examples=100, history=histories)

    assert counted["insufficient_points"] > counted["advised"], counted
    assert counted["not_eligible tier"] > 0, counted


def _redeem_after_advice(run: CoreRun, account_id: str, reward_id: str) -> None:
    """Points that are missing are earned, a tier that is missing is reached; then the redemption is accepted."""
    refused = _do(run, rewards_commands.CreateRedemption(account_id, reward_id))
    details = getattr(refused, "details", {})
    if getattr(refused, "code", None) == "not_eligible" and details.get("condition") == "tier":
        counted["not_eligible tier"] += 1
        assert re.fullmatch("needs tier silver or gold", details["change"]), details
        assert isinstance(_do(run, ledger_commands.AwardPoints(account_id, 200)), Reply)
        refused = _do(run, rewards_commands.CreateRedemption(account_id, reward_id))
        assert getattr(refused, "details", {}).get("condition") != "tier", refused
        details = getattr(refused, "details", {})
    if getattr(refused, "code", None) == "insufficient_points":
        counted["insufficient_points"] += 1
        more = int(re.fullmatch(r"earn (\d+) more", details["change"]).group(1))  # type: ignore[union-attr]
        assert more == details["shortfall"] == details["required"] - details["balance"]
        if more > 1:
            assert isinstance(_do(run, ledger_commands.AwardPoints(account_id, more - 1)), Reply)
            assert (
                getattr(_do(run, rewards_commands.CreateRedemption(account_id, reward_id)), "code", "")
                == "insufficient_points"
            )
        assert isinstance(_do(run, ledger_commands.AwardPoints(account_id, 1)), Reply)
        assert isinstance(_do(run, rewards_commands.CreateRedemption(account_id, reward_id)), Reply)


def _do(run: CoreRun, command: Any) -> Any:
    (outcome,) = run.submit([Step(10**6 + len(run.outcomes), 0, type(command).__name__, command)])
    return outcome

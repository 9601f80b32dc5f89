"""Programs to live in, drawn at random: each corner of the rules is in some of them."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

from lives.dates import BEGIN, ZONES
from lives.member import CreditTerms, ReferralTerms, Reward, Rule, Terms
from lives.points import CONVERTED, ENROLLED, PAID
from lives.tiers import TierTerms
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.credit.commands import UpdateCreditSettings
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.kernel.commands import Command
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Tier, TierPolicy
from vinr_server.core.referrals import commands as referral_commands
from vinr_server.core.referrals import rows as referral_rows
from vinr_server.core.rewards import commands as rewards_commands


def draw_terms(chance: Random, credit_zone: str | None = None) -> Terms:
    """A program. `credit_zone`: the tenant's, where it can't be chosen."""
    pick = chance.choice
    zone = pick(ZONES)
    tiers = _tiers(chance)
    months = pick((None, 1, 2, 6, 12))
    return Terms(
        zone=zone,
        months=months,
        rounding=pick(("none", "none", "day", "month", "quarter", "year")),
        by_inactivity=months is not None and pick((True, False, False)),
        pending_days=pick((0, 0, 1, 14, 30)),
        tiers=tiers,
        rules=_rules(chance, [name for name, _threshold in tiers.tiers]),
        rewards=(
            Reward("rwd_cup", pick((20, 35)), stock=pick((None, None, 2)), per_member=pick((None, None, 3))),
            Reward("rwd_euros", 30, credit=pick((250, 499)), credit_months=pick((None, None, 2))),
        ),
        referrals=ReferralTerms(
            window_days=pick((None, None, 30, 90)),
            hold_days=pick((0, 0, 10)),
            least=pick((0, 0, 3_000)),
            only_new=pick((False, False, True)),
            limit=pick((None, None, (1, "month"), (1, "year"), (1, "lifetime"))),
        ),
        credit=CreditTerms(
            months=pick((None, 1, 3, 12)),
            rounding=pick(("none", "none", "month")),
            return_days=pick((30, 30, 5, 0)),
            zone=credit_zone or zone,
        ),
    )


def _tiers(chance: Random) -> TierTerms:
    pick = chance.choice
    metric = pick(("lifetime_points", "points_earned", "points_earned", "spend", "spend", "payment_count"))
    window = (
        "lifetime" if metric == "lifetime_points" else pick(("lifetime",) + ("calendar_year", "rolling_months") * 3)
    )
    thresholds = {"spend": (6_000, 15_000, 40_000), "payment_count": (1, 3, 5)}.get(metric, (30, 100, 250))
    names = ("silver", "gold", "platinum")[: pick((2, 3, 3))]
    everybodys = pick(((), (("basic", 0),)))
    ends = window != "lifetime"
    return TierTerms(
        tiers=(*everybodys, *zip(names, thresholds, strict=False)),
        metric=metric,
        window=window,
        months=pick((1, 3, 6, 12)) if window == "rolling_months" else None,
        downgrade=pick(("qualified", "one_step")) if ends else "qualified",
        grace_days=pick((0, 0, 7, 40)) if ends else 0,
        on_reversal=pick(("keep", "requalify")),
    )


def _rules(chance: Random, tiers: list[str]) -> tuple[Rule, ...]:
    pick = chance.choice
    factors = tuple((tier, Fraction(pick((15, 20)), 10)) for tier in tiers[-2:])
    rules = [
        Rule(
            "rate", PAID, rate=pick((Fraction(1), Fraction(1, 10), Fraction(3, 2), Fraction(3333, 10_000))),
            rounding=pick(("floor", "half_even", "ceil")), factors=factors,
        ),
        Rule("bonus", PAID, flat=pick((5, 12)), least=pick((0, 2_000)), pending_days=pick((None, None, 0, 3))),
        Rule("welcome", ENROLLED, flat=10, pending_days=pick((None, None, 2))),
        Rule("brought", CONVERTED, flat=25, recipients=pick((("referrer",), ("referrer", "referee")))),
        Rule("share", CONVERTED, rate=Fraction(1, 2), factors=factors, pending_days=pick((None, 0, 20))),
    ]  # fmt: skip
    return tuple(rule for rule in rules if rule.trigger != ENROLLED or pick((True, False)))


def setup(terms: Terms, clock_id: Any) -> list[Command]:
    """The program as it is created, on a clock."""
    policy = terms.tiers
    commands: list[Command] = [
        programs_commands.CreateProgram(
            "Club",
            id="prog_club",
            clock_id=clock_id,
            expiry_months=terms.months,
            expiry_rounding=terms.rounding,  # type: ignore[arg-type]
            expiry_mode="inactivity" if terms.by_inactivity else "fixed",
            pending_days=terms.pending_days,
            timezone=terms.zone,
            tiers=tuple(Tier(name, name.title(), threshold) for name, threshold in policy.tiers),
            tier_policy=TierPolicy(
                policy.metric,  # type: ignore[arg-type]
                policy.window,  # type: ignore[arg-type]
                currency="EUR" if policy.metric == "spend" else None,
                months=policy.months,
                downgrade=policy.downgrade,  # type: ignore[arg-type]
                grace_days=policy.grace_days,
                on_reversal=policy.on_reversal,  # type: ignore[arg-type]
            ),
        )
    ]
    commands += [_rule(rule) for rule in terms.rules]
    for reward in terms.rewards:
        benefit: dict[str, Any] = {"type": "voucher"}
        if reward.credit:
            benefit = {"type": "store_credit", "amount": reward.credit, "currency": "EUR"}
            benefit |= {"expiry_months": reward.credit_months} if reward.credit_months is not None else {}
        caps: dict[str, Any] = {"stock": reward.stock, "per_member_limit": reward.per_member}
        commands.append(
            rewards_commands.CreateReward("prog_club", reward.name, reward.cost, benefit, id=reward.name, **caps)
        )
    asked = terms.referrals
    limit = referral_rows.ReferralLimit(*asked.limit) if asked.limit is not None else None  # type: ignore[arg-type]
    referral_terms = referral_rows.ReferralTerms(
        asked.window_days,
        asked.only_new,
        min_amount_minor=asked.least,
        currency="EUR",
        hold_days=asked.hold_days,
        limit=limit,
    )
    commands.append(referral_commands.CreateReferralProgram("prog_club", referral_terms))
    credit = terms.credit
    changes = {"default_expiry_months": credit.months, "expiry_rounding": credit.rounding}
    commands.append(UpdateCreditSettings(changes | {"return_days": credit.return_days}))
    return commands


def _rule(rule: Rule) -> Command:
    if rule.flat is not None:
        earn = EarnRate(points=rule.flat)
    else:
        earn = EarnRate(rate_e4=int(rule.rate * 10_000), rounding=rule.rounding)  # type: ignore[arg-type]
    return earning_commands.CreateEarningRule(
        "prog_club",
        rule.trigger,
        earn,
        Conditions(min_amount_minor=rule.least or None),
        multipliers=tuple(Multiplier(int(factor * 10_000), tiers=(tier,)) for tier, factor in rule.factors),
        pending_days=rule.pending_days,
        recipients=rule.recipients,  # type: ignore[arg-type]
    )


CLOCK = clocks_commands.CreateTestClock(BEGIN)

"""Bugs in what meets in one life: points, holds, tiers, referrals and store credit, with time (R12, R24).

One that a scenario catches as well is planted once more for the joint second opinion: it knows no case in particular.
"""

from __future__ import annotations

from mutant import Mutant, scenario

LIVES = "properties/test_property_lives.py::test_members_live_as_the_rules_say"


def tiers(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"tier_windows: {title}")


MUTANTS = [
    Mutant(
        "in a life, a tier is judged by the worker's time",
        "_settle_tier",
        "pass_time(draft, context, account, program, at=at, now=now)",
        "pass_time(draft, context, account, program, at=now, now=now)",
        LIVES,
    ),
    Mutant(
        "what has nothing left confirms a tier",
        "values",
        "credit.at <= until and credit.amount",
        "credit.at <= until",
        tiers("What has nothing left carries no tier on (R12b, R25d)"),
    ),
    Mutant(
        "who kept a tier in grace loses it by buying more",
        "with_credits",
        "ends_of(held, credits, scale, at=at)",
        "confirmations(credits, scale, at=at)",
        tiers("Days of grace, in which the tier can be kept (R12f)"),
    ),
    Mutant(
        "where grace began is forgotten by the next credit",
        "holding:_confirmed",
        "graced_at=held.standing.graced_at if tier.id == held.tier else None",
        "graced_at=None",
        tiers("Who kept a tier in its days of grace keeps it, whatever comes (R12f, R12h)"),
    ),
    Mutant(
        "what time brings lowers a tier as a reversal does",
        "judge_tier",
        "may_fall=may_fall",
        "may_fall=True",
        tiers("What comes to be at a tier's own end is no reversal (R12h, R24)"),
    ),
    Mutant(
        "an edit lowers for reversals before it",
        "under_plan",
        "with_credits(Held(tier_id, standing), credits, scale, at=at)",
        "with_credits(Held(tier_id, standing), credits, scale, at=at, may_fall=True)",
        tiers("An edit that lets reversals lower lowers nobody for those before (R12k)"),
    ),
    Mutant(
        "an end by hand comes before what credits confirm",
        "set_tier",
        "with_credits(held, credits_of(draft, account, scale.policy), scale, at=now)",
        "held",
        tiers("An end by hand is never before what credits confirm (R12d, R12i)"),
    ),
    Mutant(
        "grace asks for all that the new year lacks",
        "_announce_grace",
        'kept["needed"]',
        "scale.tiers[rank_of(scale.tiers, account.tier)].threshold",
        tiers("Who kept a tier in its days of grace keeps it, whatever comes (R12f, R12h)"),
    ),
    Mutant(
        "a referral is told of before the tier that it gave",
        "announce_referrals",
        "judge_tiers(draft, context)",
        "pass",
        scenario("conversions: A tier that a conversion gives comes after all entries, and before what is said of the"
                 " referral (R12g)"),
    ),
    Mutant(
        "what was due of the referrer waits until after the conversion",
        "catch_up_with",
        "Needs(merged=merged, asked=asked)",
        "Needs(merged=merged)",
        scenario("conversions: What was due of the referrer comes before what a conversion gives (R24a)", "postgres"),
    ),
    Mutant(
        "the first of two lapses ends lots before the second",
        "let_lapse",
        "hold.expires_at - INSTANT",
        "hold.expires_at",
        scenario("holds: Lots that end at the instant of a lapse are over after it, once each (R4, R24)"),
    ),
    Mutant(
        "credit returns to a lot as it was before it was over",
        "return_credit",
        "swept_wallet(draft, context, spent.account_id)",
        "pass",
        scenario("credit_in_payments: What was over before anybody came is over once, though some of it returns (R5,"
                 " R24a)"),
    ),
    Mutant(
        "a late worker keeps a member from stock that is free",
        "submit_in_time",
        "outcome.code in UNDONE_BY_TIME",
        "False",
        scenario("holds: A late worker keeps nobody from stock that a lapse has freed (R15, R24a, 49)", "postgres"),
    ),
]  # fmt: skip

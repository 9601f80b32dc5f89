"""Bugs in tiers: what counts, until when, and how they end (R12)."""

from __future__ import annotations

from mutant import Mutant, scenario


def tiers(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"tier_windows: {title}")


MUTANTS = [
    Mutant(
        "a credit exactly as old as its window still counts",
        "values",
        "leaving[left][0] <= credit.at",
        "leaving[left][0] < credit.at",
        tiers("A credit exactly twelve months old no longer counts (R12c, 16)"),
    ),
    Mutant(
        "a tier is judged by the worker's time",
        "_settle_tier",
        "pass_time(draft, context, account, program, at=at, now=now)",
        "pass_time(draft, context, account, program, at=now, now=now)",
        tiers("Ends that are long past come at their own instants, in their order (R24b)"),
    ),
    Mutant(
        "a reversal is missed in its own window",
        "claw_back",
        "count_points(draft, account, program_of(draft, account), lot.id, at=lot.available_at, points=-points)",
        "account",
        tiers("A reversal lessens its own credit, and lowers the tier at its end or at once (R12h)"),
    ),
    Mutant(
        "a tier that is landed on is held for good",
        "_landed",
        "_shown(counts_until(scale, at))",
        "None",
        tiers("The end: on what is qualified for, or one step below (R12f, 55)"),
    ),
    Mutant(
        "a lock is no floor",
        "_landed",
        "lands_on < floor",
        "False",
        tiers("Who falls from above a lock lands on it (R12i)"),
    ),
    Mutant(
        "an edit lowers who no longer has enough",
        "_requalified",
        "threshold is not None and threshold != scale.tiers[rank].threshold",
        "False",
        tiers("An edit lowers nobody, not even where reversals do (R12k)"),
    ),
    Mutant(
        "grace counts the new year alone",
        "value_in_grace",
        "since <= credit.at <= at",
        "end <= credit.at <= at",
        tiers("Days of grace, in which the tier can be kept (R12f)"),
    ),
    Mutant(
        "what ended before an edit is judged by the plan after it",
        "scale_of",
        "program.tier_plans_since(account.tier_revision)[0]",
        "program.tier_plan",
        tiers("What ended before an edit is judged by the plan of its time, however late (R12k, R24a)"),
    ),
    Mutant(
        "a window that begins later knows nothing of the sum before",
        "TierPolicy.noted_as",
        "self.counted_as, self.counts_windows",
        "self.counted_as, True",
        tiers("Windows that begin later know what was earned before, and a sum what windows counted (R12k)"),
    ),
    Mutant(
        "points count twice towards a tier",
        "_credit",
        "count_points(draft, account, program, entry.id, at=available_at, points=points, is_new=True)",
        "count_points(draft, account, program, entry.id, at=available_at, points=2 * points, is_new=True)",
        tiers("A credit exactly twelve months old no longer counts (R12c, 16)"),
    ),
]

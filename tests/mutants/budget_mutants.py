"""Bugs planted in budgets: what they count, in which period, and what comes back."""

from __future__ import annotations

from mutant import Mutant, scenario

LAST = scenario("budgets: Of a budget's last euros a smaller discount fits and a larger one doesn't (R56, 40)")
PERIOD = scenario(
    "budgets: The period is that of the reservation, in the program's zone, and a whole refund goes back there"
    " (R56, 41)"
)
EACH = scenario("budgets: A budget for each member is used by each, and by all together without a bound (R56, 42)")
BONUS = scenario("budgets: Points of a bonus are given whole or not at all, and again in the next period (R56)")
MULTIPLIER = scenario("budgets: A multiplier takes the points that it adds, or applies to nothing (R9, R56)")
NEXT_BEST = scenario("budgets: Where the best multiplier doesn't fit, the next best applies (R9, R56)")
BACK = scenario("budgets: Uses and points come back by no refund, an amount by a whole one (R15, R56)")
OWN = scenario("budgets: What a session holds of a budget never counts against itself (R56)")
AGAIN = scenario("budgets: A payment that is priced again takes what its cart gets now (R75)")
RIVAL = scenario("budgets: An offer whose budget has not enough is no rival of the others (R14, R56)")
SET = scenario("budgets: A budget is set in what the offer gives, and counts the same for good (R16, R56)")
MERGED = scenario("budgets: A merged member has what both had left, and no more (R56, R85)")

MUTANTS: list[Mutant] = [
    Mutant(
        "a budget gives more than it has left", "budget_refusal", "asked <= left.remaining", "left.remaining > 0", LAST
    ),
    Mutant(
        "what sessions hold of a budget is free",
        "Left.remaining",
        "self.most - self.used - self.reserved",
        "self.most - self.used",
        LAST,
    ),
    Mutant("a budget's periods are those of UTC", "zone_of_offer", "return program.timezone", 'return "UTC"', PERIOD),
    Mutant(
        "a completed session is counted as held",
        "confirm_redemption",
        "follow_use(draft, context, redemption, confirmed)",
        "",
        PERIOD,
    ),
    Mutant(
        "a whole refund gives an amount back in the running period",
        "follow_use",
        "before.budget_counter is not None",
        "False",
        PERIOD,
    ),
    Mutant(
        "a budget for each member is one for all",
        "left_of",
        "member_ids if budget.is_per_member else (None,)",
        "(None,)",
        EACH,
    ),
    Mutant(
        "a bonus takes one point of its budget",
        "least_cost",
        "terms.bonus.points if is_of_points and terms.bonus is not None else 1",
        "1",
        BONUS,
    ),
    Mutant(
        "a multiplier's points are not asked of its budget",
        "PaymentOffers.within_budget",
        "if not over:",
        "if True:",
        MULTIPLIER,
    ),
    Mutant(
        "where the best multiplier doesn't fit, none applies",
        "PaymentOffers.within_budget",
        "[boost for boost in boosts if boost.offer_id != offer.id]",
        "[]",
        NEXT_BEST,
    ),
    Mutant("a refund gives uses and points back", "is_of_amount", 'budget.measure == "amount"', "True", BACK),
    Mutant(
        "a refund's cancellation takes an amount that is gone by then",
        "retake_member_slot",
        "not _fits_again(draft, redemption)",
        "False",
        BACK,
    ),
    Mutant(
        "a session's own hold counts against it",
        "room_of",
        "budget.most - counter.used - counter.reserved + use.budget_taken",
        "budget.most - counter.used - counter.reserved",
        OWN,
    ),
    Mutant(
        "another discount takes what the first one took",
        "take_other_discount",
        "discount_minor if is_counted else redemption.budget_taken",
        "redemption.budget_taken",
        AGAIN,
    ),
    Mutant(
        "a session that is given up keeps its budget",
        "release_redemption",
        "follow_use(draft, context, redemption, released)",
        "",
        LAST,
    ),
    Mutant(
        "a use that is taken back keeps its budget",
        "withdraw_redemption",
        "follow_use(draft, context, redemption, withdrawn)",
        "",
        AGAIN,
    ),
    Mutant(
        "an offer whose budget has not enough keeps its rivals out",
        "Run._would_take_now",
        "would_minor if self._over_budget(candidate.promotion, would_minor) is None else 0",
        "would_minor",
        RIVAL,
    ),
    Mutant(
        "a live budget can count something else",
        "_is_recounted",
        "budget is None or budget.counts != counts.counts",
        "False",
        SET,
    ),
    Mutant(
        "what a merged member took of its budget is forgotten",
        "Account.account_ids",
        "dict.fromkeys(id for id in ids if id is not None)",
        "[self.id]",
        MERGED,
    ),
    Mutant(
        "weeks begin on Sunday",
        "_sunday_of",
        "_SUNDAY - day.isoweekday()",
        "6 - day.isoweekday() % 7",
        scenario("budgets: Weeks of a budget begin on Monday (R56)"),
    ),
    Mutant(
        "an offer is granted whose budget is used up",
        "granting_refusal",
        "budget_refusal(draft, context, offer, members_of(offer, account))",
        "None",
        scenario("budgets: Nothing is granted of an offer whose budget is used up (R48, R56)"),
    ),
]

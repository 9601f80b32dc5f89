"""Bugs in what steps of campaigns give: codes, grants and offers, within budgets, and back (R48, R49, R56, R64)."""

from __future__ import annotations

from mutant import Mutant, scenario


def issuing(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"issuing: {title}")


POINTS = "A campaign gives what its budget has, an award whole or not at all, and again in the next period (R56)"

MUTANTS = [
    Mutant(
        "a code that a member has is given to another one",
        "issuing:_is_free",
        "code.account_id is None",
        "True",
        "api/test_code_races.py::TestSteps::test_of_many_members_give_each_a_code_of_its_own",
    ),
    Mutant(
        "a code that a step gives ends when its batch says",
        "_take_next",
        "_sooner(code.expires_at, ends_at)",
        "code.expires_at",
        issuing("A step gives the next code of a batch, tied to the member, for so long (R48)"),
    ),
    Mutant(
        "a code given by a step outlives its own end",
        "issuing:_sooner",
        "min((end for end in (first, second) if end is not None), default=None)",
        "second or first",
        issuing("A code lasts as long as the step says, but not longer than it would by itself (R48)"),
    ),
    Mutant(
        "few codes are said to be few at each one",
        "issuing:_count",
        "is_low and not was_low",
        "is_low",
        issuing("What is low is said again once it was filled up (R48)"),
    ),
    Mutant(
        "few codes are said to be few once for good",
        "issuing:_count",
        "progress.unassigned < batch.low_at",
        "True",
        issuing("What is low is said again once it was filled up (R48)"),
    ),
    Mutant(
        "codes are made though there are some to give",
        "CodeProgress.is_pool",
        "self.wanted > self.at_once",
        "False",
        issuing("No code is given twice; an empty pool is said, after it was said to be low (39)"),
    ),
    Mutant(
        "codes are made that anybody can guess",
        "issuing:_make",
        "space_refusal(batch.pattern, batch.alphabet, made) is not None",
        "False",
        issuing("None is made that one of a billion guesses would hit (R64)"),
    ),
    Mutant(
        "a used code is withdrawn with the entry's payment",
        "withdraw_code",
        "if code.used:",
        "if False:",
        issuing("A refund of the entry's payment withdraws the code that nobody has used (R49)"),
    ),
    Mutant(
        "a grant outlives the payment that it was given for",
        "_take_grant_back",
        'grant.status == "open"',
        "False",
        issuing("With the entry's payment go unused grants and rewards too; what was used stays, and is listed (R49)"),
    ),
    Mutant(
        "a branch takes a grant that is over for one to use",
        "lacking_of_offer",
        'grant.status_at(now) == "open"',
        'grant.status == "open"',
        issuing("A branch asks how far the member is with an offer, at its instant (R46)"),
    ),
    Mutant(
        "a branch takes a redemption that went back for one",
        "lacking_of_offer",
        "counter is not None and counter.used > 0",
        "counter is not None",
        issuing("A branch asks how far the member is with an offer, at its instant (R46)"),
    ),
    Mutant(
        "a branch asks of a cart's offer what nobody counts",
        "_of_asked_offer",
        'offer.kind == "checkout" and offer.per_member_limit is None',
        "False",
        issuing("A branch asks of an offer what it can say (R40, R46)"),
    ),
    Mutant(
        "a campaign gives what its budget has not",
        "take_of_budget",
        "cost > left.remaining",
        "left.remaining <= 0",
        issuing(POINTS),
    ),
    Mutant(
        "what a campaign gives is of the period in which a worker comes",
        "budgets:_left",
        "context.now(program.clock_id)",
        "context.wall_now",
        issuing(POINTS),
    ),
    Mutant(
        "that a budget is exhausted is said each time",
        "announce_exhausted",
        "counter_at(draft, name).used",
        "False",
        issuing(POINTS),
    ),
    Mutant(
        "a budget of uses counts points alone",
        "definition:cost_of",
        "step.kind in GIVING",
        "step.award is not None",
        issuing("A budget of uses counts whatever is given; one for each member is each member's (R56)"),
    ),
    Mutant(
        "what is taken back never comes back into the budget",
        "give_back",
        "used=-back",
        "used=0",
        issuing("What goes back with the entry's payment comes back into the budget, in its period (R56)"),
    ),
    Mutant(
        "a budget gets points back that stay with the member",
        "take_step_back",
        '"budget" in given and (points or any(is_gone.values()))',
        '"budget" in given',
        issuing("What goes back with the entry's payment comes back into the budget, in its period (R56)"),
    ),
    Mutant(
        "a step grants an offer that members opt in to",
        "actions:grant",
        "not offer.is_granted",
        "False",
        issuing("A step activates an offer that members opt in to (R18, R48)"),
    ),
    Mutant(
        "a step that gives what applies by itself is published",
        "checking:_of_offer",
        'offer.terms.application == "auto"',
        "False",
        issuing("A step gives no offer that needs no giving (R40)"),
    ),
    Mutant(
        "a batch of another program's offer is published",
        "_of_batch",
        "offer.program_id not in (None, program.id)",
        "False",
        issuing("A batch that gives nothing, or to others, is refused when it is published (R40)"),
    ),
]

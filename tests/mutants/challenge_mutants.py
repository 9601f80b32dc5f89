"""Bugs in challenges: what counts, by when, and what refunds take back (R54, R55)."""

from __future__ import annotations

from mutant import Mutant, scenario

HELD = "properties/test_property_campaigns.py::test_members_go_as_the_rules_say"


def challenges(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"challenges: {title}")


STRETCH = challenges("A stretch of 30 days ends exactly 30 days later (R54)")
OF_AGE = challenges("What counts is of age, after the publication, and reported in time (R54)")
NOT_SHOWN = challenges(
    "Who was in a challenge, is held out or has reached a limit is not shown that it can enter (R42, R47, R51)"
)
MONTH = challenges("A calendar month is local, holds one attempt, and may end short (R54)")
FROM_ENTRY = challenges("A window from the entry takes several attempts, and ends with it (R54)")
SHORT = challenges("Where a window from the entry ends short, its steps run once, after the grace (R54)")
STREAK = challenges("A streak is of local weeks, from Monday; a late report fills a gap within the grace (R54, 54)")
REVISION = challenges(
    "A revision keeps what counts and what was complete; the attempt that runs is computed anew (R54, 56)"
)
SPARE = challenges("Spare contributions fill in first (R55)")
SUM = challenges("A sum takes what is kept; below the least amount a payment is none (R55)")
GIVEN = challenges("What an attempt gave goes back as far as it is unused, and is listed (R55)")

MUTANTS = [
    Mutant(
        "contributions are counted up as they arrive",
        "Contribution.place",
        "(self.occurred_at, self.sequence)",
        "(self.sequence, self.occurred_at)",
        challenges("Any order of arrival comes to the same (R54)"),
    ),
    Mutant(
        "progress is what came, whatever of it was refunded since",
        "ContributionRow.counted",
        "self.kept_amount",
        "self.amount",
        HELD,
    ),
    Mutant(
        "an attempt that a refund leaves short stays",
        "settle",
        "while len(standing.attempts) > complete:",
        "while False:",
        challenges("A refund takes the attempt back that it leaves short; reached again, it is given again (R55)"),
    ),
    Mutant(
        "a refund that is canceled does not count again",
        "settle_refunds",
        "event.type in CHANGES",
        "event.type == 'payment.refunded'",
        HELD,
    ),
    Mutant(
        "a refund that is undone after the end of a window gives nothing back",
        "closed",
        "standing.expired != ENTRY",
        "True",
        challenges("A refund that is undone after the window has ended counts as if it had never been (R55)"),
    ),
    Mutant(
        "nobody hears what a campaign announces about a payment",
        "hear",
        "heard.depth < DEPTH_MAX",
        "False",
        challenges("A challenge that is complete lets the member into another campaign (R41, R57)"),
    ),
    Mutant(
        "a payment that is refunded in part counts for nothing",
        "_kept_amount",
        "payment.is_refunded_whole",
        "payment.refund_count > 0",
        SUM,
    ),
    Mutant(
        "a payment counts however little is kept of it",
        "_kept_amount",
        "unmet_conditions(says.conditions, occasion)",
        "False",
        SUM,
    ),
    Mutant(
        "a stretch holds what lies exactly its length back",
        "_in_a_stretch",
        "each[0] > at",
        "each[0] >= at",
        STRETCH,
    ),
    Mutant(
        "progress is read as it was when something last counted",
        "_at",
        "end > now",
        "True",
        STRETCH,
    ),
    Mutant(
        "a window from the entry holds its end",
        "unmet_by",
        "start <= at < later(start, window.length, zone)",
        "start <= at <= later(start, window.length, zone)",
        FROM_ENTRY,
    ),
    Mutant(
        "a window from the entry ends short before its grace is over",
        "expiry_of",
        "later(later(begins_at, window.length, zone), says.grace, zone)",
        "later(begins_at, window.length, zone)",
        SHORT,
    ),
    Mutant(
        "a period that was completed ends short",
        "expiry_of",
        "period not in complete",
        "True",
        MONTH,
    ),
    Mutant(
        "a calendar period holds several attempts",
        "_in_a_period",
        "members[-1].place",
        "members[count - 1].place",
        MONTH,
    ),
    Mutant(
        "what is reported long after its week fills a gap",
        "is_late",
        "end is not None and later(end, says.grace, zone) <= now",
        "False",
        STREAK,
    ),
    Mutant(
        "a streak is read as whole though a week was missed",
        "_length",
        "missed > running.freezes",
        "False",
        STREAK,
    ),
    Mutant(
        "what is too old still counts",
        "is_late",
        "later(last, says.grace, zone) < now",
        "False",
        OF_AGE,
    ),
    Mutant(
        "what occurred before the publication counts",
        "unmet_by",
        "at < campaign.published_at",
        "False",
        OF_AGE,
    ),
    Mutant(
        "each part of an order counts on one day",
        "_of_each_day",
        "seen[day] <= most",
        "True",
        challenges(
            "One order in three payments on one day counts once; refunded, the next takes its place (R54, R55, 55)"
        ),
    ),
    Mutant(
        "what is over after the last attempt is not kept",
        "_contribute",
        "enrolment.hears_until is not None and now <= enrolment.hears_until",
        "False",
        SPARE,
    ),
    Mutant(
        "a challenge that is over stays over though a refund left it short",
        "_due",
        "is_waiting or not is_done(standing, course.says)",
        "is_waiting",
        SPARE,
    ),
    Mutant(
        "awards that stay are clawed back with their attempt",
        "taking_back:_award_back",
        "step.award.clawback == 'none'",
        "False",
        GIVEN,
    ),
    Mutant(
        "an attempt that is revoked leaves its grants",
        "take_step_back",
        "TAKEN_BACK.items()",
        "()",
        GIVEN,
    ),
    Mutant(
        "an attempt that is revoked takes its other steps",
        "revoke",
        "if attempt.status == 'running':",
        "if False:",
        challenges("An attempt whose steps are being taken ends where it stands (R55)"),
    ),
    Mutant(
        "who is in a challenge keeps the target of the entry",
        "following",
        "standing.ends_as is not None or newest == revision or count is not None",
        "True",
        REVISION,
    ),
    Mutant(
        "a revision takes back what was completed before",
        "following",
        "max(standing.closed_era, 0)",
        "0",
        REVISION,
    ),
    Mutant(
        "a revision counts other events than members have",
        "_of_changes",
        "says.type != earlier.type",
        "False",
        challenges("What counts can't be another kind of thing in a later revision (R54)"),
    ),
    Mutant(
        "what was paid before the entry counts",
        "unmet_by",
        "at < enrolment.since_at",
        "False",
        challenges("Members enter by a call or an event; what was before does not count (R41, R54)"),
    ),
    Mutant(
        "who is held out is shown the challenge that is kept from it",
        "_would_enter",
        "holds_out(campaign, definition, account)",
        "False",
        NOT_SHOWN,
    ),
    Mutant(
        "a challenge is shown to who may not enter it",
        "_would_enter",
        "bar(draft, campaign, definition, account, ONCE, now) is None",
        "True",
        NOT_SHOWN,
    ),
]

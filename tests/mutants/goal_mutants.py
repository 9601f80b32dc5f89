"""Bugs in holdouts, goals, results, caps on frequency and windows for messages (R47, R50, R51)."""

from __future__ import annotations

from mutant import Mutant, scenario


def goals(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"goals: {title}")


HELD_OUT = goals("Who is held out takes no step and hears of nothing; a member stays on the same side (R47, 45)")
BOUNDARY = goals("The entry payment converts nothing, the next one does, one at exactly the end does not (R50, 46)")
REFUNDED = goals("A whole refund takes a conversion back, and a later one converts (R50, 46)")
CAPPED = goals("A capped message is skipped and doesn't count; exactly so far back no longer counts (R51)")

MUTANTS = [
    Mutant(
        "the holdout is drawn before the caps",
        "bar",
        "limit or capped(draft, campaign.id, definition, account, 'entries', at=now)",
        "limit or (None if draw(campaign.id, HOLDOUT, account.customer_id) < definition.holdout"
        " else capped(draft, campaign.id, definition, account, 'entries', at=now))",
        goals("The holdout is drawn after the caps, and counts for them (R47, R51)"),
    ),
    Mutant(
        "who is held out takes its steps",
        "enter",
        "status='holdout' if is_held_out else 'open', step=None if is_held_out else definition.start",
        "status='open', step=definition.start",
        HELD_OUT,
    ),
    Mutant(
        "who is held out is announced to have entered",
        "enter",
        "if not is_held_out:",
        "if True:",
        HELD_OUT,
    ),
    Mutant(
        "the answer to an event says who is held out",
        "_let_in",
        "if enrolment.status == 'holdout':",
        "if False:",
        HELD_OUT,
    ),
    Mutant(
        "a conversion of who is held out is announced",
        "_stand",
        "reached is not None and enrolment.status != 'holdout'",
        "reached is not None",
        HELD_OUT,
    ),
    Mutant(
        "each revision draws again who is held out",
        "holds_out",
        "draw(campaign.id, HOLDOUT, account.customer_id)",
        "draw(f'{campaign.id}{campaign.revision}', HOLDOUT, account.customer_id)",
        goals("A member stays on its side over re-entries and revisions, and a raised share moves nobody else (R47)"),
    ),
    Mutant(
        "who is held out leaves its group at once",
        "Enrolment.is_open_at",
        "self.status == 'holdout' and not self.is_over_at(now)",
        "False",
        goals("Who is held out counts for its group until its goal ends (R47)"),
    ),
    Mutant(
        "the event that lets a member in converts it",
        "hear",
        "woken = list(_wake(draft, context, account, heard))",
        "early = list(_let_in(draft, context, listeners, account, heard, ()));"
        " woken = [*early, *_wake(draft, context, account, heard)]",
        BOUNDARY,
    ),
    Mutant(
        "an event at exactly the end of a goal's window converts",
        "may_reach_goal",
        "now < enrolment.goal_until",
        "now <= enrolment.goal_until",
        BOUNDARY,
    ),
    Mutant(
        "an event before the entry event converts",
        "_is_goal",
        "not enrolment.since_at <= occurred_at < until",
        "occurred_at >= until",
        goals("What occurred before the entry event converts nothing, whenever it is reported (13)"),
    ),
    Mutant(
        "a passage that is over hears no goal",
        "may_reach_goal",
        "enrolment.goal_until is not None and now < enrolment.goal_until",
        "False",
        BOUNDARY,
    ),
    Mutant(
        "a conversion outlives the refund of its payment",
        "_settle",
        "is_refunded=payment.is_refunded_whole",
        "is_refunded=False",
        REFUNDED,
    ),
    Mutant(
        "a part refund takes a conversion back",
        "_settle",
        "is_refunded=payment.is_refunded_whole",
        "is_refunded=payment.refunded_minor > 0",
        REFUNDED,
    ),
    Mutant(
        "every purchase converts again",
        "_stand",
        "before is not None and (not before.is_refunded)",
        "False",
        goals("What was bought before the refund converts in its place (R50)"),
    ),
    Mutant(
        "the goal is heard after the rules that end a passage",
        "_wake",
        "if enrolment.status != 'open':",
        "if enrolment.status != 'open' or goal is not None:",
        goals("A goal asks of its event, and may end the passage before its rules and waits (R43, R50)"),
    ),
    Mutant(
        "an event that ended a passage by its goal begins another",
        "_wake",
        "end(draft, context, enrolment, definition, 'goal', at=now)\n"
        "yield {'campaign': enrolment.campaign_id, 'enrolment': enrolment.id, 'did': 'exited'}",
        "end(draft, context, enrolment, definition, 'goal', at=now)",
        goals("An event that ends a passage by its goal begins no other of that campaign (R43)"),
    ),
    Mutant(
        "who closes the account can still convert once it is open again",
        "_close_passages",
        "close_goals(draft, account, now=at)",
        "",
        goals("A closed account can no longer convert, even opened again (53)"),
    ),
    Mutant(
        "who is moved gets the goal of the newer revision",
        "definition_at_entry",
        "enrolment.entry_revision",
        "enrolment.revision",
        goals(
            "Who is moved keeps the goal and the caps of the entry, and follows the hours of the newer revision (R52)"
        ),
    ),
    Mutant(
        "what lies exactly as far back as a cap looks still counts",
        "pacing:frees_at",
        "(end := later(time, cap.within, zone)) > at",
        "(end := later(time, cap.within, zone)) >= at",
        CAPPED,
    ),
    Mutant(
        "a skipped message counts",
        "MEETINGS",
        "and outcome = 'done' offset",
        "offset",
        CAPPED.replace("[core]", "[postgres]"),
    ),
    Mutant(
        "a cap lets one message more through",
        "pacing:frees_at",
        "len(counted) >= cap.most",
        "len(counted) > cap.most",
        CAPPED,
    ),
    Mutant(
        "a cap of the program counts its own campaign alone",
        "_is_counted",
        "cap.scope == 'program' or _group_of(draft, met) == group",
        "met.campaign_id == campaign_id",
        goals("Messages of other campaigns of the program count where the cap says so (R51)"),
    ),
    Mutant(
        "of several caps the first one says when",
        "capped",
        "max(found, key=lambda pair: pair[0])",
        "found[0]",
        goals("Of several caps the one that frees last says when (R51)"),
    ),
    Mutant(
        "a capped message goes where any refused one goes",
        "_acted",
        "effect.code == 'frequency_capped' and step.on_capped is not None",
        "False",
        goals("A capped message may end the passage, or lead elsewhere (R51)"),
    ),
    Mutant(
        "a message is sent at any hour",
        "take_due",
        "opens_at > at",
        "False",
        goals("A message due outside its window waits until it opens, and is dated by that (R51)"),
    ),
    Mutant(
        "a window is open at its end",
        "opening",
        "(minutes_of_day(at, zone) - window.from_minutes) % DAY_MINUTES < length",
        "(minutes_of_day(at, zone) - window.from_minutes) % DAY_MINUTES <= length",
        goals("A window may span midnight, and is closed at its end (R51)"),
    ),
    Mutant(
        "the interval of a difference takes each bound from the wrong side",
        "newcombe",
        "_length(_rate(first) - with_first[0], with_second[1] - _rate(second))",
        "_length(with_first[1] - _rate(first), _rate(second) - with_second[0])",
        "core/test_statistics.py::TestNewcombe::test_gives_the_published_intervals",
    ),
    Mutant(
        "sizes that don't fit the share go unnoticed",
        "is_mismatch",
        "_EXACT.multiply(CHI_SQUARE_MOST, Decimal(variance))",
        "_EXACT.multiply(2 * CHI_SQUARE_MOST, Decimal(variance))",
        "core/test_statistics.py::TestMismatch::test_of_sizes_begins_at_one_in_a_thousand",
    ),
]

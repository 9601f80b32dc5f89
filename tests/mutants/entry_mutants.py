"""Planted bugs in how many members enter at once: by schedules, and by segments as they stand."""

from __future__ import annotations

from mutant import Mutant, scenario


def schedules(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"schedules: {title}")


MUTANTS = [
    Mutant(
        "a clock passes over schedules on its way",
        "_towards",
        "min([target, *_stops(draft, clock)])",
        "target",
        schedules("Members enter at each local time of a schedule, as of its instants (R41, R58)"),
    ),
    Mutant(
        "a page that was done is done again",
        "decide_enter_page",
        "scan.place != command.after",
        "False",
        "workers/test_campaign_steps.py::test_a_page_that_was_done_before_lets_nobody_in_again",
    ),
    Mutant(
        "an occurrence that is too late lets members in all the same",
        "decide_begin_entries",
        'is_behind or campaign.status_at(now) != "active"',
        'campaign.status_at(now) != "active"',
        "workers/test_campaign_steps.py::test_of_occurrences_that_nobody_worked_for_the_latest_is_begun_and_the_others_are_missed",
    ),
    Mutant(
        "a clock goes on while those still enter whom a call let in",
        "_stops",
        "scans is not None and scans.next_at is not None",
        "False",
        schedules("Those who are in a segment enter by one call, as if each had been named (R41)"),
    ),
    Mutant(
        "who enters by a call is asked what the entry asks, where it is one of many",
        "scans:let_in",
        'scan.entry_type != "call"',
        "True",
        schedules("Those who are in a segment enter by one call, as if each had been named (R41)"),
    ),
    Mutant(
        "the key of a call for many members is not the one of a call for one",
        "enter_accounts",
        'begun_as="enter_campaign"',
        "begun_as=None",
        "api/test_entering.py::TestSeveral::test_take_their_key_for_the_whole_call",
    ),
    Mutant(
        "each page of a scan has the whole rate of a minute",
        "_entered",
        "pace is not None and now < pace.last_at + MINUTE",
        "False",
        schedules("All scans of a campaign share its rate (R51)"),
    ),
    Mutant(
        "a clock goes past the minutes in which members enter",
        "decide_finish_test_clock",
        "_towards(draft, clock, clock.target_at)",
        "replace(clock, frozen_at=clock.target_at, target_at=None)",
        schedules("Members who enter minute after minute do so in one advance as in several (R51, R58)"),
    ),
    Mutant(
        "who may not enter takes of the rate",
        "decide_enter_page",
        "if rate is not None:\n        keep_pace(draft, campaign.id, rate, now, entered=entered)",
        "if rate is not None:\n        keep_pace(draft, campaign.id, rate, now, entered=reached)",
        schedules("Who may not enter takes nothing of the rate (R51)"),
    ),
    Mutant(
        "a day 31 is left out where the month is shorter",
        "_next_month",
        "min(schedule.day, days)",
        "schedule.day",
        schedules("A day 31 is the last of its month (R41)"),
    ),
]

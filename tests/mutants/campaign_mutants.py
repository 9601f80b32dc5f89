"""Bugs in campaigns: definitions, and what becomes of members in them (R40 to R53)."""

from __future__ import annotations

from mutant import Mutant, scenario


def journeys(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"journeys: {title}")


SIMULATIONS = "api/test_campaign_simulations.py"


def passages(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"passages: {title}")


MUTANTS = [
    Mutant(
        "a circle of steps is published",
        "problems_of",
        "[] if is_too_many else cycle_in(definition.steps)",
        "[]",
        journeys("A circle is refused (R40, 48)"),
    ),
    Mutant(
        "a campaign is published though its definition could not be read",
        "revise",
        "[*drafted.problems, *problems_of(draft, drafted.definition, program)]",
        "problems_of(draft, drafted.definition, program)",
        journeys("What can't be read can't be published (R40)"),
    ),
    Mutant(
        "an edit of a live campaign counts before it is published",
        "decide_update_campaign",
        "command.drafted or campaign.drafted",
        "None",
        journeys("A new draft waits for publication; everything else counts at once (R52)"),
    ),
    Mutant(
        "an event at exactly a wait's end still ends it",
        "_next",
        "row.due_at > now",
        "row.due_at >= now",
        passages("An event at exactly a wait's end is too late, an event just before it is not (R43)"),
    ),
    Mutant(
        "a step is dated by when a worker came",
        "_pass_through",
        "as_of(context, clock_id, step_at)",
        "context",
        passages("A call lets a member in, once; its steps are taken as of their instants (R41, R42, R44)"),
    ),
    Mutant(
        "a passage stands where it stood after a step",
        "_moved",
        "position=enrolment.position + 1",
        "position=enrolment.position",
        "workers/test_campaign_steps.py::test_a_wait_goes_on_in_another_process_and_once",
    ),
    Mutant(
        "a wait hears what occurred before the entry",
        "_counted",
        "heard.occurred_at < since",
        "False",
        passages("Nothing is heard before the entry event, whenever it is reported (R45, 13)"),
    ),
    Mutant(
        "a wait forgets what was heard during earlier steps",
        "_over_at",
        "heard.won is not None",
        "False",
        passages("What was bought during an earlier step is not waited for again (R45)"),
    ),
    Mutant(
        "an event lets members in however old it is",
        "_unmet",
        "later(heard.occurred_at, entry.max_age, zone) < now",
        "False",
        passages("An event enters that is young, after the publication, of who meets the conditions (R41)"),
    ),
    Mutant(
        "a refused step goes on as if it had been done",
        "_acted",
        "target or step.next",
        "step.next",
        passages("What a step may not do is skipped, logged, and holds nothing up (R48, 47)"),
    ),
    Mutant(
        "waits run on while their campaign is paused",
        "after_pauses",
        'pause.waits == "shift"',
        "False",
        passages("A pause stops steps and entries, and hears on; waits go on where they stood (R53, 11)"),
    ),
    Mutant(
        "a campaign hears what its own steps caused",
        "hear_due",
        "caused_by=enrolment.campaign_id",
        "caused_by=None",
        passages("A campaign's own awards start it for nobody, and a chain ends (R43, R57, 48)"),
    ),
    Mutant(
        "nobody hears what time brings",
        "_pass_through",
        "on_done(done, then, None)",
        "None",
        passages("Whom time alone brings into a segment enters, as of that instant (R17, R41)"),
    ),
    Mutant(
        "what time brings is heard by when a worker came",
        "_pass_through",
        "as_of(context, clock_id, due_at)",
        "context",
        passages("Whom time alone brings into a segment enters, as of that instant (R17, R41)"),
    ),
    Mutant(
        "windows of what was due are not read",
        "_read_purchases",
        "since[owner.realm].get(owner.name, set())",
        "set()",
        scenario(
            "passages: A branch asks what was bought in the days before its own instant, however late it was taken"
            " (R44, R46)",
            "postgres",
        ),
    ),
    Mutant(
        "grants that a step could use are read by when a worker came",
        "_read_open_grants",
        "first_instant(layer, account, earliest(realm, account.program_id))",
        "earliest(realm, account.program_id)",
        scenario(
            "issuing: A branch asks how far the member was with an offer at its own instant, however late it was taken"
            " (R44, R46)",
            "postgres",
        ),
    ),
    Mutant(
        "what counted at a step is read by when a worker came",
        "read_credits",
        "first_instant(layer, account, now_of(realm, account.program_id))",
        "now_of(realm, account.program_id)",
        scenario(
            "tier_windows: What a step gave long ago counts with what counted then, however late it was taken"
            " (R12c, R44)",
            "postgres",
        ),
    ),
    Mutant(
        "a simulation leaves out what a schedule brings",
        "running:_run",
        "_occurrences(world, begins_at)",
        "()",
        f"{SIMULATIONS}::TestOneMember::test_enters_by_a_schedule",
    ),
    Mutant(
        "all that is simulated happens at once",
        "running:_run",
        "_decide(world, command.moments[place].command, at)",
        "_decide(world, command.moments[place].command, begins_at)",
        f"{SIMULATIONS}::TestOneMember::test_goes_the_way_that_it_would_go[nothing else]",
    ),
    Mutant(
        "a chain of campaigns goes one campaign further",
        "_let_in",
        "heard.depth >= DEPTH_MAX",
        "heard.depth > DEPTH_MAX",
        passages("Campaigns that start each other stop after three (R57, 48)"),
    ),
    Mutant(
        "who is inside follows the newest revision",
        "definition_of",
        "definition_by(layer, enrolment.campaign_id, enrolment.revision)",
        "definition_by(layer, enrolment.campaign_id, layer.get(Campaign, enrolment.campaign_id).revision)",
        passages("Who is inside follows the revision of the entry (R52, 9)"),
    ),
    Mutant(
        "what is imported lets members in",
        "hear_all",
        "_is_import(command, context)",
        "False",
        passages("What is imported is nobody's journey (R41, 57)"),
    ),
    Mutant(
        "a closed account goes on through its campaigns",
        "_close_passages",
        "draft.written(Account)",
        "()",
        passages("Who closes the account leaves, at once and for good (R49, 53)"),
    ),
    Mutant(
        "a member comes again before the cooldown is over",
        "bar",
        "now < again_at",
        "False",
        passages("A member comes again after its exit and a cooldown (R42)"),
    ),
    Mutant(
        "a key lets a member in again",
        "bar",
        "row.entry_key == key",
        "False",
        passages("Each key enters once, several at a time (R42, 49)"),
    ),
]

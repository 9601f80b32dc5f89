"""Bugs of segments: who is in one, when, and which events announce it."""

from __future__ import annotations

from mutant import Mutant

SCENARIO = "scenarios/test_scenarios.py::test_scenario[segments: {}]"
BATCHES = "workers/test_segment_events.py::TestBatches::{}"
API = "api/test_segments.py"
MOVES = "scenarios/test_scenarios.py::test_scenario[segment_moves: {}]"
COURSE = "core/test_course.py"
CONDITIONS = "scenarios/test_scenarios.py::test_scenario[conditions: {}]"
TREES = "core/test_conditions.py"

JUDGING = [
    Mutant(
        "a window holds what lies on its edge",
        "with_payment",
        "payment.occurred_at > start",
        "payment.occurred_at >= start",
        SCENARIO.format("Purchases are counted in a window that moves, or in all [core]"),
    ),
    Mutant(
        "what is said to be missing is one too few",
        "_reach",
        "bound - value if value < bound else value - bound",
        "bound - value - 1 if value < bound else value - bound",
        "core/test_segment_suggestions.py::test_what_is_suggested_is_enough_and_no_more_than_that",
    ),
    Mutant(
        "a payment that was refunded whole is a purchase",
        "is_purchase",
        "payment.kept_minor > 0",
        "payment.amount_minor > 0",
        SCENARIO.format("A payment that is refunded whole was no purchase [core]"),
    ),
    Mutant(
        "what was refunded counts as spent",
        "with_payment",
        "(payment.amount_minor - payment.refunded_minor) * count",
        "payment.amount_minor * count",
        SCENARIO.format("What is spent counts by currency, less what was refunded [core]"),
    ),
    Mutant(
        "a payment linked to another account counts",
        "is_purchase",
        "payment.kept_minor > 0 and payment.account_id in (None, account_id)",
        "payment.kept_minor > 0",
        SCENARIO.format("Payments of another account of the same customer are its own [core]"),
    ),
    Mutant(
        "points that are over but not swept make rich",
        "spendable_points",
        "if not ends_now and (account.next_expiry_at is None or account.next_expiry_at > now):",
        "if True:",
        SCENARIO.format("The spendable balance counts, not what has expired [core]"),
    ),
    Mutant(
        "who left a static segment is in it",
        "is_listed",
        "return place is not None and place.left_at is None",
        "return place is not None",
        SCENARIO.format("Members of a static segment are listed by hand [core]"),
    ),
    Mutant(
        "a closed account is in segments",
        "lacking",
        'if account.status != "active":',
        "if False:",
        SCENARIO.format("A closed account is in no segment [core]"),
    ),
    Mutant(
        "one alternative is as good as all",
        "none_of",
        "if not all(lacking):",
        "if not any(lacking):",
        SCENARIO.format("Conditions stand together, or one for all [core]"),
    ),
    Mutant(
        "a deleted segment keeps its members",
        "lacking",
        "segment is None or segment.deleted_at is not None",
        "segment is None",
        SCENARIO.format("The same segment is made once, and its id stays taken [core]"),
    ),
]

READING = [
    Mutant(
        "payments at hand count twice in a window",
        "_read_purchases",
        "with_payment(mine, payment, count=-1)",
        "with_payment(mine, payment, count=0)",
        BATCHES.format("test_a_payment_that_is_refunded_in_part_is_one_purchase"),
    ),
    Mutant(
        "a refund of the batch leaves the last purchase",
        "LAST_PURCHASES",
        "where x.realm = p.realm and x.id = p.id)",
        "where false)",
        BATCHES.format("test_a_refund_of_the_last_purchase_leaves_the_one_before"),
    ),
    Mutant(
        "stored purchases on a window's edge are in it",
        "TOTALS",
        "and p.occurred_at > w.since",
        "and p.occurred_at >= w.since",
        SCENARIO.format("Purchases are counted in a window that moves, or in all [postgres]"),
    ),
    Mutant(
        "a window that the batch makes is not read",
        "needs_create_segment",
        "needs.plans.windows |= _windows(command.conditions)",
        "",
        BATCHES.format("test_a_segment_that_the_batch_makes_is_judged_in_it"),
    ),
    Mutant(
        "members are counted by the wall's clock",
        "ACCOUNTS",
        "coalesce(c.frozen_at, $2)",
        "$2::timestamptz",
        SCENARIO.format("Who has not bought for ninety days is lapsed, whoever never bought is not [postgres]"),
    ),
    Mutant(
        "members are counted across tenants",
        "MEMBERS",
        "where a.realm = $1 and",
        "where $1::int4 > 0 and",
        f"{API}::TestSizes::test_count_this_tenants_members_only",
    ),
    Mutant(
        "metadata of 1 is true in a size",
        "_equal",
        "json_typeof(a.metadata -> {name}) = '{kind}' and",
        "",
        f"{API}::TestSizes::test_tell_texts_numbers_and_truth_apart",
    ),
]

CHANGING = [
    Mutant(
        "metadata that changes from 1 to true is not saved",
        "_sort_out",
        "old != row or repr(old) != repr(row)",
        "old != row",
        SCENARIO.format("A tier, metadata and the enrolment are conditions too [postgres]"),
    ),
    Mutant(
        "who enters is told of again and again",
        "set_place",
        "if account is None or is_there == is_in:",
        "if account is None:",
        SCENARIO.format("Who enters or leaves is told of once [core]"),
    ),
    Mutant(
        "a segment that a live offer names is deleted",
        "decide_delete_segment",
        "if offers or rules:",
        "if False:",
        f"{API}::TestDeleting::test_waits_for_the_offers_that_name_it",
    ),
    Mutant(
        "a segment that a rule names is deleted",
        "decide_delete_segment",
        "if offers or rules:",
        "if offers:",
        CONDITIONS.format("A factor is for members of a segment, and for good (R78) [core]"),
    ),
    Mutant(
        "the contrary of one of several is the contrary of all",
        "contrary_of",
        "Condition(all_of=tuple(contrary_of(part) for part in condition.any_of))",
        "Condition(any_of=tuple(contrary_of(part) for part in condition.any_of))",
        f"{TREES}::test_what_holds_is_what_a_second_opinion_says_and_never_its_contrary",
    ),
    Mutant(
        "what is missing is what was unwanted",
        "unmet_of",
        "(not _failing(asked, value, values)) != asked.is_contrary",
        "(not _failing(asked, value, values)) != (asked.is_contrary and value is not None)",
        f"{TREES}::test_what_holds_is_what_a_second_opinion_says_and_never_its_contrary",
    ),
    Mutant(
        "the last day of a range is not in it",
        "_COMPARE",
        "value <= bound",
        "value < bound",
        f"{TREES}::test_what_holds_is_what_a_second_opinion_says_and_never_its_contrary",
    ),
    Mutant(
        "a member is judged again as it is by now",
        "_Settling.again",
        "frozen_member(earning)",
        "member_of(self._draft, self._context, account, rules)",
        CONDITIONS.format("A member is asked about as it was before the purchase, for good (R7, R78) [core]"),
    ),
    Mutant(
        "of windows those of rules are not read",
        "uses_of",
        "(tree for each in asking for tree in trees_of(each))",
        "(tree for each in live for tree in trees_of(each))",
        CONDITIONS.format("A member is asked about as it was before the purchase, for good (R7, R78) [postgres]"),
    ),
    Mutant(
        "a line that was returned is still there",
        "_names_of_lines",
        "line[2] > 0",
        "line[2] >= 0",
        CONDITIONS.format("Of a purchase only lines of which something is kept are there (R78) [core]"),
    ),
    Mutant(
        "a segment's contrary is what it asks",
        "_where",
        "not coalesce(",
        "coalesce(",
        CONDITIONS.format("A segment asks about fields, and for the contrary (R78) [postgres]"),
    ),
    Mutant(
        "a deleted segment's id is free again",
        "decide_create_segment",
        "if command.id is not None and draft.get(Claim, command.id) is not None:",
        "if False:",
        SCENARIO.format("The same segment is made once, and its id stays taken [core]"),
    ),
]

MOVING = [
    Mutant(
        "a day too early is soon enough for a change",
        "steps_of",
        "[bound + 1 for bound in (asked.gt, asked.lte) if isinstance(bound, int)]",
        "[bound for bound in (asked.gt, asked.lte) if isinstance(bound, int)]",
        f"{COURSE}::test_the_next_change_is_the_first_that_looking_at_every_instant_finds",
    ),
    Mutant(
        "a purchase leaves its window a moment late",
        "Course._totals",
        "bought.occurred_at > start",
        "bought.occurred_at >= start",
        f"{COURSE}::test_the_next_change_is_the_first_that_looking_at_every_instant_finds",
    ),
    Mutant(
        "some purchases are always enough",
        "Course.decides",
        "return self._leaving(asked, max(steps_of(asked), default=0)) is not None",
        "return True",
        f"{COURSE}::test_the_newest_purchases_say_the_same_as_all_wherever_they_decide",
    ),
    Mutant(
        "nobody notes who is closed",
        "_differs",
        "before.status != account.status or before.merged_from != account.merged_from",
        "before.merged_from != account.merged_from",
        MOVES.format("Who is closed is in none, and back again when it is open [core]"),
    ),
    Mutant(
        "nobody notes who has paid",
        "note_touched",
        "_bought(draft.before(Payment, payment.id)) != _bought(payment)",
        "False",
        MOVES.format("What two commands did at one instant is two moves [core]"),
    ),
    Mutant(
        "conditions count since the clock was advanced",
        "_revised_at",
        "next((begun.at for begun in clock.scans_begun or () if begun.scan == watched.scan), clock.frozen_at)",
        "clock.frozen_at",
        MOVES.format("New conditions count since they were made, however late all members were looked through [core]"),
    ),
    Mutant(
        "points that ended still count for a segment",
        "_judge_segments",
        "if uses_in(draft).watches.balance:",
        "if False:",
        MOVES.format("Points that end move a member when they end [core]"),
    ),
    Mutant(
        "due work moves nobody",
        "_noted",
        "note(draft, account, at) if uses_in(draft).watched else account",
        "account",
        MOVES.format("Points that wait move a member when they are there [core]"),
    ),
    Mutant(
        "a page of a scan counts twice",
        "decide_scan_segment",
        "scan.cursor == command.after",
        "True",
        "workers/test_segment_events.py::TestMoves::test_by_new_conditions_are_found_page_by_page",
    ),
    Mutant(
        "as many purchases as are read at first are all there are",
        "_logs",
        "most if most is None else most + 1",
        "most",
        "workers/test_segment_events.py::TestMoves::test_of_a_customer_whose_newest_purchases_are_of_another_account",
    ),
]

MUTANTS = [*JUDGING, *READING, *CHANGING, *MOVING]

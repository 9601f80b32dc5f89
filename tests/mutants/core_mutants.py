"""Bugs in the rules: order of use, expiry, earning, refunds, clawbacks, caps."""

from __future__ import annotations

from mutant import Mutant, scenario

LIVE_LOTS = [
    Mutant(
        "an excluded line earns",
        "is_selected",
        "sku in names.exclude_skus or (excluded and any(category in excluded for category in categories))",
        "False",
        scenario("earning: A rule leaves out the lines it excludes (R78)"),
    ),
    Mutant(
        "an excluded category excludes skus alone",
        "is_selected",
        "sku in names.exclude_skus or (excluded and any(category in excluded for category in categories))",
        "sku in names.exclude_skus",
        scenario("checkout: A cart's offer leaves out the lines it excludes (R78)"),
    ),
    Mutant(
        "LIFO: the lot that expires last pays first",
        "spendable",
        "key=use_order,",
        "key=use_order, reverse=True,",
        scenario("lots: The soonest expiry pays first and what never expires pays last (R3)"),
    ),
    Mutant(
        "LIFO among lots that are alike in all",
        "use_order",
        "lot.sequence",
        "-lot.sequence",
        scenario("lots: Of lots alike in all the earlier entry pays first (R3)"),
    ),
    Mutant(
        "expiry `<` for `<=`: spendable at the very instant",
        "is_over",
        "end_of(lot, account) <= now",
        "end_of(lot, account) < now",
        scenario("expiry: A lot is there a second before its expiry and gone at the very instant (R1)"),
    ),
    Mutant(
        "a redemption pays with points that are over and not yet swept",
        "decide_create_redemption",
        "account = swept_account(draft, context, account.id)",
        "pass",
        scenario("expiry: Points that are over can't be spent, however late the job is that writes it (R2)"),
    ),
]

EARNING = [
    Mutant(
        "a float multiplier",
        "points_of",
        "return divide(scaled, denominator * SCALE * SCALE, earn.rounding)",
        "return int(float(eligible_minor) * (earn.rate_e4 / 1e4) * (factor_e4 / 1e4) / minor_per_unit)",
        scenario("earning: Decimals are exact where a binary float is not (R9)"),
    ),
    Mutant(
        "points rounded half up instead of down",
        "points_of",
        "return divide(scaled, denominator * SCALE * SCALE, earn.rounding)",
        "return (2 * scaled + denominator * SCALE * SCALE) // (2 * denominator * SCALE * SCALE)",
        scenario("earning: Points round down and the program keeps the fraction (R9)"),
    ),
    Mutant(
        "half even rounds half up",
        "half_even",
        "(excess == 0 and quotient % 2 == 1)",
        "excess == 0",
        "core/test_points.py",
    ),
    Mutant(
        "the lowest factor wins",
        "_best_factor",
        "max(matching, key=lambda pair: pair[0], default=(SCALE, None))",
        "min(matching, key=lambda pair: pair[0], default=(SCALE, None))",
        scenario("earning: Of several factors that match the highest applies alone (R9)"),
    ),
    Mutant(
        "the tax in a line's price is not taken off",
        "net_minor",
        'line.get("tax", 0)',
        "0",
        scenario("earning: A line counts what is left of it after its discount (R70)"),
    ),
    Mutant(
        "a full step is rounded up",
        "_unrounded",
        "earn.points * floor_div(numerator * step.denominator, denominator * step.numerator)",
        "earn.points * -floor_div(-numerator * step.denominator, denominator * step.numerator)",
        scenario("rates: Only full steps count where a rule says so (R76)"),
    ),
    Mutant(
        "all of a purchase counts in its last band",
        "_in_bands",
        "start_minor = band.up_to_minor or 0",
        "points, start_minor = Fraction(0), 0",
        scenario("rates: Each part of a purchase counts in its band (R76)"),
    ),
    Mutant(
        "what a capped rule gives is not counted",
        "count_given",
        "counter.used + points",
        "counter.used",
        scenario("rates: A cap by day holds over payments, to midnight in the program's zone (R76)"),
    ),
    Mutant(
        "the day of a cap ends at midnight in UTC",
        "period_of",
        "local_day(at, zone)",
        'local_day(at, "UTC")',
        scenario("rates: A cap by day holds over payments, to midnight in the program's zone (R76)"),
    ),
    Mutant(
        "a gift card earns again",
        "eligible_minor",
        '(tender["type"] if tender["type"] in TENDERS else "other") not in earning_tenders',
        'tender["type"] in ("points", "store_credit")',
        scenario("tenders: Points, store credit and gift cards earn nothing unless a program says so (R77)"),
    ),
    Mutant(
        "a line counts its net, though less was paid",
        "counted_lines",
        "if total_minor > eligible_minor:",
        "if False:",
        scenario("earning: A line counts its share of what was paid, exactly (R70)"),
    ),
]

REFUNDS = [
    Mutant(
        "a refund of a line takes nothing of it",
        "kept_of",
        "(1 - share)",
        "(1 - share * 0)",
        scenario("purchases: A refund of one of two pieces takes half of what they earned (R71)"),
    ),
    Mutant(
        "an order's flat bonus is given for each capture",
        "Mover.move",
        "earning.held_points(source_id)",
        "earning.held_points(source_id) if movement is None or 'flat' not in (movement.receipt or {}) else 0",
        scenario("purchases: Two captures of one order are one purchase (R74)"),
    ),
    Mutant(
        "a refund that failed gives new points",
        "Mover.move",
        "self.cause.reinstates and target_points > held_points",
        "self.cause.reinstates and target_points < held_points",
        scenario("purchases: A refund that failed gives back what it took (R72)"),
    ),
    Mutant(
        "a partial refund claws the whole award back",
        "Mover._claw_back",
        "sum(lot.points - lot.reversed_points for lot in lots.values()) - target_points",
        "sum(lot.points - lot.reversed_points for lot in lots.values())",
        scenario("refunds: A half refund takes half, not all (R7)"),
    ),
    Mutant(
        "each refund claws back as if it were the first",
        "Mover._claw_back",
        "lot.points - lot.reversed_points",
        "lot.points",
        scenario("refunds: A hundred small refunds take what one large would (R7)"),
    ),
    Mutant(
        "what is kept is rounded at each refund",
        "kept_of",
        "kept_minor -= base_minor * Fraction(refund.money_minor, rest_minor)",
        "kept_minor -= base_minor * refund.money_minor // rest_minor",
        "properties/test_property_refunds.py::test_any_path_of_refunds_ends_where_one_refund_does",
    ),
    Mutant(
        "a clawback spares the award's own lot",
        "claw_back",
        "own = consume_lots(mine, spend_points=points)",
        "own = []",
        scenario("clawback: A clawback takes the award's own lot first, though another expires sooner (R6)"),
    ),
    Mutant(
        "a credit does not pay the deficit first",
        "land",
        "(lot,) = pay_deficits(draft, account, [lot], cause_id=cause_id)",
        "pass",
        scenario("clawback: The next credits pay a deficit first (R6)"),
    ),
    Mutant(
        "deficits are paid newest first",
        "pay_deficits",
        "deficit.sequence",
        "-deficit.sequence",
        scenario("clawback: Deficits are paid oldest first (R6)"),
    ),
    Mutant(
        "of returned points those that end last pay a deficit",
        "put_returned",
        "pay_deficits(draft, account, sorted(returned, key=use_order), cause_id=cause_id)",
        "pay_deficits(draft, account, sorted(returned, key=use_order, reverse=True), cause_id=cause_id)",
        scenario("cancellation: Of returned points those that end soonest pay a deficit (R3, R5)"),
    ),
]

FRESH_LOT = """
program = draft.get(Program, account.program_id)
return accrue(
    draft, context, account, program, points=points, movement=movement, event_type="loyalty.points.earned"
)[:2]
"""

REWARDS = [
    Mutant(
        "a cancellation makes a fresh lot",
        "give_back",
        "uses = uses_back(draft, debit_id, points=points, returned_points=returned_points)",
        FRESH_LOT,
        scenario("cancellation: A cancellation makes no fresh lot, whatever the program says by then (R5)"),
    ),
    Mutant(
        "one more is given out than is in stock",
        "caps:_full",
        "used + reserved >= most",
        "used + reserved > most",
        scenario("rewards: Stock is given out to the last and no further (R15)"),
    ),
    Mutant(
        "a discount works twice",
        "consume",
        'status="consumed", payment_id=payment_id',
        'status="issued", payment_id=payment_id',
        scenario("discounts: A discount works once"),
    ),
    Mutant(
        "an id's second body is taken for its first",
        "made_before",
        "if claim is not None and claim.fingerprint == context.fingerprint:",
        "if claim is not None:",
        scenario("events: An event's id with another body is a conflict"),
    ),
]

MERGES = [
    Mutant(
        "a merge that re-dates lots",
        "transfers:_bring",
        "moved_to=None",
        "moved_to=None, expires_at=None",
        scenario("merges: A customer's points move with their own ends"),
    ),
    Mutant(
        "a clawback forgets where a merged member's points are",
        "own_lots",
        "(lot, *moved_lots(draft, lot))",
        "(lot,)",
        scenario("merges: A clawback takes the order's own points first, though others end sooner (R6)"),
    ),
    Mutant(
        "what expired after a merge is clawed back as well",
        "lot_of",
        "lot.expired_points + sum((there.expired_points for there in moved))",
        "lot.expired_points",
        scenario("merges: What expired after a merge is not clawed back as well (R6)"),
    ),
    Mutant(
        "a merge gives the member's uses of offers back",
        "_add_counter",
        "used=staying.used + leaving.used",
        "used=staying.used",
        scenario("merges: Uses of offers add up to the member's limit"),
    ),
    Mutant(
        "points of a canceled redemption stay with the merged member",
        "give_points_back",
        "paying.merged_into is None",
        "True",
        scenario("merges: An old redemption can be canceled, and its points come back with their own end (R5)"),
    ),
    Mutant(
        "points of a canceled refund never count in the lifetime of the member it is now",
        "reinstate_award",
        "account.lifetime_points + points - here_points",
        "account.lifetime_points",
        scenario("merged_purchases: A failed refund can lift the member it is now into a tier (R72)"),
    ),
    Mutant(
        "a merged member's canceled refund pays the debt that moved on once more",
        "_paid_debt",
        "lot.moved_to == ()",
        "False",
        scenario("merged_purchases: What was owed for a refund before the merge is given back after it (R5, R72)"),
    ),
    Mutant(
        "a merge gives a capped rule's room back",
        "add_given",
        "used=theirs.used + counter.used",
        "used=theirs.used",
        scenario("merged_purchases: What capped rules gave adds up (R76)"),
    ),
    Mutant(
        "an order ends where its customer is merged",
        "_former_keys",
        "command.order_id is None",
        "True",
        scenario("merged_purchases: An order goes on as the order of the member it is now (R74)"),
    ),
    Mutant(
        "a linked payment is no part of its customer's order",
        "_linked_key",
        "payment.order_id is not None",
        "False",
        scenario("guests: A linked payment is one of its customer's order (R74)"),
    ),
    Mutant(
        "awards by hand for a guest's payment are forgotten when it is linked",
        "_joined",
        "for earning in by_hand:",
        "for earning in ():",
        scenario("guests: What was awarded by hand for a guest's payment follows it (R7)"),
    ),
    Mutant(
        "what a merged member brought from another system is brought again",
        "_openings",
        "account.buyers",
        "account.buyers[:1]",
        "api/test_import_accounts.py::TestImport::test_brings_nothing_twice_to_members_who_were_merged",
    ),
    Mutant(
        "payments of an order are looked for beside the order alone",
        "Loader._look_elsewhere",
        "if not lost:",
        "if True:",
        scenario("merged_purchases: An order goes on as the order of the member it is now (R74)", "postgres"),
    ),
]

MANY = "core/test_reminders.py::TestManyLots"

REMINDERS = [
    Mutant(
        "a reminder comes twice",
        "_instants",
        "end > now + timedelta(days=count)",
        "end >= now + timedelta(days=count)",
        scenario("reminders: Members are reminded so many days before their points end (R84)"),
    ),
    Mutant(
        "a reminder is judged when the worker comes",
        "accrue",
        "caught_up(draft, context, account, program, now=now)",
        "account",
        scenario("reminders: What is awarded before a late worker comes was not there at the reminder's instant (R84)"),
    ),
    Mutant(
        "an expiry comes before a reminder of its instant",
        "sweep",
        "end_of(over[0], account) < reminder.at",
        "end_of(over[0], account) <= reminder.at",
        scenario("reminders: At one instant a reminder comes before an expiry (R84)"),
    ),
    Mutant(
        "reminders come before the expiries of earlier instants",
        "sweep",
        "end_of(over[0], account) < reminder.at",
        "False",
        scenario("reminders: An expiry comes before a reminder of a later instant (R84)"),
    ),
    Mutant(
        "new reminders are for points to come alone",
        "is_behind",
        "account.reminder_revision != program.reminder_plan.revision",
        "False",
        scenario("reminders: Reminders of a live program reach the points that are there, where they lie ahead (R84)"),
    ),
    Mutant(
        "new reminders are sent for instants that are over",
        "spans_of",
        "yield Span(plan.days, plan.since, until)",
        "yield Span(plan.days, plan.since - timedelta(days=30), until)",
        scenario("reminders: Reminders of a live program reach the points that are there, where they lie ahead (R84)"),
    ),
    Mutant(
        "a change of reminders drops what was due by the old ones",
        "spans_of",
        "account.next_reminder_at is not None",
        "following is None and account.next_reminder_at is not None",
        scenario("reminders: Reminders by the old days still come where they were due before the change (R84)"),
    ),
    Mutant(
        "returned points are never spoken of",
        "put_returned",
        "return remember(draft, account, lots, now=now)",
        "return account",
        scenario("reminders: Points that are returned are reminded of what lies ahead (R84)"),
    ),
    Mutant(
        "moved points are never spoken of",
        "transfers:_bring",
        "remember(draft, into, [moved], now=now)",
        "into",
        scenario("reminders: A merge sends first what was due (R84)"),
    ),
    Mutant(
        "a closed member is reminded of what it can't spend",
        "remind",
        "if account.status != 'active':",
        "if False:",
        scenario("reminders: A closed member is not reminded, and expires in silence (R84)"),
    ),
    Mutant(
        "what was due is lost when a member is closed",
        "with_status",
        "account = caught_up(draft, context, account, program, now=context.now(program.clock_id))",
        "pass",
        scenario("reminders: A closed member is not reminded, and expires in silence (R84)"),
    ),
    Mutant(
        "of many lots, those that are not loaded are never spoken of",
        "planned",
        "_require_first(draft, account, now, days, first)",
        "pass",
        f"{MANY}::test_asks_for_all_lots_where_an_earlier_reminder_may_be_among_those_left_behind",
    ),
    Mutant(
        "a reminder counts those of many lots that are loaded",
        "due_reminders",
        "_require_span(draft, account, span.after + timedelta(days=days), span.until + timedelta(days=days))",
        "pass",
        f"{MANY}::test_asks_for_all_lots_where_some_of_one_end_may_be_left_behind",
    ),
    Mutant(
        "a clock is ready before its reminders are sent",
        "SETTLED_CLOCKS",
        "a.next_reminder_at <= c.frozen_at or",
        "false or",
        "workers/test_due.py::TestReminders::test_are_sent_before_their_clock_is_ready",
    ),
    Mutant(
        "members whom nothing touches never follow new reminders",
        "NEXT_MEMBERS",
        "reminder_revision <> $3",
        "reminder_revision > $3",
        "workers/test_due.py::TestReminders::test_reach_members_whom_nothing_touches",
    ),
]

MUTANTS = [*LIVE_LOTS, *EARNING, *REFUNDS, *REWARDS, *MERGES, *REMINDERS]

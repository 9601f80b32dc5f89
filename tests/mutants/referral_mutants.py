"""Bugs in referrals: codes, registration, and how a referral ends (R19)."""

from __future__ import annotations

from mutant import Mutant, scenario


def referrals(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"referrals: {title}")


def conversions(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"conversions: {title}")


MUTANTS = [
    Mutant(
        "a second referral takes the customer over",
        "decide_register_referral",
        "_exists(present) if present is not None else None",
        "None",
        referrals("The first registration keeps the customer until it ends (R19c, 64)"),
    ),
    Mutant(
        "a referral ends a moment after its window",
        "Referral.is_due",
        "self.expires_at <= now",
        "self.expires_at < now",
        referrals("The first registration keeps the customer until it ends (R19c, 64)"),
    ),
    Mutant(
        "a referral holds its customer until a worker has come",
        "decide_register_referral",
        "[expire_if_due(draft, context, referral, now) for referral in mine]",
        "mine",
        referrals("A late worker changes no answer (R24, 64)"),
    ),
    Mutant(
        "a referral's window is counted in UTC",
        "_end_of_window",
        "calendar.days_later(at, days, zone)",
        'calendar.days_later(at, days, "UTC")',
        referrals("The window is so many nights, in the program's zone (R19e)"),
    ),
    Mutant(
        "dots are cut from every address",
        "normal_email",
        "domain in GMAIL",
        "domain",
        referrals("Nobody refers themselves, by whatever address (R19d, 63)"),
    ),
    Mutant(
        "what follows a plus is another mailbox",
        "normal_email",
        'local.partition("+")[0] or local',
        "local",
        referrals("Nobody refers themselves, by whatever address (R19d, 63)"),
    ),
    Mutant(
        "who was referred may refer back",
        "self_referral",
        "referral.referrer_customer_id in ids",
        "False",
        referrals("Who was referred does not refer back (R19d, 67)"),
    ),
    Mutant(
        "a referral takes new terms while it is open",
        "_registered",
        "revision=referral_program.revision",
        "revision=1",
        referrals("A referral keeps the terms it was registered under (R19a, R16)"),
    ),
    Mutant(
        "a paused program takes new referrals",
        "_not_open",
        'program.status == "paused"',
        "False",
        referrals("What is paused takes nobody new (R19a, R19b)"),
    ),
    Mutant(
        "two members have one code",
        "decide_create_referral_code",
        "_taken(draft, context, command.code)",
        "None",
        referrals("A merchant's own code is compared without case (R19b)"),
    ),
    Mutant(
        "a rejected referral keeps its customer",
        "Referral.is_in_force",
        'self.status == "registered"',
        'self.status != "expired"',
        referrals("A rejected referral frees the customer, and is rejected once (R19c, R19g)"),
    ),
    Mutant(
        "a payment of any amount converts",
        "_is_enough",
        "trigger.occasion.eligible_minor >= max(terms.min_amount_minor, 1)",
        "occasion.eligible_minor >= 1",
        conversions("The first payment that is large enough converts (R19e, 66)"),
    ),
    Mutant(
        "store credit and shipping convert",
        "_is_enough",
        "trigger.occasion.eligible_minor >= max(terms.min_amount_minor, 1)",
        "payment.amount_minor >= max(terms.min_amount_minor, 1)",
        conversions("What discounts and credit pay converts nothing (R19e, 66)"),
    ),
    Mutant(
        "what was paid before the registration converts",
        "is_in_window",
        "referral.registered_at <= at",
        "True",
        conversions("Only what was paid in the window converts (R19e)"),
    ),
    Mutant(
        "either side earns by the other's rules",
        "conversions:_earn",
        "role in rule.recipients",
        "True",
        conversions("The first payment that is large enough converts (R19e, 66)"),
    ),
    Mutant(
        "a referrer's limit allows one more",
        "_referrer_refusal",
        "left.points == 0",
        "left.points < 0",
        conversions("At the limit the referrer earns no more, until one is reversed (R19f, 65)"),
    ),
    Mutant(
        "a reversed conversion keeps its slot",
        "stand",
        "referral.has_slot",
        "referral.has_slot and by > 0",
        conversions("At the limit the referrer earns no more, until one is reversed (R19f, 65)"),
    ),
    Mutant(
        "a limit by month counts for good",
        "_referrer_refusal",
        "Cap(limit.most, _PERIODS[limit.per])",
        'Cap(limit.most, "member")',
        conversions("The next month has its own limit (R19f)"),
    ),
    Mutant(
        "a conversion is held for no day",
        "conversions:_earn",
        "referral.terms.hold_days",
        "0",
        conversions("What is held is pending, and goes when it is rejected (R19g, 68)"),
    ),
    Mutant(
        "a rejected conversion keeps what it gave",
        "decide_reject_referral",
        "_take_back(draft, context, referral, command.reason)",
        "None",
        conversions("What is held is pending, and goes when it is rejected (R19g, 68)"),
    ),
    Mutant(
        "a refund leaves its conversion",
        "conversions:_settle",
        "occasion.eligible_minor >= referral.least_minor",
        "True",
        conversions("A refund after the hold takes back what was spent, too (R19h, 68)"),
    ),
    Mutant(
        "a part refund takes all that a conversion gave",
        "conversions:_again",
        "result.points if is_enough and isinstance(result, Earned) else 0",
        "0",
        conversions("A part refund keeps what is flat and shrinks what is a rate (R19h)"),
    ),
    Mutant(
        "a closed referrer earns",
        "_referrer_refusal",
        'referrer.status != "active"',
        "False",
        conversions("A closed referrer earns nothing, the friend does (R19f, 69)"),
    ),
    Mutant(
        "a reversed conversion still makes an advocate",
        "stand",
        "count_given(draft, owner_id, referrer, per, by, at=at, zone=program.timezone)",
        "count_given(draft, owner_id, referrer, per, max(by, 0), at=at, zone=program.timezone)",
        conversions("Advocates are rewarded by the number of their conversions (R19f)"),
    ),
    Mutant(
        "one person converts as two",
        "convert",
        "self_referral(draft, referrer, referee.customer_id) is not None",
        "False",
        conversions("Who turns out to be the same person is rejected at conversion (R19d, R19e)"),
    ),
    Mutant(
        "an event of any type converts",
        "converting:decide_report_event",
        "referral.terms.convert_on != command.type",
        "False",
        conversions("Only rejecting undoes what an event has converted (R19e)"),
    ),
    Mutant(
        "a reversed referral can be made again",
        "Referral.is_in_force",
        'self.status == "registered" or self.converted_at is not None',
        'self.status == "registered"',
        conversions("A refund after the hold takes back what was spent, too (R19h, 68)"),
    ),
    Mutant(
        "a batch is loaded again for each friend that it enrolls",
        "name_open",
        "needs.plans.enrollments if customer_id in needs.plans.enrolling else ()",
        "()",
        "engine/test_order.py::test_what_many_decisions_of_a_kind_ask_for_is_loaded_at_once",
    ),
    Mutant(
        "a conversion is judged again by the tenders that earn today",
        "_settle",
        "frozen_tenders(referral.earnings[-1])",
        "draft.get(Program, referral.program_id).earning_tenders",
        conversions("What is paid with counts as the program said at the conversion (R16, R19h, R77)"),
    ),
    Mutant(
        "a payment converts by the clock of another program",
        "convert_by_payment",
        "occurred_at or context.now(program.clock_id)",
        "payment.occurred_at",
        conversions("A payment converts by the clock of the referral's program (R1, R19e)"),
    ),
    Mutant(
        "who had no account is no longer brought by becoming a member",
        "decide_merge_customers",
        "may_convert=True",
        "may_convert=account.may_convert",
        conversions("Who had no account is brought all the same by becoming a member (R19, R28, R85)"),
    ),
    Mutant(
        "a merged referrer brings its friend a second time",
        "_same",
        "referral.referrer_customer_id in referrer.customer_ids",
        "referral.referrer_id == referrer.id",
        conversions("Who a merged member has become is the one who brought (R19c, R19d, R28)"),
    ),
]

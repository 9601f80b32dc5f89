"""Bugs in referrals: codes, registration, and how a referral ends (R19)."""

from __future__ import annotations

from mutant import Mutant


def referrals(title: str) -> str:
    """The scenario that must go red, on core."""
    return f"scenarios/test_scenarios.py::test_scenario[referrals: {title} [core]]"


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
        "referral.referrer_customer_id == customer_id",
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
        "_taken(draft, command.code)",
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
]

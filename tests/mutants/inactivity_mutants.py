"""Bugs in points that end by their member's inactivity (R84)."""

from __future__ import annotations

from mutant import Mutant, scenario


def inactivity(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"inactivity: {title}")


TOGETHER = inactivity("All points end together, so long after their member last earned or redeemed (R84)")

MUTANTS = [
    Mutant(
        "points end by their own age where their member's inactivity should say",
        "end_by_program",
        "None if program.expiry_mode == 'inactivity' else months_later(program, available_at)",
        "months_later(program, available_at)",
        TOGETHER,
    ),
    Mutant(
        "redeeming is no activity",
        "_redeem",
        "active(draft, account, program_of(draft, account), now=now)",
        "account",
        TOGETHER,
    ),
    Mutant(
        "what a member does late brings back what is over",
        "caught_up",
        "is_behind(account, program, now=now) or (account.inactive_at is not None and is_inactive(account, now))",
        "is_behind(account, program, now=now)",
        inactivity(
            "What a member does after it became inactive brings nothing back, however late the job is (R2, R84)"
        ),
    ),
    Mutant(
        "fewer months end sooner what was promised longer",
        "active",
        "at is None or (account.inactive_at is not None and at <= account.inactive_at)",
        "at is None",
        inactivity("Fewer months don't end sooner what was promised longer (R84)"),
    ),
    Mutant(
        "what comes back to an inactive member stays",
        "end_of",
        "account.inactive_at if lot.by_inactivity else lot.expires_at",
        "account.inactive_at if lot.by_inactivity and (not account.is_inactive) else lot.expires_at",
        inactivity("What comes back to a member who became inactive meanwhile ends at once (R5, R84)"),
    ),
    Mutant(
        "who was active first says when both that were merged are inactive",
        "_as_active",
        "max((each.inactive_at for each in (account, into) if each.inactive_at is not None), default=None)",
        "min((each.inactive_at for each in (account, into) if each.inactive_at is not None), default=None)",
        inactivity("Two members that become one were last active when either was (R84, R85)"),
    ),
    Mutant(
        "an end of its own comes after that of inactivity",
        "overdue",
        "(end_of(lot, account), *use_order(lot))",
        "use_order(lot)",
        inactivity("Ends of both kinds come in the order of their instants (R4, R84)"),
    ),
]

"""Bugs in points that wait: pending until an instant, held until they are captured, and due work (R10, R11, R24)."""

from __future__ import annotations

from mutant import Mutant, scenario


def pending(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"pending: {title}")


def holds(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"holds: {title}")


MUTANTS = [
    Mutant(
        "pending points count for life before they are there",
        "pend",
        "pending_points=points, movement=movement",
        "pending_points=points, lifetime_points=points, movement=movement",
        pending("What a payment earns is pending, then there (R10)"),
    ),
    Mutant(
        "pending days are spans of 24 hours",
        "days_later",
        "(_local(instant, zone) + timedelta(days=days)).replace(fold=0).astimezone(UTC)",
        "instant + timedelta(days=days)",
        pending("In Berlin fourteen days are as many nights (R10, 39)"),
    ),
    Mutant(
        "a pending lot ends by the day it was earned",
        "pend",
        "end_by_program(program, available_at)",
        "end_by_program(program, movement.occurred_at or now)",
        pending("Points end so many months after they are there (R10, 40)"),
    ),
    Mutant(
        "made ready by hand, a lot keeps the end of its own instant",
        "_from",
        "replace(lot, available_at=at, expires_at=calendar.whole_second(end) if end is not None else None)",
        "replace(lot, available_at=at)",
        pending("Points are there sooner where the merchant says so (R10)"),
    ),
    Mutant(
        "an activation raises no tier",
        "_settle",
        "judge_tier(draft, context, account, program_of(draft, account), at=at, now=now)",
        "account",
        pending("Pending points raise no tier before they are there (R10, 41)"),
    ),
    Mutant(
        "a refund of pending points makes a deficit",
        "claw_back",
        "waiting is not None",
        "False",
        pending("What is pending can't be spent, and the refusal says when it can (R10, 42)"),
    ),
    Mutant(
        "a refund that is undone makes pending points ready",
        "_with_more",
        "lot.available_at > now",
        "False",
        pending("A refund that is undone gives back what was pending, or what would be there by now (R10)"),
    ),
    Mutant(
        "a rule's own days are ignored",
        "_Settling._give",
        "pending_days=rule.pending_days",
        "pending_days=None",
        pending("A rule's own days count before the program's (R10)"),
    ),
    Mutant(
        "what is given by hand for nothing pends as well",
        "_pending_days",
        "program.pending_days if command.payment_id is not None else 0",
        "program.pending_days",
        pending("What is no purchase is there at once (R10)"),
    ),
    Mutant(
        "a closed account's pending points come all the same",
        "decide_close_account",
        "account = take_all_pending(draft, context, account, reason='account_closed')",
        "pass",
        pending("A closed account's pending points are taken back (R10, 50)"),
    ),
    Mutant(
        "a merge forgets what is pending",
        "_move_lots",
        "lot.remaining_points or lot.pending_points",
        "lot.remaining_points",
        pending("A merged member's pending points come to the one it is now (R10, R85)"),
    ),
    Mutant(
        "what was due is judged by the worker's time",
        "_swept_before",
        "until=until",
        "until=now",
        pending("What time brings comes in the order of its instants (R4, R24)"),
    ),
    Mutant(
        "lots end before points come at the same instant",
        "_swept_before",
        "at - INSTANT",
        "at",
        pending("At one instant points come before others end (R24)"),
    ),
    Mutant(
        "a hold is over a second after its instant",
        "due_work",
        "hold.expires_at <= now",
        "hold.expires_at < now",
        holds("A late worker changes nothing: at its instant a hold is over (R11, R24, 18)"),
    ),
    Mutant(
        "held points expire",
        "Lot.free_points",
        "self.remaining_points - self.held_points",
        "self.remaining_points",
        holds("Held points don't expire, and are captured though their lot is over (R11)"),
    ),
    Mutant(
        "the rest of a hold is not free to pay",
        "capture",
        "_free(draft, context, account, [lot.id for lot in lots], cause_id=entry.id, now=now, until=now)",
        "account",
        holds("A part is captured, the rest is free again (R11, 17)"),
    ),
    Mutant(
        "what a release frees is spent before a deficit",
        "holds:_free",
        "lots = pay_deficits(draft, account, lots, cause_id=cause_id)",
        "pass",
        holds("A release pays what is owed first (R5, R11)"),
    ),
    Mutant(
        "a hold or redemption that ends keeps its reward's stock",
        "authorized:turn",
        "count_redemption(draft, context, account, reward_of(draft, redemption), used=used)",
        "count_redemption(draft, context, account, reward_of(draft, redemption), used=max(used, 0))",
        holds("A hold frees another member's stock when it lapses (R15, 49)"),
    ),
    Mutant(
        "using a discount leaves its points held",
        "consume",
        "capture_redemption(draft, context, redemption)",
        "pass",
        holds("A held discount is used by hand, and is captured by that (R11)"),
    ),
    Mutant(
        "a hold lapses under the session that reserves its discount",
        "prolong",
        "until <= hold.expires_at",
        "True",
        holds("A session keeps the hold of its discount from lapsing (R11, 19)"),
    ),
    Mutant(
        "the end of a session revives a void discount",
        "free_discount",
        "discount.session_id == session.id",
        "True",
        holds("A hold ends with the session that kept it (R11, 19)"),
    ),
]

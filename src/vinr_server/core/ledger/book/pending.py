"""Pending points: awarded now, there after so many days; until then nothing pays with them (R10).

An award that pends is an entry of pending points; its lot is there from the first, and holds nothing that can be spent.
When its instant comes, another entry turns them into points. Neither is ever edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.kernel import calendar
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import AnyHolder, Holder
from vinr_server.core.ledger.book.lots import end_by_program
from vinr_server.core.ledger.book.moved import moved_lots
from vinr_server.core.ledger.book.posting import Movement, announce_entry, land, lot_here, new_lot, post, put_use
from vinr_server.core.ledger.book.sweeping import active
from vinr_server.core.ledger.rows import Entry, Hold, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.credits import count_points
from vinr_server.core.programs.rows import Program

Json = Mapping[str, Any]


def pends(context: Context, program: Program) -> bool:
    """Whether points of the program can pend: not in a sandbox that lives by real time, where nobody would wait."""
    return context.livemode or program.clock_id is not None


def available_from(context: Context, program: Program, since: datetime, days: int) -> datetime:
    """When points that wait so many calendar days in the program's zone are there, cut to the second."""
    if not pends(context, program):
        return since
    return max(calendar.whole_second(calendar.days_later(since, days, program.timezone)), since)


def with_pending_days(context: Context, program: Program, movement: Movement, days: int) -> Movement:
    """The receipt says how many days the points wait, or that a sandbox waives them."""
    receipt: dict[str, Any] = {**(movement.receipt or {}), "pending_days": days}
    return replace(movement, receipt=receipt if pends(context, program) else receipt | {"waived": "sandbox"})


def pend(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    *,
    points: int,
    movement: Movement,
    available_at: datetime,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[Account, Entry, Json]:
    """The points wait in a lot until `available_at`; the end that they will have is settled now.

    Returns the account, the entry and its payload.
    """
    receipt: dict[str, Any] = {**(movement.receipt or {}), "available_at": unix(available_at)}
    if expires_at is None and program.expiry_mode == "fixed":
        receipt |= {"expiry_months": program.expiry_months, "expiry_rounding": program.expiry_rounding}
    movement = replace(movement, receipt=receipt)
    account, entry = post(draft, context, account, points=0, pending_points=points, movement=movement, now=now)
    lot = new_lot(
        entry,
        available_at=available_at,
        expires_at=expires_at or end_by_program(program, available_at),
        by_inactivity=expires_at is None and program.expiry_mode == "inactivity",
    )
    draft.put(lot)
    account = due_by(draft, account, available_at)
    payload = announce_entry(draft, context, account, entry, lot, event_type="loyalty.points.pending", now=now)
    return account, entry, payload


def activate(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    lot: Lot,
    *,
    award: Entry,
    at: datetime,
    now: datetime,
    reason: str | None = None,
) -> tuple[Account, Entry, Json]:
    """What is left of a pending lot can be spent from `at` on: it counts for the tier and pays what is owed.

    `award`: the entry that granted it, or that brought it here with a merged member. Where `at` is before the lot's own
    instant, its end moves with it. Returns the account, the entry and its payload.
    """
    points = lot.pending_points
    assert points > 0, f"nothing of {lot.id} is pending"
    is_moved = award.kind == "transfer"
    award_id = award.source_id if is_moved else award.id
    movement = Movement(
        "activation",
        reason=reason or award.reason,
        source_type=None if is_moved else award.source_type,
        source_id=None if is_moved else award.source_id,
        rule_id=award.rule_id,
        rule_revision=award.rule_revision,
        reverses_id=award_id,
        receipt={"award": award_id, "awarded": lot.points, "points": points, "available_at": unix(at)},
        occurred_at=at,
    )
    account, entry = post(
        draft,
        context,
        active(draft, account, program, now=at),
        points=points,
        pending_points=-points,
        movement=movement,
        now=now,
        lifetime_points=points,
    )
    account = count_points(draft, account, program, award_id or award.id, at=at, points=points)
    lot = replace(_from(lot, award, program, at), pending_points=0, remaining_points=points)
    account, lot = land(draft, account, lot, cause_id=entry.id, now=at)
    account = with_due(draft, account)
    payload = announce_entry(draft, context, account, entry, lot, event_type="loyalty.points.earned", now=now)
    return account, entry, payload


def _from(lot: Lot, award: Entry, program: Program, at: datetime) -> Lot:
    """The lot from another instant on, with the end that its award's months give it there."""
    if at == lot.available_at:
        return lot
    if "expiry_rounding" not in award.receipt:  # its end was named, or its member's inactivity says it
        return replace(lot, available_at=at)
    end = calendar.expires_at(
        at,
        months=award.receipt["expiry_months"],
        rounding=award.receipt["expiry_rounding"],
        zone=program.timezone,
    )
    return replace(lot, available_at=at, expires_at=calendar.whole_second(end) if end is not None else None)


def take_pending(
    draft: Layer,
    context: Context,
    account: Account,
    *,
    lot: Lot,
    waiting: Lot,
    points: int,
    movement: Movement,
    now: datetime,
) -> tuple[Account, Entry]:
    """Pending points of an award's lot are taken back: no balance moves (R10f).

    `waiting`: the lot that holds them, another one where the award's member was merged.
    """
    account, entry = post(draft, context, account, points=0, pending_points=-points, movement=movement, now=now)
    draft.put(replace(waiting, pending_points=waiting.pending_points - points))
    put_use(draft, entry, waiting, points=points, cause=entry)
    newest = lot_here(draft, lot.id)
    draft.put(replace(newest, reversed_points=newest.reversed_points + points))
    return with_due(draft, account), entry


def waiting_lot(draft: Layer, award: Entry) -> Lot | None:
    """The lot that holds what is left pending of an award: its own, or the one it was moved to with its member."""
    lot = draft.find(Lot, award.id)
    if lot is None:
        return None
    return next((waiting for waiting in (lot, *moved_lots(draft, lot)) if waiting.pending_points), None)


def next_pending(draft: Layer, account: Account) -> tuple[datetime, int] | None:
    """When the next pending points of the account are there, and how many. Expects all that waits in it."""
    waiting = [lot for lot in draft.here(Lot, account.id) if lot.pending_points]
    if not waiting:
        return None
    at = min(lot.available_at for lot in waiting)
    return at, sum(lot.pending_points for lot in waiting if lot.available_at == at)


def due_by(draft: Layer, account: Holder, at: datetime) -> Holder:
    """Time changes something of the account at this instant, or before."""
    if account.due_at is not None and account.due_at <= at:
        return account
    account = replace(account, due_at=at)
    draft.put(account)
    return account


def with_due(draft: Layer, account: Holder) -> Holder:
    """The account knows the first instant at which time changes something of it. Expects all that waits in it."""
    instants = [lot.available_at for lot in draft.here(Lot, account.id) if lot.pending_points]
    instants += [hold.expires_at for hold in draft.here(Hold, account.id) if in_force(hold, account)]
    if isinstance(account, Account) and account.standing is not None and account.status == "active":
        tier_at = account.standing.next_instant(account.tier)
        instants += [tier_at] if tier_at is not None else []
    at = min(instants, default=None)
    if at != account.due_at:
        account = replace(account, due_at=at)
        draft.put(account)
    return account


def in_force(hold: Hold, account: AnyHolder) -> bool:
    """Whether the hold still reserves points of this account. (Of one that a merge has moved, only its name stays.)"""
    return hold.ended_at is None and hold.account_id == account.id

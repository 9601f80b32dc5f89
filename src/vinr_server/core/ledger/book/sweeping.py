"""What time does to lots: they expire, and reminders come before, in the order of their instants (R4, R84)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import Holder, entry_type
from vinr_server.core.ledger.book.lots import end_of, is_inactive, is_over, months_later, overdue
from vinr_server.core.ledger.book.posting import Movement, announce_entry, post, put_use, with_next_expiry
from vinr_server.core.ledger.book.reminders import due_reminders, is_behind, planned, remind
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program


def sweep(draft: Layer, context: Context, account: Holder, *, now: datetime, until: datetime | None = None) -> Holder:
    """Every lot of the account that is over holds no more than what is reserved, one expiry entry each (R4).

    And the reminders that were due are sent. Both come in the order of their instants, at one instant the reminders
    first (R84). `until`: what was over then, where that is before now. Expects its live lots.
    """
    until = until or now
    ends_now = is_inactive(account, until)
    if ends_now and draft.last_here(account.id) is not None:
        raise InPart(Lot, account.id)
    over = overdue(draft.children(Lot, account.id, in_part=True), account, until)
    if isinstance(account, Account) and is_behind(account, program := program_of(draft, account), now=until):
        due = due_reminders(draft, account, program, now=until)
        account = planned(draft, account, program, now=until)
        for reminder in due:
            while over and end_of(over[0], account) < reminder.at:
                account = expire_lot(draft, context, account, over.pop(0), now=now)
            remind(draft, context, account, reminder, now=now)
    for lot in over:
        account = expire_lot(draft, context, account, lot, now=now)
    if isinstance(account, Account) and ends_now:
        account = replace(account, is_inactive=True)
        draft.put(account)
    return with_next_expiry(draft, account)


def caught_up(draft: Layer, context: Context, account: Account, program: Program, *, now: datetime) -> Account:
    """The account, swept where a reminder may be due, so that what follows changes nothing that it says.

    And where the member became inactive: what follows would bring back what has ended by that.
    """
    is_due = is_behind(account, program, now=now) or (account.inactive_at is not None and is_inactive(account, now))
    return sweep(draft, context, account, now=now) if is_due else account


def expire_lot(draft: Layer, context: Context, account: Holder, lot: Lot, *, now: datetime) -> Holder:
    """What was left of the lot, and not reserved, is gone, with an entry and an event."""
    ended_at = end_of(lot, account)
    points = lot.free_points
    assert ended_at <= now and points > 0
    receipt = {"lot": lot.id, "expires_at": int(ended_at.timestamp()), "points": points}
    movement = Movement(
        "expiry",
        reason="inactivity" if lot.by_inactivity else None,
        source_type=entry_type(account),
        source_id=lot.id,
        receipt=receipt,
        occurred_at=ended_at,
    )
    account, entry = post(draft, context, account, points=-points, movement=movement, now=now)
    draft.put(replace(lot, remaining_points=lot.held_points, expired_points=lot.expired_points + points))
    put_use(draft, entry, lot, points=points, cause=entry)
    event_type = "store_credit.expired" if isinstance(account, Wallet) else "loyalty.points.expired"
    announce_entry(draft, context, account, entry, event_type=event_type, now=now)
    return account


def expire_if_over(draft: Layer, context: Context, account: Holder, lot: Lot, *, now: datetime) -> Holder:
    """What a lot holds that is over already expires at once."""
    if lot.free_points and is_over(lot, account, now):
        return expire_lot(draft, context, account, lot, now=now)
    return account


def active(draft: Layer, account: Account, program: Program, *, now: datetime) -> Account:
    """The member earns or redeems: what ends by its inactivity ends later (R84). Expects that it was swept of that."""
    at = months_later(program, now) if program.expiry_mode == "inactivity" else None
    if at is None or (account.inactive_at is not None and at <= account.inactive_at):
        return account
    account = replace(account, inactive_at=at, is_inactive=False)
    draft.put(account)
    return account

"""Points that move from one account to another: all that a merged member held or owed, with its own dates (R85).

Each move is a pair: one entry takes the points out of the one account, and others bring them into the other, lot by
lot. So each account's ledger still adds up by itself, and the pairs add up to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import Holder, entry_type
from vinr_server.core.ledger.book.lots import consume_lots, spendable, use_order
from vinr_server.core.ledger.book.pending import in_force, with_due
from vinr_server.core.ledger.book.posting import (
    Movement,
    new_lot,
    pay_deficits,
    post,
    put_use,
    require_all,
    take_from,
    with_next_expiry,
)
from vinr_server.core.ledger.book.reminders import remember
from vinr_server.core.ledger.rows import Deficit, HeldLot, Hold, Lot
from vinr_server.core.members.rows import Account


def transfer(
    draft: Layer, context: Context, account: Holder, into: Holder, *, reason: str, now: datetime
) -> tuple[Holder, Holder]:
    """The account holds and owes nothing: each of its lots is one of `into` with the same dates, and so is its debt.

    What either owes is paid first by what the other brings: the lot that ends soonest pays (R5). Events say nothing of
    it: no member has gained or lost a point. Expects two swept accounts of one program, and all lots of the first.
    """
    into = _as_active(draft, account, into, now=now)
    account, into = _move_lots(draft, context, account, into, reason=reason, now=now)
    account, into = _move_debt(draft, context, account, into, reason=reason, now=now)
    if isinstance(account, Account) and (account.next_reminder_at is not None or account.inactive_at is not None):
        account = replace(account, next_reminder_at=None, inactive_at=None, is_inactive=False)
        draft.put(account)
    return with_next_expiry(draft, account), with_next_expiry(draft, into)


def _as_active(draft: Layer, account: Holder, into: Holder, *, now: datetime) -> Holder:
    """The one member was last active when either of them was (R84)."""
    if isinstance(into, Wallet):
        return into
    at = max((each.inactive_at for each in (account, into) if each.inactive_at is not None), default=None)
    if at == into.inactive_at:
        return into
    assert at is not None
    into = replace(into, inactive_at=at, is_inactive=at <= now)
    draft.put(into)
    return into


def _move_lots(
    draft: Layer, context: Context, account: Holder, into: Holder, *, reason: str, now: datetime
) -> tuple[Holder, Holder]:
    """What waits in the lots goes along: pending points with their instants, reserved ones with their holds."""
    lots = [lot for lot in draft.children(Lot, account.id) if lot.remaining_points or lot.pending_points]
    if not lots:
        return account, into
    points, pending_points = (
        sum(getattr(lot, name) for lot in lots) for name in ("remaining_points", "pending_points")
    )
    receipt = {"to": into.id, "points": points} | ({"pending_points": pending_points} if pending_points else {})
    movement = Movement("transfer", reason=reason, receipt=receipt)
    account, entry = post(
        draft, context, account, points=-points, pending_points=-pending_points, movement=movement, now=now
    )
    moved: dict[str, str] = {}
    for lot in sorted(lots, key=use_order):
        draft.put(replace(lot, remaining_points=0, pending_points=0, held_points=0))
        put_use(draft, entry, lot, points=lot.remaining_points + lot.pending_points, cause=entry)
    for lot in sorted(lots, key=use_order):
        into, moved[lot.id] = _bring(draft, context, into, lot, reason=reason, now=now)
    return _move_holds(draft, account, into, moved, now=now)


def _bring(draft: Layer, context: Context, into: Holder, lot: Lot, *, reason: str, now: datetime) -> tuple[Holder, str]:
    """What was left of the lot is a lot of `into`, available since and until the same instants; returns its id, too."""
    points, pending_points = lot.remaining_points, lot.pending_points
    movement = Movement(
        "transfer",
        reason=reason,
        source_type=entry_type(into),
        source_id=lot.id,
        receipt={"from": lot.account_id, "lot": lot.id, "points": points + pending_points},
        occurred_at=min(lot.available_at, now),
    )
    into, entry = post(draft, context, into, points=points, pending_points=pending_points, movement=movement, now=now)
    into = replace(into, held_points=into.held_points + lot.held_points)
    moved = replace(
        lot,
        bucket=into.bucket,
        id=entry.id,
        account_id=into.id,
        sequence=entry.sequence,
        # From a clock that is ahead of this one, what is there is there at once.
        available_at=lot.available_at if pending_points else min(lot.available_at, now),
        points=points + pending_points,
        expired_points=0,
        reversed_points=0,
        moved_to=None,
    )
    if into.free_points < moved.free_points:
        (moved,) = pay_deficits(draft, into, [moved], cause_id=entry.id)
    draft.put(moved)
    draft.put(into)
    left: Lot = draft.get(Lot, lot.id) or lot
    draft.put(replace(left, moved_to=(*(left.moved_to or ()), moved.id)))
    return remember(draft, into, [moved], now=now), moved.id


def _move_holds(
    draft: Layer, account: Holder, into: Holder, moved: Mapping[str, str], *, now: datetime
) -> tuple[Holder, Holder]:
    """Each hold goes on in the lots of `into`, until the same instant."""
    for hold in [hold for hold in draft.here(Hold, account.id) if in_force(hold, account)]:
        draft.put(replace(hold, ended_at=now))
        lots = tuple(HeldLot(moved[held.lot_id], held.points) for held in hold.lots)
        draft.put(replace(hold, bucket=into.bucket, account_id=into.id, lots=lots))
    account = replace(account, held_points=0)
    draft.put(account)
    return with_due(draft, account), with_due(draft, into)


def _move_debt(
    draft: Layer, context: Context, account: Holder, into: Holder, *, reason: str, now: datetime
) -> tuple[Holder, Holder]:
    points = sum(deficit.remaining_points for deficit in draft.children(Deficit, account.id))
    if not points:
        return account, into
    paid = Movement("transfer", reason=reason, receipt={"to": into.id, "points": points})
    account, entry = post(draft, context, account, points=points, movement=paid, now=now)
    # It paid a debt, which is the other account's now: nothing returns to it.
    credit = replace(new_lot(entry, available_at=now, expires_at=None), moved_to=())
    credit = pay_deficits(draft, account, [credit], cause_id=entry.id)[0]
    assert credit.remaining_points == 0, "a debt is paid by as much as it is"
    draft.put(credit)
    uses = consume_lots(spendable(draft.children(Lot, into.id, in_part=True), into, now), spend_points=points)
    require_all(draft, into, uses, needed_points=points)
    owed = Movement("transfer", reason=reason, receipt={"from": account.id, "points": points})
    into, debit = post(draft, context, into, points=-points, movement=owed, now=now)
    take_from(draft, debit, uses)
    short_points = points - sum(use.points for use in uses)
    if short_points:
        draft.put(Deficit(into.bucket, debit.id, into.id, debit.sequence, short_points, short_points))
    return account, into

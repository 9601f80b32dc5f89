"""Holds: points that are reserved, lot by lot, until they are captured or released (R11).

Reserved points stay in the ledger balance and in their lots: no entry is made. They can't be spent, taken back or
expire while the hold is in force, and new points never replace them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.calendar import INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import AnyHolder, Holder, now_of
from vinr_server.core.ledger.book.lots import Use, consume_lots, spendable, use_order
from vinr_server.core.ledger.book.pending import due_by, in_force, with_due
from vinr_server.core.ledger.book.posting import (
    Movement,
    lot_here,
    pay_deficits,
    post,
    require_all,
    take_from,
    with_next_expiry,
)
from vinr_server.core.ledger.book.reminders import remember
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.rows import Entry, HeldLot, Hold, Lot


def reserve(
    draft: Layer,
    account: Holder,
    *,
    id: str,
    points: int,
    expires_at: datetime,
    now: datetime,
    reward_id: str | None = None,
    discount_id: str | None = None,
    reserved: Sequence[HeldLot] = (),
) -> Holder:
    """The points are reserved until `expires_at`, in the order of use. Expects a swept account that has them free.

    `reserved`: lots that an ended hold reserved come first, over or not: what was promised stays so.
    """
    held_points = {held.lot_id: held.points for held in reserved}
    for held in reserved:
        _hold_in(draft, lot_here(draft, held.lot_id), held.points)
    left_points = points - sum(held.points for held in reserved)
    free = draft.children(Lot, account.id, in_part=True)
    uses = consume_lots(spendable(free, account, now), spend_points=left_points)
    require_all(draft, account, uses, needed_points=left_points)
    assert sum(use.points for use in uses) == left_points, "the caller checks the balance first"
    for use in uses:
        _hold_in(draft, use.lot, use.points)
        held_points[use.lot.id] = held_points.get(use.lot.id, 0) + use.points
    lots = tuple(HeldLot(lot_id, points) for lot_id, points in held_points.items())
    draft.put(Hold(account.bucket, id, account.id, lots, reward_id, discount_id, expires_at, now))
    account = replace(account, held_points=account.held_points + points)
    draft.put(account)
    return with_next_expiry(draft, due_by(draft, account, expires_at))


def _hold_in(draft: Layer, lot: Lot, points: int) -> None:
    draft.put(replace(lot, held_points=lot.held_points + points))


def resize(
    draft: Layer, context: Context, account: Holder, hold: Hold, *, id: str, points: int, expires_at: datetime
) -> Holder:
    """Another hold, of so many points, takes the place of one: what both reserve stays, the rest is free at once.

    Expects a swept account that has what is missing free, a hold in force, and 0 < points.
    """
    now = now_of(draft, context, account)
    kept: list[HeldLot] = []
    left_points = points
    for held in hold.lots:
        if left_points:
            kept.append(HeldLot(held.lot_id, min(held.points, left_points)))
            left_points -= kept[-1].points
    account, lots = _end(draft, account, hold, now=now)
    account = reserve(draft, account, id=id, points=points, expires_at=expires_at, now=now, reserved=kept)
    return _free(draft, context, account, [lot.id for lot in lots], cause_id=hold.id, now=now, until=now)


def hold_of(draft: Layer, account: AnyHolder, id: str) -> Hold:
    """What reserves points of the account under this id. Expects one that is in force."""
    hold = find_hold(draft, account, id)
    assert hold is not None, f"nothing of {account.id} is held by {id}"
    return hold


def find_hold(draft: Layer, account: AnyHolder, id: str | None) -> Hold | None:
    """What reserves points of the account under this id; None where that is over, or never was."""
    return next((hold for hold in draft.here(Hold, account.id) if hold.id == id and in_force(hold, account)), None)


def capture(
    draft: Layer, context: Context, account: Holder, hold: Hold, *, points: int, movement: Movement, now: datetime
) -> tuple[Holder, Entry]:
    """Reserved points are spent, even of a lot that is over meanwhile; the rest is released, the last reserved first.

    Expects: 0 < points <= hold.points, a hold in force, and its lots.
    """
    account, lots = _end(draft, account, hold, now=now)
    uses: list[Use] = []
    left_points = points
    for held, lot in zip(hold.lots, lots, strict=True):
        paid_points = min(held.points, left_points)
        left_points -= paid_points
        if paid_points:
            uses.append(Use(lot, paid_points))
    account, entry = post(draft, context, account, points=-points, movement=movement, now=now)
    take_from(draft, entry, uses)
    if points == hold.points:
        return with_due(draft, account), entry
    account = _free(draft, context, account, [lot.id for lot in lots], cause_id=entry.id, now=now, until=now)
    return account, entry


def release(draft: Layer, context: Context, account: Holder, hold: Hold, *, now: datetime) -> Holder:
    """The points are free again: they pay what is owed first, and what is over expires at once (R5).

    Expects a hold in force, and the account's live lots.
    """
    account, lots = _end(draft, account, hold, now=now)
    return _free(draft, context, account, [lot.id for lot in lots], cause_id=hold.id, now=now, until=now)


def let_lapse(draft: Layer, context: Context, account: Holder, hold: Hold, *, now: datetime) -> Holder:
    """As `release`, since the hold's own end. Lots that end at that very instant do so after all that lapses then."""
    account, lots = _end(draft, account, hold, now=now)
    until = hold.expires_at - INSTANT
    return _free(draft, context, account, [lot.id for lot in lots], cause_id=hold.id, now=now, until=until)


def prolong(draft: Layer, account: Holder, hold: Hold, *, until: datetime) -> tuple[Holder, Hold]:
    """The hold lasts until then, if that is later; never back."""
    if until <= hold.expires_at:
        return account, hold
    hold = replace(hold, expires_at=until)
    draft.put(hold)
    return with_due(draft, account), hold


def _end(draft: Layer, account: Holder, hold: Hold, *, now: datetime) -> tuple[Holder, Sequence[Lot]]:
    """The hold reserves nothing any longer; returns its lots, as they are now."""
    lots = []
    for held in hold.lots:
        lot = lot_here(draft, held.lot_id)
        lot = replace(lot, held_points=lot.held_points - held.points)
        draft.put(lot)
        lots.append(lot)
    draft.put(replace(hold, ended_at=now))
    account = replace(account, held_points=account.held_points - hold.points)
    draft.put(account)
    return account, lots


def _free(
    draft: Layer,
    context: Context,
    account: Holder,
    lot_ids: Sequence[str],
    *,
    cause_id: str,
    now: datetime,
    until: datetime,
) -> Holder:
    lots = sorted((lot_here(draft, id) for id in lot_ids), key=use_order)
    if account.ledger_balance_points < account.held_points + sum(lot.free_points for lot in lots):
        lots = pay_deficits(draft, account, lots, cause_id=cause_id)
        for lot in lots:
            draft.put(lot)
    account = remember(draft, account, lots, now=until)
    return sweep(draft, context, with_due(draft, account), now=now, until=until)

"""Holds: points that are reserved, lot by lot, until they are captured or released (R11).

Reserved points stay in the ledger balance and in their lots: no entry is made. They can't be spent, taken back or
expire while the hold is in force, and new points never replace them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import AnyHolder, Holder
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
    reward_id: str | None,
    discount_id: str | None,
    expires_at: datetime,
    now: datetime,
) -> Holder:
    """The points are reserved until `expires_at`, in the order of use. Expects a swept account that has them free."""
    uses = consume_lots(spendable(draft.children(Lot, account.id, in_part=True), account, now), spend_points=points)
    require_all(draft, account, uses, needed_points=points)
    assert sum(use.points for use in uses) == points, "the caller checks the balance first"
    for lot, held_points in uses:
        draft.put(replace(lot, held_points=lot.held_points + held_points))
    lots = tuple(HeldLot(use.lot.id, use.points) for use in uses)
    draft.put(Hold(account.bucket, id, account.id, lots, reward_id, discount_id, expires_at, now))
    account = replace(account, held_points=account.held_points + points)
    draft.put(account)
    return with_next_expiry(draft, due_by(draft, account, expires_at))


def hold_of(draft: Layer, account: AnyHolder, id: str) -> Hold:
    """What reserves points of the account for the redemption with this id. Expects one that is in force."""
    return next(hold for hold in draft.here(Hold, account.id) if hold.id == id and in_force(hold, account))


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


def release(draft: Layer, context: Context, account: Holder, hold: Hold, *, now: datetime, at: datetime) -> Holder:
    """The points are free again from `at` on: they pay what is owed first, and what is over expires at once (R5).

    Expects a hold in force, and the account's live lots.
    """
    account, lots = _end(draft, account, hold, now=now)
    return _free(draft, context, account, [lot.id for lot in lots], cause_id=hold.id, now=now, until=at)


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

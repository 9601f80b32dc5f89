"""Points come and go: accruals, debts, spends and what comes back of them, always with their lots (R2-R6).

Each function takes the account's newest row, writes into the draft, and returns the newest row again.
Always, after each of them: ledger balance == sum of entries == remaining points of lots - remaining points of deficits,
and never both an unpaid deficit and a spendable lot with points that no hold reserves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import Holder
from vinr_server.core.ledger.book.lots import Use, consume_lots, end_by_program, spendable, uses_to_return
from vinr_server.core.ledger.book.pending import available_from, pend, with_pending_days
from vinr_server.core.ledger.book.posting import (
    Movement,
    announce_entry,
    land,
    lot_here,
    new_lot,
    post,
    put_deficit,
    put_returned,
    put_use,
    require_all,
    take_from,
    with_next_expiry,
)
from vinr_server.core.ledger.book.sweeping import active, caught_up, expire_if_over, sweep
from vinr_server.core.ledger.rows import Entry, Lot, LotUse
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.credits import count_points
from vinr_server.core.programs.rows import Program

Json = Mapping[str, Any]


def accrue(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    *,
    points: int,
    movement: Movement,
    event_type: str,
    expires_at: datetime | None = None,
    pending_days: int = 0,
) -> tuple[Account, Entry, Json]:
    """Points are added as a new lot; deficits are paid first, and a lot that is over already expires at once.

    The lot ends by the program unless `expires_at` names its end. After `pending_days` the points are there; until then
    they are pending, and pay nothing. Expects: points > 0, an end after the points are there. Returns the account, the
    entry and its payload. Source: R1, R5, R10, R22, R23, R84.
    """
    now = context.now(program.clock_id)
    account = active(draft, caught_up(draft, context, account, program, now=now), program, now=now)
    available_at = min(movement.occurred_at or now, now)
    if pending_days:
        movement = with_pending_days(context, program, movement, pending_days)
        available_at = available_from(context, program, available_at, pending_days)
    if available_at > now:
        return pend(
            draft,
            context,
            account,
            program,
            points=points,
            movement=movement,
            available_at=available_at,
            expires_at=expires_at,
            now=now,
        )
    account, entry, lot = _credit(
        draft,
        context,
        account,
        program,
        points=points,
        movement=movement,
        available_at=available_at,
        expires_at=expires_at or end_by_program(program, available_at),
        now=now,
    )
    payload = announce_entry(draft, context, account, entry, lot, event_type=event_type, now=now)
    return expire_if_over(draft, context, account, lot, now=now), entry, payload


def bring_in(
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
) -> tuple[Account, Entry]:
    """Points of another system are a lot with their own end; a lot that is over expires at once. No tier moves.

    Expects: a swept account, points > 0, available_at <= now, available_at < expires_at.
    """
    account, entry, lot = _credit(
        draft,
        context,
        active(draft, account, program, now=now),
        program,
        points=points,
        movement=movement,
        available_at=available_at,
        expires_at=expires_at,
        now=now,
    )
    announce_entry(draft, context, account, entry, lot, event_type="loyalty.points.adjusted", now=now)
    return expire_if_over(draft, context, account, lot, now=now), entry


def owe(
    draft: Layer, context: Context, account: Account, *, points: int, movement: Movement, now: datetime
) -> tuple[Account, Entry]:
    """Points are taken from the lots by R3, and what these can't pay is a deficit. Expects a swept account."""
    uses = consume_lots(spendable(draft.children(Lot, account.id, in_part=True), account, now), spend_points=points)
    require_all(draft, account, uses, needed_points=points)
    account, entry = post(draft, context, account, points=-points, movement=movement, now=now)
    take_from(draft, entry, uses)
    put_deficit(draft, entry, points=points - sum(use.points for use in uses))
    announce_entry(draft, context, account, entry, event_type="loyalty.points.adjusted", now=now)
    return with_next_expiry(draft, account), entry


def _credit(
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
) -> tuple[Account, Entry, Lot]:
    """The entry and its lot, which ends as the program says where no end is given; deficits are paid first."""
    account, entry = post(draft, context, account, points=points, movement=movement, now=now, lifetime_points=points)
    account = count_points(draft, account, program, entry.id, at=available_at, points=points, is_new=True)
    lot = new_lot(
        entry,
        available_at=available_at,
        expires_at=expires_at,
        by_inactivity=expires_at is None and program.expiry_mode == "inactivity",
    )
    account, lot = land(draft, account, lot, cause_id=entry.id, now=now)
    return account, entry, lot


def debit(
    draft: Layer, context: Context, account: Holder, *, points: int, movement: Movement, now: datetime
) -> tuple[Holder, Entry]:
    """Spend points from the lots in R3's order. Expects a swept account with enough of them (callers refuse first)."""
    uses = consume_lots(spendable(draft.children(Lot, account.id, in_part=True), account, now), spend_points=points)
    require_all(draft, account, uses, needed_points=points)
    assert sum(use.points for use in uses) == points, "the caller checks the balance first"
    account, entry = post(draft, context, account, points=-points, movement=movement, now=now)
    take_from(draft, entry, uses)
    return with_next_expiry(draft, account), entry


def give_back(
    draft: Layer,
    context: Context,
    account: Holder,
    *,
    debit_id: str,
    points: int,
    returned_points: int = 0,
    movement: Movement,
    now: datetime,
    event_type: str | None = None,
) -> tuple[Holder, Entry]:
    """Return points of a debit to the lots that paid, the last used first; what is over by now expires again (R5).

    `returned_points` of it were returned before, from the last used on too. A deficit is paid from the returned points
    first. `event_type`: as what the entry is announced, if it is. Expects a swept account, the debit's uses and lots.
    """
    uses = uses_back(draft, debit_id, points=points, returned_points=returned_points)
    return put_back(draft, context, account, uses, movement=movement, now=now, event_type=event_type)


def uses_back(draft: Layer, debit_id: str, *, points: int, returned_points: int) -> list[Use]:
    """What of the points of a debit goes back to each lot that paid, the last used first. Expects its uses and lots."""
    paid = [Use(lot_here(draft, use.lot_id), use.points) for use in draft.children(LotUse, debit_id) if use.points > 0]
    return uses_to_return(paid, returned_points=returned_points, return_points=points)


def put_back(
    draft: Layer,
    context: Context,
    account: Holder,
    uses: Sequence[Use],
    *,
    movement: Movement,
    now: datetime,
    event_type: str | None = None,
) -> tuple[Holder, Entry]:
    """The lots hold these points again; see `give_back`."""
    points = sum(use.points for use in uses)
    account, entry = post(draft, context, account, points=points, movement=movement, now=now)
    returned: list[Lot] = []
    for lot, back_points in uses:
        returned.append(replace(lot, remaining_points=lot.remaining_points + back_points))
        put_use(draft, entry, lot, points=-back_points, cause=entry)
    account = put_returned(draft, account, returned, cause_id=entry.id, now=now)
    if event_type is not None:
        announce_entry(draft, context, account, entry, event_type=event_type, now=now)
    return sweep(draft, context, account, now=now), entry

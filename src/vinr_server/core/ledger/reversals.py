"""Clawbacks: an award is taken back, whole or in part, never more than it gave (R6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.commands import ReversePoints
from vinr_server.core.ledger.lots import consume_lots, spendable, use_order
from vinr_server.core.ledger.moved import lot_of, own_lots, taken_by
from vinr_server.core.ledger.movements import (
    Movement,
    _lot,
    _post,
    _put_deficit,
    _put_returned,
    _put_use,
    _require_all,
    _take,
    _with_next_expiry,
    account_of,
    sweep,
)
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.payloads import entry_payload
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.ledger.transfers import transfer
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import acting, program_of
from vinr_server.core.programs.tiers import raise_tier

Json = Mapping[str, Any]
ACCRUALS = ("award", "adjustment")


def needs_reverse_points(command: ReversePoints, needs: Needs) -> None:
    """The award, and its earlier reversals."""
    needs.row(Entry, command.transaction_id, look=True)
    needs.children(Entry, command.transaction_id)


def follow_reverse_points(command: ReversePoints, seen: Layer, needs: Needs) -> None:
    """The award's account, the lots that pay for the clawback, and the award's own."""
    award = seen.get(Entry, command.transaction_id)
    if award is not None:
        name_account(needs, award.account_id, lots=Part.FIRST, beside=award.id)
        needs.row(Lot, award.id, beside=award.id)


def decide_reverse_points(draft: Layer, command: ReversePoints, context: Context) -> Accepted | Rejected:
    """What is left of the award, or the points asked for, is taken back; where nothing is left, nothing moves."""
    award = draft.get(Entry, command.transaction_id)
    if award is None:
        return missing("points transaction", command.transaction_id, param="transaction")
    if award.kind == "reversal":
        message = f"{award.id} is itself the reversal of {award.reverses_id}. Award the points again instead."
        return Rejected("reversal_of_reversal", message, param="transaction")
    if award.kind not in ACCRUALS or award.points < 0:
        return _not_reversible(award)
    account = swept_account(draft, context, award.account_id)
    lot = lot_of(draft, award.id)
    left_points = lot.reversible_points
    if left_points == 0:
        return Accepted(_already_reversed(draft, award, context), is_new=False)
    if command.points is not None and command.points > left_points:
        message = f"Of award {award.id} only {left_points} points are left to reverse; {command.points} were asked for."
        return Rejected("not_reversible", message, param="points", details={"reversible": left_points})
    movement = Movement(
        "reversal",
        reason=command.reason,
        reverses_id=award.id,
        receipt={"award": award.id, "awarded": award.points, "points": command.points or left_points},
        metadata=command.metadata,
    )
    _account, entry = reverse_award(
        draft, context, account, lot=lot, points=command.points or left_points, movement=movement
    )
    return Accepted(entry_payload(entry, livemode=context.livemode))


def reverse_award(
    draft: Layer, context: Context, account: Account, *, lot: Lot, points: int, movement: Movement
) -> tuple[Account, Entry]:
    """The points are clawed back and announced. Expects a swept account and points that the award has left."""
    now = context.now(program_of(draft, account).clock_id)
    account, entry = claw_back(draft, context, account, lot=lot, points=points, movement=movement, now=now)
    payload = entry_payload(entry, livemode=context.livemode)
    announce(draft, context, type="loyalty.points.reversed", account=account, data=payload, now=now)
    return account, entry


def reinstate_award(
    draft: Layer,
    context: Context,
    account: Account,
    *,
    lot: Lot,
    clawback_id: str,
    reinstated_by: Sequence[str],
    points: int,
    movement: Movement,
) -> list[Entry]:
    """Points that a clawback took of an award are back, and announced; the tier rises if it must; what is over expires.

    Of a merged member's award, what lots of the account that acts for it paid is back there; the rest returns to the
    member's own lots, and moves on at once. Expects a swept account, the acting one, and points that the clawback took
    and nobody has reinstated.
    """
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    taken = taken_by(draft, lot, clawback_id, reinstated_by)
    entries: list[Entry] = []

    def back(into: Account, points: int) -> Account:
        mine = replace(movement, receipt={**(movement.receipt or {}), "points": points})
        into, entry = reinstate(draft, context, into, lot=lot, taken=taken, points=points, movement=mine, now=now)
        data = entry_payload(entry, livemode=context.livemode)
        announce(draft, context, type="loyalty.points.reinstated", account=into, data=data, now=now)
        entries.append(entry)
        return into

    earned = draft.get(Account, lot.account_id)
    assert earned is not None, f"account {lot.account_id} was not loaded"
    here_points = points
    if earned.id != account.id:
        here_points = min(points, sum(used for id, used in taken.items() if account_of(draft, id) == account.id))
    if here_points < points:  # first, since it pays what the account owes by the clawback
        earned = back(earned, points - here_points)
        _earned, account = transfer(draft, context, earned, account, reason="merge", now=now)
        account = replace(account, lifetime_points=account.lifetime_points + points - here_points)
        draft.put(account)
    if here_points:
        account = back(account, here_points)
    account = raise_tier(draft, context, account, program, cause_id=entries[-1].id if here_points else None)
    sweep(draft, context, account, now=now)
    return entries


def swept_account(draft: Layer, context: Context, account_id: str) -> Account:
    """The account, or the one that acts for it, with every lot that is over written off. Expects it and its lots."""
    account = draft.get(Account, account_id)
    assert account is not None, f"account {account_id} was not loaded"
    account = acting(draft, account)
    return sweep(draft, context, account, now=context.now(program_of(draft, account).clock_id))


def _already_reversed(draft: Layer, award: Entry, context: Context) -> Json:
    """The last reversal of the award, or the award itself where its points have all expired instead."""
    reversals = [entry for entry in draft.children(Entry, award.id) if entry.kind == "reversal"]
    last = max(reversals, key=lambda entry: entry.sequence, default=award)
    return {**entry_payload(last, livemode=context.livemode), "already_reversed": True}


def _not_reversible(entry: Entry) -> Rejected:
    remedy = {
        "redemption": "cancel the redemption instead",
        "redemption_cancellation": "redeem again instead",
    }.get(entry.kind, "adjust the balance instead")
    message = f"{entry.id} is of kind {entry.kind} with {entry.points} points; only awards are reversed: {remedy}."
    return Rejected("not_reversible", message, param="transaction", details={"kind": entry.kind})


# ---- what moves


def claw_back(
    draft: Layer, context: Context, account: Account, *, lot: Lot, points: int, movement: Movement, now: datetime
) -> tuple[Account, Entry]:
    """Take an award back: from its own lot, then others by R3, then as a deficit (R6). Expects a swept account.

    Expects: 0 < points <= lot.reversible_points.
    """
    mine = own_lots(draft, lot)
    own = consume_lots(mine, spend_points=points)
    own_ids = {paying.id for paying in mine}
    live = spendable(draft.children(Lot, account.id, in_part=True), account, now)
    others = [other for other in live if other.id not in own_ids]
    unpaid_points = points - sum(use.points for use in own)
    taken = consume_lots(others, spend_points=unpaid_points)
    _require_all(draft, account, taken, needed_points=unpaid_points)
    uses = own + taken
    account, entry = _post(draft, context, account, points=-points, movement=movement, now=now, lifetime_points=-points)
    _take(draft, entry, uses)
    newest = draft.get(Lot, lot.id) or lot
    draft.put(replace(newest, reversed_points=newest.reversed_points + points))
    _put_deficit(draft, entry, points=points - sum(use.points for use in uses))
    return _with_next_expiry(draft, account), entry


def reinstate(
    draft: Layer,
    context: Context,
    account: Account,
    *,
    lot: Lot,
    taken: Mapping[str, int],
    points: int,
    movement: Movement,
    now: datetime,
) -> tuple[Account, Entry]:
    """Return points of a clawback to the account's lots that paid it, the last used first; the caller sweeps (R5).

    What no lot had paid returns to the award's own lot, and pays what is owed from there. Expects a swept account, what
    the clawback has `taken_by` lots, and these lots; of another account's award, at most what this one's lots paid.
    """
    mine = [other for id in taken if (other := _lot(draft, id)).account_id == account.id and not _paid_debt(other)]
    account, entry = _post(draft, context, account, points=points, movement=movement, now=now, lifetime_points=points)
    own = _lot(draft, lot.id)
    own = replace(own, reversed_points=own.reversed_points - points)
    draft.put(own)
    returned: list[Lot] = []
    left_points = points
    for paid in (*sorted(mine, key=use_order, reverse=True), own):
        back_points = left_points if paid is own else min(taken[paid.id], left_points)
        if back_points:
            returned.append(replace(paid, remaining_points=paid.remaining_points + back_points))
            _put_use(draft, entry, paid, points=-back_points, cause=entry)
            left_points -= back_points
    return _put_returned(draft, account, returned, cause=entry, now=now), entry


def _paid_debt(lot: Lot) -> bool:
    """Whether the lot only paid what a member owed when it was merged: what it paid is owed elsewhere since."""
    return lot.moved_to == ()


COMMANDS: Commands = {
    ReversePoints: (needs_reverse_points, decide_reverse_points, follow_reverse_points),
}

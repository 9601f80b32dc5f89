"""Clawbacks: an award is taken back, whole or in part, never more than it gave (R6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import Holder
from vinr_server.core.ledger.book.lots import Use, consume_lots, spendable, use_order
from vinr_server.core.ledger.book.moved import lot_of, moved_lots, own_lots, taken_by
from vinr_server.core.ledger.book.pending import take_pending, with_due
from vinr_server.core.ledger.book.posting import (
    Movement,
    account_of,
    lot_here,
    post,
    put_deficit,
    put_returned,
    put_use,
    require_all,
    take_from,
    with_next_expiry,
)
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.book.transfers import transfer
from vinr_server.core.ledger.commands import ReversePoints
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.payloads import entry_payload
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.credits import count_points
from vinr_server.core.programs.members import acting, program_of

ACCRUALS = ("award", "adjustment")


def needs_reverse_points(command: ReversePoints, needs: Needs) -> None:
    """The award, and its earlier reversals."""
    needs.row(Entry, command.transaction_id, look=True)
    needs.children(Entry, command.transaction_id)


def follow_reverse_points(command: ReversePoints, seen: Layer, needs: Needs) -> None:
    """The award's account, the lots that pay for the clawback, and the award's own."""
    name_award(needs, seen, command.transaction_id)


def name_award(needs: Needs, seen: Layer, transaction_id: str) -> None:
    """Declare what an award's points hang on: its entry, what came of it, its lot, and its account's lots.

    Expects a look at the transaction: the award, or the activation of one.
    """
    named = seen.get(Entry, transaction_id)
    if named is None:
        return
    award_id = award_of(named)
    needs.row(Entry, award_id, beside=named.id)
    needs.children(Entry, award_id, beside=named.id)
    name_account(needs, named.account_id, lots=Part.FIRST, beside=named.id)
    needs.row(Lot, award_id, beside=named.id)


def take_back_award(
    draft: Layer,
    context: Context,
    account_id: str,
    award_id: str,
    *,
    reason: str,
    source_type: str,
    source_id: str,
    receipt: Json,
) -> int:
    """All that is left of an award by now goes back; how much that is. Nothing moves where nothing is left (R6).

    What has ended is written off first: it is not left. `receipt`: what is kept beside the points taken back.
    """
    account = swept_account(draft, context, account_id)
    lot = lot_of(draft, award_id)
    points = lot.reversible_points
    if points == 0:
        return 0
    movement = Movement(
        "reversal",
        reason=reason,
        source_type=source_type,
        source_id=source_id,
        reverses_id=award_id,
        receipt={**receipt, "points": points},
    )
    reverse_award(draft, context, account, lot=lot, points=points, movement=movement)
    return points


def award_of(entry: Entry) -> str:
    """The award that the entry is, or that it activates."""
    return entry.reverses_id if entry.kind == "activation" and entry.reverses_id is not None else entry.id


def decide_reverse_points(draft: Layer, command: ReversePoints, context: Context) -> Accepted | Rejected:
    """What is left of the award, or the points asked for, is taken back; where nothing is left, nothing moves."""
    named = draft.get(Entry, command.transaction_id)
    award = draft.get(Entry, award_of(named)) if named is not None else None
    if award is None:
        return missing("points transaction", command.transaction_id, param="transaction")
    if award.kind == "reversal":
        message = f"{award.id} is itself the reversal of {award.reverses_id}. Award the points again instead."
        return Rejected("reversal_of_reversal", message, param="transaction")
    if award.kind not in ACCRUALS or award.moved_points < 0:
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
        receipt={"award": award.id, "awarded": award.moved_points, "points": command.points or left_points},
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


def take_all_pending(draft: Layer, context: Context, account: Account, *, reason: str) -> Account:
    """All pending points of the account are taken back, the oldest first (R10g)."""
    now = context.now(program_of(draft, account).clock_id)
    waiting = sorted((lot for lot in draft.here(Lot, account.id) if lot.pending_points), key=lambda lot: lot.sequence)
    for lot in waiting:
        points = lot.pending_points
        receipt = {"award": lot.id, "awarded": lot.points, "points": points}
        movement = Movement("reversal", reason=reason, reverses_id=lot.id, receipt=receipt)
        account, entry = take_pending(
            draft, context, account, lot=lot, waiting=lot, points=points, movement=movement, now=now
        )
        data = entry_payload(entry, livemode=context.livemode)
        announce(draft, context, type="loyalty.points.reversed", account=account, data=data, now=now)
    return account


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
    draft: Layer, context: Context, account: Holder, *, lot: Lot, points: int, movement: Movement, now: datetime
) -> tuple[Holder, Entry]:
    """Take an award back: from its own lot, then others by R3, then as a deficit (R6). Expects a swept account.

    While it is pending, all of it is in one lot, and no other pays. What holds reserve is left alone (R11).

    Expects: 0 < points <= lot.reversible_points.
    """
    waiting = next((waiting for waiting in (lot, *moved_lots(draft, lot)) if waiting.pending_points), None)
    if isinstance(account, Account) and waiting is not None:
        return take_pending(
            draft, context, account, lot=lot, waiting=waiting, points=points, movement=movement, now=now
        )
    mine = own_lots(draft, lot)
    own = consume_lots(mine, spend_points=points)
    own_ids = {paying.id for paying in mine}
    live = spendable(draft.children(Lot, account.id, in_part=True), account, now)
    others = [other for other in live if other.id not in own_ids]
    unpaid_points = points - sum(use.points for use in own)
    taken = consume_lots(others, spend_points=unpaid_points)
    require_all(draft, account, taken, needed_points=unpaid_points)
    uses = own + taken
    lifetime_points = -points if isinstance(account, Account) else 0
    account, entry = post(
        draft, context, account, points=-points, movement=movement, now=now, lifetime_points=lifetime_points
    )
    if isinstance(account, Account):
        account = count_points(draft, account, program_of(draft, account), lot.id, at=lot.available_at, points=-points)
    take_from(draft, entry, uses)
    newest = draft.get(Lot, lot.id) or lot
    draft.put(replace(newest, reversed_points=newest.reversed_points + points))
    put_deficit(draft, entry, points=points - sum(use.points for use in uses))
    return with_next_expiry(draft, account), entry


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
    mine = [other for id in taken if (other := lot_here(draft, id)).account_id == account.id and not _paid_debt(other)]
    own = lot_here(draft, lot.id)
    own = replace(own, reversed_points=own.reversed_points - points)
    draft.put(own)
    returned: list[Use] = []
    left_points = points
    for paid in (*sorted(mine, key=use_order, reverse=True), own):
        back_points = left_points if paid is own else min(taken[paid.id], left_points)
        if back_points:
            returned.append(Use(paid, back_points))
            left_points -= back_points
    pending_points = sum(use.points for use in returned if use.lot.available_at > now)
    account, entry = post(
        draft,
        context,
        account,
        points=points - pending_points,
        pending_points=pending_points,
        movement=movement,
        now=now,
        lifetime_points=points - pending_points,
    )
    counted_points = points - pending_points
    account = count_points(
        draft, account, program_of(draft, account), lot.id, at=lot.available_at, points=counted_points
    )
    for use in returned:
        put_use(draft, entry, use.lot, points=-use.points, cause=entry)
    lots = [_with_more(use.lot, use.points, now) for use in returned]
    return with_due(draft, put_returned(draft, account, lots, cause_id=entry.id, now=now)), entry


def _with_more(lot: Lot, points: int, now: datetime) -> Lot:
    """The lot holds so much more; until its instant, that is pending."""
    if lot.available_at > now:
        return replace(lot, pending_points=lot.pending_points + points)
    return replace(lot, remaining_points=lot.remaining_points + points)


def _paid_debt(lot: Lot) -> bool:
    """Whether the lot only paid what a member owed when it was merged: what it paid is owed elsewhere since."""
    return lot.moved_to == ()


COMMANDS: Commands = {
    ReversePoints: (needs_reverse_points, decide_reverse_points, follow_reverse_points),
}

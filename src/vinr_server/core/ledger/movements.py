"""The ledger of one account: entries, lots, uses and deficits, always moved together (R2-R6).

Each function takes the account's newest row, writes into the draft, and returns the newest row again.
Always, after each of them: ledger balance == sum of entries == remaining points of lots - remaining points of deficits,
and never both a remaining lot that is spendable and an unpaid deficit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.lots import (
    Use,
    consume_lots,
    end_by_program,
    end_of,
    is_inactive,
    is_over,
    months_later,
    overdue,
    spendable,
    use_order,
    uses_to_return,
)
from vinr_server.core.ledger.payloads import entry_payload
from vinr_server.core.ledger.reminders import due_reminders, is_behind, planned, remember, remind
from vinr_server.core.ledger.rows import Deficit, Entry, Lot, LotUse
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.programs.tiers import raise_tier

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Movement:
    """Why points move: what the entry says beside its figures."""

    kind: str
    reason: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    rule_id: str | None = None
    rule_revision: int | None = None
    reverses_id: str | None = None
    receipt: Json | None = None
    metadata: Json | None = None
    occurred_at: datetime | None = None


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
) -> tuple[Account, Entry, Json]:
    """Points are added as a new lot; deficits are paid first, and a lot that is over already expires at once.

    The lot ends by the program unless `expires_at` names its end. Expects: points > 0, an end after the points are
    there. Returns the account, the entry and its payload. Source: R1, R5, R22, R23, R84.
    """
    now = context.now(program.clock_id)
    account = active(draft, caught_up(draft, context, account, program, now=now), program, now=now)
    available_at = min(movement.occurred_at or now, now)
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
    payload = _announce_entry(draft, context, account, entry, event_type=event_type, now=now)
    account = raise_tier(draft, context, account, program, cause_id=entry.id)
    return _expire_if_over(draft, context, account, lot, now=now), entry, payload


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
    _announce_entry(draft, context, account, entry, event_type="loyalty.points.adjusted", now=now)
    return _expire_if_over(draft, context, account, lot, now=now), entry


def owe(
    draft: Layer, context: Context, account: Account, *, points: int, movement: Movement, now: datetime
) -> tuple[Account, Entry]:
    """Points are taken from the lots by R3, and what these can't pay is a deficit. Expects a swept account."""
    uses = consume_lots(spendable(draft.children(Lot, account.id, in_part=True), account, now), spend_points=points)
    _require_all(draft, account, uses, needed_points=points)
    account, entry = _post(draft, context, account, points=-points, movement=movement, now=now)
    _take(draft, entry, uses)
    _put_deficit(draft, entry, points=points - sum(use.points for use in uses))
    _announce_entry(draft, context, account, entry, event_type="loyalty.points.adjusted", now=now)
    return _with_next_expiry(draft, account), entry


def _announce_entry(
    draft: Layer, context: Context, account: Account, entry: Entry, *, event_type: str, now: datetime
) -> Json:
    """The entry is announced; returns its payload."""
    payload = entry_payload(entry, livemode=context.livemode)
    announce(draft, context, type=event_type, account=account, data=payload, now=now)
    return payload


def _expire_if_over(draft: Layer, context: Context, account: Account, lot: Lot, *, now: datetime) -> Account:
    """A new lot that is over already expires at once."""
    if lot.remaining_points and is_over(lot, account, now):
        return expire_lot(draft, context, account, lot, now=now)
    return account


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
    account, entry = _post(draft, context, account, points=points, movement=movement, now=now, lifetime_points=points)
    lot = Lot(
        bucket=account.bucket,
        id=entry.id,
        account_id=account.id,
        sequence=entry.sequence,
        points=points,
        remaining_points=points,
        expired_points=0,
        reversed_points=0,
        available_at=available_at,
        expires_at=expires_at,
        by_inactivity=expires_at is None and program.expiry_mode == "inactivity",
    )
    if account.ledger_balance_points < points:
        lot = _pay_deficits(draft, account, [lot], cause=entry)[0]
    draft.put(lot)
    if lot.remaining_points and expires_at is not None and not is_over(lot, account, now):
        account = replace(account, next_expiry_at=min(account.next_expiry_at or expires_at, expires_at))
        draft.put(account)
    return remember(draft, account, [lot], now=now), entry, lot


def active(draft: Layer, account: Account, program: Program, *, now: datetime) -> Account:
    """The member earns or redeems: what ends by its inactivity ends later (R84). Expects that it was swept of that."""
    at = months_later(program, now) if program.expiry_mode == "inactivity" else None
    if at is None or (account.inactive_at is not None and at <= account.inactive_at):
        return account
    account = replace(account, inactive_at=at, is_inactive=False)
    draft.put(account)
    return account


def sweep(draft: Layer, context: Context, account: Account, *, now: datetime) -> Account:
    """Every lot of the account that is over holds nothing more, one expiry entry each (R4), and what was due is sent.

    Reminders and expiries come in the order of their instants, at one instant the reminders first (R84). Expects its
    live lots.
    """
    program, ends_now = program_of(draft, account), is_inactive(account, now)
    if ends_now and draft.last_here(account.id) is not None:
        raise InPart(Lot, account.id)
    over = overdue(draft.children(Lot, account.id, in_part=True), account, now)
    if is_behind(account, program, now=now):
        due = due_reminders(draft, account, program, now=now)
        account = planned(draft, account, program, now=now)
        for reminder in due:
            while over and end_of(over[0], account) < reminder.at:
                account = expire_lot(draft, context, account, over.pop(0), now=now)
            remind(draft, context, account, reminder, now=now)
    for lot in over:
        account = expire_lot(draft, context, account, lot, now=now)
    if ends_now:
        account = replace(account, is_inactive=True)
        draft.put(account)
    return _with_next_expiry(draft, account)


def caught_up(draft: Layer, context: Context, account: Account, program: Program, *, now: datetime) -> Account:
    """The account, swept where a reminder may be due, so that what follows changes nothing that it says.

    And where the member became inactive: what follows would bring back what has ended by that.
    """
    is_due = is_behind(account, program, now=now) or (account.inactive_at is not None and is_inactive(account, now))
    return sweep(draft, context, account, now=now) if is_due else account


def expire_lot(draft: Layer, context: Context, account: Account, lot: Lot, *, now: datetime) -> Account:
    """What was left of the lot is gone, with an entry and an event."""
    ended_at = end_of(lot, account)
    assert ended_at <= now and lot.remaining_points > 0
    receipt = {"lot": lot.id, "expires_at": int(ended_at.timestamp()), "points": lot.remaining_points}
    movement = Movement(
        "expiry",
        reason="inactivity" if lot.by_inactivity else None,
        source_type="points_transaction",
        source_id=lot.id,
        receipt=receipt,
        occurred_at=ended_at,
    )
    points = lot.remaining_points
    account, entry = _post(draft, context, account, points=-points, movement=movement, now=now)
    draft.put(replace(lot, remaining_points=0, expired_points=lot.expired_points + points))
    _put_use(draft, entry, lot, points=points, cause=entry)
    _announce_entry(draft, context, account, entry, event_type="loyalty.points.expired", now=now)
    return account


def debit(
    draft: Layer, context: Context, account: Account, *, points: int, movement: Movement, now: datetime
) -> tuple[Account, Entry]:
    """Spend points from the lots in R3's order. Expects a swept account with enough of them (callers refuse first)."""
    uses = consume_lots(spendable(draft.children(Lot, account.id, in_part=True), account, now), spend_points=points)
    _require_all(draft, account, uses, needed_points=points)
    assert sum(use.points for use in uses) == points, "the caller checks the balance first"
    account, entry = _post(draft, context, account, points=-points, movement=movement, now=now)
    _take(draft, entry, uses)
    return _with_next_expiry(draft, account), entry


def give_back(
    draft: Layer,
    context: Context,
    account: Account,
    *,
    debit_id: str,
    points: int,
    returned_points: int = 0,
    movement: Movement,
    now: datetime,
) -> tuple[Account, Entry]:
    """Return points of a debit to the lots that paid, the last used first; what is over by now expires again (R5).

    `returned_points` of it were returned before, from the last used on too. A deficit is paid from the returned points
    first. Expects a swept account, and the debit's uses and lots.
    """
    paid = [Use(_lot(draft, use.lot_id), use.points) for use in draft.children(LotUse, debit_id) if use.points > 0]
    account, entry = _post(draft, context, account, points=points, movement=movement, now=now)
    returned: list[Lot] = []
    for lot, back_points in uses_to_return(paid, returned_points=returned_points, return_points=points):
        returned.append(replace(lot, remaining_points=lot.remaining_points + back_points))
        _put_use(draft, entry, lot, points=-back_points, cause=entry)
    account = _put_returned(draft, account, returned, cause=entry, now=now)
    return sweep(draft, context, account, now=now), entry


def account_of(draft: Layer, lot_id: str) -> str:
    """The account that a lot belongs to."""
    return _lot(draft, lot_id).account_id


def _put_returned(draft: Layer, account: Account, returned: Sequence[Lot], *, cause: Entry, now: datetime) -> Account:
    """The lots hold again what came back to them, less what the account owed."""
    lots = _pay_deficits(draft, account, sorted(returned, key=use_order), cause=cause)
    for lot in lots:
        draft.put(lot)
    return remember(draft, account, lots, now=now)


def _post(
    draft: Layer,
    context: Context,
    account: Account,
    *,
    points: int,
    movement: Movement,
    now: datetime,
    lifetime_points: int = 0,
) -> tuple[Account, Entry]:
    """One more entry in the account's sequence, and the balances that follow from it."""
    account = replace(
        account,
        ledger_balance_points=account.ledger_balance_points + points,
        lifetime_points=account.lifetime_points + lifetime_points,
        sequence=account.sequence + 1,
    )
    entry = Entry(
        bucket=account.bucket,
        id=context.make_id("ptx", account.bucket),
        account_id=account.id,
        sequence=account.sequence,
        kind=movement.kind,
        points=points,
        balance_after_points=account.ledger_balance_points,
        reason=movement.reason,
        source_type=movement.source_type,
        source_id=movement.source_id,
        rule_id=movement.rule_id,
        rule_revision=movement.rule_revision,
        reverses_id=movement.reverses_id,
        receipt=movement.receipt or {},
        metadata=movement.metadata or {},
        occurred_at=movement.occurred_at or now,
        created_at=now,
    )
    draft.put(account)
    draft.put(entry)
    return account, entry


def _require_all(draft: Layer, account: Account, uses: Sequence[Use], *, needed_points: int) -> None:
    """Lots that were left behind come before any that lies after the last loaded one, and before a deficit."""
    last = draft.last_here(account.id)
    if last is None:
        return
    is_short = sum(use.points for use in uses) < needed_points
    if is_short or any(use_order(use.lot) > last for use in uses):
        raise InPart(Lot, account.id)


def _take(draft: Layer, entry: Entry, uses: Sequence[Use]) -> None:
    for lot, points in uses:
        draft.put(replace(lot, remaining_points=lot.remaining_points - points))
        _put_use(draft, entry, lot, points=points, cause=entry)


def _put_deficit(draft: Layer, entry: Entry, *, points: int) -> None:
    """What no lot could pay of the entry is owed."""
    if points:
        draft.put(
            Deficit(
                bucket=entry.bucket,
                entry_id=entry.id,
                account_id=entry.account_id,
                sequence=entry.sequence,
                points=points,
                remaining_points=points,
            )
        )


def _put_use(draft: Layer, entry: Entry, lot: Lot, *, points: int, cause: Entry) -> None:
    draft.put(LotUse(bucket=lot.bucket, entry_id=entry.id, lot_id=lot.id, cause_id=cause.id, points=points))


def _pay_deficits(draft: Layer, account: Account, lots: Sequence[Lot], *, cause: Entry) -> list[Lot]:
    """The lots, less what the account's deficits took of them, oldest deficit first."""
    paying = list(lots)
    owed = sorted(draft.children(Deficit, account.id), key=lambda deficit: deficit.sequence)
    for deficit in owed:
        left_points = deficit.remaining_points
        for position, lot in enumerate(paying):
            paid_points = min(left_points, lot.remaining_points)
            if paid_points:
                paying[position] = replace(lot, remaining_points=lot.remaining_points - paid_points)
                left_points -= paid_points
                draft.put(LotUse(lot.bucket, deficit.entry_id, lot.id, cause.id, paid_points))
        if left_points != deficit.remaining_points:
            draft.put(replace(deficit, remaining_points=left_points))
    return paying


def _with_next_expiry(draft: Layer, account: Account) -> Account:
    """The account with the earliest expiry among its live lots. Expects those that expire soonest."""
    lots = draft.children(Lot, account.id, in_part=True)
    left = sorted((lot for lot in lots if lot.remaining_points > 0), key=use_order)
    last = draft.last_here(account.id)
    if last is not None and (not left or use_order(left[0]) > last):
        raise InPart(Lot, account.id)
    earliest = left[0].expires_at if left else None
    if earliest != account.next_expiry_at:
        account = replace(account, next_expiry_at=earliest)
        draft.put(account)
    return account


def _lot(draft: Layer, lot_id: str) -> Lot:
    lot = draft.get(Lot, lot_id)
    assert lot is not None, f"lot {lot_id} was not loaded"
    return lot

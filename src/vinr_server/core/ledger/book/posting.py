"""How the book is written: an entry with the balances that follow from it, lots and what they pay, and deficits.

Each function takes the account's newest row, writes into the draft, and returns the newest row again where it changes.
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
from vinr_server.core.ledger.book.holders import AnyHolder, Holder, entry_prefix
from vinr_server.core.ledger.book.lots import Use, is_over, use_order
from vinr_server.core.ledger.book.reminders import remember
from vinr_server.core.ledger.payloads import shown_entry
from vinr_server.core.ledger.rows import Deficit, Entry, Lot, LotUse

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


def post(
    draft: Layer,
    context: Context,
    account: Holder,
    *,
    points: int,
    movement: Movement,
    now: datetime,
    lifetime_points: int = 0,
    pending_points: int = 0,
) -> tuple[Holder, Entry]:
    """One more entry in the account's sequence, and the balances that follow from it."""
    account = account.moved(points=points, pending_points=pending_points, lifetime_points=lifetime_points)
    entry = Entry(
        bucket=account.bucket,
        id=context.make_id(entry_prefix(account), account.bucket),
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
        pending_points=pending_points,
    )
    draft.put(account)
    draft.put(entry)
    return account, entry


def new_lot(entry: Entry, *, available_at: datetime, expires_at: datetime | None, by_inactivity: bool = False) -> Lot:
    """All that the entry grants, available or pending as it says; nothing of it is used."""
    return Lot(
        bucket=entry.bucket,
        id=entry.id,
        account_id=entry.account_id,
        sequence=entry.sequence,
        points=entry.moved_points,
        remaining_points=entry.points,
        expired_points=0,
        reversed_points=0,
        available_at=available_at,
        expires_at=expires_at,
        by_inactivity=by_inactivity,
        pending_points=entry.pending_points,
    )


def announce_entry(
    draft: Layer,
    context: Context,
    account: AnyHolder,
    entry: Entry,
    lot: Lot | None = None,
    *,
    event_type: str,
    now: datetime,
) -> Json:
    """The entry is announced; returns its payload. `lot`: what it accrued."""
    payload = shown_entry(account, entry, lot, livemode=context.livemode)
    announce(draft, context, type=event_type, account=account, data=payload, now=now)
    return payload


def land(draft: Layer, account: Holder, lot: Lot, *, cause_id: str, now: datetime) -> tuple[Holder, Lot]:
    """All that the lot holds can be spent now: it pays what is owed first, and the account knows when it ends.

    Expects a balance that has the points.
    """
    if account.free_points < lot.free_points:
        (lot,) = pay_deficits(draft, account, [lot], cause_id=cause_id)
    draft.put(lot)
    if lot.remaining_points and lot.expires_at is not None and not is_over(lot, account, now):
        account = replace(account, next_expiry_at=min(account.next_expiry_at or lot.expires_at, lot.expires_at))
        draft.put(account)
    return remember(draft, account, [lot], now=now), lot


def require_all(draft: Layer, account: AnyHolder, uses: Sequence[Use], *, needed_points: int) -> None:
    """Lots that were left behind come before any that lies after the last loaded one, and before a deficit."""
    last = draft.last_here(account.id)
    if last is None:
        return
    is_short = sum(use.points for use in uses) < needed_points
    if is_short or any(use_order(use.lot) > last for use in uses):
        raise InPart(Lot, account.id)


def take_from(draft: Layer, entry: Entry, uses: Sequence[Use]) -> None:
    """The lots paid the entry."""
    for lot, points in uses:
        draft.put(replace(lot, remaining_points=lot.remaining_points - points))
        put_use(draft, entry, lot, points=points, cause=entry)


def put_deficit(draft: Layer, entry: Entry, *, points: int) -> None:
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


def put_use(draft: Layer, entry: Entry, lot: Lot, *, points: int, cause: Entry) -> None:
    """It is on record what the lot paid; negative points came back to it."""
    draft.put(LotUse(bucket=lot.bucket, entry_id=entry.id, lot_id=lot.id, cause_id=cause.id, points=points))


def pay_deficits(draft: Layer, account: AnyHolder, lots: Sequence[Lot], *, cause_id: str) -> list[Lot]:
    """The lots, less what the account's deficits took of them, oldest deficit first.

    `cause_id`: the entry that brought the points, or the hold whose end did.
    """
    paying = list(lots)
    owed = sorted(draft.children(Deficit, account.id), key=lambda deficit: deficit.sequence)
    for deficit in owed:
        left_points = deficit.remaining_points
        for position, lot in enumerate(paying):
            paid_points = min(left_points, lot.free_points)
            if paid_points:
                paying[position] = replace(lot, remaining_points=lot.remaining_points - paid_points)
                left_points -= paid_points
                draft.put(LotUse(lot.bucket, deficit.entry_id, lot.id, cause_id, paid_points))
        if left_points != deficit.remaining_points:
            draft.put(replace(deficit, remaining_points=left_points))
    return paying


def put_returned(draft: Layer, account: Holder, returned: Sequence[Lot], *, cause_id: str, now: datetime) -> Holder:
    """The lots hold again what came back to them, less what the account owed."""
    lots = pay_deficits(draft, account, sorted(returned, key=use_order), cause_id=cause_id)
    for lot in lots:
        draft.put(lot)
    return remember(draft, account, lots, now=now)


def with_next_expiry(draft: Layer, account: Holder) -> Holder:
    """The account with the earliest expiry among its live lots. Expects those that expire soonest."""
    lots = draft.children(Lot, account.id, in_part=True)
    left = sorted((lot for lot in lots if lot.free_points > 0), key=use_order)
    last = draft.last_here(account.id)
    if last is not None and (not left or use_order(left[0]) > last):
        raise InPart(Lot, account.id)
    earliest = left[0].expires_at if left else None
    if earliest != account.next_expiry_at:
        account = replace(account, next_expiry_at=earliest)
        draft.put(account)
    return account


def lot_here(draft: Layer, lot_id: str) -> Lot:
    """The lot, as it is now. Expects it to be loaded."""
    lot = draft.get(Lot, lot_id)
    assert lot is not None, f"lot {lot_id} was not loaded"
    return lot


def account_of(draft: Layer, lot_id: str) -> str:
    """The account that a lot belongs to."""
    return lot_here(draft, lot_id).account_id

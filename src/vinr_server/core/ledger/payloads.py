"""Entries as the wire shows them."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account


def entry_payload(entry: Entry, lot: Lot | None = None, *, livemode: bool) -> Wire:
    """The points_transaction object. `lot`: what it accrued, if it did."""
    source = None if entry.source_type is None else {"type": entry.source_type, "id": entry.source_id}
    is_activation = entry.kind == "activation"
    return {
        "id": entry.id,
        "object": "points_transaction",
        "account": entry.account_id,
        "kind": entry.kind,
        "points": entry.points,
        "pending_points": entry.pending_points,
        "balance_after": entry.balance_after_points,
        "sequence": entry.sequence,
        "reason": entry.reason,
        "source": source,
        "payment": entry.source_id if entry.source_type == "payment" else None,
        "referral": entry.source_id if entry.source_type == "referral" else None,
        "rule": entry.rule_id,
        "award": entry.reverses_id if is_activation else None,
        "reverses": None if is_activation else entry.reverses_id,
        "available_at": None if lot is None else unix(lot.available_at),
        "expires_at": None if lot is None else unix_or_none(lot.expires_at),
        "receipt": entry.receipt,
        "metadata": entry.metadata,
        "occurred_at": unix(entry.occurred_at),
        "created": unix(entry.created_at),
        "livemode": livemode,
    }


def credit_payload(entry: Entry, wallet: Wallet, lot: Lot | None = None, *, livemode: bool) -> Wire:
    """The credit_transaction object. `lot`: what it granted, if it did. Units: minor units of the wallet's currency."""
    source = None if entry.source_type is None else {"type": entry.source_type, "id": entry.source_id}
    return {
        "id": entry.id,
        "object": "credit_transaction",
        "account": entry.account_id,
        "customer": wallet.customer_id,
        "currency": wallet.currency,
        "kind": entry.kind,
        "amount": entry.points,
        "balance_after": entry.balance_after_points,
        "sequence": entry.sequence,
        "origin": None if lot is None else lot.origin,
        "reason": entry.reason,
        "source": source,
        "payment": entry.source_id if entry.source_type == "payment" else None,
        "reverses": entry.reverses_id,
        "expires_at": None if lot is None else unix_or_none(lot.expires_at),
        "receipt": entry.receipt,
        "metadata": entry.metadata,
        "occurred_at": unix(entry.occurred_at),
        "created": unix(entry.created_at),
        "livemode": livemode,
    }


def shown_entry(holder: Account | Wallet, entry: Entry, lot: Lot | None = None, *, livemode: bool) -> Wire:
    """The entry as the wire shows it, of an account or of a wallet. `lot`: what it accrued, if it did."""
    if isinstance(holder, Wallet):
        return credit_payload(entry, holder, lot, livemode=livemode)
    return entry_payload(entry, lot, livemode=livemode)


def granted(entry: Entry, available_at: datetime) -> Wire:
    """An award as its cause shows it: what was granted, and whether it can be spent."""
    return {
        "points_transaction": entry.id,
        "points": entry.moved_points,
        "status": "pending" if entry.pending_points > 0 else "available",
        "available_at": unix(available_at),
    }


def next_pending_payload(next_pending: tuple[datetime, int] | None) -> Wire | None:
    """When the next pending points are there, and how many."""
    return None if next_pending is None else {"at": unix(next_pending[0]), "points": next_pending[1]}


def lot_payload(lot: Lot, account: Account, *, livemode: bool) -> Wire:
    """The lot object: what is left of an accrual, and when it ends. It has the id of the accrual's transaction."""
    return {
        "id": lot.id,
        "object": "lot",
        "account": lot.account_id,
        "points": lot.points,
        "remaining": lot.remaining_points,
        "pending": lot.pending_points,
        "held": lot.held_points,
        "available_at": unix(lot.available_at),
        "expires_at": unix_or_none(account.inactive_at if lot.by_inactivity else lot.expires_at),
        "by_inactivity": lot.by_inactivity,
        "livemode": livemode,
    }

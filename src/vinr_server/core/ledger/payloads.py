"""Entries as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account


def entry_payload(entry: Entry, *, livemode: bool) -> Wire:
    """The points_transaction object."""
    source = None if entry.source_type is None else {"type": entry.source_type, "id": entry.source_id}
    return {
        "id": entry.id,
        "object": "points_transaction",
        "account": entry.account_id,
        "kind": entry.kind,
        "points": entry.points,
        "balance_after": entry.balance_after_points,
        "sequence": entry.sequence,
        "reason": entry.reason,
        "source": source,
        "payment": entry.source_id if entry.source_type == "payment" else None,
        "rule": entry.rule_id,
        "reverses": entry.reverses_id,
        "receipt": entry.receipt,
        "metadata": entry.metadata,
        "occurred_at": unix(entry.occurred_at),
        "created": unix(entry.created_at),
        "livemode": livemode,
    }


def lot_payload(lot: Lot, account: Account, *, livemode: bool) -> Wire:
    """The lot object: what is left of an accrual, and when it ends. It has the id of the accrual's transaction."""
    return {
        "id": lot.id,
        "object": "lot",
        "account": lot.account_id,
        "points": lot.points,
        "remaining": lot.remaining_points,
        "available_at": unix(lot.available_at),
        "expires_at": unix_or_none(account.inactive_at if lot.by_inactivity else lot.expires_at),
        "by_inactivity": lot.by_inactivity,
        "livemode": livemode,
    }

"""Entries as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.ledger.rows import Entry


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

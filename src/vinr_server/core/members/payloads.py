"""Customers and accounts as the wire shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.ledger.payloads import next_pending_payload
from vinr_server.core.members.rows import Account, Customer


def customer_payload(customer: Customer, *, livemode: bool) -> Wire:
    """The customer object."""
    return {
        "id": customer.id,
        "object": "customer",
        "name": customer.name,
        "email": customer.email,
        "merged_into": customer.merged_into,
        "metadata": customer.metadata,
        "created": unix(customer.created_at),
        "livemode": livemode,
    }


def merge_payload(from_id: str, into_id: str, merged: Sequence[Account], *, livemode: bool) -> Wire:
    """The customer_merge object: each account that was merged, with the one that acts for it."""
    return {
        "object": "customer_merge",
        "from": from_id,
        "into": into_id,
        "accounts": [
            {
                "program": account.program_id,
                "from": account.id,
                "into": account.merged_into,
                "lifetime_points": account.lifetime_points,
            }
            for account in merged
        ],
        "livemode": livemode,
    }


def account_payload(
    account: Account,
    *,
    tier: Wire,
    overdue_points: int,
    next_expiry: tuple[datetime, int] | None,
    next_pending: tuple[datetime, int] | None,
    livemode: bool,
) -> Wire:
    """The loyalty_account object. `balance` is what the member can spend (R2).

    next_expiry and next_pending are each (instant, points); `tier`: what tier_payload says.
    """
    return {
        "id": account.id,
        "object": "loyalty_account",
        "program": account.program_id,
        "customer": account.customer_id,
        "balance": account.free_points - overdue_points,
        "pending": account.pending_points,
        "next_pending": next_pending_payload(next_pending),
        "held": account.held_points,
        "lifetime_points": account.lifetime_points,
        **tier,
        "next_expiry": None if next_expiry is None else {"at": unix(next_expiry[0]), "points": next_expiry[1]},
        "sequence": account.sequence,
        "status": account.status,
        "merged_into": account.merged_into,
        "metadata": account.metadata,
        "created": unix(account.created_at),
        "livemode": livemode,
    }

"""Wallets and their settings as the wire shows them. (Transactions: ledger/payloads.py.)"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.credit.rows import CreditSettings, Wallet
from vinr_server.core.kernel.payloads import Wire, unix


def wallet_payload(
    wallet: Wallet, *, overdue_points: int, next_expiry: tuple[datetime, int] | None, livemode: bool
) -> Wire:
    """The store_credit_account object. `balance` is what can be spent (R2); next_expiry is (instant, amount)."""
    return {
        "id": wallet.id,
        "object": "store_credit_account",
        "customer": wallet.customer_id,
        "currency": wallet.currency,
        "balance": wallet.free_points - overdue_points,
        "held": wallet.held_points,
        "next_expiry": None if next_expiry is None else {"at": unix(next_expiry[0]), "amount": next_expiry[1]},
        "sequence": wallet.sequence,
        "test_clock": wallet.clock_id,
        "merged_into": wallet.merged_into,
        "created": unix(wallet.created_at),
        "livemode": livemode,
    }


def settings_payload(settings: CreditSettings, *, livemode: bool) -> Wire:
    """The credit_settings object."""
    return {
        "object": "credit_settings",
        "default_expiry_months": settings.default_expiry_months,
        "expiry_rounding": settings.expiry_rounding,
        "return_days": settings.return_days,
        "livemode": livemode,
    }

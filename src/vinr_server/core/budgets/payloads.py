"""Budgets as the wire shows them."""

from __future__ import annotations

from vinr_server.core.budgets.counting import Left
from vinr_server.core.budgets.rows import Budget
from vinr_server.core.kernel.payloads import Wire, unix_or_none


def budget_payload(budget: Budget, left: Left) -> Wire:
    """The budget, with what is used and held of it in the running period; null where each member has one."""
    is_shown = not budget.is_per_member
    return {
        "points": budget.most if budget.measure == "points" else None,
        "amount": budget.most if budget.measure == "amount" else None,
        "currency": budget.currency,
        "uses": budget.most if budget.measure == "uses" else None,
        "period": budget.period,
        "per_member": budget.is_per_member,
        "used": left.used if is_shown else None,
        "reserved": left.reserved if is_shown else None,
        "remaining": left.remaining if is_shown else None,
        "resets_at": unix_or_none(left.resets_at),
    }

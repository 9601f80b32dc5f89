"""Budgets of offers and campaigns: how they are sent, and how they are shown."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.currencies import read_currency
from vinr_server.api.contract.input import Count, Input
from vinr_server.api.contract.reply import Reply
from vinr_server.api.edge.problems import Problem
from vinr_server.core.budgets import rows

BudgetPeriod = rows.BudgetPeriod


class CartBudgetInput(Input):
    amount: Count | None = None
    currency: str | None = None
    uses: Count | None = None
    period: BudgetPeriod = "none"
    per_member: bool = False


class BudgetInput(CartBudgetInput):
    points: Count | None = None


class Budget(Reply):
    points: int | None
    amount: int | None
    currency: str | None
    uses: int | None
    period: BudgetPeriod
    per_member: bool
    used: int | None
    reserved: int | None
    remaining: int | None
    resets_at: int | None


def read_budget(given: CartBudgetInput | None) -> rows.Budget | None:
    """The budget that was sent: in points, in an amount of a currency, or in uses."""
    if given is None:
        return None
    points = given.points if isinstance(given, BudgetInput) else None
    most: dict[rows.Measure, int | None] = {"points": points, "amount": given.amount, "uses": given.uses}
    named = [(measure, limit) for measure, limit in most.items() if limit is not None]
    if len(named) != 1:
        code = "parameter_conflict" if named else "parameter_missing"
        words = "points, amount with currency, or uses" if isinstance(given, BudgetInput) else "amount, or uses"
        raise Problem(code, f"budget: send {words}: one of them.", param="budget")
    ((measure, limit),) = named
    if (measure == "amount") != (given.currency is not None):
        if given.currency is None:
            raise Problem("parameter_missing", "budget.currency is required with amount.", param="budget.currency")
        message = f"budget.currency: {measure} have no currency. Leave it out."
        raise Problem("parameter_conflict", message, param="budget.currency")
    currency = None if given.currency is None else read_currency(given.currency, param="budget.currency")
    return rows.Budget(measure, limit, currency, given.period, given.per_member)


def sent_budget(given: CartBudgetInput | UnsetType | None) -> dict[str, rows.Budget | None]:
    """The change of a budget, if one was sent."""
    return {} if given is UNSET else {"budget": read_budget(given)}

"""Budgets as they are stored with the terms of what has one."""

from __future__ import annotations

from typing import Literal

from vinr_server.core.kernel.values import dataclass

BudgetPeriod = Literal["none", "day", "week", "month", "year"]
Measure = Literal["points", "amount", "uses"]


@dataclass(frozen=True, slots=True)
class Budget:
    """So much may be given in each period: points, minor units of a currency, or uses (R56).

    `period` none: for good. `is_per_member`: to each member, and to all together without a bound.
    """

    measure: Measure
    most: int
    currency: str | None = None
    period: BudgetPeriod = "none"
    is_per_member: bool = False

    @property
    def counts(self) -> tuple[object, ...]:
        """What its counters count: counters of two budgets are alike where this is."""
        return (self.measure, self.currency, self.period, self.is_per_member)

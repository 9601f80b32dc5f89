"""Customers and their accounts as they are stored."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# ---- member-owned rows


@dataclass(frozen=True, slots=True)
class Customer(Row):
    """What the merchant told us of a customer; the customer itself lives in the merchant's system."""

    owns = False
    bucket: int
    id: str
    name: str | None
    email: str | None
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account(Row):
    """A member: one customer's points account in one program.

    Always: ledger_balance_points == sum of its entries == remaining points of its lots - those of its deficits.
    """

    parent_field = "customer_id"
    immutable_fields = ("program_id", "customer_id")
    bucket: int
    id: str
    program_id: str
    customer_id: str
    ledger_balance_points: int
    lifetime_points: int
    sequence: int
    payment_count: int
    tier: str | None
    next_expiry_at: datetime | None
    status: str
    metadata: Json
    created_at: datetime

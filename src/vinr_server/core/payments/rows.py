"""Payments and their refunds as they are stored."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Payment(Row):
    """A payment the merchant reported, and the session it completed. `outcome` is what is shown; nothing reads it."""

    parent_field = "customer_id"
    immutable_fields = (
        "account_id",
        "amount_minor",
        "currency",
        "minor_per_unit",
        "eligible_minor",
        "tax_minor",
        "shipping_minor",
        "tenders",
        "lines",
        "metadata",
        "occurred_at",
    )
    bucket: int
    id: str
    customer_id: str | None
    account_id: str | None
    amount_minor: int
    currency: str
    minor_per_unit: int
    eligible_minor: int
    tax_minor: int
    shipping_minor: int
    tenders: tuple[Json, ...]
    discount_ids: tuple[str, ...]
    lines: tuple[Json, ...]
    refunded_minor: int
    refund_count: int
    outcome: Json
    metadata: Json
    occurred_at: datetime
    created_at: datetime
    session_id: str | None = None

    @property
    def is_refunded_whole(self) -> bool:
        """Whether all of it was given back. (One of nothing is given back by a refund of nothing.)"""
        return self.refund_count > 0 and self.refunded_minor == self.amount_minor


@dataclass(frozen=True, slots=True)
class Refund(Row):
    """One refund of a payment, whole or part; `eligible_minor` only where the merchant named it."""

    parent_field = "payment_id"
    is_append_only = True
    bucket: int
    id: str
    payment_id: str
    amount_minor: int
    eligible_minor: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created_at: datetime

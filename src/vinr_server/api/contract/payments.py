"""A payment, as single calls and bulk calls take and answer it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.currencies import read_any_currency
from vinr_server.api.contract.input import (
    CustomerId,
    DiscountId,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    Name,
    PaymentId,
    SessionId,
)
from vinr_server.api.contract.reply import Award, Json, Reference, Reply, Skipped
from vinr_server.api.contract.values import member_link, read_metadata
from vinr_server.api.edge.problems import Problem
from vinr_server.core.payments import commands


class LineInput(Input):
    unit_price: Minor
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    sku: Name | None = None
    categories: Annotated[list[Name], Meta(max_length=50)] = []


class TenderInput(Input):
    type: Key
    amount: Minor


class CreatePaymentInput(Input):
    amount: Minor
    currency: str
    id: PaymentId | None = None
    customer: CustomerId | None = None
    tax: Minor = 0
    shipping: Minor = 0
    tenders: Annotated[list[TenderInput], Meta(max_length=20)] = []
    discounts: Annotated[list[DiscountId], Meta(max_length=20)] = []
    checkout_session: SessionId | None = None
    lines: Annotated[list[LineInput], Meta(max_length=500)] = []
    occurred_at: Instant = None
    metadata: Metadata = {}


class Tender(Reply):
    type: str
    amount: int


class Line(Reply):
    unit_price: int
    quantity: int
    sku: str | None
    categories: list[str]
    discount: int | UnsetType = UNSET


class Refund(Reply):
    id: str
    object: Literal["refund"]
    payment: Reference
    amount: int
    eligible_amount: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created: int


class PaymentRedemption(Reply):
    """An offer's redemption, as the payment that redeemed it shows it."""

    id: str
    offer: Reference
    account: Reference | None
    points_transaction: Reference | None


class Payment(Reply):
    id: str
    object: Literal["payment"]
    amount: int
    amount_refunded: int
    currency: str
    customer: Reference | None
    account: Reference | None
    eligible_amount: int
    tax: int
    shipping: int
    tenders: list[Tender]
    discounts: list[str]
    checkout_session: Reference | None
    lines: list[Line]
    refunded: bool
    awards: list[Award]
    skipped: list[Skipped]
    offer_redemptions: list[PaymentRedemption]
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    refund: Refund | UnsetType = UNSET


def payment(
    body: CreatePaymentInput, *, occurred_at: datetime | None, enrol_in: str | None = None
) -> commands.CreatePayment:
    """The command for one payment, alone or in bulk."""
    currency = read_any_currency(body.currency)
    for name, part in (
        ("tax", body.tax),
        ("shipping", body.shipping),
        ("tenders", sum(t.amount for t in body.tenders)),
    ):
        if part > body.amount:
            message = f"{name}: {part} is more than the payment's amount ({body.amount}). Send at most the amount."
            raise Problem("parameter_invalid", message, param=name)
    if len(set(body.discounts)) != len(body.discounts):
        message = "discounts: contains a duplicate id. Send each id once."
        raise Problem("parameter_invalid", message, param="discounts")
    metadata = read_metadata(body.metadata)
    member_link(metadata, param="metadata.loyalty_account")
    return commands.CreatePayment(
        amount_minor=body.amount,
        currency=currency.code,
        minor_per_unit=currency.minor_per_unit,
        currency_in_use=currency.in_use,
        id=body.id,
        customer_id=body.customer,
        tax_minor=body.tax,
        shipping_minor=body.shipping,
        tenders=tuple(msgspec.to_builtins(body.tenders)),
        discount_ids=tuple(body.discounts),
        lines=tuple(msgspec.to_builtins(body.lines)),
        occurred_at=occurred_at,
        metadata=metadata,
        session_id=body.checkout_session,
        enrol_in=enrol_in,
    )

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
    Metadata,
    Minor,
    Name,
    PaymentId,
    SessionId,
    WalletId,
)
from vinr_server.api.contract.reply import Award, CampaignReaction, Json, Reference, Reply, Skipped
from vinr_server.api.contract.tenders import TenderType, read_tender
from vinr_server.api.contract.values import member_link, read_metadata
from vinr_server.api.edge.problems import Problem
from vinr_server.core.earning.lines import net_minor
from vinr_server.core.payments import commands


class LineInput(Input):
    unit_price: Minor
    id: Name | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    sku: Name | None = None
    categories: Annotated[list[Name], Meta(max_length=50)] = []
    discount: Minor | UnsetType = UNSET
    tax: Minor | UnsetType = UNSET


class TenderInput(Input):
    type: TenderType
    amount: Minor
    account: WalletId | None = None


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
    order: Name | None = None
    lines: Annotated[list[LineInput], Meta(max_length=500)] = []
    occurred_at: Instant = None
    metadata: Metadata = {}


class Tender(Reply):
    type: str
    amount: int
    account: Reference | None


class Line(Reply):
    unit_price: int
    quantity: int
    sku: str | None
    categories: list[str]
    discount: int | UnsetType = UNSET
    tax: int | UnsetType = UNSET
    id: str | UnsetType | None = UNSET


class RefundLine(Reply):
    id: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    amount: int | UnsetType = UNSET


class Refund(Reply):
    id: str
    object: Literal["refund"]
    payment: Reference
    amount: int
    eligible_amount: int | None
    money: int
    credit_returned: int
    credit_granted: int
    lines: list[RefundLine]
    reason: str | None
    status: Literal["succeeded", "canceled"]
    points_reversed: int
    pending_points_reversed: int
    points_reinstated: int
    metadata: Json
    canceled_at: int | None
    created: int
    livemode: bool


class PaymentRedemption(Reply):
    """An offer's redemption, as the payment that redeemed it shows it."""

    id: str
    offer: Reference
    account: Reference | None
    points_transaction: Reference | None
    redemption: Reference | UnsetType = UNSET
    code: Reference | UnsetType = UNSET


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
    order: str | None
    revision: int
    lines: list[Line]
    refunded: bool
    awards: list[Award]
    skipped: list[Skipped]
    referrals: list[str]
    offer_redemptions: list[PaymentRedemption]
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    refund: Refund | UnsetType = UNSET
    already_reported: Literal[True] | UnsetType = UNSET
    campaigns: list[CampaignReaction] | UnsetType = UNSET


def payment(
    body: CreatePaymentInput, *, occurred_at: datetime | None, enrol_in: str | None = None
) -> commands.CreatePayment:
    """The command for one payment, alone or in bulk."""
    currency = read_any_currency(body.currency)
    lines, tax_minor = read_lines(body.lines, tax_minor=body.tax)
    for name, part in (
        ("tax", tax_minor),
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
        tax_minor=tax_minor,
        shipping_minor=body.shipping,
        tenders=read_paid_with(body.tenders),
        discount_ids=tuple(body.discounts),
        lines=lines,
        occurred_at=occurred_at,
        metadata=metadata,
        session_id=body.checkout_session,
        order_id=body.order,
        enrol_in=enrol_in,
    )


def read_paid_with(given: list[TenderInput]) -> tuple[Json, ...]:
    """The tenders as they are kept, each type in its one spelling."""
    return tuple(_read_paid_with(tender, param=f"tenders[{position}]") for position, tender in enumerate(given))


def _read_paid_with(tender: TenderInput, *, param: str) -> Json:
    kind = read_tender(tender.type, param=f"{param}.type")
    if tender.account is None:
        return {"type": kind, "amount": tender.amount}
    if kind != "store_credit":
        message = f"{param}.account: only a tender of type store_credit names an account. Leave it out of {kind}."
        raise Problem("parameter_conflict", message, param=f"{param}.account")
    return {"type": kind, "amount": tender.amount, "account": tender.account}


def read_lines(given: list[LineInput], *, tax_minor: int) -> tuple[tuple[Json, ...], int]:
    """The lines as they are kept, and the payment's tax: where it names none, that of its lines."""
    lines: tuple[Json, ...] = tuple(msgspec.to_builtins(given))
    for position, line in enumerate(lines):
        if net_minor(line) < 0:
            name = "tax" if "tax" in line else "discount"
            message = (
                f"lines[{position}]: discount {line.get('discount', 0)} and tax {line.get('tax', 0)} come to more than"
                f" its price of {line['unit_price'] * line['quantity']}. Send what comes off this line alone."
            )
            raise Problem("parameter_invalid", message, param=f"lines[{position}].{name}")
    of_lines_minor = sum(line.get("tax", 0) for line in lines)
    if tax_minor and of_lines_minor > tax_minor:
        message = (
            f"The lines hold {of_lines_minor} of tax, the payment only {tax_minor}."
            " Send the tax of the whole payment as tax, or leave it out: then it is that of the lines."
        )
        raise Problem("parameter_invalid", message, param="tax")
    return lines, tax_minor or of_lines_minor

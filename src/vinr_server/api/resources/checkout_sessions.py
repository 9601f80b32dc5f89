"""Checkout sessions: what a cart is promised and holds until it is paid for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.carts import (
    CART_EXAMPLE,
    CART_REFUSALS,
    CartInput,
    Client,
    Codes,
    CreditToPay,
    Discounts,
    Lines,
    PricedCart,
    ShippingInput,
    read_cart,
    read_credit,
    read_discounts,
    read_lines,
)
from vinr_server.api.contract.input import CustomerId, Input, Metadata, NoInput, PaymentId
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Choice, Listing, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Json, Reference
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.checkout import rows
from vinr_server.core.checkout.commands import (
    CompleteCheckoutSession,
    CreateCheckoutSession,
    ExpireCheckoutSession,
    UpdateCheckoutSession,
)
from vinr_server.core.checkout.payloads import session_payload

URL = "/v1/checkout/sessions"
# A week.
MINUTES_MAX = 7 * 24 * 60


class CreateCheckoutSessionInput(CartInput):
    expires_in_minutes: Annotated[int, Meta(ge=1, le=MINUTES_MAX)] = 30
    take_over: bool = False
    metadata: Metadata = {}


class UpdateCheckoutSessionInput(Input):
    customer: CustomerId | UnsetType = UNSET
    lines: Lines | UnsetType = UNSET
    shipping: ShippingInput | UnsetType | None = UNSET
    discounts: Discounts | UnsetType = UNSET
    store_credit: CreditToPay | UnsetType = UNSET
    codes: Codes | UnsetType = UNSET
    client: Client | None = None
    metadata: Metadata = {}


class CompleteCheckoutSessionInput(Input):
    payment: PaymentId | None = None


class CheckoutSession(PricedCart):
    id: str
    object: Literal["checkout_session"]
    status: Literal["open", "completed", "expired"]
    payment: Reference | None
    metadata: Json
    created: int
    expires_at: int
    completed_at: int | None
    expired_at: int | None
    livemode: bool


def create_checkout_session(call: Call) -> CreateCheckoutSession:
    body: CreateCheckoutSessionInput = call.body
    return CreateCheckoutSession(
        cart=read_cart(body),
        customer_id=body.customer,
        discount_ids=read_discounts(body.discounts),
        minutes=body.expires_in_minutes,
        metadata=read_metadata(body.metadata),
        credit=read_credit(body.store_credit),
        codes=tuple(body.codes),
        takes_over=body.take_over,
    )


def update_checkout_session(call: Call) -> UpdateCheckoutSession:
    body: UpdateCheckoutSessionInput = call.body
    changes: dict[str, Any] = {}
    if body.lines is not UNSET:
        changes["lines"] = read_lines(body.lines)
    if body.shipping is not UNSET:
        changes["shipping_minor"] = body.shipping.amount if body.shipping is not None else 0
    return UpdateCheckoutSession(
        session_id=call.id,
        changes=changes,
        customer_id=None if body.customer is UNSET else body.customer,
        discount_ids=None if body.discounts is UNSET else read_discounts(body.discounts),
        metadata=read_metadata(body.metadata, allows_null=True),
        credit=None if body.store_credit is UNSET else read_credit(body.store_credit),
        sets_credit=body.store_credit is not UNSET,
        codes=None if body.codes is UNSET else tuple(body.codes),
    )


def complete_checkout_session(call: Call) -> CompleteCheckoutSession:
    body: CompleteCheckoutSessionInput = call.body
    return CompleteCheckoutSession(session_id=call.id, payment_id=body.payment)


def expire_checkout_session(call: Call) -> ExpireCheckoutSession:
    return ExpireCheckoutSession(call.id)


SESSIONS = Listing(
    rows.CheckoutSession,
    {"customer": ("customer_id", text), "status": ("status", Choice(("open", "completed", "expired")))},
)
show_sessions = shown_by(session_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_checkout_session",
        method="POST",
        path=URL,
        sdk="checkout.sessions.create",
        summary="Open a session: it promises a cart what it gets, and holds offers, discounts and store credit for it.",
        body=CreateCheckoutSessionInput,
        translate=create_checkout_session,
        reply=CheckoutSession,
        answers=MADE,
        refusals=(*CART_REFUSALS, "code_not_applicable"),
        example=CART_EXAMPLE,
    ),
    Operation(
        id="retrieve_checkout_session",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="checkout.sessions.retrieve",
        summary="Retrieve one checkout session.",
        read=retrieve(rows.CheckoutSession, "checkout session", show_sessions),
        reply=CheckoutSession,
        refusals=FIND,
    ),
    Operation(
        id="update_checkout_session",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="checkout.sessions.update",
        summary="Change the cart of an open session, or give a guest's its customer; what it holds stays promised.",
        body=UpdateCheckoutSessionInput,
        translate=update_checkout_session,
        reply=CheckoutSession,
        immutable=("id", "currency", "prices_include_tax"),
        refusals=(
            *(*CART_REFUSALS, "code_not_applicable", "checkout_session_not_open"),
            *("checkout_session_linked", "immutable_field"),
        ),
        example={"lines": [{"sku": "shoe", "unit_price": 3000, "quantity": 3}]},
    ),
    Operation(
        id="complete_checkout_session",
        method="POST",
        path=f"{URL}/{{id}}/complete",
        sdk="checkout.sessions.complete",
        summary="Complete a session with its payment: its offers are redeemed, its discounts consumed.",
        body=CompleteCheckoutSessionInput,
        translate=complete_checkout_session,
        reply=CheckoutSession,
        refusals=(
            *(*FIND, "parameter_conflict", "not_eligible", "checkout_session_not_open"),
            *("payment_has_session", "payment_refunded", "insufficient_credit"),
        ),
        example={},
    ),
    Operation(
        id="expire_checkout_session",
        method="POST",
        path=f"{URL}/{{id}}/expire",
        sdk="checkout.sessions.expire",
        summary="Expire a session: everything it holds is released at once.",
        body=NoInput,
        translate=expire_checkout_session,
        reply=CheckoutSession,
        refusals=(*FIND, "checkout_session_not_open"),
        example={},
    ),
    Operation(
        id="list_checkout_sessions",
        method="GET",
        path=URL,
        sdk="checkout.sessions.list",
        summary="List checkout sessions, newest first.",
        read=list_of(SESSIONS, URL, show_sessions),
        listing=SESSIONS,
        reply=ListOf(CheckoutSession),
    ),
)

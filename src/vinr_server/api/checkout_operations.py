"""Operations on carts: what they get, and sessions that hold it until it is paid for."""

from __future__ import annotations

from typing import Any

from vinr_server.api import checkout_inputs, checkout_translations
from vinr_server.api.contract.operation import FIND, MADE, Operation, list_page, retrieve_one
from vinr_server.api.contract.pages import Choice, Listing, text
from vinr_server.api.inputs import NoInput
from vinr_server.api.reads import shown_by
from vinr_server.core.checkout.payloads import session_payload
from vinr_server.core.checkout.rows import CheckoutSession

SESSIONS = "/v1/checkout/sessions"
CHECKOUT_SESSIONS_LISTING = Listing(
    CheckoutSession,
    {"customer": ("customer_id", text), "status": ("status", Choice(("open", "completed", "expired")))},
)
show_sessions = shown_by(session_payload)

CART: dict[str, Any] = {
    "currency": "EUR",
    "customer": "cust_abc123",
    "lines": [{"sku": "shoe", "unit_price": 3000, "quantity": 2, "categories": ["sport"]}],
    "shipping": {"amount": 499},
}
REFUSALS = ("resource_missing", "parameter_conflict", "not_eligible", "discount_consumed", "discount_not_usable")


def _write(path: str, sdk: str, id: str, body: Any, summary: str, **more: Any) -> Operation:
    return Operation(id, "POST", path, sdk, summary, body, getattr(checkout_translations, id), **more)


CHECKOUT: tuple[Operation, ...] = (
    _write(
        "/v1/checkout/evaluate",
        "checkout.evaluate",
        "evaluate_cart",
        checkout_inputs.EvaluateCartInput,
        "Tell what a cart gets and why, line by line; nothing is written or held.",
        reply="checkout_evaluation",
        is_pure=True,
        example=CART,
        refusals=REFUSALS,
    ),
    _write(
        SESSIONS,
        "checkout.sessions.create",
        "create_checkout_session",
        checkout_inputs.CreateCheckoutSessionInput,
        "Promise a cart what it gets, and hold the offers' caps and the discounts for it.",
        reply="checkout_session",
        answers=MADE,
        example=CART,
        refusals=REFUSALS,
    ),
    retrieve_one(
        f"{SESSIONS}/{{id}}",
        "checkout.sessions.retrieve",
        "retrieve_checkout_session",
        CheckoutSession,
        "checkout session",
        show_sessions,
    ),
    _write(
        f"{SESSIONS}/{{id}}",
        "checkout.sessions.update",
        "update_checkout_session",
        checkout_inputs.UpdateCheckoutSessionInput,
        "Change the cart of an open session; offers it holds stay at the revisions it was promised.",
        reply="checkout_session",
        example={"lines": [{"sku": "shoe", "unit_price": 3000, "quantity": 3}]},
        refusals=(*REFUSALS, "checkout_session_not_open", "immutable_field"),
        immutable=("id", "currency", "customer"),
    ),
    _write(
        f"{SESSIONS}/{{id}}/complete",
        "checkout.sessions.complete",
        "complete_checkout_session",
        checkout_inputs.CompleteCheckoutSessionInput,
        "Complete a session with its payment: its offers are redeemed, its discounts consumed.",
        reply="checkout_session",
        example={},
        refusals=(
            *(*FIND, "parameter_conflict", "not_eligible", "checkout_session_not_open"),
            *("payment_has_session", "payment_refunded"),
        ),
    ),
    _write(
        f"{SESSIONS}/{{id}}/expire",
        "checkout.sessions.expire",
        "expire_checkout_session",
        NoInput,
        "Give back at once what a session holds.",
        reply="checkout_session",
        example={},
        refusals=(*FIND, "checkout_session_not_open"),
    ),
    list_page(
        SESSIONS,
        "checkout.sessions.list",
        "list_checkout_sessions",
        CHECKOUT_SESSIONS_LISTING,
        show_sessions,
        "checkout sessions",
    ),
)

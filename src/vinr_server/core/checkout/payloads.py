"""Checkouts as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.carts.cart import CartLine, Evaluation, Promotion
from vinr_server.core.checkout.rows import CheckoutSession, CreditTender
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.members.rows import Account


def evaluation_payload(evaluation: Evaluation, accounts: Mapping[str, Account], code_ids: Mapping[str, str]) -> Wire:
    """A cart's prices, line by line, with what applied and what did not; `line` counts from 0.

    By offer: the member's account that gets it, and the code that opened it.
    """
    cart = evaluation.cart
    return {
        "currency": cart.currency,
        "prices_include_tax": cart.prices_include_tax,
        "lines": [
            _line(line, discount_minor)
            for line, discount_minor in zip(cart.lines, evaluation.line_discounts_minor, strict=True)
        ],
        "subtotal": cart.subtotal_minor,
        "shipping": {
            "amount": cart.shipping_minor,
            "discount": evaluation.shipping_discount_minor,
            "total": cart.shipping_minor - evaluation.shipping_discount_minor,
        },
        "total_discount": evaluation.discount_minor,
        "total": evaluation.total_minor,
        "applied": [
            {
                **_promotion(applied.promotion),
                "account": accounts[applied.promotion.id].id if applied.promotion.id in accounts else None,
                "code": code_ids.get(applied.promotion.id),
                "amount": applied.discount_minor,
                "receipt": applied.receipt,
            }
            for applied in evaluation.applied
        ],
        "rejected": [
            {
                **_promotion(rejected.promotion),
                "unmet": [
                    {"condition": unmet.condition, "message": unmet.message, "change": unmet.change}
                    for unmet in rejected.unmet
                ],
            }
            for rejected in evaluation.rejected
        ],
    }


def _promotion(promotion: Promotion) -> Wire:
    """Name the promotion: an offer, or an issued discount."""
    return {
        "offer": None if promotion.is_voucher else promotion.id,
        "discount": promotion.id if promotion.is_voucher else None,
        "name": promotion.name,
        "type": promotion.effect.type,
    }


def _line(line: CartLine, discount_minor: int) -> Wire:
    shown: dict[str, Any] = {
        "id": line.id,
        "sku": line.sku,
        "unit_price": line.unit_price_minor,
        "quantity": line.quantity,
        "categories": list(line.categories),
        "shippable": line.is_shippable,
        "metadata": line.metadata or {},
        "subtotal": line.price_minor,
        "discount": discount_minor,
        "total": line.price_minor - discount_minor,
    }
    return shown


def _without_codes(evaluation: Mapping[str, Any]) -> Wire:
    """The promise of a session that is older than codes."""
    applied = [{"code": None, **promotion} for promotion in evaluation.get("applied", ())]
    return {**evaluation, "applied": applied, "codes": []}


def credit_tender_payload(credit: CreditTender | None, total_minor: int) -> Wire:
    """What store credit pays of the total, and what is left to pay otherwise."""
    if credit is None:
        return {"store_credit": None, "amount_due": total_minor}
    shown = {"account": credit.wallet_id, "balance": credit.balance_minor, "applied": credit.applied_minor}
    return {"store_credit": shown, "amount_due": total_minor - credit.applied_minor}


def session_payload(session: CheckoutSession, *, livemode: bool) -> Wire:
    """The checkout_session object: what the cart was promised, and the session's outcome."""
    return {
        "id": session.id,
        "object": "checkout_session",
        "status": session.status,
        "customer": session.customer_id,
        "discounts": list(session.discount_ids),
        # Sessions of earlier versions don't have it in their evaluation.
        "prices_include_tax": session.cart.prices_include_tax,
        **(session.evaluation if "codes" in session.evaluation else _without_codes(session.evaluation)),
        **credit_tender_payload(session.credit, session.total_minor),
        "payment": session.payment_id,
        "metadata": session.metadata,
        "created": unix(session.created_at),
        "expires_at": unix(session.expires_at),
        "completed_at": unix_or_none(session.completed_at),
        "expired_at": unix_or_none(session.expired_at),
        "livemode": livemode,
    }

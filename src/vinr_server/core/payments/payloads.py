"""Payments and refunds as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.payments.rows import Payment, Refund


def payment_payload(payment: Payment, *, livemode: bool, refund: Refund | None = None) -> Wire:
    """The payment object; `refund` is the one that was just made, where there is one."""
    payload: Wire = {
        "id": payment.id,
        "object": "payment",
        "amount": payment.amount_minor,
        "amount_refunded": payment.refunded_minor,
        "currency": payment.currency,
        "customer": payment.customer_id,
        "account": payment.account_id,
        "eligible_amount": payment.eligible_minor,
        "tax": payment.tax_minor,
        "shipping": payment.shipping_minor,
        "tenders": list(payment.tenders),
        "discounts": list(payment.discount_ids),
        "checkout_session": payment.session_id,
        "lines": list(payment.lines),
        "refunded": payment.is_refunded_whole,
        "awards": payment.outcome.get("awards", []),
        "skipped": payment.outcome.get("skipped", []),
        "offer_redemptions": payment.outcome.get("offer_redemptions", []),
        "metadata": payment.metadata,
        "occurred_at": unix(payment.occurred_at),
        "created": unix(payment.created_at),
        "livemode": livemode,
    }
    if refund is not None:
        payload["refund"] = refund_payload(refund)
    return payload


def refund_payload(refund: Refund) -> Wire:
    """The refund, as it stands inside a payment."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount_minor,
        "eligible_amount": refund.eligible_minor,
        "reason": refund.reason,
        "points_reversed": refund.points_reversed,
        "metadata": refund.metadata,
        "created": unix(refund.created_at),
    }

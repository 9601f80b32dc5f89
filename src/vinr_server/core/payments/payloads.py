"""Payments and refunds as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, given, unix, unix_or_none
from vinr_server.core.payments.rows import Payment, PaymentRevision, Refund, RefundLine

# What an award is of which nothing is said: it was made before points could be pending.
AVAILABLE: Wire = {"status": "available", "available_at": None}

# A tender names an account where it was paid by store credit of this engine.
NO_ACCOUNT: Wire = {"account": None}


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
        "tenders": [{**NO_ACCOUNT, **tender} for tender in payment.tenders],
        "discounts": list(payment.discount_ids),
        "checkout_session": payment.session_id,
        "order": payment.order_id,
        "revision": payment.revision,
        "lines": list(payment.lines),
        "refunded": payment.is_refunded_whole,
        "awards": [{**AVAILABLE, **award} for award in payment.outcome.get("awards", [])],
        "skipped": payment.outcome.get("skipped", []),
        "referrals": list(payment.referral_ids),
        "offer_redemptions": payment.outcome.get("offer_redemptions", []),
        "metadata": payment.metadata,
        "occurred_at": unix(payment.occurred_at),
        "created": unix(payment.created_at),
        "livemode": livemode,
    }
    if "campaigns" in payment.outcome:
        payload["campaigns"] = payment.outcome["campaigns"]
    if refund is not None:
        payload["refund"] = refund_payload(refund, livemode=livemode)
    return payload


def refund_payload(refund: Refund, *, livemode: bool) -> Wire:
    """The refund object, by itself or inside its payment."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount_minor,
        "eligible_amount": refund.eligible_minor,
        "money": refund.amount_minor - refund.credit_returned_minor - refund.credit_granted_minor,
        "credit_returned": refund.credit_returned_minor,
        "credit_granted": refund.credit_granted_minor,
        "reason": refund.reason,
        "lines": [_refund_line(line) for line in refund.lines],
        "status": "succeeded" if refund.canceled_at is None else "canceled",
        "points_reversed": refund.points_reversed,
        "pending_points_reversed": refund.pending_points_reversed,
        "points_reinstated": refund.points_reinstated,
        "metadata": refund.metadata,
        "canceled_at": unix_or_none(refund.canceled_at),
        "created": unix(refund.created_at),
        "livemode": livemode,
    }


def _refund_line(line: RefundLine) -> Wire:
    return given({"id": line.id, "sku": line.sku, "quantity": line.quantity, "amount": line.amount_minor})


def revision_payload(revision: PaymentRevision, *, livemode: bool) -> Wire:
    """What a payment said at an earlier revision."""
    return {
        "id": revision.id,
        "object": "payment_revision",
        "payment": revision.payment_id,
        "revision": revision.revision,
        "amount": revision.amount_minor,
        "eligible_amount": revision.eligible_minor,
        "tax": revision.tax_minor,
        "shipping": revision.shipping_minor,
        "tenders": [{**NO_ACCOUNT, **tender} for tender in revision.tenders],
        "lines": list(revision.lines),
        "reason": revision.reason,
        "superseded_at": unix(revision.created_at),
        "livemode": livemode,
    }

"""Refunds and their cancellation: the purchase is settled in the state that is kept, by any path of refunds (R7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.payments.commands import CancelRefund, RefundPayment
from vinr_server.core.payments.credit.returns import (
    grant_instead,
    grant_refusal,
    look_at_granted_credit,
    look_at_refunded_credit,
    name_granted_credit,
    name_refunded_credit,
    return_credit,
    undo_credit,
    undo_refusal,
)
from vinr_server.core.payments.credit.splits import split_of
from vinr_server.core.payments.payloads import payment_payload, refund_payload
from vinr_server.core.payments.purchases.changes import Changed, change_purchase
from vinr_server.core.payments.purchases.conversions import name_conversions_of
from vinr_server.core.payments.purchases.kept import kept_of
from vinr_server.core.payments.purchases.moving import Cause
from vinr_server.core.payments.purchases.state import (
    Purchase,
    accounts_of_earnings,
    accounts_of_payment,
    look_at_purchase,
    name_purchase,
    purchase_with,
    standing_refunds,
)
from vinr_server.core.payments.refusals import refund_refusal, refunded_minor
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.members import instants_of
from vinr_server.core.tiers.changing import judge_tiers


def needs_refund_payment(command: RefundPayment, needs: Needs) -> None:
    """The payment with its purchase, and awards made by hand for it; its customer's accounts; the chosen id."""
    needs.row(Payment, command.payment_id, look=True)
    look_at_purchase(needs, command.payment_id)
    look_at_refunded_credit(needs, command.payment_id, is_granting=bool(command.credit_minor))
    needs.children(Refund, command.payment_id)
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Refund, command.id)


def follow_refund_payment(command: RefundPayment, seen: Layer, needs: Needs) -> None:
    """The accounts of the payment and of its awards, the lots that pay for clawbacks, and slots that may be freed."""
    payment = seen.get(Payment, command.payment_id)
    if payment is not None:
        name_purchase(needs, seen, payment)
        name_conversions_of(needs, seen, payment)
        name_refunded_credit(needs, seen, payment, is_granting=bool(command.credit_minor))


def decide_refund_payment(draft: Layer, command: RefundPayment, context: Context) -> Accepted | Rejected:
    """The refund is recorded, and the purchase has what its kept part earns."""
    present = made_before(draft, context, Refund, command.id)
    if isinstance(present, Rejected):
        return present
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    if present is not None:
        return Accepted(payment_payload(payment, livemode=context.livemode, refund=present), is_new=False)
    standing = standing_refunds(draft, payment)
    refusal = refund_refusal(command, payment, standing) or grant_refusal(draft, context, payment, command)
    if refusal is not None:
        return refusal
    if command.total_refunded_minor is not None and command.total_refunded_minor <= payment.refunded_minor:
        known = payment_payload(payment, livemode=context.livemode)
        return Accepted({**known, "already_reported": True}, is_new=False)
    return _refund(draft, command, context, payment, standing)


def _refund(
    draft: Layer, command: RefundPayment, context: Context, payment: Payment, standing: Sequence[Refund]
) -> Accepted:
    accounts = accounts_of_payment(draft, payment)
    now = instants_of(draft, context, accounts)[0]
    refund = Refund(
        bucket=payment.bucket,
        id=command.id or context.make_id("re", payment.bucket),
        payment_id=payment.id,
        amount_minor=refunded_minor(command, payment),
        eligible_minor=command.eligible_minor,
        reason=command.reason,
        points_reversed=0,
        metadata=command.metadata,
        created_at=now,
        customer_id=payment.customer_id,
        lines=command.lines,
    )
    split = split_of(payment, standing, command, amount_minor=refund.amount_minor)
    refund = replace(refund, credit_returned_minor=split.returned_minor, credit_granted_minor=split.granted_minor)
    return_credit(draft, context, payment, refund)
    grant_id = grant_instead(draft, context, payment, refund, expires_at=command.credit_expires_at)
    refund = replace(refund, credit_grant_id=grant_id)
    payment = replace(
        payment,
        refunded_minor=payment.refunded_minor + refund.amount_minor,
        refund_count=payment.refund_count + 1,
    )
    purchase = purchase_with(draft, payment, refunds=[*standing, refund])
    reason = refund.reason or "refund"
    changed = _change(draft, context, purchase, payment, refund, reason=reason, now=now)
    judge_tiers(draft, context)
    payment = changed.payment
    refund = replace(
        refund,
        points_reversed=changed.reversed_points,
        pending_points_reversed=changed.pending_reversed_points,
    )
    draft.put(refund)
    if command.id is not None:
        claim_id(draft, context, refund.id, owner_bucket=refund.bucket)
    payload = payment_payload(payment, livemode=context.livemode, refund=refund)
    announce(draft, context, type="payment.refunded", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload)


def _change(
    draft: Layer,
    context: Context,
    purchase: Purchase,
    payment: Payment,
    refund: Refund,
    *,
    reason: str,
    now: datetime,
    reinstates: bool = False,
) -> Changed:
    """The purchase is what it is with this refund, or without it (`reinstates`)."""
    kept = kept_of(payment, purchase.refunds.get(payment.id, ()), payment.eligible_minor)
    cause = Cause(
        payment,
        ("refund", refund.id),
        reason=reason,
        receipt={
            "payment": payment.id,
            "refund": refund.id,
            "eligible": payment.eligible_minor,
            "kept_eligible": str(kept.eligible_minor),
            "amount": payment.amount_minor,
            "amount_refunded": payment.refunded_minor,
        },
        reinstates=reinstates,
    )
    return change_purchase(draft, context, purchase, accounts_of_earnings(draft, purchase.earnings), cause, now=now)


# ---- the cancellation of a refund


def needs_cancel_refund(command: CancelRefund, needs: Needs) -> None:
    """The refund, its payment with its purchase, and where the points of clawbacks came from."""
    payment = Of(Refund, command.refund_id, "payment_id")
    needs.row(Refund, command.refund_id, look=True)
    needs.look_along(Payment, payment)
    look_at_purchase(needs, payment, is_reinstating=True)
    look_at_refunded_credit(needs, payment, is_granting=False)
    look_at_granted_credit(needs, command.refund_id)


def follow_cancel_refund(command: CancelRefund, seen: Layer, needs: Needs) -> None:
    """What a refund needs, and what the purchase may redeem once it is whole again."""
    refund = seen.get(Refund, command.refund_id)
    payment = seen.get(Payment, refund.payment_id) if refund is not None else None
    if refund is not None and payment is not None:
        name_purchase(needs, seen, payment)
        name_conversions_of(needs, seen, payment)
        name_refunded_credit(needs, seen, payment, is_granting=False)
        name_granted_credit(needs, seen, refund)


def decide_cancel_refund(draft: Layer, command: CancelRefund, context: Context) -> Accepted | Rejected:
    """The payment is what it was without the refund; what it took is back in the lots it was taken from (R72)."""
    refund = draft.get(Refund, command.refund_id)
    payment = draft.get(Payment, refund.payment_id) if refund is not None else None
    if refund is None or payment is None:
        return missing("refund", command.refund_id, param="id")
    if refund.canceled_at is not None:
        return Accepted(refund_payload(refund, livemode=context.livemode), is_new=False)
    refusal = undo_refusal(draft, context, payment, refund)
    if refusal is not None:
        return refusal
    payment = undo_credit(draft, context, payment, refund, reason=command.reason)
    accounts = accounts_of_payment(draft, payment)
    now = instants_of(draft, context, accounts)[0]
    standing = [other for other in standing_refunds(draft, payment) if other.id != refund.id]
    payment = replace(
        payment, refunded_minor=payment.refunded_minor - refund.amount_minor, refund_count=payment.refund_count - 1
    )
    purchase = purchase_with(draft, payment, refunds=standing)
    reason = command.reason or "refund canceled"
    changed = _change(draft, context, purchase, payment, refund, reason=reason, now=now, reinstates=True)
    judge_tiers(draft, context)
    payment = changed.payment
    refund = replace(refund, canceled_at=now, points_reinstated=changed.reinstated_points)
    draft.put(refund)
    payload = payment_payload(payment, livemode=context.livemode, refund=refund)
    announce(
        draft, context, type="payment.refund_canceled", members=accounts, bucket=payment.bucket, data=payload, now=now
    )
    return Accepted(refund_payload(refund, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    RefundPayment: (needs_refund_payment, decide_refund_payment, follow_refund_payment),
    CancelRefund: (needs_cancel_refund, decide_cancel_refund, follow_cancel_refund),
}

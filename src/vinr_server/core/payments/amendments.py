"""Amendments: a payment is what it is now, and its purchase has what that earns (R75)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.payments.commands import UpdatePayment
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.purchases.changes import change_purchase
from vinr_server.core.payments.purchases.conversions import name_conversions_of
from vinr_server.core.payments.purchases.kept import places_of, share_taken
from vinr_server.core.payments.purchases.moving import Cause
from vinr_server.core.payments.purchases.state import (
    accounts_of_earnings,
    accounts_of_payment,
    as_counted,
    look_at_purchase,
    name_purchase,
    purchase_with,
    standing_refunds,
)
from vinr_server.core.payments.repricing import look_at_cart_of, name_cart_of, reprice, total_refusal
from vinr_server.core.payments.rows import Payment, PaymentRevision, Refund
from vinr_server.core.programs.members import instants_of
from vinr_server.core.tiers.changing import judge_tiers


def needs_update_payment(command: UpdatePayment, needs: Needs) -> None:
    """The payment with its purchase, its customer's accounts, and where the points of clawbacks came from."""
    needs.row(Payment, command.payment_id, look=True)
    look_at_purchase(needs, command.payment_id, is_reinstating=True)
    if command.reprice:
        look_at_cart_of(needs, command.payment_id)
    needs.children(Refund, command.payment_id)


def follow_update_payment(command: UpdatePayment, seen: Layer, needs: Needs) -> None:
    """The accounts that earn, what the purchase has earned, and offers that it may redeem now."""
    payment = seen.get(Payment, command.payment_id)
    if payment is not None:
        name_purchase(needs, seen, payment)
        name_conversions_of(needs, seen, payment)
        if command.reprice:
            name_cart_of(needs, seen, command, payment)


def decide_update_payment(draft: Layer, command: UpdatePayment, context: Context) -> Accepted | Rejected:
    """The payment says what it says now, its earlier revision is kept, and the difference is earned or clawed back."""
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    accounts = accounts_of_payment(draft, payment)
    trial = draft.draft()
    priced = reprice(trial, context, payment, command) if command.reprice else payment
    if isinstance(priced, Rejected):
        return priced
    amended = as_counted(draft, _amended(priced, command), accounts)
    standing = standing_refunds(draft, payment)
    session = trial.get(CheckoutSession, payment.session_id) if command.reprice and payment.session_id else None
    refusal = first_listed(
        _credit_refusal(payment, amended),
        _parts_refusal(amended),
        total_refusal(amended, session) if session is not None else _session_refusal(payment),
        _refunded_refusal(amended, standing),
        _lines_refusal(amended, standing),
    )
    if refusal is not None:
        return refusal
    if amended == payment:
        return Accepted(payment_payload(payment, livemode=context.livemode), is_new=False)
    draft.merge(trial)
    now = instants_of(draft, context, accounts)[0]
    draft.put(_revision_of(payment, command, context, now))
    amended = replace(amended, revision=payment.revision + 1)
    purchase = purchase_with(draft, amended, refunds=standing)
    cause = Cause(
        amended,
        ("payment", amended.id),
        reason=command.reason or "payment updated",
        receipt={"payment": amended.id, "revision": amended.revision, "eligible": amended.eligible_minor},
        reinstates=True,
    )
    earning = accounts_of_earnings(draft, purchase.earnings)
    amended = change_purchase(draft, context, purchase, earning, cause, now=now).payment
    judge_tiers(draft, context)
    payload = payment_payload(amended, livemode=context.livemode)
    announce(draft, context, type="payment.updated", members=accounts, bucket=amended.bucket, data=payload, now=now)
    return Accepted(payload, is_new=False)


def _amended(payment: Payment, command: UpdatePayment) -> Payment:
    names: tuple[str, ...] = ("amount_minor", "tax_minor", "tenders")
    if not command.reprice:  # the cart says what its lines and its shipping came to
        names += ("lines", "shipping_minor")
    return replace(payment, **{name: value for name in names if (value := getattr(command, name)) is not None})


def _revision_of(payment: Payment, command: UpdatePayment, context: Context, now: datetime) -> PaymentRevision:
    """What the payment said until now, and why it says something else from now on."""
    return PaymentRevision(
        bucket=payment.bucket,
        id=context.make_id("prev", payment.bucket),
        payment_id=payment.id,
        revision=payment.revision,
        amount_minor=payment.amount_minor,
        eligible_minor=payment.eligible_minor,
        tax_minor=payment.tax_minor,
        shipping_minor=payment.shipping_minor,
        tenders=payment.tenders,
        lines=payment.lines,
        reason=command.reason,
        created_at=now,
    )


def _parts_refusal(amended: Payment) -> Rejected | None:
    """Refuse parts that are more than the payment is now, whichever of them was amended."""
    parts = {
        "tax": amended.tax_minor,
        "shipping": amended.shipping_minor,
        "tenders": sum(tender["amount"] for tender in amended.tenders),
    }
    for name, part_minor in parts.items():
        if part_minor > amended.amount_minor:
            message = f"{name}: {part_minor} is more than the amount of {amended.amount_minor}. Amend both together."
            return invalid(message, param=name)
    return None


def _credit_refusal(payment: Payment, amended: Payment) -> Rejected | None:
    """Refuse other credit than was spent: what was spent stays so until it is refunded."""
    paid, named = (
        sorted((tender["account"], tender["amount"]) for tender in each.tenders if tender.get("account") is not None)
        for each in (payment, amended)
    )
    if paid == named:
        return None
    message = (
        f"tenders: payment {payment.id} spent {payment.credit_minor} of store credit; an amendment can't change that."
        " Name it as it was; refund the payment, or report what was paid beyond it as another payment of its order."
    )
    return Rejected("parameter_conflict", message, param="tenders", details={"store_credit": payment.credit_minor})


def _session_refusal(payment: Payment) -> Rejected | None:
    if payment.session_id is None:
        return None
    message = (
        f"Payment {payment.id} completed checkout session {payment.session_id}, which priced its cart."
        " Send reprice: true with the cart's lines to price it again, refund the payment, or report what was paid"
        " beyond it as another payment of the same order."
    )
    return Rejected("payment_has_session", message, param="id", details={"checkout_session": payment.session_id})


def _refunded_refusal(amended: Payment, standing: Sequence[Refund]) -> Rejected | None:
    """Refuse less than was refunded, of all of it or of its money."""
    money_minor = sum(refund.money_minor for refund in standing)
    if amended.refunded_minor <= amended.amount_minor and money_minor > amended.money_minor:
        message = (
            f"Cannot amend payment {amended.id} to {amended.amount_minor}: {amended.credit_minor} of it was paid with"
            f" store credit, and {money_minor} ({amended.currency}, minor units) is already refunded as money."
            f" Amend it to at least {amended.credit_minor + money_minor}."
        )
        details = {"tender": "money", "amount_refunded": money_minor}
        return Rejected("refund_exceeds_payment", message, param="amount", details=details)
    if amended.amount_minor >= amended.refunded_minor:
        return None
    message = (
        f"Cannot amend payment {amended.id} to {amended.amount_minor}: {amended.refunded_minor}"
        f" ({amended.currency}, minor units) of it is already refunded. Amend it to at least that."
    )
    details = {"amount": amended.amount_minor, "amount_refunded": amended.refunded_minor}
    return Rejected("refund_exceeds_payment", message, param="amount", details=details)


def _lines_refusal(amended: Payment, standing: Sequence[Refund]) -> Rejected | None:
    """Refuse lines that would leave a refund by line without its line, or with less than it took."""
    shares: dict[int, Fraction] = {}
    for refund in standing:
        for taken in refund.lines:
            name = taken.id if taken.id is not None else taken.sku
            places = places_of(amended.lines, taken)
            share = share_taken(amended, taken) if places else Fraction(2)
            for at in places:
                shares[at] = shares.get(at, Fraction(0)) + share
            if not places or any(shares[at] > 1 for at in places):
                message = f"lines: refund {refund.id} took more of line {name} than would be left. Keep what it took."
                details = {"line": name, "refund": refund.id}
                return Rejected("refund_exceeds_payment", message, param="lines", details=details)
    return None


COMMANDS: Commands = {
    UpdatePayment: (needs_update_payment, decide_update_payment, follow_update_payment),
}

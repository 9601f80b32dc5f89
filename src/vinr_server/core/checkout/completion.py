"""Completing a checkout session: its payment must match it, and what it held is used (R15)."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.checkout.commands import CompleteCheckoutSession
from vinr_server.core.checkout.credit import credit_refusal, spend_session_credit
from vinr_server.core.checkout.needs import look_at_session, name_held
from vinr_server.core.checkout.payloads import session_payload
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.checkout.sessions import account_of, open_session
from vinr_server.core.checkout.taking_over import held_by
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.offers.payloads import in_outcome
from vinr_server.core.offers.redemptions import confirm_redemption
from vinr_server.core.offers.rows import OfferRedemption
from vinr_server.core.payments.rows import Payment
from vinr_server.core.rewards.discounts import consume
from vinr_server.core.rewards.returns import return_unused
from vinr_server.core.rewards.rows import Discount


def needs_complete_checkout_session(command: CompleteCheckoutSession, needs: Needs) -> None:
    """Needs the session with all it holds, and the payment that pays for it."""
    look_at_session(needs, command.session_id)
    if command.payment_id is not None:
        needs.row(Payment, command.payment_id)


def follow_complete_checkout_session(command: CompleteCheckoutSession, seen: Layer, needs: Needs) -> None:
    """Needs what the session holds."""
    name_held(needs, seen, command.session_id)


def decide_complete_checkout_session(
    draft: Layer, command: CompleteCheckoutSession, context: Context
) -> Accepted | Rejected:
    """The session's offers and discounts are used. Completing again with the same payment changes nothing."""
    payment = draft.get(Payment, command.payment_id) if command.payment_id is not None else None
    if command.payment_id is not None and payment is None:
        return missing("payment", command.payment_id, param="payment")
    present = draft.get(CheckoutSession, command.session_id)
    if present is not None and present.status == "completed" and present.payment_id == command.payment_id:
        return Accepted(session_payload(present, livemode=context.livemode), is_new=False)
    session = open_session(draft, context, command.session_id, param="id")
    if isinstance(session, Rejected):
        return session
    refusal = _spent_refusal(session, payment) if payment is not None else None
    if refusal is not None:
        return replace(refusal, param="payment")
    refusal = credit_refusal(draft, context, session)
    if refusal is not None:
        return refusal
    completed = complete(draft, context, session, payment_id=command.payment_id)
    session = completed.session
    if payment is not None:
        draft.put(with_session(payment, completed))
    return Accepted(session_payload(session, livemode=context.livemode), is_new=False)


def _spent_refusal(session: CheckoutSession, payment: Payment) -> Rejected | None:
    """Refuse a recorded payment that doesn't match the session, completed another session, or was fully refunded."""
    belongs = refunded = None
    if payment.session_id is not None:
        message = (
            f"Payment {payment.id} already completed checkout session {payment.session_id},"
            f" so it can't complete {session.id}. Complete {session.id} with another payment."
        )
        details: Json = {"payment": payment.id, "checkout_session": payment.session_id}
        belongs = Rejected("payment_has_session", message, details=details)
    if payment.is_refunded_whole:
        message = (
            f"Payment {payment.id} was fully refunded, so it can't complete checkout session {session.id}."
            " Complete the session with another payment, or expire it."
        )
        details = {"payment": payment.id, "checkout_session": session.id, "amount_refunded": payment.refunded_minor}
        refunded = Rejected("payment_refunded", message, details=details)
    other = payment_refusal(
        session,
        customer_id=payment.customer_id,
        amount_minor=payment.amount_minor,
        tax_minor=payment.tax_minor,
        currency=payment.currency,
        payment=f"payment {payment.id}",
    )
    return first_listed(_credit_conflict(session, payment), other, belongs, refunded)


def _credit_conflict(session: CheckoutSession, payment: Payment) -> Rejected | None:
    """Refuse a recorded payment for a session of which credit pays a part: it has earned without knowing."""
    if not session.credit_minor:
        return None
    message = (
        f"Checkout session {session.id} is to be paid with {session.credit_minor} of store credit, but payment"
        f" {payment.id} was reported by itself. Report the payment with checkout_session: {session.id} instead,"
        " or update the session with store_credit: false first."
    )
    details = {"checkout_session": session.id, "store_credit": session.credit_minor}
    return Rejected("parameter_conflict", message, details=details)


def payment_refusal(
    session: CheckoutSession, *, customer_id: str | None, amount_minor: int, tax_minor: int, currency: str, payment: str
) -> Rejected | None:
    """Refuse a payment that doesn't match the session: by customer, currency or amount."""
    if session.customer_id != customer_id:
        theirs = f"customer {session.customer_id}" if session.customer_id is not None else "no customer"
        mine = f"customer {customer_id}" if customer_id is not None else "no customer"
        message = f"Checkout session {session.id} names {theirs}, but {payment} names {mine}. They must be the same."
        return Rejected("not_eligible", message, param="checkout_session", details={"condition": "customer"})
    if session.cart.currency != currency:
        message = (
            f"Checkout session {session.id} is in {session.cart.currency}, but {payment} is in {currency}."
            f" Pay in {session.cart.currency}."
        )
        return Rejected("parameter_conflict", message, param="currency", details={"currency": session.cart.currency})
    return _amount_refusal(session, amount_minor=amount_minor, tax_minor=tax_minor, payment=payment)


def _amount_refusal(session: CheckoutSession, *, amount_minor: int, tax_minor: int, payment: str) -> Rejected | None:
    """Refuse an amount other than the session's total, or, where tax comes on top, its total and the tax (R73)."""
    total_minor, currency = session.total_minor, session.cart.currency
    expected_minor = session.due_minor(tax_minor)
    if amount_minor == expected_minor:
        return None
    if not session.cart.prices_include_tax:
        message = (
            f"Checkout session {session.id} totals {total_minor} ({currency}, minor units) without tax, but {payment}"
            f" is for {amount_minor}, of which {tax_minor} is tax: {amount_minor - tax_minor} without tax."
            f" Pay {expected_minor}, the total and its tax, or update the session's cart first."
        )
    else:
        message = (
            f"Checkout session {session.id} totals {total_minor} ({currency}, minor units), but {payment} is for"
            f" {amount_minor}. Pay the session's total, or update its cart first."
        )
        if tax_minor and amount_minor - tax_minor == total_minor:
            message += " If tax comes on top of the cart's prices, open the session with prices_include_tax: false."
    details = {"total": total_minor, "tax": tax_minor, "expected_amount": expected_minor}
    return Rejected("parameter_conflict", message, param="amount", details=details)


@dataclass(frozen=True, slots=True)
class Completed:
    """A session that is paid, the uses of offers that it confirmed, and the transaction that spent its credit."""

    session: CheckoutSession
    used: Sequence[OfferRedemption]
    credit_entry_id: str | None


def complete(draft: Layer, context: Context, session: CheckoutSession, *, payment_id: str | None) -> Completed:
    """Complete an open session: redeem and announce its offers, consume its discounts, return points left unused.

    And its store credit is spent. Expects that `credit_refusal` has nothing against it.
    """
    now = context.now(session.clock_id)
    used = []
    for redemption in held_by(draft, session):
        account = account_of(draft, redemption.account_id) if redemption.account_id is not None else None
        used.append(confirm_redemption(draft, context, redemption, account, payment_id=payment_id, now=now))
    for id, taken_minor in zip(session.held_ids, session.held_minor, strict=True):
        discount = draft.get(Discount, id)
        assert discount is not None, f"discount {id} was not loaded"
        consumed = consume(draft, context, discount, payment_id=payment_id)
        return_unused(draft, context, consumed, taken_minor=taken_minor)
    spent_id = spend_session_credit(draft, context, session, payment_id=payment_id)
    session = replace(session, status="completed", payment_id=payment_id, completed_at=now)
    draft.put(session)
    return Completed(session, used, spent_id)


def with_session(payment: Payment, completed: Completed) -> Payment:
    """Return the payment with the session that it completed, what it used of discounts and credit, and its offers.

    Each payment completes at most one session, and each session has at most one payment. Expects that the session was
    completed with it.
    """
    session, used, spent_id = completed.session, completed.used, completed.credit_entry_id
    assert payment.session_id in (None, session.id), f"{payment.id} completed {payment.session_id}"
    shown = [*payment.outcome.get("offer_redemptions", ()), *map(in_outcome, used)]
    return replace(
        payment,
        session_id=session.id,
        credit_entry_ids=(*payment.credit_entry_ids, *((spent_id,) if spent_id is not None else ())),
        discount_ids=tuple(dict.fromkeys((*payment.discount_ids, *session.held_ids))),
        outcome={**payment.outcome, "offer_redemptions": shown} if shown else payment.outcome,
    )


COMMANDS: Commands = {
    CompleteCheckoutSession: (
        needs_complete_checkout_session,
        decide_complete_checkout_session,
        follow_complete_checkout_session,
    ),
}

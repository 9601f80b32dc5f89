"""The checkout session that a payment pays for, and what it was promised."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.carts.cart import CartLine
from vinr_server.core.checkout.completion import payment_refusal
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.checkout.sessions import open_session
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.payments.rows import credit_by_wallet


def session_to_pay(
    draft: Layer, command: CreatePayment, context: Context, customer_id: str | None
) -> CheckoutSession | Rejected | None:
    """The session that the payment names, if it is its payment; None where it names none."""
    if command.session_id is None:
        return None
    session = open_session(draft, context, command.session_id, param="checkout_session")
    if isinstance(session, Rejected):
        return session
    strange = [id for id in command.discount_ids if id not in session.held_ids]
    if strange:
        message = f"Discount {strange[0]} is not one that checkout session {session.id} holds. Name it in the session."
        return Rejected("parameter_conflict", message, param="discounts", details={"held": list(session.held_ids)})
    return (
        tax_refusal(session, command.lines)
        or payment_refusal(
            session,
            customer_id=customer_id,
            amount_minor=command.amount_minor,
            tax_minor=command.tax_minor,
            currency=command.currency,
            payment="the payment",
        )
        or _credit_conflict(session, command)
        or session
    )


def _credit_conflict(session: CheckoutSession, command: CreatePayment) -> Rejected | None:
    """Refuse tenders that say something else of store credit than the session holds, or leave no room for it."""
    named, credit_minor = credit_by_wallet(command.tenders), session.credit_minor
    named_minor = sum(named.values())
    strange = [wallet_id for wallet_id in named if wallet_id != session.wallet_id]
    details = {"store_credit": credit_minor, "amount_due": session.due_minor(command.tax_minor) - credit_minor}
    if strange or named_minor not in (0, credit_minor):
        message = (
            f"Checkout session {session.id} holds {credit_minor} of store credit, the tenders name {named_minor}."
            " Leave it out of the tenders: paying the session spends it."
        )
        return Rejected("parameter_conflict", message, param="tenders", details=details)
    others_minor = sum(tender["amount"] for tender in command.tenders) - named_minor
    if others_minor + credit_minor > command.amount_minor:
        message = (
            f"Store credit pays {credit_minor} of checkout session {session.id}, so {details['amount_due']} is left for"
            f" other tenders; these come to {others_minor} ({session.cart.currency}, minor units)."
        )
        return Rejected("parameter_conflict", message, param="tenders", details=details)
    return None


def tax_refusal(session: CheckoutSession, lines: Sequence[Json]) -> Rejected | None:
    """Refuse lines that take tax out of prices which hold none: they would earn too little (R70, R73)."""
    if session.cart.prices_include_tax:
        return None
    for position, line in enumerate(lines):
        if line.get("tax"):
            message = (
                f"lines[{position}].tax: the prices of checkout session {session.id} don't include tax, so there is no"
                f" {line['tax']} in this one. Send the tax of the whole payment as tax."
            )
            return Rejected("parameter_conflict", message, param=f"lines[{position}].tax", details={})
    return None


def as_promised(command: CreatePayment, session: CheckoutSession) -> CreatePayment:
    """The payment with what its session knows of it: discounts and credit held, lines and shipping if it names none."""
    tenders = command.tenders
    if session.credit_minor and not sum(credit_by_wallet(tenders).values()):
        credit = {"type": "store_credit", "amount": session.credit_minor, "account": session.wallet_id}
        tenders = (*tenders, credit)
    return replace(
        command,
        tenders=tenders,
        discount_ids=session.held_ids,
        lines=command.lines or tuple(map(paid_line, session.cart.lines, session.line_discounts_minor)),
        shipping_minor=command.shipping_minor or session.cart.shipping_minor - session.shipping_discount_minor,
    )


def paid_line(line: CartLine, discount_minor: int) -> Json:
    """A line of a cart as payments keep theirs, with what came off it: points are earned on the net (R9)."""
    return {
        "unit_price": line.unit_price_minor,
        "quantity": line.quantity,
        "sku": line.sku,
        "categories": list(line.categories),
        "discount": discount_minor,
    }

"""Repricing: a session's payment is amended, and its cart gets what it gets as it is now (R75).

All that the session used is given back first: its offers at the promised revisions, its discounts. What the cart still
gets is used as before; what it no longer gets is free again.
"""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.carts.cart import Applied, Cart, CartLine
from vinr_server.core.checkout.evaluation import Checkout, evaluate_cart
from vinr_server.core.checkout.first_order import name_first_order
from vinr_server.core.checkout.needs import name_buyer, name_discounts
from vinr_server.core.checkout.presenting import held_codes
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.checkout.sessions import account_of, promised_offer, with_promise
from vinr_server.core.codes.keys import fold
from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Customer
from vinr_server.core.offers.grants.states import grant_for
from vinr_server.core.offers.in_force import name_cap, name_use, redemptions_of
from vinr_server.core.offers.payloads import in_outcome
from vinr_server.core.offers.redemptions import redeem_offer, take_other_discount, withdraw_redemption
from vinr_server.core.offers.rows import Offer, OfferRedemption, OfferRevision
from vinr_server.core.payments.commands import UpdatePayment
from vinr_server.core.payments.rows import Payment
from vinr_server.core.payments.sessions import paid_line, tax_refusal
from vinr_server.core.programs.members import acting_customer
from vinr_server.core.rewards.discounts import consume
from vinr_server.core.rewards.returns import look_at_asked_redemptions, name_asked_redemptions, return_unused
from vinr_server.core.rewards.rows import Discount


def look_at_cart_of(needs: Needs, payment_id: str) -> None:
    """Declare a look at the session that the payment completed, with the discounts that its cart names."""
    session_id = Of(Payment, payment_id, "session_id")
    needs.look_along(CheckoutSession, session_id)
    needs.look_along(Discount, Of(CheckoutSession, session_id, "discount_ids"))
    look_at_asked_redemptions(needs)


def name_cart_of(needs: Needs, seen: Layer, command: UpdatePayment, payment: Payment) -> None:
    """Declare what the amended cart may get, and what its session has used."""
    session = seen.get(CheckoutSession, payment.session_id) if payment.session_id is not None else None
    if session is None or command.lines is None:
        return
    name_discounts(needs, seen, session.discount_ids)
    for use in seen.children(OfferRedemption, session.id):
        name_cap(needs, use.offer_id)
        needs.row(OfferRevision, (use.offer_id, use.offer_revision))
        name_use(needs, seen, use, session.customer_id)
    if session.customer_id is not None:
        needs.row(Customer, session.customer_id)
        name_first_order(needs, needs.acting(session.customer_id), order_id=payment.order_id)
    customer_id = needs.acting(session.customer_id) if session.customer_id is not None else None
    name_buyer(needs, seen, customer_id, [_cart(session, command)], is_held=True)
    name_asked_redemptions(needs, seen)


def reprice(draft: Layer, context: Context, payment: Payment, command: UpdatePayment) -> Payment | Rejected:
    """The payment with its amended lines, priced again, and its session with what it has used now.

    Refuses: a payment of no session; lines that say what comes off them; an amount that is not the cart's new total.
    """
    if payment.session_id is None:
        return invalid(
            f"reprice: payment {payment.id} completed no checkout session. Leave reprice out.", param="reprice"
        )
    session = draft.get(CheckoutSession, payment.session_id)
    assert session is not None, f"session {payment.session_id} was not loaded"
    refusal = _lines_refusal(command) or tax_refusal(session, command.lines or ()) or _refunded_refusal(payment)
    if refusal is not None:
        return refusal
    now = context.now(session.clock_id)
    uses = [use for use in redemptions_of(draft, payment) if use.session_id == session.id and use.status == "confirmed"]
    _take_back_discounts(draft, session, payment)
    customer_id = acting_customer(draft, session.customer_id) if session.customer_id is not None else None
    held = held_codes(draft, uses)
    checkout = evaluate_cart(
        draft,
        context,
        _cart(session, command),
        customer_id=customer_id,
        discount_ids=session.discount_ids,
        metadata=session.metadata,
        promised=[promised_offer(draft, use) for use in uses],
        session_id=session.id,
        payment=payment,
        codes=tuple(code.text for code in session.codes if fold(code.text) in held),
        held=held,
    )
    if isinstance(checkout, Rejected):
        return checkout
    accounts = {use.offer_id: account_of(draft, use.account_id) for use in uses if use.account_id is not None}
    checkout = replace(checkout, accounts={**accounts, **checkout.accounts})
    repriced = with_promise(session, checkout)
    draft.put(repriced)
    vouchers = [applied for applied in checkout.evaluation.applied if applied.promotion.is_voucher]
    _use_discounts(draft, context, session, payment, vouchers)
    used = _use_offers(draft, context, repriced, payment, checkout, uses)
    for left in uses:
        if all(use.id != left.id for use in used):
            withdraw_redemption(draft, context, left, now=now)
    return _priced(payment, command, session, repriced, uses, used)


def total_refusal(amended: Payment, session: CheckoutSession) -> Rejected | None:
    """Refuse an amount that is not what the repriced cart comes to, with its tax where that is on top (R73)."""
    total_minor, currency = session.total_minor, session.cart.currency
    due_minor = session.due_minor(amended.tax_minor)
    if amended.amount_minor == due_minor:
        return None
    tax_minor = due_minor - total_minor
    taxed = f" and its tax of {tax_minor}" if tax_minor else ""
    message = (
        f"The cart of checkout session {session.id} totals {total_minor} ({currency}, minor units) now, after"
        f" {session.discount_minor} off{taxed}; payment {amended.id} would be for {amended.amount_minor}."
        f" Amend it to {due_minor}."
    )
    details = {"total": total_minor, "tax": tax_minor, "discount": session.discount_minor}
    details["expected_amount"] = due_minor
    return Rejected("parameter_conflict", message, param="amount", details=details)


# ---- what is asked


def _cart(session: CheckoutSession, command: UpdatePayment) -> Cart:
    """The session's cart with the amended lines, and the amended price of shipping."""
    shipping_minor = session.cart.shipping_minor if command.shipping_minor is None else command.shipping_minor
    lines = tuple(
        CartLine(
            sku=line["sku"] or "",
            unit_price_minor=line["unit_price"],
            quantity=line["quantity"],
            categories=tuple(line["categories"]),
            id=line.get("id"),
        )
        for line in command.lines or ()
    )
    return replace(session.cart, lines=lines, shipping_minor=shipping_minor)


def _lines_refusal(command: UpdatePayment) -> Rejected | None:
    """The cart's lines as they are now are needed; what comes off them, the cart says."""
    if not command.lines:
        return invalid("lines: send the cart's lines as they are now, all of them, with reprice.", param="lines")
    for position, line in enumerate(command.lines):
        if line["sku"] is None:
            name = f"lines[{position}].sku"
            return invalid(f"{name} is required with reprice: offers look at it.", param=name)
        if "discount" in line:
            name = f"lines[{position}].discount"
            return invalid(f"{name}: with reprice, the engine says what comes off each line. Leave it out.", param=name)
    return None


def _refunded_refusal(payment: Payment) -> Rejected | None:
    if not payment.is_refunded_whole:
        return None
    message = f"All of payment {payment.id} is refunded, so there is nothing to price again. Report a new payment."
    details = {"amount_refunded": payment.refunded_minor}
    return Rejected("payment_refunded", message, param="id", details=details)


# ---- what is used


def _take_back_discounts(draft: Layer, session: CheckoutSession, payment: Payment) -> None:
    """The session holds again what the payment has used of its discounts."""
    for id in session.held_ids:
        discount = draft.get(Discount, id)
        if discount is not None and discount.status == "consumed" and discount.payment_id == payment.id:
            back = replace(discount, status="reserved", session_id=session.id, payment_id=None, consumed_at=None)
            draft.put(back)


def _use_discounts(
    draft: Layer, context: Context, session: CheckoutSession, payment: Payment, vouchers: Sequence[Applied]
) -> None:
    """The payment has used what applied; what no longer does is issued again."""
    for applied in vouchers:
        discount = draft.get(Discount, applied.promotion.id)
        assert discount is not None, f"discount {applied.promotion.id} was not loaded"
        consumed = consume(draft, context, discount, payment_id=payment.id)
        return_unused(draft, context, consumed, taken_minor=applied.discount_minor)
    for id in session.held_ids:
        discount = draft.get(Discount, id)
        if discount is not None and discount.session_id == session.id:
            draft.put(replace(discount, status="issued", session_id=None))


def _use_offers(
    draft: Layer,
    context: Context,
    session: CheckoutSession,
    payment: Payment,
    checkout: Checkout,
    uses: Sequence[OfferRedemption],
) -> list[OfferRedemption]:
    """The uses that the payment has now: those that still apply, and new ones."""
    known = {use.offer_id: use for use in uses}
    used: list[OfferRedemption] = []
    for applied in checkout.evaluation.applied:
        if applied.promotion.is_voucher:
            continue
        offer: Offer = applied.promotion.source
        present = known.get(offer.id)
        if present is not None:
            receipt = {"offer": offer.id, "revision": offer.revision, **applied.receipt}
            discount_minor = applied.discount_minor
            used.append(take_other_discount(draft, context, present, discount_minor=discount_minor, receipt=receipt))
            continue
        account = checkout.accounts.get(offer.id)
        used.append(
            redeem_offer(
                draft,
                context,
                offer,
                account,
                receipt=applied.receipt,
                now=context.now(session.clock_id),
                payment_id=payment.id,
                session_id=session.id,
                discount_minor=applied.discount_minor,
                currency=session.cart.currency,
                bucket=context.bucket_of(session.customer_id or ""),
                grant=grant_for(draft, context, offer, account),
                customer_id=session.customer_id,
            )
        )
    return used


def _priced(
    payment: Payment,
    command: UpdatePayment,
    before: CheckoutSession,
    session: CheckoutSession,
    uses: Sequence[OfferRedemption],
    used: Sequence[OfferRedemption],
) -> Payment:
    """The payment with its lines as they are priced now, and with what it has used."""
    amended: Sequence[Json] = command.lines or ()
    priced = zip(amended, session.cart.lines, session.line_discounts_minor, strict=True)
    lines = tuple({**paid_line(line, minor), **_kept_of_line(given)} for given, line, minor in priced)
    gone = {use.id for use in uses}.difference(use.id for use in used)
    shown = [use for use in payment.outcome.get("offer_redemptions", ()) if use["id"] not in gone]
    known = {use["id"] for use in shown}
    shown += [in_outcome(use) for use in used if use.id not in known]
    others = {name: value for name, value in payment.outcome.items() if name != "offer_redemptions"}
    others_ids = [id for id in payment.discount_ids if id not in before.held_ids]
    return replace(
        payment,
        lines=lines,
        shipping_minor=session.cart.shipping_minor - session.shipping_discount_minor,
        discount_ids=tuple(dict.fromkeys((*others_ids, *session.held_ids))),
        outcome={**others, "offer_redemptions": shown} if shown else others,
    )


def _kept_of_line(line: Json) -> Json:
    """What the cart doesn't say of a line: the tax in it; and its id, by which refunds name it."""
    return {name: line[name] for name in ("id", "tax") if line.get(name) is not None}

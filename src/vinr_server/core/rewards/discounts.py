"""Discounts that redemptions issue: a payment consumes one, and its release lets it be used again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import instants_of
from vinr_server.core.rewards.authorized import capture_redemption
from vinr_server.core.rewards.commands import ConsumeDiscount, ReleaseDiscount
from vinr_server.core.rewards.payloads import discount_payload
from vinr_server.core.rewards.rows import Discount, Redemption


def needs_consume_discount(command: ConsumeDiscount, needs: Needs) -> None:
    """The discount, locked, and the payment it is used on."""
    needs.row(Discount, command.discount_id, look=True)
    if command.payment_id:
        needs.row(Payment, command.payment_id)


def follow_consume_discount(command: ConsumeDiscount, seen: Layer, needs: Needs) -> None:
    """The member whose discount it is."""
    name_owner(needs, seen, command.discount_id)


def name_owner(needs: Needs, seen: Layer, discount_id: str) -> Discount | None:
    """The account that a discount was issued to is declared, as its program sets the time; and its redemption.

    Returns the discount.
    """
    discount = seen.get(Discount, discount_id)
    if discount is not None:
        name_account(needs, discount.account_id, beside=discount.id)
        needs.row(Redemption, discount.redemption_id, beside=discount.id)
    return discount


def decide_consume_discount(draft: Layer, command: ConsumeDiscount, context: Context) -> Accepted | Rejected:
    """The discount is used up."""
    payment = draft.get(Payment, command.payment_id) if command.payment_id is not None else None
    if command.payment_id is not None and payment is None:
        return missing("payment", command.payment_id, param="payment")
    discount = usable_discount(draft, command.discount_id, param="id")
    if isinstance(discount, Rejected):
        return discount
    refusal = small_order(discount, goods_minor(payment), param="payment") if payment is not None else None
    if refusal is not None:
        return refusal
    consumed = consume(draft, context, discount, payment_id=command.payment_id)
    return Accepted(discount_payload(consumed, livemode=context.livemode), is_new=False)


def usable_discount(
    draft: Layer, discount_id: str, *, param: str, session_id: str | None = None
) -> Discount | Rejected:
    """The discount, if it is issued and unused or held by this checkout session; else why it can't be used."""
    discount = draft.get(Discount, discount_id)
    if discount is None:
        return missing("discount", discount_id, param=param)
    if discount.status == "consumed":
        where = f" on payment {discount.payment_id}" if discount.payment_id else ""
        message = f"Discount {discount_id} is already used{where}. Use another, or release it first."
        return Rejected("discount_consumed", message, param=param)
    if discount.status == "reserved":
        return discount if discount.session_id == session_id else held_by_session(discount, param=param)
    if discount.status != "issued":
        message = f"Discount {discount_id} is {discount.status}: its redemption was canceled. Use another discount."
        return Rejected("discount_not_usable", message, param=param)
    return discount


def payable_discount(
    draft: Layer, discount_id: str, currency: str, customer_id: str | None, *, session_id: str | None = None
) -> Discount | Rejected:
    """The discount, if a payment or checkout of this customer can use it; else the refusal that is listed first."""
    usable = usable_discount(draft, discount_id, param="discounts", session_id=session_id)
    discount = draft.get(Discount, discount_id)
    if discount is None:
        return usable
    wrong_currency = wrong_owner = None
    if discount.benefit.get("currency") not in (None, currency):
        message = f"Discount {discount.id} is in {discount.benefit['currency']}, but the payment is in {currency}."
        wrong_currency = Rejected("parameter_conflict", message, param="discounts")
    owner = draft.get(Account, discount.account_id)
    owners = (owner.customer_id, owner.merged_customer_id) if owner is not None else (customer_id,)
    if customer_id is not None and customer_id not in owners:
        message = f"Discount {discount.id} does not belong to customer {customer_id}. Use a discount of this customer."
        wrong_owner = Rejected("not_eligible", message, param="discounts", details={"condition": "customer"})
    return first_listed(wrong_currency, wrong_owner, usable) or discount


class Paid(Protocol):
    """A payment, or the report of one."""

    @property
    def amount_minor(self) -> int:
        """What was paid."""

    @property
    def tax_minor(self) -> int:
        """The tax in it."""

    @property
    def shipping_minor(self) -> int:
        """The shipping in it."""

    @property
    def lines(self) -> Sequence[Json]:
        """Its lines."""


def goods_minor(paid: Paid) -> int | None:
    """What the goods cost before discounts, where the lines come to all that was paid, with the tax or without it.

    None where they don't: without a cart, nobody can say what else was bought.
    """
    prices = sum(line["unit_price"] * line["quantity"] for line in paid.lines)
    come_to = prices - sum(line.get("discount", 0) for line in paid.lines) + paid.shipping_minor
    return prices if paid.lines and come_to in (paid.amount_minor, paid.amount_minor - paid.tax_minor) else None


def small_order(discount: Discount, goods: int | None, *, param: str) -> Rejected | None:
    """Refuse the discount on an order that is smaller than it asks (R83), if it is known what the order comes to."""
    least = discount.benefit.get("min_subtotal", 0)
    if goods is None or goods >= least:
        return None
    message = (
        f"Discount {discount.id} is for orders of at least {least} ({discount.benefit['currency']}, minor units);"
        f" the goods of this one come to {goods}. It stays issued: use it on a larger order."
    )
    details = {"condition": "min_subtotal", "min_subtotal": least, "subtotal": goods}
    return Rejected("not_eligible", message, param=param, details=details)


def held_by_session(discount: Discount, *, param: str) -> Rejected:
    """The refusal that names the checkout session which holds the discount."""
    holder = f"Checkout session {discount.session_id} holds discount {discount.id}."
    message = f"{holder} Expire the session, or wait until it expires."
    details = {"status": "reserved", "checkout_session": discount.session_id}
    return Rejected("discount_not_usable", message, param=param, details=details)


def consume(draft: Layer, context: Context, discount: Discount, *, payment_id: str | None) -> Discount:
    """The discount is consumed, on the payment if one is named, by its member's clock; that captures its redemption.

    Expects its account and its redemption.
    """
    account = draft.get(Account, discount.account_id)
    assert account is not None, f"account {discount.account_id} was not loaded"
    redemption = draft.get(Redemption, discount.redemption_id)
    if redemption is not None and redemption.status == "authorized":
        capture_redemption(draft, context, redemption)
    (now,) = instants_of(draft, context, [account])
    consumed = replace(discount, status="consumed", payment_id=payment_id, consumed_at=now, session_id=None)
    draft.put(consumed)
    return consumed


def needs_release_discount(command: ReleaseDiscount, needs: Needs) -> None:
    """The discount, locked."""
    needs.row(Discount, command.discount_id, look=True)


def follow_release_discount(command: ReleaseDiscount, seen: Layer, needs: Needs) -> None:
    """The member whose discount it is: its hold may be over by now."""
    name_owner(needs, seen, command.discount_id)


def decide_release_discount(draft: Layer, command: ReleaseDiscount, context: Context) -> Accepted | Rejected:
    """A consumed discount can be used again; releasing an unused one changes nothing."""
    discount = draft.get(Discount, command.discount_id)
    if discount is None:
        return missing("discount", command.discount_id, param="id")
    if discount.status == "void":
        message = f"Discount {discount.id} is void, as its redemption was canceled. It can't be released."
        return Rejected("discount_not_usable", message, param="id")
    if discount.status == "reserved":
        return held_by_session(discount, param="id")
    released = replace(discount, status="issued", payment_id=None, consumed_at=None)
    draft.put(released)
    return Accepted(discount_payload(released, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    ConsumeDiscount: (needs_consume_discount, decide_consume_discount, follow_consume_discount),
    ReleaseDiscount: (needs_release_discount, decide_release_discount, follow_release_discount),
}

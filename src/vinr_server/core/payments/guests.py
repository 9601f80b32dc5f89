"""Guests: payments of customers who are not enrolled yet, and payments that name nobody (R86).

A payment whose customer is not enrolled says so. One that names nobody can be given its customer later, once. Where a
program says so (`guest_days`), enrolling earns for what the customer paid before. Either way the purchase earns what is
kept of it, at the instant it was made, by the rules and offers in force now (R9), and shows its awards like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from vinr_server.core.checkout.first_order import is_first_of, name_first_order
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.earning.occasions import name_caps
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_accounts
from vinr_server.core.members import changes as members
from vinr_server.core.members.commands import CreateAccount
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.in_force import name_offers
from vinr_server.core.payments.commands import LinkPayment
from vinr_server.core.payments.orders import require_payments
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.payments import report
from vinr_server.core.payments.purchases.outcomes import with_guest_note, with_more
from vinr_server.core.payments.purchases.state import as_counted, look_at_asked_orders, name_order
from vinr_server.core.payments.rows import Earning, Order, Payment, Refund, member_of_order, order_key
from vinr_server.core.programs.members import accounts_of, enrolled, instants_of, program_of
from vinr_server.core.tiers.changing import judge_tiers

# ---- a payment is given its customer


def needs_link_payment(command: LinkPayment, needs: Needs) -> None:
    """The payment with its refunds, the customer's accounts, and its order if a decision has asked for that."""
    needs.row(Payment, command.payment_id, look=True)
    needs.children(Refund, command.payment_id)
    needs.children(Account, command.customer_id, look=True)
    look_at_asked_orders(needs)


def follow_link_payment(command: LinkPayment, seen: Layer, needs: Needs) -> None:
    """What the accounts that earn owe, what segments, offers and caps ask of them, and the order with its earnings."""
    accounts = name_accounts(needs, seen, command.customer_id)
    name_history(needs, seen, [account.id for account in accounts])
    name_offers(needs, seen, "payment", accounts, customer_id=command.customer_id)
    payment = seen.get(Payment, command.payment_id)
    if payment is None:
        return
    name_first_order(needs, command.customer_id, order_id=payment.order_id)
    name_caps(needs, seen, accounts, "payment.completed", occurred_at=payment.occurred_at)
    key = _linked_key(payment, command.customer_id)
    if key is not None:
        needs.row(Order, key, beside=command.customer_id)
        order = seen.get(Order, key)
        if order is not None:
            name_order(needs, seen, order)


def _linked_key(payment: Payment, customer_id: str) -> str | None:
    """The customer's order that the payment is one of."""
    return order_key(customer_id, payment.order_id) if payment.order_id is not None else None


def decide_link_payment(draft: Layer, command: LinkPayment, context: Context) -> Accepted | Rejected:
    """The payment is its customer's, for good, and has earned what is kept of it. Linking it again changes nothing.

    Refuses: a payment of another customer, and one that was given back whole.
    """
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    if payment.customer_id == command.customer_id:
        return Accepted(payment_payload(payment, livemode=context.livemode), is_new=False)
    if payment.customer_id is not None:
        message = f"Payment {payment.id} is of customer {payment.customer_id}; it can't be {command.customer_id}'s too."
        return Rejected("payment_linked", message, param="customer", details={"customer": payment.customer_id})
    if payment.is_refunded_whole:
        message = f"All of payment {payment.id} is refunded, so nothing is left to earn for."
        return Rejected("payment_refunded", message, param="id", details={"amount_refunded": payment.refunded_minor})
    accounts = accounts_of(draft, command.customer_id)
    payment = _link(draft, context, payment, command.customer_id, accounts)
    judge_tiers(draft, context)
    payload = payment_payload(payment, livemode=context.livemode)
    now = instants_of(draft, context, accounts)[0]
    announce(draft, context, type="payment.linked", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload, is_new=False)


def _link(draft: Layer, context: Context, payment: Payment, customer_id: str, accounts: Sequence[Account]) -> Payment:
    """The payment and its refunds are the customer's, and it has earned for these accounts."""
    for refund in draft.children(Refund, payment.id):
        draft.put(replace(refund, customer_id=customer_id))
    by_hand, key = payment.earnings, _linked_key(payment, customer_id)
    require_payments(draft, draft.get(Order, key) if key is not None else None)
    payment = replace(payment, customer_id=customer_id, order_key=key, earnings=())
    payment = _earn(draft, context, as_counted(draft, payment, accounts), accounts)
    if not accounts:
        payment = replace(payment, outcome=with_guest_note(payment.outcome, customer_id))
    order = draft.get(Order, key) if key is not None else None
    if order is not None:
        draft.put(replace(order, earnings=_joined(order.earnings, by_hand)))
    else:
        payment = replace(payment, earnings=_joined(payment.earnings, by_hand))
    draft.put(payment)
    return payment


def _joined(earnings: Sequence[Earning], by_hand: Sequence[Earning]) -> tuple[Earning, ...]:
    """The earnings, with what was awarded by hand while the payment was a guest's."""
    joined = {earning.account_id: earning for earning in earnings}
    for earning in by_hand:
        known = joined.get(earning.account_id)
        awards = (*known.awards, *earning.awards) if known is not None else earning.awards
        joined[earning.account_id] = replace(known or earning, awards=awards)
    return tuple(joined.values())


def _earn(
    draft: Layer, context: Context, payment: Payment, accounts: Sequence[Account], *, is_first: bool | None = None
) -> Payment:
    """The payment's purchase has earned for these accounts, as of its instant; the payment shows that, too."""
    now = instants_of(draft, context, accounts)[0]
    earned = report(draft, context, payment, accounts, occurred_at=payment.occurred_at, now=now, is_first=is_first)
    earned = replace(earned, outcome=with_more(payment.outcome, earned.outcome))
    draft.put(earned)
    return earned


# ---- enrolling earns for what was paid before


def needs_create_account(command: CreateAccount, needs: Needs) -> None:
    """What enrolling needs; and what the customer has paid, where a program turns out to ask."""
    members.needs_create_account(command, needs)
    if needs.children(Payment, command.customer_id, Part.NONE) is Part.ALL:
        needs.children(Payment, command.customer_id, by="customer_id", look=True)
        needs.row(Customer, command.customer_id, look=True)
        needs.look_along(Payment, Of(Customer, command.customer_id, "merged_from"), by="customer_id")


def follow_create_account(command: CreateAccount, seen: Layer, needs: Needs) -> None:
    """The payments themselves with their refunds and orders, and the offers that they may redeem."""
    members.follow_create_account(command, seen, needs)
    if needs.part_of(Payment, command.customer_id) is not Part.ALL:
        return
    customer = seen.find(Customer, command.customer_id)
    for id in (command.customer_id, *(customer.merged_from if customer is not None else ())):
        for payment in seen.here(Payment, id):
            needs.row(Payment, payment.id)
            needs.children(Refund, payment.id)
            if payment.purchase_key is not None:
                needs.row(Order, payment.purchase_key, beside=member_of_order(payment.purchase_key))
    name_history(needs, seen, (), command.customer_id)
    name_offers(needs, seen, "payment", [], customer_id=command.customer_id)


def decide_create_account(draft: Layer, command: CreateAccount, context: Context) -> Accepted | Rejected:
    """The customer is enrolled, and has earned for what it paid in the program's `guest_days` before."""
    answer = members.decide_create_account(draft, command, context)
    if not isinstance(answer, Accepted) or not answer.is_new:
        return answer
    account = enrolled(draft, command.customer_id, command.program_id)
    assert account is not None, "the customer was enrolled just now"
    if not earn_as_guest(draft, context, account):
        return answer
    judge_tiers(draft, context)
    account = draft.get(Account, account.id) or account
    return Accepted(members.show_account(draft, account, context))


def earn_as_guest(draft: Layer, context: Context, account: Account) -> int:
    """The new account has earned for its customer's purchases of the last days, the oldest first; how many they were.

    An order counts by its first payment. Left out: what is linked to another account, what was given back whole, and
    what is dated ahead.
    """
    program = program_of(draft, account)
    if program.guest_days is None:
        return 0
    now = context.now(program.clock_id)
    since = now - timedelta(days=program.guest_days)
    paid = [payment for id in account.customer_ids for payment in draft.whole(Payment, id)]
    recent = [
        payment
        for payment in paid
        if since < payment.occurred_at <= now
        and payment.account_id is None
        and not payment.is_refunded_whole
        and _leads(draft, payment)
    ]
    for payment in sorted(recent, key=lambda payment: (payment.occurred_at, payment.id)):
        newest = draft.get(Account, account.id)
        assert newest is not None
        payment = as_counted(draft, payment, accounts_of(draft, account.customer_id))
        _earn(draft, context, payment, [newest], is_first=is_first_of(paid, payment))
    return len(recent)


def _leads(draft: Layer, payment: Payment) -> bool:
    """Whether its purchase begins with the payment: an order earns once, for all its payments."""
    order = draft.get(Order, payment.purchase_key) if payment.purchase_key is not None else None
    return order is None or order.payment_ids[0] == payment.id


COMMANDS: Commands = {
    LinkPayment: (needs_link_payment, decide_link_payment, follow_link_payment),
    CreateAccount: (needs_create_account, decide_create_account, follow_create_account),
}

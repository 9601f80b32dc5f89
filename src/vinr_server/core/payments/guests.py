"""Guests: payments of customers who are not enrolled yet, and payments that name nobody (R86).

A payment whose customer is not enrolled says so. One that names nobody can be given its customer later, once. Where a
program says so (`guest_days`), enrolling earns for what the customer paid before. Either way the payment earns as of
its own instant, under the rules and offers in force now (R9), and its awards stand in its outcome as any other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from vinr_server.core.earning.occasions import earn_on
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
from vinr_server.core.offers.in_force import name_offers, name_some_of_member
from vinr_server.core.payments.commands import LinkPayment
from vinr_server.core.payments.offers import PaymentOffers
from vinr_server.core.payments.outcomes import with_guest_note
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.payments import payment_occasion
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import accounts_of, enrolled, instants_of, program_of
from vinr_server.core.segments.membership import name_history, name_history_of_enrolments

# ---- a payment is given its customer


def needs_link_payment(command: LinkPayment, needs: Needs) -> None:
    """The payment, and the customer's accounts."""
    needs.row(Payment, command.payment_id)
    needs.children(Account, command.customer_id, look=True)


def follow_link_payment(command: LinkPayment, seen: Layer, needs: Needs) -> None:
    """What the accounts that earn owe, and what segments and offers ask of them."""
    accounts = name_accounts(needs, seen, command.customer_id)
    for account in accounts:
        name_history(needs, seen, account.id)
    name_some_of_member(needs, command.customer_id)
    name_offers(needs, seen, "payment", accounts)


def decide_link_payment(draft: Layer, command: LinkPayment, context: Context) -> Accepted | Rejected:
    """The payment is its customer's, for good, and has earned for it. Linking it again to the same changes nothing.

    Refuses: a payment of another customer, and one of which anything was given back.
    """
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    if payment.customer_id == command.customer_id:
        return Accepted(payment_payload(payment, livemode=context.livemode), is_new=False)
    if payment.customer_id is not None:
        message = f"Payment {payment.id} is of customer {payment.customer_id}; it can't be {command.customer_id}'s too."
        return Rejected("payment_linked", message, param="customer", details={"customer": payment.customer_id})
    if payment.refund_count:
        message = f"Of payment {payment.id}, {payment.refunded_minor} is refunded: it can't be linked anymore."
        return Rejected("payment_refunded", message, param="id", details={"amount_refunded": payment.refunded_minor})
    accounts = accounts_of(draft, command.customer_id)
    payment = _earn(draft, context, replace(payment, customer_id=command.customer_id), accounts)
    payment = replace(payment, outcome=with_guest_note(dict(payment.outcome), command.customer_id, accounts))
    draft.put(payment)
    payload = payment_payload(payment, livemode=context.livemode)
    now = instants_of(draft, context, accounts)[0]
    announce(draft, context, type="payment.linked", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload, is_new=False)


def _earn(draft: Layer, context: Context, payment: Payment, accounts: Sequence[Account]) -> Payment:
    """The payment counts for these accounts and has earned for them; its outcome holds that beside what it held."""
    counted = [replace(account, payment_count=account.payment_count + 1) for account in accounts]
    for account in counted:
        draft.put(account)
    occasion = payment_occasion(payment, occurred_at=payment.occurred_at)
    offers = PaymentOffers(draft, context, payment, occasion)
    earned = earn_on(draft, context, counted, occasion, boosts_of=offers.boosts_of, has_earned=offers.redeem)
    outcome = dict(payment.outcome)
    for name, new in offers.with_offers(earned).items():
        known = [said for said in outcome.get(name, ()) if name != "skipped" or said["account"] is not None]
        outcome[name] = [*known, *new]
    return replace(payment, outcome=outcome)


# ---- enrolling earns for what was paid before


def needs_create_account(command: CreateAccount, needs: Needs) -> None:
    """What enrolling needs; and what the customer has paid, where a program turns out to ask."""
    members.needs_create_account(command, needs)
    if needs.children(Payment, command.customer_id, Part.NONE) is Part.ALL:
        needs.children(Payment, command.customer_id, by="customer_id", look=True)
        needs.row(Customer, command.customer_id, look=True)
        needs.look_along(Payment, Of(Customer, command.customer_id, "merged_from"), by="customer_id")


def follow_create_account(command: CreateAccount, seen: Layer, needs: Needs) -> None:
    """The payments themselves, and the offers that they may redeem."""
    members.follow_create_account(command, seen, needs)
    if needs.part_of(Payment, command.customer_id) is not Part.ALL:
        return
    customer = seen.find(Customer, command.customer_id)
    for id in (command.customer_id, *(customer.merged_from if customer is not None else ())):
        for payment in seen.here(Payment, id):
            needs.row(Payment, payment.id)
    name_history_of_enrolments(needs, seen, command.customer_id)
    name_some_of_member(needs, command.customer_id)
    name_offers(needs, seen, "payment", [])


def decide_create_account(draft: Layer, command: CreateAccount, context: Context) -> Accepted | Rejected:
    """The customer is enrolled, and has earned for what it paid in the program's `guest_days` before."""
    answer = members.decide_create_account(draft, command, context)
    if not isinstance(answer, Accepted) or not answer.is_new:
        return answer
    account = enrolled(draft, command.customer_id, command.program_id)
    assert account is not None, "the customer was enrolled just now"
    if not earn_as_guest(draft, context, account):
        return answer
    account = draft.get(Account, account.id) or account
    return Accepted(members.show_account(draft, account, context))


def earn_as_guest(draft: Layer, context: Context, account: Account) -> int:
    """The new account has earned for its customer's payments of the last days, the oldest first; how many there were.

    Left out: what is linked to another account, what was refunded in part or whole, and what is dated ahead.
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
        if since < payment.occurred_at <= now and payment.account_id is None and not payment.refund_count
    ]
    for payment in sorted(recent, key=lambda payment: (payment.occurred_at, payment.id)):
        newest = draft.get(Account, account.id)
        assert newest is not None
        draft.put(_earn(draft, context, payment, [newest]))
    return len(recent)


COMMANDS: Commands = {
    LinkPayment: (needs_link_payment, decide_link_payment, follow_link_payment),
    CreateAccount: (needs_create_account, decide_create_account, follow_create_account),
}

"""Reported payments: linked to a member, earning by themselves in their own transaction (R9, R22)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.checkout.completion import complete, with_session
from vinr_server.core.checkout.credit import credit_refusal
from vinr_server.core.checkout.first_order import name_first_order
from vinr_server.core.checkout.needs import look_at_session, name_held
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.earning.occasions import name_caps
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.awards import in_the_future
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.members.changes import enrol
from vinr_server.core.members.needs import name_enrolment
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import name_offers, name_some_of_member
from vinr_server.core.payments.commands import CreatePayment, linked_account
from vinr_server.core.payments.credit.tenders import look_at_tenders, spend_tenders, tenders_refusal
from vinr_server.core.payments.orders import look_at_order_of, name_order_of, order_of, order_refusal, require_payments
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.purchases.changes import change_purchase
from vinr_server.core.payments.purchases.conversions import (
    convert_by_payment,
    look_at_asked,
    name_asked,
    name_open,
)
from vinr_server.core.payments.purchases.moving import Cause
from vinr_server.core.payments.purchases.outcomes import with_guest_note
from vinr_server.core.payments.purchases.state import as_counted, purchase_with
from vinr_server.core.payments.rows import Order, Payment, order_key
from vinr_server.core.payments.sessions import as_promised, session_to_pay
from vinr_server.core.programs.members import accounts_of, enrolled, instants_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.discounts import consume, goods_minor, name_owner, payable_discount, small_order
from vinr_server.core.rewards.rows import Discount
from vinr_server.core.tiers.changing import judge_tiers


def needs_create_payment(command: CreatePayment, needs: Needs) -> None:
    """The member's accounts, the discounts, the session, and the payment that may have the chosen id."""
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Payment, command.id)
    if command.customer_id:
        needs.children(Account, command.customer_id, look=True)
        if command.enrol_in:
            name_enrolment(needs, command.customer_id, command.enrol_in)
    if command.linked_account_id:
        name_account(needs, command.linked_account_id, look=True)
        name_some_of_member(needs, command.linked_account_id)
    for id in command.discount_ids:
        needs.row(Discount, id, look=True)
    if command.session_id is not None:
        look_at_session(needs, command.session_id)
    look_at_tenders(needs, command.tenders)
    look_at_order_of(needs, command)
    look_at_asked(needs)


def follow_create_payment(command: CreatePayment, seen: Layer, needs: Needs) -> None:
    """What the accounts that earn owe, what segments and offers ask of them, and what the session holds."""
    accounts: list[Account] = []
    if command.customer_id:
        accounts += name_accounts(needs, seen, command.customer_id)
        name_first_order(needs, command.customer_id, order_id=command.order_id)
    if command.linked_account_id:
        linked = seen.get(Account, command.linked_account_id)
        accounts += [linked] if linked is not None else []
        # An account that the batch itself creates is of one of the customers that it enrolls.
        for customer_id in (linked.customer_id,) if linked is not None else needs.plans.enrolling:
            name_first_order(needs, customer_id, order_id=command.order_id)
    name_history(needs, seen, [account.id for account in accounts], command.customer_id)
    if accounts or needs.plans.enrollments:  # nobody else's payment redeems an offer
        name_offers(needs, seen, "payment", accounts, customer_id=command.customer_id)
    name_caps(needs, seen, accounts, "payment.completed", occurred_at=command.occurred_at)
    for id in command.discount_ids:
        name_owner(needs, seen, id)
    if command.session_id is not None:
        name_held(needs, seen, command.session_id)
    name_order_of(needs, seen, command, accounts)
    name_open(needs, seen, accounts, command.customer_id)
    name_asked(needs, seen, accounts, command.customer_id, occurred_at=command.occurred_at)


def decide_create_payment(draft: Layer, command: CreatePayment, context: Context) -> Accepted | Rejected:
    """The payment is recorded, and every rule in force for its member has made its award."""
    present = made_before(draft, context, Payment, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(payment_payload(present, livemode=context.livemode), is_new=False)
    link = _link(draft, command, context)
    customer_id, accounts = link if not isinstance(link, Rejected) else (None, [])
    session = session_to_pay(draft, command, context, customer_id)
    held_ids = session.held_ids if isinstance(session, CheckoutSession) else ()
    checked = [
        _payable(draft, command, id, customer_id)
        for id in command.discount_ids
        if id not in held_ids and not isinstance(session, Rejected)
    ]
    instants = instants_of(draft, context, accounts)
    unused = _out_of_use(command, command.occurred_at or instants[0])
    order = order_of(command, draft, accounts)
    in_order = order_refusal(order, command.order_id, command.currency)
    if isinstance(session, CheckoutSession):
        unpaid = credit_refusal(draft, context, session)
    else:
        unpaid = tenders_refusal(draft, context, command, customer_id)
    in_future = in_the_future(command.occurred_at, *instants)
    refusal = first_listed(in_future, unused, link, session, in_order, unpaid, *checked)
    if refusal is not None:
        return refusal
    assert not isinstance(session, Rejected), "refused above"
    require_payments(draft, order)
    paid = as_promised(command, session) if session is not None else command
    payment = _payment_row(paid, context, customer_id, order, instants[0])
    discounts = [discount for discount in checked if isinstance(discount, Discount)]
    return _record(draft, command, context, payment, accounts, discounts, session, now=instants[0])


def _record(
    draft: Layer,
    command: CreatePayment,
    context: Context,
    payment: Payment,
    accounts: Sequence[Account],
    discounts: Sequence[Discount],
    session: CheckoutSession | None,
    *,
    now: datetime,
) -> Accepted:
    payment = as_counted(draft, payment, accounts)
    for discount in discounts:
        consume(draft, context, discount, payment_id=payment.id)
    if session is None:
        payment = spend_tenders(draft, context, payment)
    payment = report(draft, context, payment, accounts, occurred_at=command.occurred_at, now=now)
    payment = convert_by_payment(draft, context, payment, accounts, occurred_at=command.occurred_at)
    judge_tiers(draft, context)
    if payment.customer_id is not None and not accounts:
        payment = replace(payment, outcome=with_guest_note(payment.outcome, payment.customer_id))
        draft.put(payment)
    if session is not None:
        payment = with_session(payment, complete(draft, context, session, payment_id=payment.id))
        draft.put(payment)
    if command.id is not None:
        claim_id(draft, context, payment.id, owner_bucket=payment.bucket)
    payload = payment_payload(payment, livemode=context.livemode)
    announce(draft, context, type="payment.completed", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload)


def _payable(draft: Layer, command: CreatePayment, discount_id: str, customer_id: str | None) -> Discount | Rejected:
    """The discount, if the payment can use it without a session; else why not."""
    discount = payable_discount(draft, discount_id, command.currency, customer_id)
    if isinstance(discount, Rejected):
        return discount
    return small_order(discount, goods_minor(command), param="discounts") or discount


def report(
    draft: Layer,
    context: Context,
    payment: Payment,
    accounts: Sequence[Account],
    *,
    occurred_at: datetime | None,
    now: datetime,
    is_first: bool | None = None,
) -> Payment:
    """The payment is reported: its purchase is settled for these accounts.

    `is_first`: whether it is the customer's first order, where the caller knows.
    """
    purchase = purchase_with(draft, payment)
    if payment.purchase_key is not None and purchase.order is None:
        bucket = context.bucket_of(payment.customer_id or "")
        order = Order(bucket, payment.purchase_key, payment.currency, (), (), payment.created_at)
        purchase = replace(purchase, order=order)
    source = ("payment", payment.id)
    cause = Cause(payment, source, occurred_at=occurred_at, is_report=True, is_first=is_first)
    return change_purchase(draft, context, purchase, accounts, cause, now=now).payment


def _out_of_use(command: CreatePayment, occurred_at: datetime) -> Rejected | None:
    """Refuse a currency in which nobody could pay then."""
    in_use = command.currency_in_use
    if in_use is None or in_use.holds(occurred_at):
        return None
    when = f"from {in_use.first_day} until {in_use.last_day}"
    message = (
        f"currency: {command.currency} was in use {when}; this payment is dated {occurred_at.date()}."
        " Send the currency it was paid in, or its date as occurred_at."
    )
    return invalid(message, param="currency")


def _payment_row(
    command: CreatePayment, context: Context, customer_id: str | None, order: Order | None, now: datetime
) -> Payment:
    bucket = context.bucket_of(customer_id or command.id or "")
    return Payment(
        bucket=bucket,
        id=command.id or context.make_id("pay", bucket),
        customer_id=customer_id,
        account_id=linked_account(command.metadata),
        amount_minor=command.amount_minor,
        currency=command.currency,
        minor_per_unit=command.minor_per_unit,
        eligible_minor=0,  # as_counted says it
        tax_minor=command.tax_minor,
        shipping_minor=command.shipping_minor,
        tenders=command.tenders,
        discount_ids=command.discount_ids,
        lines=command.lines,
        refunded_minor=0,
        refund_count=0,
        outcome={},
        metadata=command.metadata,
        occurred_at=command.occurred_at or now,
        created_at=now,
        session_id=command.session_id,
        order_key=order.id if order is not None else _order_key(command, customer_id),
    )


def _order_key(command: CreatePayment, customer_id: str | None) -> str | None:
    """The order of the customer, or of the account that the payment is linked to; a guest's is nobody's."""
    if command.order_id is None:
        return None
    return order_key(command.linked_account_id or customer_id, command.order_id)


def _link(draft: Layer, command: CreatePayment, context: Context) -> tuple[str | None, list[Account]] | Rejected:
    """The customer and the accounts that earn: those of the customer, or the one that the metadata names."""
    program = draft.get(Program, command.enrol_in) if command.enrol_in is not None else None
    if command.enrol_in is not None and program is None:
        return missing("program", command.enrol_in, param="program")
    account_id = command.linked_account_id
    if account_id is not None:
        account = draft.get(Account, account_id)
        if account is None:
            return missing("account", account_id, param="metadata.loyalty_account")
        if command.customer_id not in (None, account.customer_id):
            named = f"metadata.loyalty_account {account_id} is of {account.customer_id}"
            message = f"customer is {command.customer_id}, but {named}. Send one of them."
            return Rejected("parameter_conflict", message, param="customer")
        return account.customer_id, [account]
    if command.customer_id is None:
        return None, []
    if program is not None and enrolled(draft, command.customer_id, program.id) is None:
        enrol(draft, context, program, command.customer_id, metadata={})
    return command.customer_id, accounts_of(draft, command.customer_id)


COMMANDS: Commands = {
    CreatePayment: (needs_create_payment, decide_create_payment, follow_create_payment),
}

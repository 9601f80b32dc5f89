"""A member brings a customer: the first referral in force keeps the customer (R19c, R19d)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel import calendar
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.awards import in_the_future
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import acting, closed, enrolled, program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.commands import RegisterReferral
from vinr_server.core.referrals.endings import expire_if_due, name_lots, shown
from vinr_server.core.referrals.normal_form import normal_email
from vinr_server.core.referrals.programs import referral_program_of
from vinr_server.core.referrals.rows import FirstPaid, Referral, ReferralCode, ReferralProgram


def needs_register_referral(command: RegisterReferral, needs: Needs) -> None:
    """The referrer, by its code or by itself; the customer with its accounts, its referrals, and its first payment."""
    if command.code is not None:
        needs.row(ReferralCode, command.code, look=True)
        owner = Of(ReferralCode, command.code, "account_id")
        needs.look_along(Account, owner)
        needs.look_along(Account, Of(Account, owner, "merged_customer_id"), by="customer_id")
    if command.account_id is not None:
        needs.row(Account, command.account_id, look=True)
    needs.row(Customer, command.customer_id, look=True)
    needs.row(FirstPaid, command.customer_id)
    needs.children(Account, command.customer_id, look=True)
    needs.children(Referral, command.customer_id, look=True)
    merged = Of(Customer, command.customer_id, "merged_from")
    needs.look_along(Account, merged, by="customer_id")
    needs.look_along(Referral, merged, by="customer_id")


def follow_register_referral(command: RegisterReferral, seen: Layer, needs: Needs) -> None:
    """The referrer's customer with the referrals that brought it; the accounts and referrals of the customer."""
    for id in _ids_of(seen, command.customer_id):
        for account in seen.children(Account, id):
            needs.row(Account, account.id)
        for referral in seen.children(Referral, id):
            needs.row(Referral, referral.id)
            name_lots(needs, referral)
    referrer = _referrer(seen, command)
    if isinstance(referrer, Account):
        needs.row(Account, referrer.id)
        needs.row(Customer, referrer.customer_id)
        for id in referrer.customer_ids:
            needs.children(Referral, id)


def decide_register_referral(draft: Layer, command: RegisterReferral, context: Context) -> Accepted | Rejected:
    """The customer is the referrer's referral until it ends; the same pair again is the same referral.

    Refuses, in this order: who does not exist, a closed referrer, oneself, a customer that another has brought, a
    program or code that is paused, and who has paid before. Nobody is enrolled.
    """
    referrer = _referrer(draft, command)
    if isinstance(referrer, Rejected):
        return referrer
    program = program_of(draft, referrer)
    terms_of = referral_program_of(draft, program.id)
    if terms_of is None:
        message = f"Program {program.id} of account {referrer.id} has no referral program. Create one first."
        return Rejected("resource_missing", message, param="referrer")
    now = context.now(program.clock_id)
    early = in_the_future(command.occurred_at, now)
    if early is not None:
        return early
    ids = _ids_of(draft, command.customer_id)
    mine = [referral for id in ids for referral in draft.children(Referral, id) if referral.program_id == program.id]
    known = [expire_if_due(draft, context, referral, now) for referral in mine]
    same = _same(known, referrer, command.occurred_at)
    if same is not None:
        return Accepted(shown(draft, context, same), is_new=False)
    present = next((referral for referral in known if referral.is_in_force), None)
    registered_at = command.occurred_at or now
    refusal = first_listed(
        closed(referrer) if referrer.status == "closed" else None,
        self_referral(draft, referrer, command.customer_id),
        _exists(present) if present is not None else None,
        _not_open(draft, terms_of, command),
        _not_new(draft, command.customer_id, registered_at) if terms_of.terms.is_for_new_customers else None,
    )
    if refusal is not None:
        return refusal
    referral = _registered(draft, context, command, referrer, program, terms_of, at=registered_at, now=now)
    return Accepted(shown(draft, context, referral))


def _registered(
    draft: Layer,
    context: Context,
    command: RegisterReferral,
    referrer: Account,
    program: Program,
    referral_program: ReferralProgram,
    *,
    at: datetime,
    now: datetime,
) -> Referral:
    bucket, terms = context.bucket_of(command.customer_id), referral_program.terms
    referral = Referral(
        bucket=bucket,
        id=context.make_id("ref", bucket),
        program_id=program.id,
        referral_program_id=referral_program.id,
        revision=referral_program.revision,
        terms=terms,
        referrer_id=referrer.id,
        referrer_customer_id=referrer.customer_id,
        code=command.code,
        customer_id=command.customer_id,
        status="registered",
        registered_at=at,
        expires_at=_end_of_window(at, terms.window_days, program.timezone),
        reason=None,
        metadata=command.metadata,
        created_at=now,
    )
    draft.put(referral)
    referee = enrolled(draft, command.customer_id, program.id)
    if referee is not None:
        draft.put(replace(referee, may_convert=True))
    data = shown(draft, context, referral)
    announce(draft, context, type="referral.registered", bucket=bucket, data=data, now=now)
    return expire_if_due(draft, context, referral, now)


def _end_of_window(at: datetime, days: int | None, zone: str) -> datetime | None:
    """The same local time so many calendar days later, cut to the second."""
    return None if days is None else calendar.whole_second(calendar.days_later(at, days, zone))


def _referrer(layer: Layer, command: RegisterReferral) -> Account | Rejected:
    """The account that the code is of, or that is named; of a merged member, the one that acts for it."""
    account_id = command.account_id
    if command.code is not None:
        code = layer.get(ReferralCode, command.code)
        if code is None:
            return missing("referral code", command.code, param="code")
        account_id = code.account_id
    assert account_id is not None, "a referral has a code or a referrer"
    account = layer.get(Account, account_id)
    return acting(layer, account) if account is not None else missing("account", account_id, param="referrer")


def _ids_of(layer: Layer, customer_id: str) -> tuple[str, ...]:
    """The customer, and those that were merged into it."""
    customer = layer.get(Customer, customer_id)
    return (customer_id, *(customer.merged_from if customer is not None else ()))


def _same(known: Iterable[Referral], referrer: Account, occurred_at: datetime | None) -> Referral | None:
    """What the same registration has made before: it is in force, or it named the same instant."""
    return next(
        (
            referral
            for referral in known
            if referral.referrer_customer_id in referrer.customer_ids
            and (referral.is_in_force or referral.registered_at == occurred_at)
        ),
        None,
    )


def self_referral(draft: Layer, referrer: Account, customer_id: str) -> Rejected | None:
    """Refuse a referrer that is the customer, has its mailbox, or was brought by it. Expects both customers' rows."""
    if customer_id in referrer.customer_ids:
        return _self("customer", f"Account {referrer.id} is of customer {customer_id}: nobody refers themselves.")
    emails = [
        normal_email(customer.email)
        for id in (referrer.customer_id, customer_id)
        if (customer := draft.get(Customer, id)) is not None and customer.email is not None
    ]
    if len(emails) == 2 and emails[0] == emails[1]:
        both = f"{customer_id} and {referrer.customer_id}"
        return _self("email", f"Customers {both} have the same e-mail address: nobody refers themselves.")
    brought = [referral for id in referrer.customer_ids for referral in draft.children(Referral, id)]
    ids = _ids_of(draft, customer_id)
    for referral in brought:
        if referral.program_id == referrer.program_id and referral.referrer_customer_id in ids:
            pair = f"{customer_id} referred {referrer.customer_id}"
            return _self("cycle", f"{pair} before ({referral.id}), so they can't be referred in return.")
    return None


def _self(condition: str, message: str) -> Rejected:
    return Rejected("self_referral", message, param="customer", details={"condition": condition})


def _exists(present: Referral) -> Rejected:
    message = f"Customer {present.customer_id} is already referred by {present.referrer_id} ({present.id})."
    details = {"referral": present.id, "status": present.status}
    return Rejected("referral_exists", message, param="customer", details=details)


def _not_open(draft: Layer, program: ReferralProgram, command: RegisterReferral) -> Rejected | None:
    """Refuse to register anybody while the program is paused, or by a code that is not active."""
    if program.status == "paused":
        message = f"Referral program {program.id} is paused. Set its status to active to register referrals."
        return Rejected("referral_not_open", message, param="customer", details={"status": "paused"})
    code = draft.get(ReferralCode, command.code) if command.code is not None else None
    if code is not None and not code.is_active:
        message = f"The code {code.id} is not active. Activate it to register referrals by it."
        return Rejected("referral_not_open", message, param="code", details={"status": "inactive"})
    return None


def _not_new(draft: Layer, customer_id: str, registered_at: datetime) -> Rejected | None:
    """Refuse a customer who paid more than 0 before the registration."""
    first = draft.get(FirstPaid, customer_id)
    assert first is not None, f"nobody has looked when {customer_id} first paid"
    paid = [payment for id in first.customer_ids for payment in draft.here(Payment, id) if payment.amount_minor > 0]
    instants = [payment.occurred_at for payment in paid] + ([first.at] if first.at is not None else [])
    if not any(at < registered_at for at in instants):
        return None
    message = (
        f"Customer {customer_id} first paid on {min(instants).isoformat()}; this program takes new customers only."
    )
    return Rejected("not_eligible", message, param="customer", details={"condition": "new_customer"})


COMMANDS: Commands = {
    RegisterReferral: (needs_register_referral, decide_register_referral, follow_register_referral),
}

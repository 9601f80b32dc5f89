"""Referrals are converted, approved and rejected by hand, and converted by what merchants report (R19e to R19g)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.earning import reports
from vinr_server.core.earning.commands import ReportEvent
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.rows import CONVERTED
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.pending import activate, waiting_lot
from vinr_server.core.ledger.reversals import swept_account, take_back_award
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.purchases.conversions import (
    Trigger,
    announce_referrals,
    convert,
    is_in_window,
    look_at_asked,
    look_at_conversion,
    name_asked,
    name_conversion,
    name_converted,
    name_open,
    occasion_of,
    open_referral,
    stand,
)
from vinr_server.core.payments.purchases.state import standing_refunds
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.members import acting_customer, enrolled, program_of
from vinr_server.core.referrals.commands import ApproveReferral, ConvertReferral, RejectReferral
from vinr_server.core.referrals.endings import end, now_of, shown
from vinr_server.core.referrals.rows import BY_PAYMENT, Referral

# ---- by hand


def needs_convert_referral(command: ConvertReferral, needs: Needs) -> None:
    """The referral with its customer's accounts; the payment, where one is named."""
    look_at_conversion(needs, command.id)
    if command.payment_id is not None:
        needs.row(Payment, command.payment_id, look=True)
        needs.children(Refund, command.payment_id)


def follow_convert_referral(command: ConvertReferral, seen: Layer, needs: Needs) -> None:
    """All that the conversion may change."""
    referral = seen.get(Referral, command.id)
    payment = seen.get(Payment, command.payment_id) if command.payment_id is not None else None
    if referral is not None:
        name_conversion(needs, seen, referral, occurred_at=payment.occurred_at if payment is not None else None)
        name_converted(needs, seen, referral)


def decide_convert_referral(draft: Layer, command: ConvertReferral, context: Context) -> Accepted | Rejected:
    """The referral has converted, by the payment or by nothing; all is asked but the amount. Once: again is no change.

    Refuses: one that is over, a customer without an active account, and a payment that is not the customer's.
    """
    referral = draft.get(Referral, command.id)
    if referral is None:
        return missing("referral", command.id, param="id")
    payment = draft.get(Payment, command.payment_id) if command.payment_id is not None else None
    if command.payment_id is not None and payment is None:
        return missing("payment", command.payment_id, param="payment")
    if referral.status == "converted":
        return Accepted({**shown(draft, context, referral), "already_converted": True}, is_new=False)
    now = now_of(draft, context, referral)
    if not referral.is_open(now):
        return _not_open(referral, "convert", now)
    referee = _referee(draft, referral)
    if referee is None:
        message = f"Customer {referral.customer_id} has no active account in program {referral.program_id}. Enroll it."
        return Rejected("not_eligible", message, param="id", details={"condition": "account"})
    refusal = _payment_refusal(referral, referee, payment) if payment is not None else None
    if refusal is not None:
        return refusal
    occasion, at = Occasion(CONVERTED, "referral", referral.id, now), now
    if payment is not None:
        occasion = occasion_of(payment, standing_refunds(draft, payment), program_of(draft, referee).earning_tenders)
        at = payment.occurred_at
    referral = convert(draft, context, referral, referee, Trigger(occasion, at, payment=payment))
    if payment is not None and referral.status == "converted":
        draft.put(replace(payment, referral_ids=(*payment.referral_ids, referral.id)))
    announce_referrals(draft, context, [referral])
    return Accepted(shown(draft, context, referral), is_new=False)


def _referee(draft: Layer, referral: Referral) -> Account | None:
    """The customer's active account in the referral's program."""
    account = enrolled(draft, acting_customer(draft, referral.customer_id), referral.program_id)
    return account if account is not None and account.status == "active" else None


def _payment_refusal(referral: Referral, referee: Account, payment: Payment) -> Rejected | None:
    if payment.customer_id not in referee.customer_ids:
        message = f"Payment {payment.id} is not of customer {referral.customer_id}, who was referred."
        return Rejected("parameter_conflict", message, param="payment")
    if is_in_window(referral, payment.occurred_at) and not payment.is_refunded_whole:
        return None
    what = "was refunded" if payment.is_refunded_whole else "lies outside the referral's window"
    message = f"Payment {payment.id} {what}, so it can't convert {referral.id}. Name another one, or none."
    return Rejected("not_eligible", message, param="payment", details={"condition": "payment"})


def _not_open(referral: Referral, what: str, now: datetime) -> Rejected:
    status = "expired" if referral.is_due(now) else referral.status
    message = f"Referral {referral.id} is {status}, so there is nothing to {what}."
    return Rejected("referral_not_open", message, param="id", details={"status": status})


def needs_approve_referral(command: ApproveReferral, needs: Needs) -> None:
    """The referral with its customer's accounts."""
    look_at_conversion(needs, command.id)


def follow_approve_referral(command: ApproveReferral, seen: Layer, needs: Needs) -> None:
    """What it gave, with the accounts that have it."""
    name_given_by(needs, seen, command.id)


def name_given_by(needs: Needs, seen: Layer, id: str) -> None:
    """What a referral gave is declared, with its entries, and the lots that pay for a clawback."""
    referral = seen.get(Referral, id)
    if referral is None:
        return
    name_converted(needs, seen, referral)
    for earning in referral.earnings:
        for award in earning.awards:
            needs.row(Entry, award.entry_id)


def decide_approve_referral(draft: Layer, command: ApproveReferral, context: Context) -> Accepted | Rejected:
    """Whatever the conversion gave and is pending can be spent from now on. Approved again, nothing moves (R19g).

    Refuses a referral that has not converted, or no longer stands.
    """
    referral = draft.get(Referral, command.id)
    if referral is None:
        return missing("referral", command.id, param="id")
    now = now_of(draft, context, referral)
    if referral.status != "converted":
        return _not_open(referral, "approve", now)
    for earning in referral.earnings:
        for award in earning.awards:
            entry = draft.get(Entry, award.entry_id)
            assert entry is not None, f"entry {award.entry_id} was not loaded"
            waiting = waiting_lot(draft, entry)
            if waiting is None:
                continue
            account = swept_account(draft, context, waiting.account_id)
            program = program_of(draft, account)
            activate(draft, context, account, program, waiting, award=entry, at=now, now=now, reason="approved")
    return Accepted(shown(draft, context, referral), is_new=False)


def needs_reject_referral(command: RejectReferral, needs: Needs) -> None:
    """The referral with its customer's accounts."""
    look_at_conversion(needs, command.id)


def follow_reject_referral(command: RejectReferral, seen: Layer, needs: Needs) -> None:
    """What it gave, with the accounts that have it."""
    name_given_by(needs, seen, command.id)


def decide_reject_referral(draft: Layer, command: RejectReferral, context: Context) -> Accepted | Rejected:
    """The referral has ended for good, and what it gave is taken back, pending or not. Again, nothing changes (R19g).

    Refuses one whose window is over: it has ended already.
    """
    referral = draft.get(Referral, command.id)
    if referral is None:
        return missing("referral", command.id, param="id")
    if referral.status == "rejected":
        return Accepted(shown(draft, context, referral), is_new=False)
    now = now_of(draft, context, referral)
    if referral.status == "expired" or referral.is_due(now):
        return _not_open(referral, "reject", now)
    _take_back(draft, context, referral, command.reason)
    if referral.status == "converted":
        rejected = replace(referral, status="rejected", reason=command.reason)
        referral = stand(draft, rejected, by=-1)
        announce_referrals(draft, context, [referral])
    else:
        referral = end(draft, context, referral, status="rejected", reason=command.reason, now=now)
    return Accepted(shown(draft, context, referral), is_new=False)


def _take_back(draft: Layer, context: Context, referral: Referral, reason: str | None) -> None:
    """All that is left of what the referral gave is taken back (R6)."""
    for earning in referral.earnings:
        for award in earning.awards:
            take_back_award(
                draft,
                context,
                earning.account_id,
                award.entry_id,
                reason=reason or "referral rejected",
                source_type="referral",
                source_id=referral.id,
                receipt={"award": award.entry_id, "awarded": award.points},
            )


# ---- by a reported event


def needs_report_event(command: ReportEvent, needs: Needs) -> None:
    """What the event needs; and the referrals that a decision wants to convert."""
    reports.needs_report_event(command, needs)
    look_at_asked(needs)


def follow_report_event(command: ReportEvent, seen: Layer, needs: Needs) -> None:
    """What the event needs; and what a conversion may change."""
    accounts = reports.follow_report_event(command, seen, needs)
    name_open(needs, seen, accounts, command.customer_id)
    name_asked(needs, seen, accounts, command.customer_id, occurred_at=command.occurred_at)


def decide_report_event(draft: Layer, command: ReportEvent, context: Context) -> Accepted | Rejected:
    """The event is recorded, has earned, and has converted each referral that waited for its type."""
    answer = reports.decide_report_event(draft, command, context)
    accounts = reports.linked_accounts(draft, command)
    if not isinstance(answer, Accepted) or not answer.is_new or isinstance(accounts, Rejected):
        return answer
    judged: list[Referral] = []
    for member in accounts:
        account = draft.get(Account, member.id) or member
        if not account.may_convert or account.status != "active":
            continue
        referral = open_referral(draft, context, account)
        if referral is None or referral.terms.convert_on != command.type or command.type == BY_PAYMENT:
            continue
        event_id = answer.payload["id"]
        at = command.occurred_at or context.now(program_of(draft, account).clock_id)
        if is_in_window(referral, at):
            draft.require_asked(Referral, referral.id)
            occasion = replace(reports.occasion_of(command, event_id), trigger=CONVERTED)
            judged.append(convert(draft, context, referral, account, Trigger(occasion, at, event_id=event_id)))
    announce_referrals(draft, context, judged)
    return answer


COMMANDS: Commands = {
    ConvertReferral: (needs_convert_referral, decide_convert_referral, follow_convert_referral),
    ApproveReferral: (needs_approve_referral, decide_approve_referral, follow_approve_referral),
    RejectReferral: (needs_reject_referral, decide_reject_referral, follow_reject_referral),
    ReportEvent: (needs_report_event, decide_report_event, follow_report_event),
}

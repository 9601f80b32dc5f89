"""Refunds: what a payment earned is clawed back to what its kept part still earns, by any path of refunds (R7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from vinr_server.core.earning.rules import points_kept
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.rows import Claim, Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.moved import lot_of
from vinr_server.core.ledger.movements import Movement
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.ledger.reversals import reverse_award, swept_account
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import name_use, redemptions_of
from vinr_server.core.offers.redemptions import free_member_slot
from vinr_server.core.offers.rows import OfferRedemption
from vinr_server.core.payments.commands import RefundPayment
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.members import accounts_of, acting, instants_of


def needs_refund_payment(command: RefundPayment, needs: Needs) -> None:
    """The payment with its awards and refunds so far, what it redeemed, its customer's accounts; the chosen id."""
    needs.row(Payment, command.payment_id, look=True)
    needs.look_along(Account, Of(Payment, command.payment_id, "customer_id"), by="customer_id")
    needs.look_along(OfferRedemption, Of(Payment, command.payment_id, "session_id"), by="session_id")
    needs.children(OfferRedemption, command.payment_id, by="payment_id", look=True)
    needs.children(Entry, command.payment_id, by="source_id", look=True)
    needs.children(Refund, command.payment_id)
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Refund, command.id)


def follow_refund_payment(command: RefundPayment, seen: Layer, needs: Needs) -> None:
    """The accounts of the payment and of its awards, the lots that pay for clawbacks, and slots that may be freed."""
    payment = seen.get(Payment, command.payment_id)
    if payment is None:
        return
    if payment.customer_id is not None:
        name_accounts(needs, seen, payment.customer_id, lots=Part.FIRST)
    if payment.account_id is not None:
        name_account(needs, payment.account_id, lots=Part.FIRST, beside=payment.id)
    for award in seen.children(Entry, payment.id):
        name_account(needs, award.account_id, lots=Part.FIRST, beside=award.id)
        needs.row(Lot, award.id, beside=award.id)
    for one in redemptions_of(seen, payment):
        name_use(needs, seen, one, payment.customer_id)


def decide_refund_payment(draft: Layer, command: RefundPayment, context: Context) -> Accepted | Rejected:
    """The refund is recorded, and each award of the payment is down to what the kept part earns."""
    present = made_before(draft, context, Refund, command.id)
    if isinstance(present, Rejected):
        return present
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    if present is not None:
        return Accepted(payment_payload(payment, livemode=context.livemode, refund=present), is_new=False)
    left_minor = payment.amount_minor - payment.refunded_minor
    amount_minor = left_minor if command.amount_minor is None else command.amount_minor
    refusal = _refund_refusal(draft, command, payment, amount_minor, left_minor)
    if refusal is not None:
        return refusal
    return _refund(draft, command, context, payment, amount_minor)


def _refund_refusal(
    draft: Layer, command: RefundPayment, payment: Payment, amount_minor: int, left_minor: int
) -> Rejected | None:
    return first_listed(
        _eligible_refusal(draft, command, payment, amount_minor),
        _amount_refusal(command, payment, amount_minor, left_minor),
    )


def _eligible_refusal(draft: Layer, command: RefundPayment, payment: Payment, amount_minor: int) -> Rejected | None:
    if command.eligible_minor is None:
        return None
    kept_minor = _kept_eligible(payment, draft.children(Refund, payment.id))
    most = min(amount_minor, floor_div(kept_minor.numerator, kept_minor.denominator))
    if command.eligible_minor <= most:
        return None
    return invalid(f"The eligible part of this refund is at most {most}.", param="eligible_amount")


def _amount_refusal(command: RefundPayment, payment: Payment, amount_minor: int, left_minor: int) -> Rejected | None:
    if amount_minor <= left_minor and not payment.is_refunded_whole:
        return None
    asked_minor = command.amount_minor or amount_minor
    message = (
        f"Payment {payment.id} is of {payment.amount_minor} {payment.currency} minor units, of which"
        f" {payment.refunded_minor} are refunded; {asked_minor} more can't be. Refund at most {left_minor}."
    )
    details = {"amount": payment.amount_minor, "amount_refunded": payment.refunded_minor, "refundable": left_minor}
    return Rejected("refund_exceeds_payment", message, param="amount", details=details)


def _refund(draft: Layer, command: RefundPayment, context: Context, payment: Payment, amount_minor: int) -> Accepted:
    accounts = _accounts_of_payment(draft, payment)
    now = instants_of(draft, context, accounts)[0]
    refund = Refund(
        bucket=payment.bucket,
        id=command.id or context.make_id("re", payment.bucket),
        payment_id=payment.id,
        amount_minor=amount_minor,
        eligible_minor=command.eligible_minor,
        reason=command.reason,
        points_reversed=0,
        metadata=command.metadata,
        created_at=now,
    )
    payment = replace(
        payment, refunded_minor=payment.refunded_minor + amount_minor, refund_count=payment.refund_count + 1
    )
    draft.put(payment)
    refunds = [*draft.children(Refund, payment.id), refund]
    refund = replace(refund, points_reversed=_reverse_awards(draft, context, payment, refunds))
    draft.put(refund)
    if payment.is_refunded_whole:
        _free_offer_slots(draft, payment, now)
    if command.id is not None:
        claim_id(draft, context, refund.id, owner_bucket=refund.bucket)
    payload = payment_payload(payment, livemode=context.livemode, refund=refund)
    announce(draft, context, type="payment.refunded", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload)


def _free_offer_slots(draft: Layer, payment: Payment, now: datetime) -> None:
    """Whoever redeemed offers with a payment that is given back whole may do so again (R15)."""
    for redemption in redemptions_of(draft, payment):
        free_member_slot(draft, redemption, now=now)


def _accounts_of_payment(draft: Layer, payment: Payment) -> list[Account]:
    """The account that the payment is linked to, else all of its customer's."""
    linked = draft.get(Account, payment.account_id) if payment.account_id is not None else None
    if linked is not None:
        return [acting(draft, linked)]
    return accounts_of(draft, payment.customer_id) if payment.customer_id is not None else []


def _reverse_awards(draft: Layer, context: Context, payment: Payment, refunds: list[Refund]) -> int:
    """Claw every award of the payment back to its target; the points reversed in this step."""
    kept_minor = _kept_eligible(payment, refunds)
    reversed_points = 0
    awards = [entry for entry in draft.children(Entry, payment.id) if entry.kind == "award"]
    for award in sorted(awards, key=lambda entry: (entry.account_id, entry.sequence)):
        account = swept_account(draft, context, award.account_id)
        lot = lot_of(draft, award)
        target_points = award.points - _points_of_kept_part(award, payment, kept_minor)
        step_points = min(max(0, target_points - lot.reversed_points), lot.reversible_points)
        if step_points:
            movement = _movement(award, payment, refunds[-1], kept_minor, target_points, step_points)
            reverse_award(draft, context, account, lot=lot, points=step_points, movement=movement)
            reversed_points += step_points
    return reversed_points


def _kept_eligible(payment: Payment, refunds: Iterable[Refund]) -> Fraction:
    """What is kept of the payment's eligible part, exactly, whatever the order of its refunds.

    A refund that names its eligible part takes that; any other takes its share of the amount.
    """
    kept_minor = Fraction(payment.eligible_minor)
    for refund in refunds:
        if refund.eligible_minor is not None:
            kept_minor -= refund.eligible_minor
        elif payment.amount_minor:
            kept_minor -= Fraction(payment.eligible_minor * refund.amount_minor, payment.amount_minor)
    return max(kept_minor, Fraction(0))


def _points_of_kept_part(award: Entry, payment: Payment, kept_minor: Fraction) -> int:
    """What the frozen award gives for the kept part: by its receipt, or in proportion for one made by hand."""
    is_refunded_whole = payment.refunded_minor == payment.amount_minor
    share = Fraction(0) if is_refunded_whole else _share(kept_minor, payment)
    if award.receipt.get("manual"):
        return floor_div(award.points * share.numerator, share.denominator)
    kept = Fraction(award.receipt["eligible"]) * share
    return points_kept(award.receipt, kept_minor=kept, is_refunded_whole=is_refunded_whole)


def _share(kept_minor: Fraction, payment: Payment) -> Fraction:
    """The kept share of the eligible part; of a payment with none, that of the amount."""
    if payment.eligible_minor:
        return kept_minor / payment.eligible_minor
    return Fraction(payment.amount_minor - payment.refunded_minor, payment.amount_minor)


def _movement(
    award: Entry, payment: Payment, refund: Refund, kept_minor: Fraction, target_points: int, step_points: int
) -> Movement:
    receipt: Json = {
        "award": award.id,
        "awarded": award.points,
        "payment": payment.id,
        "refund": refund.id,
        "eligible": payment.eligible_minor,
        "kept_eligible": str(kept_minor),
        "amount": payment.amount_minor,
        "amount_refunded": payment.refunded_minor,
        "target": target_points,
        "points": step_points,
    }
    return Movement(
        "reversal",
        reason=refund.reason or "refund",
        source_type="refund",
        source_id=refund.id,
        reverses_id=award.id,
        receipt=receipt,
    )


COMMANDS: Commands = {
    RefundPayment: (needs_refund_payment, decide_refund_payment, follow_refund_payment),
}

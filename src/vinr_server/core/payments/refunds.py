"""Refunds and their cancellation: the purchase is settled in the state that is kept, by any path of refunds (R7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import name_offers, name_some_of_member, redemptions_of
from vinr_server.core.offers.redemptions import free_member_slot, retake_member_slot
from vinr_server.core.payments.commands import CancelRefund, RefundPayment
from vinr_server.core.payments.payloads import payment_payload, refund_payload
from vinr_server.core.payments.refusals import refund_refusal, refunded_minor
from vinr_server.core.payments.rows import Award, Earning, Payment, Refund
from vinr_server.core.programs.members import instants_of
from vinr_server.core.purchases.kept import kept_of, kept_share
from vinr_server.core.purchases.moving import Cause, Mover
from vinr_server.core.purchases.settling import settle
from vinr_server.core.purchases.state import (
    Purchase,
    accounts_of_earnings,
    accounts_of_payment,
    look_at_purchase,
    name_purchase,
    purchase_with,
    put_purchase,
    standing_refunds,
)


def needs_refund_payment(command: RefundPayment, needs: Needs) -> None:
    """The payment with its purchase, and awards made by hand for it; its customer's accounts; the chosen id."""
    needs.row(Payment, command.payment_id, look=True)
    needs.look_along(Account, Of(Payment, command.payment_id, "customer_id"), by="customer_id")
    look_at_purchase(needs, command.payment_id)
    needs.children(Entry, command.payment_id, by="source_id", look=True)
    needs.children(Refund, command.payment_id)
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Refund, command.id)


def follow_refund_payment(command: RefundPayment, seen: Layer, needs: Needs) -> None:
    """The accounts of the payment and of its awards, the lots that pay for clawbacks, and slots that may be freed."""
    payment = seen.get(Payment, command.payment_id)
    if payment is not None:
        _name_payment(needs, seen, payment)


def _name_payment(needs: Needs, seen: Layer, payment: Payment) -> None:
    if payment.customer_id is not None:
        name_accounts(needs, seen, payment.customer_id, lots=Part.FIRST)
    if payment.account_id is not None:
        name_account(needs, payment.account_id, lots=Part.FIRST, beside=payment.id)
    name_purchase(needs, seen, payment)
    for award in seen.children(Entry, payment.id):
        name_account(needs, award.account_id, lots=Part.FIRST, beside=award.id)
        needs.row(Lot, award.id, beside=award.id)


def decide_refund_payment(draft: Layer, command: RefundPayment, context: Context) -> Accepted | Rejected:
    """The refund is recorded, and the purchase has what its kept part earns."""
    present = made_before(draft, context, Refund, command.id)
    if isinstance(present, Rejected):
        return present
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="id")
    if present is not None:
        return Accepted(payment_payload(payment, livemode=context.livemode, refund=present), is_new=False)
    standing = standing_refunds(draft, payment)
    refusal = refund_refusal(command, payment, standing)
    if refusal is not None:
        return refusal
    if command.total_refunded_minor is not None and command.total_refunded_minor <= payment.refunded_minor:
        known = payment_payload(payment, livemode=context.livemode)
        return Accepted({**known, "already_reported": True}, is_new=False)
    return _refund(draft, command, context, payment, standing)


def _refund(
    draft: Layer, command: RefundPayment, context: Context, payment: Payment, standing: Sequence[Refund]
) -> Accepted:
    accounts = accounts_of_payment(draft, payment)
    now = instants_of(draft, context, accounts)[0]
    refund = Refund(
        bucket=payment.bucket,
        id=command.id or context.make_id("re", payment.bucket),
        payment_id=payment.id,
        amount_minor=refunded_minor(command, payment),
        eligible_minor=command.eligible_minor,
        reason=command.reason,
        points_reversed=0,
        metadata=command.metadata,
        created_at=now,
        customer_id=payment.customer_id,
        lines=command.lines,
    )
    payment = replace(
        payment,
        refunded_minor=payment.refunded_minor + refund.amount_minor,
        refund_count=payment.refund_count + 1,
    )
    purchase = purchase_with(draft, payment, refunds=[*standing, refund])
    reason = refund.reason or "refund"
    payment, mover_points = _settle(draft, context, purchase, payment, refund, reason=reason)
    refund = replace(refund, points_reversed=mover_points[0])
    draft.put(refund)
    if purchase.is_refunded_whole:
        _move_slots(draft, purchase, now, is_free=True)
    if command.id is not None:
        claim_id(draft, context, refund.id, owner_bucket=refund.bucket)
    payload = payment_payload(payment, livemode=context.livemode, refund=refund)
    announce(draft, context, type="payment.refunded", members=accounts, bucket=payment.bucket, data=payload, now=now)
    return Accepted(payload)


def _settle(
    draft: Layer,
    context: Context,
    purchase: Purchase,
    payment: Payment,
    refund: Refund,
    *,
    reason: str,
    reinstates: bool = False,
) -> tuple[Payment, tuple[int, int]]:
    """The purchase has what its kept part earns, awards made by hand their share; points reversed and reinstated."""
    refunds = purchase.refunds.get(payment.id, ())
    cause = Cause(
        payment,
        ("refund", refund.id),
        reason=reason,
        receipt={
            "payment": payment.id,
            "refund": refund.id,
            "eligible": payment.eligible_minor,
            "kept_eligible": str(kept_of(payment, refunds, payment.eligible_minor).eligible_minor),
            "amount": payment.amount_minor,
            "amount_refunded": payment.refunded_minor,
        },
        may_redeem=reinstates,
        reinstates=reinstates,
    )
    settled = settle(draft, context, purchase, accounts_of_earnings(draft, purchase.earnings), cause)
    mover = Mover(draft, context, cause)
    earnings = _settle_by_hand(draft, mover, settled.earnings, payment, kept_share(payment, refunds))
    payment = put_purchase(draft, purchase, payment, earnings)
    moved = (
        settled.reversed_points + mover.reversed_points,
        settled.reinstated_points + mover.reinstated_points,
    )
    return payment, moved


def _settle_by_hand(
    draft: Layer, mover: Mover, earnings: Sequence[Earning], payment: Payment, share: Fraction
) -> tuple[Earning, ...]:
    """Awards that the merchant made by hand for the payment hold their share of what is kept."""
    by_account = {earning.account_id: earning for earning in earnings}
    awards = (award for earning in earnings for award in earning.awards)
    known = {award.entry_id for award in awards if not award.is_by_hand}
    mine = [entry for entry in draft.children(Entry, payment.id) if entry.kind == "award" and entry.id not in known]
    for entry in sorted(mine, key=lambda entry: (entry.account_id, entry.sequence)):
        account = draft.get(Account, entry.account_id)
        assert account is not None, "accounts are never deleted"
        earning = by_account.get(account.id) or Earning(
            account.id, account.tier, payment.occurred_at, "UTC", None, False, ()
        )
        if all(award.entry_id != entry.id for award in earning.awards):
            award = Award(entry.id, entry.id, entry.points, payment.id)
            earning = replace(earning, awards=(*earning.awards, award))
        points = floor_div(entry.points * share.numerator, share.denominator)
        by_account[account.id] = mover.move(account, earning, entry.id, points)
    return tuple(by_account.values())


def _move_slots(draft: Layer, purchase: Purchase, now: datetime, *, is_free: bool) -> None:
    """The member's slots of offers that the purchase redeemed are free, or taken again (R15)."""
    for payment in purchase.payments:
        for redemption in redemptions_of(draft, payment):
            if is_free:
                free_member_slot(draft, redemption, now=now)
            else:
                retake_member_slot(draft, redemption)


# ---- the cancellation of a refund


def needs_cancel_refund(command: CancelRefund, needs: Needs) -> None:
    """The refund, its payment with its purchase, and where the points of clawbacks came from."""
    payment = Of(Refund, command.refund_id, "payment_id")
    needs.row(Refund, command.refund_id, look=True)
    needs.look_along(Payment, payment)
    needs.look_along(Account, Of(Payment, payment, "customer_id"), by="customer_id")
    look_at_purchase(needs, payment, is_reinstating=True)
    needs.look_along(Entry, payment, by="source_id")


def follow_cancel_refund(command: CancelRefund, seen: Layer, needs: Needs) -> None:
    """What a refund needs, and what the purchase may redeem once it is whole again."""
    refund = seen.get(Refund, command.refund_id)
    payment = seen.get(Payment, refund.payment_id) if refund is not None else None
    if payment is None:
        return
    needs.children(Refund, payment.id)
    _name_payment(needs, seen, payment)
    if payment.customer_id is not None:
        name_some_of_member(needs, payment.customer_id)
    name_offers(needs, seen, "payment", accounts_of_payment(seen, payment), is_enrolling=False)


def decide_cancel_refund(draft: Layer, command: CancelRefund, context: Context) -> Accepted | Rejected:
    """The payment is what it was without the refund; what it took is back in the lots it was taken from (R72)."""
    refund = draft.get(Refund, command.refund_id)
    payment = draft.get(Payment, refund.payment_id) if refund is not None else None
    if refund is None or payment is None:
        return missing("refund", command.refund_id, param="id")
    if refund.canceled_at is not None:
        return Accepted(refund_payload(refund, livemode=context.livemode), is_new=False)
    accounts = accounts_of_payment(draft, payment)
    now = instants_of(draft, context, accounts)[0]
    before = purchase_with(draft, payment)
    standing = [other for other in standing_refunds(draft, payment) if other.id != refund.id]
    payment = replace(
        payment, refunded_minor=payment.refunded_minor - refund.amount_minor, refund_count=payment.refund_count - 1
    )
    purchase = purchase_with(draft, payment, refunds=standing)
    if before.is_refunded_whole and not purchase.is_refunded_whole:
        _move_slots(draft, purchase, now, is_free=False)
    reason = command.reason or "refund canceled"
    payment, moved = _settle(draft, context, purchase, payment, refund, reason=reason, reinstates=True)
    refund = replace(refund, canceled_at=now, points_reinstated=moved[1])
    draft.put(refund)
    payload = payment_payload(payment, livemode=context.livemode, refund=refund)
    announce(
        draft, context, type="payment.refund_canceled", members=accounts, bucket=payment.bucket, data=payload, now=now
    )
    return Accepted(refund_payload(refund, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    RefundPayment: (needs_refund_payment, decide_refund_payment, follow_refund_payment),
    CancelRefund: (needs_cancel_refund, decide_cancel_refund, follow_cancel_refund),
}

"""What follows when a purchase changes, whatever changed it: a report, a refund, its cancellation or an amendment.

Accounts hold what the purchase earns now, awards by hand their share of what is kept, and the member's slots of offers
follow whether all of it was given back (R7, R15).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import redemptions_of
from vinr_server.core.offers.redemptions import free_member_slot, retake_member_slot
from vinr_server.core.offers.rows import OfferRedemption
from vinr_server.core.payments.purchases.conversions import settle_conversions
from vinr_server.core.payments.purchases.kept import counted_amount, kept_share
from vinr_server.core.payments.purchases.moving import Cause, Mover
from vinr_server.core.payments.purchases.settling import settle
from vinr_server.core.payments.purchases.state import Purchase, put_purchase
from vinr_server.core.payments.rows import Award, Earning, Payment
from vinr_server.core.programs.credits import count_payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.rewards.redemptions import is_kept


@dataclass(frozen=True, slots=True)
class Changed:
    """The payment as it is now, with what it shows of its awards, and the points that came and went by older ones.

    Of those that were reversed, so many were pending.
    """

    payment: Payment
    reversed_points: int
    pending_reversed_points: int
    reinstated_points: int


def change_purchase(
    draft: Layer, context: Context, purchase: Purchase, accounts: Sequence[Account], cause: Cause, *, now: datetime
) -> Changed:
    """The purchase is what it is now, and so is all that hangs on it. Expects the payment before it in the draft."""
    before = [stored for payment in purchase.payments if (stored := draft.find(Payment, payment.id)) is not None]
    was_refunded_whole = bool(before) and all(payment.is_refunded_whole for payment in before)
    if was_refunded_whole and not purchase.is_refunded_whole:
        for use in _uses(draft, before):
            retake_member_slot(draft, context, use, now=now)
    mover = Mover(draft, context, cause)
    settled = settle(draft, context, purchase, accounts, mover)
    earnings = settled.earnings if cause.is_report else _settle_by_hand(draft, mover, settled.earnings, purchase)
    outcome = settled.outcome if cause.is_report else _more(cause.payment.outcome, settled.outcome)
    payment = put_purchase(draft, purchase, replace(cause.payment, outcome=outcome), earnings)
    _count_payment(draft, purchase, payment, accounts, is_report=cause.is_report)
    if payment.referral_ids and not cause.is_report:  # who enrolls later earns for it, and converts nothing by that
        settle_conversions(draft, context, payment, purchase.refunds.get(payment.id, ()), mover)
    if purchase.is_refunded_whole and not was_refunded_whole:
        for use in _uses(draft, before):
            # A gift that the member keeps keeps its slot, or every refund would make room for another one (R18).
            if use.redemption_id is None or not is_kept(draft, use.redemption_id):
                free_member_slot(draft, context, use, now=now)
    return Changed(payment, mover.reversed_points, mover.pending_reversed_points, mover.reinstated_points)


def _count_payment(
    draft: Layer, purchase: Purchase, payment: Payment, accounts: Sequence[Account], *, is_report: bool
) -> None:
    """What is kept of the payment counts towards the tiers of those it was linked to when it was reported (R12b)."""
    for named in accounts:
        account = draft.get(Account, named.id) or named
        program = program_of(draft, account)
        amount = counted_amount(payment, purchase.refunds.get(payment.id, ()), program)
        if amount is None or (is_report and account.status != "active"):
            continue
        count_payment(draft, account, program, payment.id, at=payment.occurred_at, amount=amount, is_new=is_report)


def _uses(draft: Layer, payments: Sequence[Payment]) -> list[OfferRedemption]:
    """What these payments redeemed of offers."""
    return [use for payment in payments for use in redemptions_of(draft, payment)]


def _settle_by_hand(draft: Layer, mover: Mover, earnings: Sequence[Earning], purchase: Purchase) -> tuple[Earning, ...]:
    """Awards that the merchant made by hand for the payment hold their share of what is kept."""
    payment = mover.cause.payment
    share = kept_share(payment, purchase.refunds.get(payment.id, ()))
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
            award = Award(entry.id, entry.id, entry.moved_points, payment.id)
            earning = replace(earning, awards=(*earning.awards, award))
        points = floor_div(entry.moved_points * share.numerator, share.denominator)
        by_account[account.id] = mover.move(account, earning, entry.id, points)
    return tuple(by_account.values())


def _more(shown: Json, moved: Json) -> Json:
    """What the payment shows of its awards, with what the change gave beside them."""
    names = ("awards", "offer_redemptions")
    return {**shown, **{name: [*shown.get(name, ()), *moved.get(name, ())] for name in names if moved.get(name)}}

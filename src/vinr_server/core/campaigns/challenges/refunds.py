"""Payments that count in challenges change: what is kept of them counts, and attempts follow (R55)."""

from __future__ import annotations

from vinr_server.core.campaigns.challenges.attempts import settle
from vinr_server.core.campaigns.challenges.contributing import amount_of
from vinr_server.core.campaigns.challenges.measuring import contributions_of, said_by
from vinr_server.core.campaigns.passages.entering import passages_named
from vinr_server.core.campaigns.rows import Campaign, ContributionRow, Enrolment
from vinr_server.core.earning.conditions import unmet_conditions
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.payloads import payment_payload
from vinr_server.core.payments.purchases.conversions import occasion_of
from vinr_server.core.payments.purchases.state import standing_refunds
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.tiers.changing import judge_tiers

CHANGES = ("payment.refunded", "payment.refund_canceled", "payment.updated")
# What an event did that counts in a challenge.
COUNTED = ("progressed", "completed")


def settle_refunds(draft: Layer, context: Context) -> None:
    """Challenges count what is kept of the payments that the command has changed. Raises AlsoRows."""
    ids = [event.data["id"] for event in draft.written(Event) if event.type in CHANGES]
    for payment_id in dict.fromkeys(ids):
        payment = draft.find(Payment, payment_id)
        if payment is None:
            continue
        did = payment.outcome.get("campaigns", ())
        counted = [reaction["enrolment"] for reaction in did if reaction.get("did") in COUNTED]
        for enrolment in passages_named(draft, counted):
            _settle(draft, context, enrolment, payment)


def _settle(draft: Layer, context: Context, enrolment: Enrolment, payment: Payment) -> None:
    account, campaign = draft.find(Account, enrolment.account_id), draft.get(Campaign, enrolment.campaign_id)
    found = [row for row in contributions_of(draft, enrolment) if row.source_id == payment.id]
    if account is None or campaign is None or not found:
        return
    (row,) = found
    kept = _kept_amount(draft, context, campaign, account, row, payment)
    if kept == row.kept_amount:
        return
    draft.put(replace(row, kept_amount=kept))
    settle(draft, context, enrolment, account, source_id=payment.id)
    judge_tiers(draft, context)


def _kept_amount(
    draft: Layer, context: Context, campaign: Campaign, account: Account, row: ContributionRow, payment: Payment
) -> int:
    """What the payment is worth by what is kept of it, as the revision says by which it came to count."""
    if payment.is_refunded_whole:
        return 0
    says = said_by(draft, campaign, row.revision)
    occasion = occasion_of(payment, standing_refunds(draft, payment), program_of(draft, account).earning_tenders)
    data = payment_payload(payment, livemode=context.livemode)
    occasion = replace(occasion, trigger=says.type, data=data, occurred_at=payment.occurred_at)
    if unmet_conditions(says.conditions, occasion):
        return 0
    return max(amount_of(says, occasion), 0)

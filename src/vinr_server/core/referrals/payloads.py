"""Referral programs, codes and referrals as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping

from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.payments.rows import Award
from vinr_server.core.referrals.rows import Referral, ReferralCode, ReferralProgram, Reward


def referral_program_payload(program: ReferralProgram, *, livemode: bool) -> Wire:
    """The referral_program object, at its revision in force."""
    terms = program.terms
    return {
        "id": program.id,
        "object": "referral_program",
        "program": program.program_id,
        "revision": program.revision,
        "convert_on": terms.convert_on,
        "min_amount": terms.min_amount_minor,
        "currency": terms.currency,
        "window_days": terms.window_days,
        "hold_days": terms.hold_days,
        "new_customers_only": terms.is_for_new_customers,
        "limit": None if terms.limit is None else {"max": terms.limit.most, "per": terms.limit.per},
        "status": program.status,
        "metadata": program.metadata,
        "created": unix(program.created_at),
        "livemode": livemode,
    }


def referral_code_payload(code: ReferralCode, *, livemode: bool) -> Wire:
    """The referral_code object; its id is the code."""
    return {
        "id": code.id,
        "object": "referral_code",
        "code": code.id,
        "account": code.account_id,
        "active": code.is_active,
        "clicks": code.clicks,
        "conversions": code.conversions,
        "created": unix(code.created_at),
        "livemode": livemode,
    }


def referral_payload(referral: Referral, *, referee_id: str | None, lots: Mapping[str, Lot], livemode: bool) -> Wire:
    """The referral object. `referee_id`: the account that its customer has in the program, if any.

    `lots`: those of its awards, by the id that they share with these.
    """
    return {
        "id": referral.id,
        "object": "referral",
        "program": referral.program_id,
        "referral_program": {"id": referral.referral_program_id, "revision": referral.revision},
        "referrer": referral.referrer_id,
        "code": referral.code,
        "customer": referral.customer_id,
        "referee": referee_id,
        "status": referral.status,
        "registered_at": unix(referral.registered_at),
        "expires_at": unix_or_none(referral.expires_at),
        "converted_at": unix_or_none(referral.converted_at),
        "payment": referral.payment_id,
        "event": referral.event_id,
        "awards": [_award(reward, award, lots) for reward in referral.rewards for award in reward.earning.awards],
        "skipped": list(referral.skipped),
        "reason": referral.reason,
        "metadata": referral.metadata,
        "created": unix(referral.created_at),
        "livemode": livemode,
    }


def _award(reward: Reward, award: Award, lots: Mapping[str, Lot]) -> Wire:
    """What one side was given by one rule, and whether it can be spent."""
    lot = lots[award.entry_id]
    status = "pending" if lot.pending_points else "reversed" if lot.reversed_points == lot.points else "available"
    return {
        "account": reward.earning.account_id,
        "role": reward.role,
        "rule": award.source_id,
        "points_transaction": award.entry_id,
        "points": award.points,
        "status": status,
        "available_at": unix(lot.available_at),
    }

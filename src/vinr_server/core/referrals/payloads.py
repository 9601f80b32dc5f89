"""Referral programs, codes and referrals as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.referrals.rows import Referral, ReferralCode, ReferralProgram


def referral_program_payload(program: ReferralProgram, *, livemode: bool) -> Wire:
    """The referral_program object, at its revision in force."""
    terms = program.terms
    return {
        "id": program.id,
        "object": "referral_program",
        "program": program.program_id,
        "revision": program.revision,
        "window_days": terms.window_days,
        "new_customers_only": terms.is_for_new_customers,
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
        "created": unix(code.created_at),
        "livemode": livemode,
    }


def referral_payload(referral: Referral, *, referee_id: str | None, livemode: bool) -> Wire:
    """The referral object. `referee_id`: the account that its customer has in the program, if any."""
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
        "reason": referral.reason,
        "metadata": referral.metadata,
        "created": unix(referral.created_at),
        "livemode": livemode,
    }

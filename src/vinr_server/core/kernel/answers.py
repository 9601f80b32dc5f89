"""A decision's answer: accepted, or refused with a stable code and the figures that explain the refusal.

Within one decision the checks run in the order of `CODES`; when several apply, the first listed is returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vinr_server.core.kernel.values import dataclass

# code -> HTTP status. Order matters: see the module's docstring.
CODES: dict[str, int] = {
    "idempotency_key_reused": 422,
    "api_key_invalid": 401,
    "api_key_expired": 401,
    "id_conflict": 409,
    "already_imported": 409,
    "parameter_invalid": 400,
    "parameter_conflict": 400,
    "reserved_event_type": 400,
    "code_space_too_small": 400,
    "immutable_field": 400,
    "campaign_definition_invalid": 400,
    "resource_missing": 404,
    "api_key_not_active": 409,
    "webhook_endpoint_disabled": 409,
    "customer_merged": 409,
    "account_closed": 409,
    "self_referral": 409,
    "referral_exists": 409,
    "referral_not_open": 409,
    "code_taken": 409,
    "campaign_not_active": 409,
    "campaign_step_unmapped": 409,
    "enrolment_not_open": 409,
    "in_another_campaign": 409,
    "too_many_enrolments": 409,
    "frequency_capped": 409,
    "offer_needs_no_code": 409,
    "code_batch_not_ready": 409,
    "code_not_applicable": 409,
    "codes_exhausted": 409,
    "tier_in_use": 409,
    "checkout_session_open": 409,
    "program_mismatch": 409,
    "grant_not_open": 409,
    "offer_not_active": 409,
    "offer_limit_reached": 409,
    "budget_exhausted": 409,
    "reward_archived": 409,
    "not_eligible": 409,
    "reward_out_of_stock": 409,
    "insufficient_points": 409,
    "insufficient_credit": 409,
    "reversal_of_reversal": 409,
    "not_reversible": 409,
    "not_pending": 409,
    "redemption_not_authorized": 409,
    "capture_exceeds_hold": 409,
    "redemption_already_canceled": 409,
    "discount_consumed": 409,
    "credit_spent": 409,
    "discount_not_usable": 409,
    "checkout_session_not_open": 409,
    "checkout_session_linked": 409,
    "payment_has_session": 409,
    "payment_refunded": 409,
    "payment_linked": 409,
    "refund_exceeds_payment": 409,
    "refund_exceeds_tender": 409,
    "clock_advancing": 409,
    "segment_in_use": 409,
    "idempotency_key_in_use": 409,
}

# Faults in the shape of a bulk call's item: the edge finds them, and they are kept with the item's key.
SHAPE_CODES: dict[str, int] = {"unknown_parameter": 400, "parameter_missing": 400}

_RANK = {code: rank for rank, code in enumerate(CODES)}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refusal: nothing has changed. `details` holds the figures, `param` names the field at fault."""

    code: str
    message: str
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CODES[self.code] if self.code in CODES else SHAPE_CODES[self.code]


def first_listed(*found: object) -> Rejected | None:
    """Return the refusal that comes first in CODES, or None if there is none."""
    refusals = [refusal for refusal in found if isinstance(refusal, Rejected)]
    return min(refusals, key=lambda refusal: _RANK[refusal.code], default=None)


def missing(kind: str, id: str, *, param: str) -> Rejected:
    """Refuse an id that doesn't exist in this realm; another tenant's id gets exactly the same answer."""
    return Rejected("resource_missing", f"No such {kind}: {id!r}.", param=param)


def invalid(message: str, *, param: str) -> Rejected:
    """Refuse a value that can never be valid, and name its field."""
    return Rejected("parameter_invalid", message, param=param)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The object that the caller gets. `is_new`: the command created something, so HTTP answers 201 rather than 200."""

    payload: Mapping[str, Any]
    is_new: bool = True

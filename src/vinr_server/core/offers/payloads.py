"""Offers as the wire shows them, each kind in its own documented shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.budgets.counting import Left
from vinr_server.core.budgets.payloads import budget_payload
from vinr_server.core.conditions.payloads import where_payload
from vinr_server.core.earning.payloads import conditions_payload
from vinr_server.core.kernel.numbers import show_decimal
from vinr_server.core.kernel.payloads import Wire, given, unix, unix_or_none
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.offers.rows import (
    Buy,
    Criteria,
    Get,
    Offer,
    OfferClaim,
    OfferGrant,
    OfferRedemption,
    OfferStatus,
    OfferTerms,
    Targeting,
)


def offer_payload(
    offer: Offer, *, status: OfferStatus, counter: Counter | None, left: Left | None, livemode: bool
) -> Wire:
    """The offer object of either kind; `counter` is that of its cap, `left` what its budget has left, if it has one."""
    shape = _engagement(offer, status, counter) if offer.kind == "engagement" else _checkout(offer, status, counter)
    stacking = offer.terms.stacking
    return {
        "id": offer.id,
        "object": "offer",
        "kind": offer.kind,
        "name": offer.name,
        "revision": offer.revision,
        **shape,
        "budget": _budget(offer.terms, left),
        "starts_at": unix_or_none(offer.starts_at),
        "ends_at": unix_or_none(offer.ends_at),
        "stacking": stacking.mode,
        "stacking_group": stacking.group,
        "priority": stacking.priority,
        "metadata": offer.metadata,
        "created": unix(offer.created_at),
        "livemode": livemode,
    }


def _engagement(offer: Offer, status: OfferStatus, counter: Counter | None) -> Wire:
    terms = offer.terms
    return {
        "program": offer.program_id,
        "status": status,
        "incentive": incentive_payload(terms),
        "targeting": _targeting(terms.targeting),
        "conditions": conditions_payload(terms.conditions),
        "application": terms.application,
        "requires_code": terms.requires_code,
        "max_redemptions": terms.max_redemptions,
        "per_member_limit": terms.per_member_limit,
        "remaining": remaining(terms, counter),
    }


def _budget(terms: OfferTerms, left: Left | None) -> Wire | None:
    return budget_payload(terms.budget, left) if terms.budget is not None and left is not None else None


def remaining(terms: OfferTerms, counter: Counter | None) -> int | None:
    """How often all members together can still redeem the offer; None without a cap."""
    if terms.max_redemptions is None:
        return None
    taken = counter.used + counter.reserved if counter is not None else 0
    return max(terms.max_redemptions - taken, 0)


def incentive_payload(terms: OfferTerms) -> Wire:
    """The incentive, with only the fields of its type."""
    figures: Mapping[str, Any] = {}
    if terms.multiplier is not None:
        figures = {"multiplier": show_decimal(terms.multiplier.factor_e4)}
    elif terms.bonus is not None:
        figures = {"points": terms.bonus.points}
    elif terms.percentage is not None:
        figures = {
            "percent": show_decimal(terms.percentage.percent_e4),
            "max_discount": terms.percentage.max_discount_minor,
        }
    elif terms.gift is not None:
        figures = {"reward": terms.gift.reward_id}
    return given({"type": terms.type, **figures})


def _targeting(targeting: Targeting) -> Wire:
    return given(
        {
            "segments": list(targeting.segments) or None,
            "tiers": list(targeting.tiers) or None,
            "min_balance": targeting.min_balance_points,
            "enrolled_before": unix_or_none(targeting.enrolled_before),
            "max_balance": targeting.max_balance_points,
            "metadata": targeting.metadata,
            **where_payload(targeting.where),
        }
    )


def _checkout(offer: Offer, status: OfferStatus, counter: Counter | None) -> Wire:
    checkout = offer.terms.checkout
    assert checkout is not None, f"offer {offer.id} is of kind checkout and has no checkout terms"
    return {
        "type": checkout.type,
        "value": checkout.value_minor,
        "per": checkout.per if checkout.type == "fixed_discount" else None,
        "percent_off": show_decimal(checkout.percent_e4) if checkout.percent_e4 is not None else None,
        "criteria": _criteria(checkout.criteria),
        "buy": _buy(checkout.buy) if checkout.buy is not None else None,
        "get": _get(checkout.get) if checkout.get is not None else None,
        "max_times": checkout.max_times,
        "requires_code": offer.terms.requires_code,
        "max_redemptions": offer.terms.max_redemptions,
        "per_member_limit": offer.terms.per_member_limit,
        "remaining": remaining(offer.terms, counter),
        "active": status == "active",
    }


def _buy(buy: Buy) -> Wire:
    return {
        "skus": list(buy.skus),
        "categories": list(buy.categories),
        "any": not buy.skus and not buy.categories,
        "quantity": buy.quantity,
    }


def _get(get: Get) -> Wire:
    return {
        "skus": list(get.skus),
        "categories": list(get.categories),
        "quantity": get.quantity,
        "percent_off": show_decimal(get.percent_e4),
        "pick": get.pick,
    }


def _criteria(criteria: Criteria) -> Wire:
    return given(
        {
            "min_subtotal": criteria.min_subtotal_minor,
            "min_quantity": criteria.min_quantity,
            "skus": list(criteria.skus) or None,
            "categories": list(criteria.categories) or None,
            "exclude_skus": list(criteria.exclude_skus) or None,
            "exclude_categories": list(criteria.exclude_categories) or None,
            "currency": criteria.currency,
            "segments": list(criteria.segments) or None,
            "first_order": criteria.first_order,
            "buy_quantity": criteria.buy_quantity,
            "get_quantity": criteria.get_quantity,
            "max_subtotal": criteria.max_subtotal_minor,
            "max_quantity": criteria.max_quantity,
            "of": None if criteria.counts == "undiscounted" else criteria.counts,
            **where_payload(criteria.where),
        }
    )


def offer_claim_payload(claim: OfferClaim, *, account_id: str, livemode: bool) -> Wire:
    """The offer_claim object: a member opted in with this account."""
    return {
        "object": "offer_claim",
        "offer": claim.offer_id,
        "account": account_id,
        "revision": claim.offer_revision,
        "created": unix(claim.created_at),
        "livemode": livemode,
    }


def offer_grant_payload(grant: OfferGrant, *, now: datetime, livemode: bool) -> Wire:
    """The offer_grant object at an instant: one use of an offer, given to an account."""
    return {
        "id": grant.id,
        "object": "offer_grant",
        "offer": grant.offer_id,
        "account": grant.account_id,
        "source": grant.source,
        "granted_at": unix(grant.granted_at),
        "expires_at": unix_or_none(grant.expires_at),
        "status": grant.status_at(now),
        "redemption": grant.redemption_id,
        "created": unix(grant.created_at),
        "livemode": livemode,
    }


def offer_redemption_payload(redemption: OfferRedemption, *, livemode: bool) -> Wire:
    """The offer_redemption object: one use, with what it gave."""
    discount = {"amount": redemption.discount_minor, "currency": redemption.currency}
    return {
        "id": redemption.id,
        "object": "offer_redemption",
        "offer": redemption.offer_id,
        "revision": redemption.offer_revision,
        "account": redemption.account_id,
        "status": redemption.status,
        "points_transaction": redemption.entry_id,
        "discount": discount if redemption.discount_minor is not None else None,
        "redemption": redemption.redemption_id,
        "payment": redemption.payment_id,
        "checkout_session": redemption.session_id,
        "grant": redemption.grant_id,
        "code": redemption.code_id,
        "receipt": redemption.receipt,
        "created": unix(redemption.created_at),
        "redeemed_at": unix_or_none(redemption.redeemed_at),
        "freed_at": unix_or_none(redemption.freed_at),
        "livemode": livemode,
    }


def in_outcome(redemption: OfferRedemption) -> Wire:
    """A redemption as its payment shows it: just enough to find it, a gift's redemption, and the code if any."""
    gift = {"redemption": redemption.redemption_id} if redemption.redemption_id is not None else {}
    code = {"code": redemption.code_id} if redemption.code_id is not None else {}
    return {
        "id": redemption.id,
        "offer": redemption.offer_id,
        "account": redemption.account_id,
        "points_transaction": redemption.entry_id,
        **gift,
        **code,
    }

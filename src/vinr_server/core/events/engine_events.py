"""All types of events that the engine itself sends, and the object in their data.

Nothing else can be announced, and OpenAPI and the SDKs take their events from this list.
"""

from __future__ import annotations

from collections.abc import Mapping

EVENT_TYPES: Mapping[str, str] = {
    "loyalty.account.created": "loyalty_account",
    "loyalty.points.pending": "points_transaction",
    "loyalty.points.earned": "points_transaction",
    "loyalty.points.adjusted": "points_transaction",
    "loyalty.points.reversed": "points_transaction",
    "loyalty.points.reinstated": "points_transaction",
    "loyalty.points.expired": "points_transaction",
    "loyalty.points.expiring": "expiry_reminder",
    "loyalty.tier.changed": "tier_change",
    "loyalty.tier.grace_started": "tier_grace",
    "loyalty.reward.redeemed": "redemption",
    "loyalty.redemption.authorized": "redemption",
    "loyalty.redemption.canceled": "redemption",
    "loyalty.redemption.expired": "redemption",
    "loyalty.redemption.reduced": "redemption",
    "loyalty.redemption.reinstated": "redemption",
    "loyalty.offer.activated": "offer_claim",
    "loyalty.offer.granted": "offer_grant",
    "loyalty.offer.redeemed": "offer_redemption_event",
    "store_credit.granted": "credit_transaction",
    "store_credit.spent": "credit_transaction",
    "store_credit.returned": "credit_transaction",
    "store_credit.expired": "credit_transaction",
    "store_credit.reversed": "credit_transaction",
    "store_credit.adjusted": "credit_transaction",
    "offer.created": "offer_event",
    "offer.updated": "offer_event",
    "offer.ended": "offer_event",
    "code.redeemed": "code",
    "code.released": "code",
    "code_batch.ready": "code_batch",
    "referral.registered": "referral",
    "referral.converted": "referral",
    "referral.reversed": "referral",
    "referral.rejected": "referral",
    "referral.expired": "referral",
    "payment.completed": "payment",
    "payment.refunded": "payment",
    "payment.refund_canceled": "payment",
    "payment.updated": "payment",
    "payment.linked": "payment",
    "customer.merged": "customer_merge",
    "segment.entered": "segment_change",
    "segment.left": "segment_change",
    "webhook_endpoint.disabled": "webhook_endpoint",
}

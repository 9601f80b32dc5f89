"""The page of events: when the engine sends each, and what it holds."""

from __future__ import annotations

from docsite.schema_words import field_rows
from vinr_server.api.contract.event_schemas import data_of
from vinr_server.api.contract.openapi import openapi
from vinr_server.core.events.engine_events import EVENT_TYPES

# When each type is sent; a type without a sentence fails tests/docs/test_coverage.py.
WHEN: dict[str, str] = {
    "loyalty.account.created": "A customer was enrolled in a program.",
    "loyalty.points.earned": "A member earned points: by a rule, by an award, by an offer.",
    "loyalty.points.adjusted": "A balance was corrected by hand.",
    "loyalty.points.reversed": "An award was clawed back, whole or in part: by a refund, or by hand.",
    "loyalty.points.reinstated": "Points of a clawback are back: the refund was canceled, or the payment amended.",
    "loyalty.points.expired": "The rest of a lot has expired.",
    "loyalty.points.expiring": "Points of a member end in `days` days; the program's `expiry_reminders` say when.",
    "loyalty.tier.changed": "A member's tier changed. `cause` says why, and names the transaction or payment.",
    "loyalty.tier.grace_started": "A member's tier has ended, and is kept until `grace_until`.",
    "loyalty.reward.redeemed": "A member spent points on a reward, or was given one by an offer.",
    "loyalty.redemption.canceled": "A redemption was canceled; its points are back. Or the payment that brought a gift no"
    " longer qualifies for it.",
    "loyalty.redemption.reinstated": "A gift that was canceled with its payment's refund is the member's again.",
    "loyalty.redemption.authorized": "Points are held for a reward, until they are captured or the hold ends.",
    "loyalty.redemption.expired": "A hold ended before it was captured: its points are free again.",
    "loyalty.redemption.reduced": "An order took only a part of a variable reward; `points_returned` are back.",
    "loyalty.points.pending": "A member earned points that can be spent from `available_at` on.",
    "loyalty.offer.activated": "A member claimed an offer. It reserves nothing.",
    "loyalty.offer.granted": "A member was given one use of an offer.",
    "loyalty.offer.redeemed": "An offer was redeemed for points, a discount or a gift.",
    "offer.created": "An offer was created.",
    "offer.updated": "An offer was changed, published or paused.",
    "offer.ended": "An offer ended: its window closed, its cap was reached, or it was deactivated or deleted.",
    "code.redeemed": "A code was used: the offer that it opens was redeemed.",
    "code.released": "A use of a code is free again: its session expired or dropped it, or its payment was refunded whole.",
    "code_batch.ready": "All codes that were wanted of a batch are made.",
    "code_batch.low": "Steps of campaigns have given so many codes of a batch that `low_at` or fewer are nobody's; once,"
    " until more are added.",
    "referral.registered": "A member has brought a customer: the referral is open.",
    "referral.converted": "A referral has converted: `awards` shows what both sides earned.",
    "referral.reversed": "The payment that converted a referral was refunded, and what it gave is taken back.",
    "referral.rejected": "You ended a referral, or both sides turned out to be one person (`reason: self_referral`).",
    "campaign.published": "A campaign has a new revision: its draft was published.",
    "campaign.paused": "A campaign was paused: nobody enters it, and no step is taken.",
    "campaign.resumed": "A paused campaign goes on.",
    "campaign.archived": "A campaign has ended for good.",
    "campaign.entered": "A member has entered a campaign, whose definition announces that.",
    "campaign.exited": "A member's enrolment is over, in a campaign whose definition announces that.",
    "campaign.progressed": "Something counts in a challenge, whose definition announces that.",
    "campaign.completed": "A member has completed an attempt of a challenge. Its steps follow.",
    "campaign.revoked": "A refund leaves an attempt of a challenge short: what it gave was taken back, unless it was used.",
    "campaign.converted": "A member reached the goal of a campaign; nothing is announced of who is held out.",
    "campaign.conversion_reverted": "The payment by which a member reached a campaign's goal was refunded whole.",
    "campaign.message": "A step of a campaign asks your systems to send something.",
    "campaign.budget_exhausted": "A step did not fit into what its campaign's budget has left; once in each period, and of"
    " a budget for each member once for the member.",
    "campaign.failed": "A step failed three times by a fault of the engine: `error` names it in the log.",
    "referral.expired": "A referral's window is over, and nothing came of it.",
    "store_credit.granted": "A customer got store credit.",
    "store_credit.spent": "Store credit was spent.",
    "store_credit.returned": "Store credit that was spent came back.",
    "store_credit.expired": "What was left of a grant of store credit has ended.",
    "store_credit.reversed": "What was left of a grant of store credit was taken back.",
    "store_credit.adjusted": "A balance of store credit was corrected by hand.",
    "segment.entered": "A member entered a segment: was added, or met its conditions.",
    "segment.left": "A member left a segment.",
    "webhook_endpoint.disabled": "An endpoint was switched off: it answered 410, or failed for five days.",
    "payment.completed": "A payment was reported. `awards` shows what it earned.",
    "payment.linked": "A payment that named nobody was given its customer, and has earned for it.",
    "customer.merged": "A customer was merged into another, for good. `accounts` names each account, with the one that acts"
    " for it.",
    "payment.refunded": "A payment was refunded, whole or in part. `refund` is this refund, `amount_refunded` their sum.",
    "payment.refund_canceled": "A refund was canceled. `refund` is this refund, `amount_refunded` the sum of the others.",
    "payment.updated": "A payment was amended. `revision` counts what it has said so far.",
}

_HEAD = """# Events

The events that the engine emits by itself, and the events that you report. Every event is kept at `/v1/events` and sent to
the webhook endpoints that ask for its type; see [webhooks](../guides/webhooks.md).

An event is `{id, object: "event", type, created, livemode, sequence, data, request: {id, idempotency_key}}`. `data` **is**
the payload: `event.data.id` is the id of the payment, not of a wrapper. References in `data` are ids. One event may arrive
more than once, always under the same `id`.

Events arrive in no particular order. `sequence` shows how far the account's ledger had come: it is the `sequence` of the
account's last points transaction at that time. Of two events of one account, the event with the higher `sequence` is later;
if both are equal, no points moved in between. It is null for an event of no account (`offer.created`) or of several
accounts, such as a payment of a customer who is a member of two programs.

Types that start with `loyalty.`, `offer.`, `payment.`, `campaign.` or `store_credit.` are the engine's own. Report yours
under any other name with [events.create](api/events.md#report-event); the engine passes them on unchanged.

| type | when |
|---|---|
"""


def events_page() -> str:
    """A table of all, then what each holds."""
    rows = [f"| [`{type}`](#{_anchor(type)}) | {WHEN.get(type, '')} |\n" for type in EVENT_TYPES]
    components = openapi()["components"]["schemas"]
    parts = []
    for type in EVENT_TYPES:
        kind = data_of(type).__name__
        fields = "\n".join(
            field_rows(components[kind], lambda named: f"[{named}](objects.md#{named.lower()})", with_default=False)
        )
        parts.append(
            f"\n## {type} {{ #{_anchor(type)} }}\n\n{WHEN.get(type, '')} `data` is a [{kind}](objects.md#{kind.lower()}):\n\n"
            f"| field | type | |\n|---|---|---|\n{fields}\n"
        )
    return _HEAD + "".join(rows) + "".join(parts)


def _anchor(type: str) -> str:
    return type.replace(".", "-").replace("_", "-")

"""Operations on offers: engagement offers for members, checkout offers for carts; one space of ids, two routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vinr_server.api import offer_inputs, offer_translations
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, Operation, list_page, retrieve_one
from vinr_server.api.contract.pages import Choice, Listing, text
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.inputs import NoInput
from vinr_server.api.reads import page_of, shown_by
from vinr_server.core.kernel.answers import missing
from vinr_server.core.offers.payloads import offer_payload, offer_redemption_payload
from vinr_server.core.offers.rows import Offer, OfferRedemption
from vinr_server.storage.reads.offers import IS_LIVE

ENGAGEMENT, CHECKOUT = "/v1/engagement/offers", "/v1/offers"

ENGAGEMENT_OFFERS_LISTING = Listing(
    Offer, {"program": ("program_id", text)}, where="t.kind = 'engagement' and t.deleted_at is null"
)
OFFERS_LISTING = Listing(
    Offer,
    {},
    where="t.kind = 'checkout' and t.deleted_at is null",
    switches={"active": (IS_LIVE, f"not ({IS_LIVE})")},
)


REDEMPTIONS_LISTING = Listing(
    OfferRedemption,
    {"account": ("account_id", text), "status": ("status", Choice(("confirmed", "refunded")))},
    order=("id",),
    # What a checkout session holds, or gave back, was not redeemed.
    where="t.status in ('confirmed', 'refunded')",
)


async def show_offers(call: Call, offers: Sequence[Offer]) -> list[Any]:
    """Offers of either kind, each with its status at its own now."""
    standings = await call.reader.offer_standings(call.caller.realm, offers, datetime.now(UTC)) if offers else {}
    return [
        offer_payload(
            offer,
            status=offer.status_at(standings[offer.id].now, used=standings[offer.id].counter.used),
            counter=standings[offer.id].counter,
            livemode=call.caller.livemode,
        )
        for offer in offers
    ]


async def list_redemptions(call: Call) -> Any:
    """One page of an offer's redemptions; of an offer that there is not, none can be asked for."""
    offer = await call.reader.one(call.caller.realm, Offer, call.id)
    if offer is None:
        raise Problem.of(missing("offer", call.id, param="id"))
    url = f"{ENGAGEMENT}/{call.id}/redemptions"
    query = REDEMPTIONS_LISTING.query(call.query)
    return await page_of(call, replace(query, equal={**query.equal, "offer_id": call.id}), url, show_redemptions)


show_redemptions = shown_by(offer_redemption_payload)


def _write(method: str, path: str, sdk: str, id: str, body: Any, summary: str, **more: Any) -> Operation:
    return Operation(id, method, path, sdk, summary, body, getattr(offer_translations, id), **more)


ENGAGEMENT_OFFERS = (
    _write(
        "POST",
        ENGAGEMENT,
        "engagement.offers.create",
        "create_engagement_offer",
        offer_inputs.CreateEngagementOfferInput,
        "Create an offer for members, as a draft: who qualifies, what they get, when and how often.",
        reply="engagement_offer",
        answers=MADE_OR_FOUND,
        example={
            "name": "Spring bonus",
            "program": "prog_default",
            "incentive": {"type": "points_bonus", "points": 1000},
            "targeting": {"tiers": ["gold"]},
            "max_redemptions": 500,
        },
        refusals=(*CREATE, "program_mismatch", "reward_archived"),
    ),
    retrieve_one(
        f"{ENGAGEMENT}/{{id}}",
        "engagement.offers.retrieve",
        "retrieve_engagement_offer",
        Offer,
        "engagement offer",
        show_offers,
    ),
    _write(
        "POST",
        f"{ENGAGEMENT}/{{id}}",
        "engagement.offers.update",
        "update_engagement_offer",
        offer_inputs.UpdateEngagementOfferInput,
        "Make a new revision of an offer; what it gave keeps the older one.",
        reply="engagement_offer",
        example={"name": "Spring bonus, extended", "ends_at": "2026-12-31"},
        refusals=(*FIND, "immutable_field", "program_mismatch", "reward_archived"),
        immutable=("id", "program", "application"),
    ),
    _write(
        "POST",
        f"{ENGAGEMENT}/{{id}}/publish",
        "engagement.offers.publish",
        "publish_engagement_offer",
        NoInput,
        "Let an offer go live within its window; a paused one goes on.",
        reply="engagement_offer",
        example={},
        refusals=FIND,
    ),
    _write(
        "POST",
        f"{ENGAGEMENT}/{{id}}/pause",
        "engagement.offers.pause",
        "pause_engagement_offer",
        NoInput,
        "Pause an offer: nobody can redeem it until it is published again.",
        reply="engagement_offer",
        example={},
        refusals=(*FIND, "offer_not_active"),
    ),
    _write(
        "POST",
        f"{ENGAGEMENT}/activate",
        "engagement.offers.activate",
        "activate_offer",
        offer_inputs.ActivateOfferInput,
        "Opt a member in. A bonus or a gift is given at once; a multiplier or a discount waits for its event.",
        reply="offer_activation",
        answers=MADE_OR_FOUND,
        example={"offer": "ofr_9fK2", "account": "loy_abc123"},
        refusals=(
            *FIND,
            "account_closed",
            "program_mismatch",
            "offer_not_active",
            "offer_limit_reached",
            "reward_archived",
            "not_eligible",
            "reward_out_of_stock",
        ),
    ),
    _write(
        "POST",
        f"{ENGAGEMENT}/eligible",
        "engagement.offers.eligible",
        "show_eligible_offers",
        offer_inputs.EligibleOffersInput,
        "Tell which offers a member can use now, and what stands in the way of the rest; nothing changes.",
        reply="eligible_offers",
        example={"account": "loy_abc123"},
        refusals=FIND,
        is_pure=True,
    ),
    Operation(
        "list_offer_redemptions",
        "GET",
        f"{ENGAGEMENT}/{{id}}/redemptions",
        "engagement.offers.redemptions",
        "List what an offer gave, newest first.",
        read=list_redemptions,
        reply="list",
        refusals=FIND,
        listing=REDEMPTIONS_LISTING,
    ),
    list_page(
        ENGAGEMENT,
        "engagement.offers.list",
        "list_engagement_offers",
        ENGAGEMENT_OFFERS_LISTING,
        show_offers,
        "engagement offers",
    ),
)

CHECKOUT_OFFERS = (
    _write(
        "POST",
        CHECKOUT,
        "offers.create",
        "create_offer",
        offer_inputs.CreateOfferInput,
        "Create an offer that takes something off every cart that meets its criteria.",
        reply="offer",
        answers=MADE_OR_FOUND,
        example={
            "name": "Free shipping on orders over €50",
            "type": "free_shipping",
            "value": 799,
            "criteria": {"min_subtotal": 5000},
        },
        refusals=CREATE,
    ),
    retrieve_one(
        f"{CHECKOUT}/{{id}}",
        "offers.retrieve",
        "retrieve_offer",
        Offer,
        "offer",
        show_offers,
        others=("engagement_offer",),
    ),
    _write(
        "POST",
        f"{CHECKOUT}/{{id}}",
        "offers.update",
        "update_offer",
        offer_inputs.UpdateOfferInput,
        "Switch an offer on or off, or move its end.",
        reply="offer",
        example={"active": False},
        refusals=(*FIND, "immutable_field"),
        immutable=(
            *("id", "name", "type", "value", "per", "criteria", "starts_at"),
            *("stacking", "stacking_group", "priority", "metadata"),
        ),
    ),
    _write(
        "DELETE",
        f"{CHECKOUT}/{{id}}",
        "offers.delete",
        "delete_offer",
        None,
        "Delete an offer for good; what it took off stays on record.",
        reply="deleted",
        refusals=FIND,
    ),
    list_page(CHECKOUT, "offers.list", "list_offers", OFFERS_LISTING, show_offers, "offers"),
)

OFFERS: tuple[Operation, ...] = (*ENGAGEMENT_OFFERS, *CHECKOUT_OFFERS)

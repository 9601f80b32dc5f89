"""Redemptions of offers: what each gave, to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from vinr_server.api.contract.pages import Choice, Listing, text
from vinr_server.api.contract.reads import page_of, shown_by
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.answers import missing
from vinr_server.core.offers import rows
from vinr_server.core.offers.payloads import offer_redemption_payload
from vinr_server.storage.reads.scopes import REDEEMED

RedemptionStatus = Literal["reserved", "confirmed", "released", "refunded"]


class OfferDiscount(Reply):
    amount: int
    currency: str


class OfferRedemption(Reply):
    id: str
    object: Literal["offer_redemption"]
    offer: Reference
    revision: int
    account: Reference | None
    status: RedemptionStatus
    points_transaction: Reference | None
    discount: OfferDiscount | None
    redemption: Reference | None
    payment: Reference | None
    checkout_session: Reference | None
    grant: Reference | None
    code: Reference | None
    receipt: Json
    created: int
    redeemed_at: int | None
    freed_at: int | None
    livemode: bool


class OfferRedemptionEvent(OfferRedemption):
    sequence: int | None


REDEMPTIONS = Listing(
    rows.OfferRedemption,
    {"account": ("account_id", text), "status": ("status", Choice(("confirmed", "refunded")))},
    order=("id",),
    within=REDEEMED,
)


async def list_redemptions(call: Call) -> Any:
    """One page of an offer's redemptions; refused if the offer does not exist."""
    offer = await call.reader.row(call.caller.realm, rows.Offer, call.id)
    if offer is None:
        raise Problem.of(missing("offer", call.id, param="id"))
    url = f"/v1/engagement/offers/{call.id}/redemptions"
    query = REDEMPTIONS.query(call.query)
    return await page_of(call, replace(query, equal={**query.equal, "offer_id": call.id}), url, show_redemptions)


show_redemptions = shown_by(offer_redemption_payload)

EVENT_DATA = (OfferRedemptionEvent,)

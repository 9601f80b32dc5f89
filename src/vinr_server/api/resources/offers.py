"""Checkout offers: what they take off every cart that meets their criteria."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.budgets import CartBudgetInput, read_budget, sent_budget
from vinr_server.api.contract.buy_and_get import Buy, BuyInput, Get, GetInput, read_buy, read_get
from vinr_server.api.contract.conditions import Conditions, refuse_both
from vinr_server.api.contract.currencies import read_currency_or_none
from vinr_server.api.contract.input import Count, Input, Instant, Key, Metadata, Minor, Name, Names, OfferId, Rate, sent
from vinr_server.api.contract.offers import (
    AnyOffer,
    Priority,
    Segments,
    StackingMode,
    read_stacking,
    sent_window,
    show_offers,
)
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Deleted, Reference, ShownRate
from vinr_server.api.contract.values import read_metadata, read_percent, read_window
from vinr_server.api.contract.where import OF_CRITERIA, Where, WhereInput, read_where
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.zones import zone_if_needed
from vinr_server.api.resources.engagement_offers import EngagementOffer, OfferStatus, Targeting
from vinr_server.api.resources.incentives import Incentive
from vinr_server.core.offers import rows
from vinr_server.core.offers.commands import CreateOffer, DeleteOffer, UpdateOffer
from vinr_server.storage.reads.scopes import CHECKOUT_OFFERS, LIVE_OFFERS

URL = "/v1/offers"


class CriteriaInput(WhereInput):
    min_subtotal: Minor | None = None
    min_quantity: Count | None = None
    skus: Names = []
    categories: Names = []
    exclude_skus: Names = []
    exclude_categories: Names = []
    currency: str | None = None
    segments: Segments = []
    first_order: bool | None = None
    buy_quantity: Count | None = None
    get_quantity: Count | None = None
    max_subtotal: Count | None = None
    max_quantity: Count | None = None
    of: rows.Prices = "undiscounted"


class CreateOfferInput(Input):
    name: Name
    type: Literal["bogo", "free_shipping", "fixed_discount"]
    value: Minor | None = None
    per: Literal["order", "unit"] | None = None
    percent_off: Rate = None
    criteria: CriteriaInput | None = None
    buy: BuyInput | None = None
    get: GetInput | None = None
    max_times: Count | None = None
    max_redemptions: Count | None = None
    per_member_limit: Count | None = None
    requires_code: bool = False
    budget: CartBudgetInput | None = None
    active: bool = True
    starts_at: Instant = None
    ends_at: Instant = None
    id: OfferId | None = None
    stacking: StackingMode = "stack"
    stacking_group: Key | None = None
    priority: Priority = 0
    metadata: Metadata = {}


class UpdateOfferInput(Input):
    active: bool | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    max_redemptions: Count | UnsetType | None = UNSET
    budget: CartBudgetInput | UnsetType | None = UNSET


class Criteria(Where):
    min_subtotal: int | UnsetType = UNSET
    min_quantity: int | UnsetType = UNSET
    skus: list[str] | UnsetType = UNSET
    categories: list[str] | UnsetType = UNSET
    exclude_skus: list[str] | UnsetType = UNSET
    exclude_categories: list[str] | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    segments: list[str] | UnsetType = UNSET
    first_order: bool | UnsetType = UNSET
    buy_quantity: int | UnsetType = UNSET
    get_quantity: int | UnsetType = UNSET
    max_subtotal: int | UnsetType = UNSET
    max_quantity: int | UnsetType = UNSET
    of: rows.Prices | UnsetType = UNSET


class Offer(AnyOffer):
    kind: Literal["checkout"]
    type: Literal["bogo", "free_shipping", "fixed_discount"]
    value: int | None
    per: Literal["order", "unit"] | None
    percent_off: ShownRate | None
    criteria: Criteria
    buy: Buy | None
    get: Get | None
    max_times: int | None
    max_redemptions: int | None
    per_member_limit: int | None
    remaining: int | None
    requires_code: bool
    active: bool


class OfferEvent(AnyOffer):
    """The data of offer.created, offer.updated and offer.ended: an offer of either kind, and what ended it."""

    kind: Literal["engagement", "checkout"]
    reason: Literal["window", "max_redemptions", "deactivated", "deleted"] | UnsetType = UNSET
    program: Reference | UnsetType | None = UNSET
    status: OfferStatus | UnsetType = UNSET
    incentive: Incentive | UnsetType = UNSET
    targeting: Targeting | UnsetType = UNSET
    conditions: Conditions | UnsetType = UNSET
    application: rows.Application | UnsetType = UNSET
    max_redemptions: int | UnsetType | None = UNSET
    per_member_limit: int | UnsetType | None = UNSET
    remaining: int | UnsetType | None = UNSET
    requires_code: bool | UnsetType = UNSET
    type: Literal["bogo", "free_shipping", "fixed_discount"] | UnsetType = UNSET
    value: int | UnsetType | None = UNSET
    per: Literal["order", "unit"] | UnsetType | None = UNSET
    percent_off: ShownRate | UnsetType | None = UNSET
    criteria: Criteria | UnsetType = UNSET
    buy: Buy | UnsetType | None = UNSET
    get: Get | UnsetType | None = UNSET
    max_times: int | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


async def create_offer(call: Call) -> CreateOffer:
    body: CreateOfferInput = call.body
    zone = await zone_if_needed(call, body, table="tenants")
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    return CreateOffer(
        kind="checkout",
        name=body.name,
        terms=rows.OfferTerms(
            checkout=_checkout(body, zone=zone),
            stacking=read_stacking(body.stacking, body.stacking_group, body.priority),
            max_redemptions=body.max_redemptions,
            per_member_limit=body.per_member_limit,
            requires_code=body.requires_code,
            budget=read_budget(body.budget),
        ),
        status="published" if body.active else "paused",
        starts_at=starts_at,
        ends_at=ends_at,
        id=body.id,
        metadata=read_metadata(body.metadata),
    )


async def update_offer(call: Call) -> UpdateOffer:
    body: UpdateOfferInput = call.body
    changes = sent_window(body, "ends_at", zone=await zone_if_needed(call, body, table="offers"))
    if body.active is not UNSET:
        changes["status"] = "published" if body.active else "paused"
    terms = sent(body, "max_redemptions") | sent_budget(body.budget)
    return UpdateOffer(kind="checkout", offer_id=call.id, changes=changes, term_changes=terms)


def delete_offer(call: Call) -> DeleteOffer:
    return DeleteOffer(call.id)


def _checkout(given: CreateOfferInput, *, zone: str) -> rows.CheckoutTerms:
    criteria = given.criteria or CriteriaInput()
    if given.type == "bogo":
        if given.value is not None:
            message = "value: a bogo offer has no value; the cheapest items of each group are free. Send null."
            raise Problem("parameter_invalid", message, param="value")
    elif given.type == "fixed_discount" and given.value is None:
        raise Problem("parameter_missing", "value is required for a fixed_discount.", param="value")
    percent_e4 = _percent_off(given)
    if given.per is not None and given.type != "fixed_discount":
        message = f"per applies to a fixed_discount, not to a {given.type}. Leave it out."
        raise Problem("parameter_invalid", message, param="per")
    for name in ("buy_quantity", "get_quantity"):
        if getattr(criteria, name) is not None and given.type != "bogo":
            param = f"criteria.{name}"
            message = f"{param} applies to a bogo, not to a {given.type}. Leave it out."
            raise Problem("parameter_invalid", message, param=param)
    buy, get = _buy_and_get(given, criteria)
    _require_later_phase(given, criteria)
    asked = _criteria(criteria, zone=zone)
    terms = rows.CheckoutTerms(given.type, given.value, given.per or "order", asked, percent_e4)
    return replace(terms, buy=buy, get=get, max_times=given.max_times)


def _buy_and_get(given: CreateOfferInput, criteria: CriteriaInput) -> tuple[rows.Buy | None, rows.Get | None]:
    """The two selections of a bogo; neither for one that has a single selection, that of its criteria."""
    for name in ("buy", "get", "max_times"):
        if getattr(given, name) is not None and given.type != "bogo":
            message = f"{name} applies to a bogo, not to a {given.type}. Leave it out."
            raise Problem("parameter_invalid", message, param=name)
    if given.buy is None and given.get is None:
        return None, None
    if given.buy is None or given.get is None:
        missing = "buy" if given.buy is None else "get"
        raise Problem("parameter_missing", f"{missing}: buy and get go together. Send both.", param=missing)
    for name in ("skus", "categories", "buy_quantity", "get_quantity"):
        if getattr(criteria, name):
            param = f"criteria.{name}"
            message = f"{param}: buy and get name the lines and their quantities. Leave it out."
            raise Problem("parameter_conflict", message, param=param)
    return read_buy(given.buy), read_get(given.get)


def _percent_off(given: CreateOfferInput) -> int | None:
    """The part of the shipping that is free; None: `value` of it, or all."""
    if given.percent_off is None:
        return None
    if given.type != "free_shipping":
        message = f"percent_off applies to free_shipping, not to a {given.type}. Leave it out."
        raise Problem("parameter_invalid", message, param="percent_off")
    if given.value is not None:
        message = f"value is {given.value} and percent_off {given.percent_off}: a free_shipping takes one of them."
        raise Problem("parameter_conflict", message, param="percent_off")
    return read_percent(given.percent_off, param="percent_off")


def _require_later_phase(given: CreateOfferInput, criteria: CriteriaInput) -> None:
    """Refuse a threshold of discounted prices for an offer that makes them what they are (R78)."""
    if criteria.of == "undiscounted":
        return
    if criteria.min_subtotal is None and criteria.max_subtotal is None:
        message = "criteria.of says what min_subtotal and max_subtotal count. Send one of them, or leave it out."
        raise Problem("parameter_missing", message, param="criteria.min_subtotal")
    if given.type == "bogo" or given.per == "unit":
        kind = "bogo" if given.type == "bogo" else "fixed_discount per unit"
        message = f"criteria.of: a {kind} applies before prices are discounted. Leave it out, or discount the order."
        raise Problem("parameter_conflict", message, param="criteria.of")


def _require_range(given: CriteriaInput) -> None:
    """Refuse thresholds between which no cart lies."""
    for name in ("subtotal", "quantity"):
        least, most = getattr(given, f"min_{name}"), getattr(given, f"max_{name}")
        if least is not None and most is not None and least > most:
            param = f"criteria.max_{name}"
            message = f"{param}: nothing is both at least {least} and at most {most}. Correct one of them."
            raise Problem("parameter_invalid", message, param=param)


def _criteria(given: CriteriaInput, *, zone: str) -> rows.Criteria:
    refuse_both(given, param="criteria")
    _require_range(given)
    return rows.Criteria(
        min_subtotal_minor=given.min_subtotal,
        min_quantity=given.min_quantity,
        skus=tuple(dict.fromkeys(given.skus)),
        categories=tuple(dict.fromkeys(given.categories)),
        exclude_skus=tuple(dict.fromkeys(given.exclude_skus)),
        exclude_categories=tuple(dict.fromkeys(given.exclude_categories)),
        currency=read_currency_or_none(given.currency, param="criteria.currency"),
        segments=tuple(dict.fromkeys(given.segments)),
        first_order=given.first_order,
        buy_quantity=given.buy_quantity,
        get_quantity=given.get_quantity,
        max_subtotal_minor=given.max_subtotal,
        max_quantity=given.max_quantity,
        counts=given.of,
        where=read_where(given, param="criteria", zone=zone, of=OF_CRITERIA),
    )


OFFERS = Listing(rows.Offer, {}, within=CHECKOUT_OFFERS, switches={"active": LIVE_OFFERS})

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_offer",
        method="POST",
        path=URL,
        sdk="offers.create",
        summary="Create an offer that takes something off every cart that meets its criteria.",
        body=CreateOfferInput,
        translate=create_offer,
        reply=Offer,
        answers=MADE_OR_FOUND,
        refusals=CREATE,
        example={
            "name": "Free shipping on orders over €50",
            "type": "free_shipping",
            "value": 799,
            "criteria": {"min_subtotal": 5000},
        },
    ),
    Operation(
        id="retrieve_offer",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="offers.retrieve",
        summary="Retrieve one offer.",
        read=retrieve(rows.Offer, "offer", show_offers),
        reply=Offer,
        others=(EngagementOffer,),
        refusals=FIND,
    ),
    Operation(
        id="update_offer",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="offers.update",
        summary="Turn an offer on or off, or change when it ends or how often it can be used.",
        body=UpdateOfferInput,
        translate=update_offer,
        reply=Offer,
        immutable=(
            *(
                "id",
                "name",
                "type",
                "value",
                "per",
                "percent_off",
                "criteria",
                "buy",
                "get",
                "max_times",
                "per_member_limit",
                "requires_code",
                "starts_at",
            ),
            *("stacking", "stacking_group", "priority", "metadata"),
        ),
        refusals=(*FIND, "immutable_field"),
        example={"active": False},
    ),
    Operation(
        id="delete_offer",
        method="DELETE",
        path=f"{URL}/{{id}}",
        sdk="offers.delete",
        summary="Delete an offer for good; the discounts it gave stay on record.",
        translate=delete_offer,
        reply=Deleted,
        refusals=FIND,
    ),
    Operation(
        id="list_offers",
        method="GET",
        path=URL,
        sdk="offers.list",
        summary="List offers, newest first.",
        read=list_of(OFFERS, URL, show_offers),
        listing=OFFERS,
        reply=ListOf(Offer),
    ),
)


EVENT_DATA = (OfferEvent,)

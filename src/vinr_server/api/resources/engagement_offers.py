"""Engagement offers: who qualifies, what they get, when and how often."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.budgets import BudgetInput, read_budget, sent_budget
from vinr_server.api.contract.conditions import Conditions, ConditionsInput, read_conditions
from vinr_server.api.contract.input import (
    AccountId,
    Count,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    Name,
    NoInput,
    OfferId,
    ProgramId,
    Span,
    sent,
)
from vinr_server.api.contract.offers import (
    AnyOffer,
    Priority,
    Segments,
    StackingMode,
    read_stacking,
    sent_window,
    show_offers,
)
from vinr_server.api.contract.operation import CREATE, FIND, MADE, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Json, Reference, Reply, Unmet
from vinr_server.api.contract.values import read_metadata, read_span, read_window
from vinr_server.api.contract.where import OF_MEMBER, OF_OFFER, Where, WhereInput, read_where
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.edge.zones import zone_if_needed
from vinr_server.api.resources.grants import OfferGrant
from vinr_server.api.resources.incentives import Incentive, IncentiveInput, read_incentive
from vinr_server.api.resources.offer_redemptions import REDEMPTIONS, OfferRedemption, list_redemptions
from vinr_server.core.offers import rows
from vinr_server.core.offers.commands import (
    ActivateOffer,
    CreateOffer,
    GrantOffer,
    PauseOffer,
    PublishOffer,
    ShowEligibleOffers,
    UpdateOffer,
)
from vinr_server.storage.reads.scopes import ENGAGEMENT_OFFERS

URL = "/v1/engagement/offers"


class TargetingInput(WhereInput):
    segments: Segments = []
    tiers: Annotated[list[Key], Meta(max_length=50)] = []
    min_balance: Minor | None = None
    max_balance: Minor | None = None
    enrolled_before: Instant = None
    metadata: Metadata | None = None


class CreateEngagementOfferInput(Input):
    name: Name
    incentive: IncentiveInput
    id: OfferId | None = None
    program: ProgramId | None = None
    targeting: TargetingInput | None = None
    conditions: ConditionsInput | None = None
    application: rows.Application | None = None
    starts_at: Instant = None
    ends_at: Instant = None
    max_redemptions: Count | None = None
    per_member_limit: Count | None = 1
    requires_code: bool = False
    budget: BudgetInput | None = None
    stacking: StackingMode = "stack"
    stacking_group: Key | None = None
    priority: Priority = 0
    metadata: Metadata = {}


class UpdateEngagementOfferInput(Input):
    name: Name | UnsetType = UNSET
    incentive: IncentiveInput | UnsetType = UNSET
    targeting: TargetingInput | UnsetType = UNSET
    conditions: ConditionsInput | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    max_redemptions: Count | UnsetType | None = UNSET
    per_member_limit: Count | UnsetType | None = UNSET
    budget: BudgetInput | UnsetType | None = UNSET
    stacking: StackingMode | UnsetType = UNSET
    stacking_group: Key | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    metadata: Metadata = {}


class ActivateOfferInput(Input):
    offer: OfferId
    account: AccountId


class GrantOfferInput(Input):
    account: AccountId
    valid_for: Span | None = None


class EligibleOffersInput(Input):
    account: AccountId


OfferStatus = Literal["draft", "scheduled", "active", "paused", "expired", "exhausted"]


class Targeting(Where):
    segments: list[str] | UnsetType = UNSET
    tiers: list[str] | UnsetType = UNSET
    min_balance: int | UnsetType = UNSET
    max_balance: int | UnsetType = UNSET
    enrolled_before: int | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET


class EngagementOffer(AnyOffer):
    kind: Literal["engagement"]
    program: Reference | None
    status: OfferStatus
    incentive: Incentive
    targeting: Targeting
    conditions: Conditions
    application: rows.Application
    requires_code: bool
    max_redemptions: int | None
    per_member_limit: int | None
    remaining: int | None


class OfferClaim(Reply):
    object: Literal["offer_claim"]
    offer: Reference
    account: Reference
    revision: int
    created: int
    livemode: bool


class OfferActivation(Reply):
    object: Literal["offer_activation"]
    offer: Reference
    account: Reference
    revision: int
    status: Literal["claimed", "redeemed"]
    redemption: OfferRedemption | None
    created: int
    livemode: bool


class EligibleOffer(Reply):
    offer: Reference
    name: str
    incentive: Incentive
    application: rows.Application
    eligible: bool
    claimed: bool
    unmet: list[Unmet]
    starts_at: int | None
    ends_at: int | None


class EligibleOffers(Reply):
    object: Literal["eligible_offers"]
    account: Reference
    data: list[EligibleOffer]


# Discounts and multipliers apply by themselves; bonuses and gifts are claimed, unless the offer says otherwise.
APPLICATIONS: dict[str, rows.Application] = {
    "points_multiplier": "auto",
    "percentage_discount": "auto",
    "points_bonus": "opt_in",
    "gift_reward": "opt_in",
}


async def create_engagement_offer(call: Call) -> CreateOffer:
    body: CreateEngagementOfferInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program, table="tenants")
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    application = _application(body)
    terms = rows.OfferTerms(
        **read_incentive(body.incentive),
        application=application,
        targeting=_targeting(body.targeting, zone=zone),
        conditions=read_conditions(body.conditions, zone=zone, of=OF_OFFER),
        stacking=read_stacking(body.stacking, body.stacking_group, body.priority),
        max_redemptions=body.max_redemptions,
        per_member_limit=body.per_member_limit,
        requires_code=body.requires_code,
        budget=read_budget(body.budget),
    )
    return CreateOffer(
        kind="engagement",
        name=body.name,
        terms=terms,
        status="draft",
        program_id=body.program,
        starts_at=starts_at,
        ends_at=ends_at,
        id=body.id,
        metadata=read_metadata(body.metadata),
    )


def _application(body: CreateEngagementOfferInput) -> rows.Application:
    """How members get the offer: one that a code opens is not opted into. A multiplier is granted by its code."""
    type, application = body.incentive.type, body.application
    if not body.requires_code:
        return application or APPLICATIONS[type]
    is_granted = type == "points_multiplier" or application == "granted"
    if application not in (None, "granted" if is_granted else "auto"):
        message = f"application: a code opens the offer, so it can't be {application}. Leave application out."
        raise Problem("parameter_conflict", message, param="application")
    return "granted" if is_granted else "auto"


async def update_engagement_offer(call: Call) -> UpdateOffer:
    body: UpdateEngagementOfferInput = call.body
    zone = await zone_if_needed(call, body, table="offers")
    terms = sent(body, "max_redemptions", "per_member_limit") | sent_budget(body.budget)
    if body.incentive is not UNSET:
        terms |= {"multiplier": None, "bonus": None, "percentage": None, "gift": None} | read_incentive(body.incentive)
    if body.targeting is not UNSET:
        terms["targeting"] = _targeting(body.targeting, zone=zone)
    if body.conditions is not UNSET:
        terms["conditions"] = read_conditions(body.conditions, zone=zone, of=OF_OFFER)
    names = {"stacking": "mode", "stacking_group": "group", "priority": "priority"}
    stacking = {names[name]: value for name, value in sent(body, *names).items()}
    changes = sent(body, "name") | sent_window(body, "starts_at", "ends_at", zone=zone)
    return UpdateOffer(
        kind="engagement",
        offer_id=call.id,
        changes=changes,
        term_changes=terms,
        stacking_changes=stacking,
        metadata=read_metadata(body.metadata, allows_null=True),
    )


def publish_engagement_offer(call: Call) -> PublishOffer:
    return PublishOffer(call.id)


def pause_engagement_offer(call: Call) -> PauseOffer:
    return PauseOffer(call.id)


def show_eligible_offers(call: Call) -> ShowEligibleOffers:
    return ShowEligibleOffers(call.body.account)


def activate_offer(call: Call) -> ActivateOffer:
    return ActivateOffer(call.body.offer, call.body.account)


def grant_offer(call: Call) -> GrantOffer:
    body: GrantOfferInput = call.body
    return GrantOffer(call.id, body.account, read_span(body.valid_for, param="valid_for"))


def _targeting(given: TargetingInput | None, *, zone: str) -> rows.Targeting:
    if given is None:
        return rows.Targeting()
    least, most = given.min_balance, given.max_balance
    if least is not None and most is not None and least > most:
        message = f"targeting.max_balance: no balance is both at least {least} and at most {most}. Correct one of them."
        raise Problem("parameter_invalid", message, param="targeting.max_balance")
    return rows.Targeting(
        segments=tuple(dict.fromkeys(given.segments)),
        tiers=tuple(dict.fromkeys(given.tiers)),
        min_balance_points=given.min_balance,
        enrolled_before=read_instant_or_none(given.enrolled_before, param="targeting.enrolled_before", zone=zone),
        metadata=None if given.metadata is None else read_metadata(given.metadata, param="targeting.metadata"),
        max_balance_points=most,
        where=read_where(given, param="targeting", zone=zone, of=OF_MEMBER),
    )


OFFERS = Listing(rows.Offer, {"program": ("program_id", text)}, within=ENGAGEMENT_OFFERS)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_engagement_offer",
        method="POST",
        path=URL,
        sdk="engagement.offers.create",
        summary="Create an offer for members, as a draft: who qualifies, what they get, when and how often.",
        body=CreateEngagementOfferInput,
        translate=create_engagement_offer,
        reply=EngagementOffer,
        answers=MADE_OR_FOUND,
        refusals=(*CREATE, "program_mismatch", "reward_archived"),
        example={
            "name": "Spring bonus",
            "program": "prog_default",
            "incentive": {"type": "points_bonus", "points": 1000},
            "targeting": {"tiers": ["gold"]},
            "max_redemptions": 500,
        },
    ),
    Operation(
        id="retrieve_engagement_offer",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.offers.retrieve",
        summary="Retrieve one engagement offer.",
        read=retrieve(rows.Offer, "engagement offer", show_offers),
        reply=EngagementOffer,
        refusals=FIND,
    ),
    Operation(
        id="update_engagement_offer",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="engagement.offers.update",
        summary="Create a new revision of an offer; what it already gave keeps the old one.",
        body=UpdateEngagementOfferInput,
        translate=update_engagement_offer,
        reply=EngagementOffer,
        immutable=("id", "program", "application", "requires_code"),
        refusals=(*FIND, "immutable_field", "program_mismatch", "reward_archived"),
        example={"name": "Spring bonus, extended", "ends_at": "2026-12-31"},
    ),
    Operation(
        id="publish_engagement_offer",
        method="POST",
        path=f"{URL}/{{id}}/publish",
        sdk="engagement.offers.publish",
        summary="Publish an offer: it is live within its window. A paused offer resumes.",
        body=NoInput,
        translate=publish_engagement_offer,
        reply=EngagementOffer,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="pause_engagement_offer",
        method="POST",
        path=f"{URL}/{{id}}/pause",
        sdk="engagement.offers.pause",
        summary="Pause an offer: nobody can redeem it until it is published again.",
        body=NoInput,
        translate=pause_engagement_offer,
        reply=EngagementOffer,
        refusals=(*FIND, "offer_not_active"),
        example={},
    ),
    Operation(
        id="activate_offer",
        method="POST",
        path=f"{URL}/activate",
        sdk="engagement.offers.activate",
        summary="Opt a member in. A bonus or a gift is given at once; a multiplier or a discount waits for its event.",
        body=ActivateOfferInput,
        translate=activate_offer,
        reply=OfferActivation,
        answers=MADE_OR_FOUND,
        refusals=(
            *FIND,
            "account_closed",
            "program_mismatch",
            "offer_not_active",
            "offer_limit_reached",
            "budget_exhausted",
            "reward_archived",
            "not_eligible",
            "reward_out_of_stock",
        ),
        example={"offer": "ofr_9fK2", "account": "loy_abc123"},
    ),
    Operation(
        id="grant_offer",
        method="POST",
        path=f"{URL}/{{id}}/grant",
        sdk="engagement.offers.grant",
        summary="Give a member one use of an offer whose application is granted.",
        body=GrantOfferInput,
        translate=grant_offer,
        reply=OfferGrant,
        answers=MADE,
        refusals=(
            *FIND,
            "account_closed",
            "program_mismatch",
            "offer_not_active",
            "offer_limit_reached",
            "budget_exhausted",
            "not_eligible",
        ),
        example={"account": "loy_abc123", "valid_for": "14d"},
    ),
    Operation(
        id="show_eligible_offers",
        method="POST",
        path=f"{URL}/eligible",
        sdk="engagement.offers.eligible",
        summary="Show which offers a member can use now, and what the others still require; nothing changes.",
        body=EligibleOffersInput,
        translate=show_eligible_offers,
        reply=EligibleOffers,
        is_pure=True,
        refusals=FIND,
        example={"account": "loy_abc123"},
    ),
    Operation(
        id="list_offer_redemptions",
        method="GET",
        path=f"{URL}/{{id}}/redemptions",
        sdk="engagement.offers.redemptions",
        summary="List what an offer gave, newest first.",
        read=list_redemptions,
        listing=REDEMPTIONS,
        reply=ListOf(OfferRedemption),
        refusals=FIND,
    ),
    Operation(
        id="list_engagement_offers",
        method="GET",
        path=URL,
        sdk="engagement.offers.list",
        summary="List engagement offers, newest first.",
        read=list_of(OFFERS, URL, show_offers),
        listing=OFFERS,
        reply=ListOf(EngagementOffer),
    ),
)


EVENT_DATA = (OfferClaim,)

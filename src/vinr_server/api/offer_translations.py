"""From a body to a command on offers, one function for each operation (see translate.py)."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from vinr_server.api.currencies import read_currency_or_none
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.offer_inputs import (
    CreateEngagementOfferInput,
    CreateOfferInput,
    CriteriaInput,
    IncentiveInput,
    TargetingInput,
    UpdateEngagementOfferInput,
    UpdateOfferInput,
)
from vinr_server.api.translate import sent, zone_if_needed
from vinr_server.api.values import (
    read_conditions,
    read_metadata,
    read_percent,
    read_rate,
    read_window,
)
from vinr_server.core.kernel.numbers import SCALE
from vinr_server.core.offers.commands import (
    ActivateOffer,
    CreateOffer,
    DeleteOffer,
    PauseOffer,
    PublishOffer,
    ShowEligibleOffers,
    UpdateOffer,
)
from vinr_server.core.offers.rows import (
    Application,
    CheckoutTerms,
    Criteria,
    GiftReward,
    OfferTerms,
    PercentageDiscount,
    PointsBonus,
    PointsMultiplier,
    Stacking,
    StackingMode,
    Targeting,
)

# The fields of each incentive: those it needs, and those it may have.
INCENTIVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "points_multiplier": (("multiplier",), ()),
    "points_bonus": (("points",), ()),
    "percentage_discount": (("percent",), ("max_discount",)),
    "gift_reward": (("reward",), ()),
}
# Whoever gets a discount or a multiplier need not ask for it; a bonus or a gift is claimed, unless said otherwise.
APPLICATIONS: dict[str, Application] = {
    "points_multiplier": "auto",
    "percentage_discount": "auto",
    "points_bonus": "opt_in",
    "gift_reward": "opt_in",
}


async def create_engagement_offer(call: Call) -> CreateOffer:
    body: CreateEngagementOfferInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program, table="tenants")
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    application = body.application or APPLICATIONS[body.incentive.type]
    if body.incentive.type == "gift_reward" and application == "auto":
        message = "application: a gift is claimed by the member who wants it; use opt_in, or points_bonus."
        raise Problem("parameter_invalid", message, param="application")
    terms = OfferTerms(
        **_incentive(body.incentive),
        application=application,
        targeting=_targeting(body.targeting, zone=zone),
        conditions=read_conditions(body.conditions, zone=zone),
        stacking=_stacking(body.stacking, body.stacking_group, body.priority),
        max_redemptions=body.max_redemptions,
        per_member_limit=body.per_member_limit,
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


async def update_engagement_offer(call: Call) -> UpdateOffer:
    body: UpdateEngagementOfferInput = call.body
    zone = await zone_if_needed(call, body, table="offers")
    terms = sent(body, "max_redemptions", "per_member_limit")
    if body.incentive is not UNSET:
        terms |= {"multiplier": None, "bonus": None, "percentage": None, "gift": None} | _incentive(body.incentive)
    if body.targeting is not UNSET:
        terms["targeting"] = _targeting(body.targeting, zone=zone)
    if body.conditions is not UNSET:
        terms["conditions"] = read_conditions(body.conditions, zone=zone)
    names = {"stacking": "mode", "stacking_group": "group", "priority": "priority"}
    stacking = {names[name]: value for name, value in sent(body, *names).items()}
    changes = sent(body, "name") | _sent_window(body, "starts_at", "ends_at", zone=zone)
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


async def create_offer(call: Call) -> CreateOffer:
    body: CreateOfferInput = call.body
    zone = await zone_if_needed(call, body, table="tenants")
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    return CreateOffer(
        kind="checkout",
        name=body.name,
        terms=OfferTerms(
            checkout=_checkout(body), stacking=_stacking(body.stacking, body.stacking_group, body.priority)
        ),
        status="published" if body.active else "paused",
        starts_at=starts_at,
        ends_at=ends_at,
        id=body.id,
        metadata=read_metadata(body.metadata),
    )


async def update_offer(call: Call) -> UpdateOffer:
    body: UpdateOfferInput = call.body
    changes = _sent_window(body, "ends_at", zone=await zone_if_needed(call, body, table="offers"))
    if body.active is not UNSET:
        changes["status"] = "published" if body.active else "paused"
    return UpdateOffer(kind="checkout", offer_id=call.id, changes=changes)


def delete_offer(call: Call) -> DeleteOffer:
    return DeleteOffer(call.id)


def _sent_window(body: Any, *ends: str, zone: str) -> dict[str, Any]:
    """The ends of the window that were sent; a bare date that ends it means the end of that day."""
    return {
        name: read_instant_or_none(value, param=name, zone=zone, is_end=name == "ends_at")
        for name, value in sent(body, *ends).items()
    }


def _incentive(given: IncentiveInput) -> dict[str, Any]:
    """The member of the terms that the incentive is."""
    needed, possible = INCENTIVES[given.type]
    for name in ("multiplier", "points", "percent", "max_discount", "reward"):
        param = f"incentive.{name}"
        if getattr(given, name) is None:
            if name in needed:
                raise Problem("parameter_missing", f"{param} is required for a {given.type}.", param=param)
        elif name not in (*needed, *possible):
            raise Problem("parameter_invalid", f"{param} does not belong to a {given.type}.", param=param)
    if given.type == "points_multiplier":
        factor_e4 = read_rate(given.multiplier, param="incentive.multiplier", lowest_e4=SCALE + 1)
        if factor_e4 > 1000 * SCALE:
            message = f"incentive.multiplier: {given.multiplier} is above 1000."
            raise Problem("parameter_invalid", message, param="incentive.multiplier")
        return {"multiplier": PointsMultiplier(factor_e4)}
    if given.type == "percentage_discount":
        percent_e4 = read_percent(given.percent, param="incentive.percent")
        return {"percentage": PercentageDiscount(percent_e4, given.max_discount)}
    if given.type == "points_bonus":
        assert given.points is not None
        return {"bonus": PointsBonus(given.points)}
    assert given.reward is not None
    return {"gift": GiftReward(given.reward)}


def _targeting(given: TargetingInput | None, *, zone: str) -> Targeting:
    if given is None:
        return Targeting()
    return Targeting(
        segments=tuple(dict.fromkeys(given.segments)),
        tiers=tuple(dict.fromkeys(given.tiers)),
        min_balance_points=given.min_balance,
        enrolled_before=read_instant_or_none(given.enrolled_before, param="targeting.enrolled_before", zone=zone),
        metadata=None if given.metadata is None else read_metadata(given.metadata, param="targeting.metadata"),
    )


def _stacking(mode: StackingMode, group: str | None, priority: int) -> Stacking:
    return Stacking(mode=mode, group=group, priority=priority)


def _checkout(given: CreateOfferInput) -> CheckoutTerms:
    criteria = given.criteria or CriteriaInput()
    if given.type == "bogo":
        if given.value is not None:
            message = "value: a bogo offer has none; what is free is the cheapest of each pair. Send null."
            raise Problem("parameter_invalid", message, param="value")
    elif given.value is None:
        raise Problem("parameter_missing", f"value is required for a {given.type}.", param="value")
    if given.per is not None and given.type != "fixed_discount":
        raise Problem("parameter_invalid", f"per belongs to a fixed_discount, not to a {given.type}.", param="per")
    for name in ("buy_quantity", "get_quantity"):
        if getattr(criteria, name) is not None and given.type != "bogo":
            param = f"criteria.{name}"
            raise Problem("parameter_invalid", f"{param} belongs to a bogo, not to a {given.type}.", param=param)
    return CheckoutTerms(given.type, given.value, given.per or "order", _criteria(criteria))


def _criteria(given: CriteriaInput) -> Criteria:
    return Criteria(
        min_subtotal_minor=given.min_subtotal,
        min_quantity=given.min_quantity,
        skus=tuple(dict.fromkeys(given.skus)),
        categories=tuple(dict.fromkeys(given.categories)),
        currency=read_currency_or_none(given.currency, param="criteria.currency"),
        segments=tuple(dict.fromkeys(given.segments)),
        first_order=given.first_order,
        buy_quantity=given.buy_quantity,
        get_quantity=given.get_quantity,
    )

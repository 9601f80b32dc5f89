"""Rewards: what points buy, in revisions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.benefits import Benefit, BenefitInput, read_benefit
from vinr_server.api.contract.input import (
    Count,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    Name,
    NoInput,
    ProgramId,
    RewardId,
    sent,
)
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import CatalogueStatus, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata, read_window
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.edge.zones import zone_if_needed
from vinr_server.core.rewards import commands, payloads, rows
from vinr_server.core.rewards.variable import is_variable

URL = "/v1/loyalty/rewards"


class CreateRewardInput(Input):
    program: ProgramId
    name: Name
    benefit: BenefitInput
    points_cost: Count | None = None
    id: RewardId | None = None
    stock: Minor | None = None
    per_member_limit: Count | None = None
    tiers: Annotated[list[Key], Meta(max_length=50)] = []
    starts_at: Instant = None
    ends_at: Instant = None
    metadata: Metadata = {}


class UpdateRewardInput(Input):
    name: Name | UnsetType = UNSET
    points_cost: Count | UnsetType = UNSET
    benefit: BenefitInput | UnsetType = UNSET
    stock: Minor | UnsetType | None = UNSET
    per_member_limit: Count | UnsetType | None = UNSET
    tiers: Annotated[list[Key], Meta(max_length=50)] | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    metadata: Metadata = {}


class Reward(Reply):
    id: str
    object: Literal["reward"]
    program: Reference
    revision: int
    name: str
    points_cost: int
    cost: int
    benefit: Benefit
    stock: int | None
    per_member_limit: int | None
    tiers: list[str]
    starts_at: int | None
    ends_at: int | None
    status: CatalogueStatus
    metadata: Json
    created: int
    livemode: bool


async def create_reward(call: Call) -> commands.CreateReward:
    body: CreateRewardInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program)
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    benefit = read_benefit(body.benefit)
    return commands.CreateReward(
        program_id=body.program,
        name=body.name,
        cost_points=_cost_points(body.points_cost, benefit),
        benefit=benefit,
        id=body.id,
        stock=body.stock,
        per_member_limit=body.per_member_limit,
        tiers=tuple(body.tiers),
        starts_at=starts_at,
        ends_at=ends_at,
        metadata=read_metadata(body.metadata),
    )


def _cost_points(points_cost: int | None, benefit: dict[str, Any]) -> int:
    """What the reward costs; of a variable one the least that it can be redeemed for."""
    if not is_variable(benefit):
        if points_cost is None:
            raise Problem("parameter_missing", "points_cost is required.", param="points_cost")
        return points_cost
    if points_cost is not None:
        message = "points_cost: a reward with benefit.amount_per_point costs what a member spends on it. Leave it out."
        raise Problem("parameter_invalid", message, param="points_cost")
    least: int = benefit["min_points"]
    return least


async def update_reward(call: Call) -> commands.UpdateReward:
    body: UpdateRewardInput = call.body
    zone = await zone_if_needed(call, body, table="rewards")
    changes = sent(body, "name", "stock", "per_member_limit")
    if body.points_cost is not UNSET:
        changes["cost_points"] = body.points_cost
    if body.benefit is not UNSET:
        changes["benefit"] = read_benefit(body.benefit)
    if body.tiers is not UNSET:
        changes["tiers"] = tuple(body.tiers)
    for end, is_end in (("starts_at", False), ("ends_at", True)):
        value = getattr(body, end)
        if value is not UNSET:
            changes[end] = read_instant_or_none(value, param=end, zone=zone, is_end=is_end)
    return commands.UpdateReward(call.id, changes, read_metadata(body.metadata, allows_null=True))


def archive_reward(call: Call) -> commands.ArchiveReward:
    return commands.ArchiveReward(call.id)


REWARDS = Listing(rows.Reward, {"program": ("program_id", text), "status": ("status", one_of(CatalogueStatus))})
show_rewards = shown_by(payloads.reward_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_reward",
        method="POST",
        path=URL,
        sdk="loyalty.rewards.create",
        summary="Create a reward that points can buy.",
        body=CreateRewardInput,
        translate=create_reward,
        reply=Reward,
        answers=MADE_OR_FOUND,
        refusals=CREATE,
        example={
            "program": "prog_default",
            "name": "€5 off",
            "points_cost": 100,
            "benefit": {"type": "discount", "amount": 500, "currency": "EUR"},
        },
    ),
    Operation(
        id="retrieve_reward",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.rewards.retrieve",
        summary="Retrieve one reward.",
        read=retrieve(rows.Reward, "reward", show_rewards),
        reply=Reward,
        refusals=FIND,
    ),
    Operation(
        id="update_reward",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="loyalty.rewards.update",
        summary="Create a new revision of a reward.",
        body=UpdateRewardInput,
        translate=update_reward,
        reply=Reward,
        immutable=("id", "program"),
        refusals=(*FIND, "immutable_field"),
        example={"stock": 500, "per_member_limit": 2},
    ),
    Operation(
        id="archive_reward",
        method="POST",
        path=f"{URL}/{{id}}/archive",
        sdk="loyalty.rewards.archive",
        summary="Archive a reward: it can no longer be redeemed.",
        body=NoInput,
        translate=archive_reward,
        reply=Reward,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="list_rewards",
        method="GET",
        path=URL,
        sdk="loyalty.rewards.list",
        summary="List rewards, newest first.",
        read=list_of(REWARDS, URL, show_rewards),
        listing=REWARDS,
        reply=ListOf(Reward),
    ),
)

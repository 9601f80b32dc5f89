"""Redemptions: points spent on a reward."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.benefits import Benefit
from vinr_server.api.contract.input import AccountId, Count, Input, Metadata, RewardId, Text
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.rewards import commands, payloads, rows

URL = "/v1/loyalty/redemptions"


class CreateRedemptionInput(Input):
    account: AccountId
    reward: RewardId
    points: Count | None = None
    metadata: Metadata = {}


class CancelRedemptionInput(Input):
    reason: Text | None = None


RedemptionStatus = Literal["confirmed", "canceled"]


class Redemption(Reply):
    id: str
    object: Literal["redemption"]
    account: Reference
    reward: Reference
    status: RedemptionStatus
    points_spent: int
    points_returned: int
    points_transaction: Reference | None
    cancellation: Reference | None
    discount: Reference | None
    voucher_code: str | None
    benefit: Benefit
    receipt: Figures
    metadata: Json
    created: int
    canceled_at: int | None
    livemode: bool


def create_redemption(call: Call) -> commands.CreateRedemption:
    body: CreateRedemptionInput = call.body
    return commands.CreateRedemption(body.account, body.reward, body.points, read_metadata(body.metadata))


def cancel_redemption(call: Call) -> commands.CancelRedemption:
    return commands.CancelRedemption(call.id, call.body.reason)


REDEMPTIONS = Listing(
    rows.Redemption,
    {"account": ("account_id", text), "reward": ("reward_id", text), "status": ("status", one_of(RedemptionStatus))},
    order=("id",),
)
show_redemptions = shown_by(payloads.redemption_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_redemption",
        method="POST",
        path=URL,
        sdk="loyalty.redemptions.create",
        summary="Spend a member's points on a reward.",
        body=CreateRedemptionInput,
        translate=create_redemption,
        reply=Redemption,
        answers=MADE,
        refusals=(
            *FIND,
            "account_closed",
            "program_mismatch",
            "reward_archived",
            "not_eligible",
            "reward_out_of_stock",
            "insufficient_points",
        ),
        example={"account": "loy_abc123", "reward": "rwd_fiveOff", "metadata": {"order": "1234"}},
    ),
    Operation(
        id="retrieve_redemption",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.redemptions.retrieve",
        summary="Retrieve one redemption.",
        read=retrieve(rows.Redemption, "redemption", show_redemptions),
        reply=Redemption,
        refusals=FIND,
    ),
    Operation(
        id="cancel_redemption",
        method="POST",
        path=f"{URL}/{{id}}/cancel",
        sdk="loyalty.redemptions.cancel",
        summary="Cancel a redemption: its points return to the lots that paid.",
        body=CancelRedemptionInput,
        translate=cancel_redemption,
        reply=Redemption,
        refusals=(*FIND, "redemption_already_canceled", "discount_consumed", "discount_not_usable"),
        example={"reason": "order canceled"},
    ),
    Operation(
        id="list_redemptions",
        method="GET",
        path=URL,
        sdk="loyalty.redemptions.list",
        summary="List redemptions, newest first.",
        read=list_of(REDEMPTIONS, URL, show_redemptions),
        listing=REDEMPTIONS,
        reply=ListOf(Redemption),
    ),
)

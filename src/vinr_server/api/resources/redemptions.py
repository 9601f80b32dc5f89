"""Redemptions: points spent on a reward."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.benefits import Benefit
from vinr_server.api.contract.input import AccountId, Count, Input, Metadata, RewardId, Text
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.rewards import commands, payloads, rows

URL = "/v1/loyalty/redemptions"
# How long points are held where nobody says.
HOLD_MINUTES = 15


class CreateRedemptionInput(Input):
    account: AccountId
    reward: RewardId
    points: Count | None = None
    capture: bool = True
    expires_in_minutes: Annotated[int, Meta(ge=1, le=10_080)] | UnsetType = UNSET
    metadata: Metadata = {}


class CaptureRedemptionInput(Input):
    points: Count | None = None


class CancelRedemptionInput(Input):
    reason: Text | None = None


RedemptionStatus = Literal["authorized", "confirmed", "canceled", "expired"]


class Redemption(Reply):
    id: str
    object: Literal["redemption"]
    account: Reference
    reward: Reference
    status: RedemptionStatus
    points_spent: int
    points_returned: int
    points_held: int
    points_transaction: Reference | None
    cancellation: Reference | None
    discount: Reference | None
    voucher_code: str | None
    store_credit: Reference | None
    benefit: Benefit
    receipt: Figures
    metadata: Json
    created: int
    expires_at: int | None
    captured_at: int | None
    canceled_at: int | None
    livemode: bool


def create_redemption(call: Call) -> commands.CreateRedemption:
    body: CreateRedemptionInput = call.body
    if body.expires_in_minutes is not UNSET and body.capture:
        message = "expires_in_minutes: points are spent at once unless capture is false. Leave one of them out."
        raise Problem("parameter_conflict", message, param="expires_in_minutes")
    return commands.CreateRedemption(
        account_id=body.account,
        reward_id=body.reward,
        points=body.points,
        metadata=read_metadata(body.metadata),
        capture=body.capture,
        minutes=HOLD_MINUTES if body.expires_in_minutes is UNSET else body.expires_in_minutes,
    )


def capture_redemption(call: Call) -> commands.CaptureRedemption:
    return commands.CaptureRedemption(call.id, call.body.points)


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
            "parameter_conflict",
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
        is_timely=True,
        reply=Redemption,
        refusals=FIND,
    ),
    Operation(
        id="capture_redemption",
        method="POST",
        path=f"{URL}/{{id}}/capture",
        sdk="loyalty.redemptions.capture",
        summary="Spend what an authorized redemption holds, all of it or a part; the rest is free again.",
        body=CaptureRedemptionInput,
        translate=capture_redemption,
        reply=Redemption,
        refusals=(*FIND, "redemption_not_authorized", "capture_exceeds_hold"),
        example={},
    ),
    Operation(
        id="cancel_redemption",
        method="POST",
        path=f"{URL}/{{id}}/cancel",
        sdk="loyalty.redemptions.cancel",
        summary="Cancel a redemption: its points return to the lots that paid, or are no longer held.",
        body=CancelRedemptionInput,
        translate=cancel_redemption,
        reply=Redemption,
        refusals=(*FIND, "redemption_already_canceled", "discount_consumed", "credit_spent", "discount_not_usable"),
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
        is_timely=True,
        reply=ListOf(Redemption),
    ),
)

"""Points: the immutable movements of an account, by award, adjustment and reversal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import (
    INTEGER_MAX,
    AccountId,
    Count,
    EntryId,
    Input,
    Instant,
    Metadata,
    PaymentId,
    PendingDays,
    Text,
)
from vinr_server.api.contract.operation import FIND, MADE, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.edge.zones import zone_of_account
from vinr_server.core.ledger import commands, payloads, rows
from vinr_server.storage.reads.holdings import lots_of
from vinr_server.storage.reads.scopes import AVAILABLE_AT, OF_SOURCE, PENDING, POINTS

URL = "/v1/loyalty/points"


class AwardPointsInput(Input):
    account: AccountId
    points: Count
    reason: Text | None = None
    payment: PaymentId | None = None
    occurred_at: Instant = None
    expires_at: Instant = None
    pending_days: PendingDays | None = None
    metadata: Metadata = {}


class ActivatePointsInput(Input):
    transaction: EntryId
    reason: Text | None = None


class AdjustPointsInput(Input):
    account: AccountId
    points: Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
    reason: Text
    metadata: Metadata = {}


class ReversePointsInput(Input):
    transaction: EntryId
    points: Count | None = None
    reason: Text | None = None
    metadata: Metadata = {}


EntryKind = Literal[
    "award",
    "activation",
    "adjustment",
    "redemption",
    "redemption_cancellation",
    "reversal",
    "reinstatement",
    "expiry",
    "transfer",
]


class Source(Reply):
    type: str
    id: str


class PointsTransaction(Reply):
    id: str
    object: Literal["points_transaction"]
    account: Reference
    kind: EntryKind
    points: int
    pending_points: int
    balance_after: int
    sequence: int
    reason: str | None
    source: Source | None
    payment: Reference | None
    referral: Reference | None
    rule: Reference | None
    award: Reference | None
    reverses: Reference | None
    available_at: int | None
    expires_at: int | None
    receipt: Figures
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    already_reversed: bool | UnsetType = UNSET
    already_activated: bool | UnsetType = UNSET


async def award_points(call: Call) -> commands.AwardPoints:
    body: AwardPointsInput = call.body
    zone = await zone_of_account(call, body.account, body.occurred_at, body.expires_at)
    return commands.AwardPoints(
        account_id=body.account,
        points=body.points,
        reason=body.reason,
        payment_id=body.payment,
        occurred_at=read_instant_or_none(body.occurred_at, param="occurred_at", zone=zone),
        expires_at=read_instant_or_none(body.expires_at, param="expires_at", zone=zone, is_end=True),
        metadata=read_metadata(body.metadata),
        pending_days=body.pending_days,
    )


def activate_points(call: Call) -> commands.ActivatePoints:
    body: ActivatePointsInput = call.body
    return commands.ActivatePoints(body.transaction, body.reason)


def adjust_points(call: Call) -> commands.AdjustPoints:
    body: AdjustPointsInput = call.body
    if body.points == 0:
        message = "points: an adjustment of 0 changes nothing. Send a positive or negative number."
        raise Problem("parameter_invalid", message, param="points")
    return commands.AdjustPoints(body.account, body.points, body.reason, read_metadata(body.metadata))


def reverse_points(call: Call) -> commands.ReversePoints:
    body: ReversePointsInput = call.body
    return commands.ReversePoints(body.transaction, body.points, body.reason, read_metadata(body.metadata))


ENTRIES = Listing(
    rows.Entry,
    {
        "account": ("account_id", text),
        "kind": ("kind", one_of(EntryKind)),
        "payment": (OF_SOURCE, text),
        "referral": (OF_SOURCE, text),
        "rule": ("rule_id", text),
    },
    switches={"pending": PENDING},
    instants={"available_at": AVAILABLE_AT},
    within=POINTS,
    order=("id",),
    order_by_filter=("account", ("sequence",)),
)


async def show_entries(call: Call, entries: Sequence[rows.Entry]) -> list[Any]:
    """Entries, each accrual with when its points are there and when they end."""
    lots = await lots_of(call.reader, call.caller.realm, [entry.id for entry in entries])
    return [payloads.entry_payload(entry, lots.get(entry.id), livemode=call.caller.livemode) for entry in entries]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="award_points",
        method="POST",
        path=f"{URL}/award",
        sdk="loyalty.points.award",
        summary="Award points to a member.",
        body=AwardPointsInput,
        translate=award_points,
        reply=PointsTransaction,
        answers=MADE,
        refusals=(*FIND, "account_closed", "parameter_conflict"),
        example={"account": "loy_abc123", "points": 250, "reason": "purchase", "metadata": {"order": "1234"}},
    ),
    Operation(
        id="adjust_points",
        method="POST",
        path=f"{URL}/adjust",
        sdk="loyalty.points.adjust",
        summary="Correct a balance, up or down.",
        body=AdjustPointsInput,
        translate=adjust_points,
        reply=PointsTransaction,
        answers=MADE,
        refusals=(*FIND, "account_closed", "insufficient_points"),
        example={"account": "loy_abc123", "points": -20, "reason": "counted twice"},
    ),
    Operation(
        id="activate_points",
        method="POST",
        path=f"{URL}/activate",
        sdk="loyalty.points.activate",
        summary="Make pending points available now.",
        body=ActivatePointsInput,
        translate=activate_points,
        reply=PointsTransaction,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "not_pending"),
        example={"transaction": "ptx_0197a3", "reason": "delivered"},
    ),
    Operation(
        id="reverse_points",
        method="POST",
        path=f"{URL}/reverse",
        sdk="loyalty.points.reverse",
        summary="Claw back an award, fully or in part.",
        body=ReversePointsInput,
        translate=reverse_points,
        reply=PointsTransaction,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "reversal_of_reversal", "not_reversible"),
        example={"transaction": "ptx_0197a3", "reason": "refund"},
    ),
    Operation(
        id="list_points",
        method="GET",
        path=URL,
        sdk="loyalty.points.list",
        summary="List points transactions, newest first.",
        read=list_of(ENTRIES, URL, show_entries),
        listing=ENTRIES,
        is_timely=True,
        reply=ListOf(PointsTransaction),
    ),
    Operation(
        id="retrieve_points",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.points.retrieve",
        summary="Retrieve one points transaction.",
        read=retrieve(rows.Entry, "points transaction", show_entries, prefix="ptx_"),
        reply=PointsTransaction,
        refusals=FIND,
    ),
)

"""Segments: who is in them, by a list or by conditions, and how many members there are."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import AccountId, Input, Metadata, Name
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import page_of, retrieve, shown_by
from vinr_server.api.contract.reply import Deleted, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.segment_conditions import SegmentConditions, SegmentConditionsInput, conditions_of
from vinr_server.core.kernel.answers import missing
from vinr_server.core.members.rows import Account
from vinr_server.core.segments import commands, rows
from vinr_server.core.segments import conditions as judged
from vinr_server.core.segments.payloads import segment_member_payload, segment_payload
from vinr_server.storage.reads.scopes import NOT_DELETED, NOT_LEFT
from vinr_server.storage.reads.segments import (
    TooManyMembers,
    count_listed,
    count_matching,
    scans_of,
    segments_of_account,
)

URL = "/v1/engagement/segments"
ACCOUNTS_MAX = 1000
SegmentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", max_length=100)]
# Ids of other objects start with these, so a segment's name must not.
PREFIXES = ("prog_", "rule_", "rwd_", "ofr_", "cmp_", "cust_", "loy_", "pay_", "re_", "evt_", "clock_", "key_")
ROUTES = ("preview",)
LAPSED = {"days_since_last_purchase": {"gte": 90}}


class CreateSegmentInput(Input):
    name: Name
    type: Literal["static", "dynamic"]
    id: SegmentId | None = None
    conditions: SegmentConditionsInput | None = None
    metadata: Metadata = {}


class UpdateSegmentInput(Input):
    name: Name | UnsetType = UNSET
    conditions: SegmentConditionsInput | UnsetType = UNSET
    metadata: Metadata = {}


class PreviewSegmentInput(Input):
    conditions: SegmentConditionsInput


class SegmentAccountsInput(Input):
    accounts: Annotated[list[AccountId], Meta(min_length=1, max_length=ACCOUNTS_MAX)]


class SegmentScan(Reply):
    status: Literal["running", "done"]
    members: int
    started_at: int
    done_at: int | None


class Segment(Reply):
    id: str
    object: Literal["segment"]
    name: str
    type: rows.SegmentType
    revision: int
    conditions: SegmentConditions | None
    scan: SegmentScan | None
    metadata: Json
    created: int
    livemode: bool


class SegmentMember(Reply):
    id: str
    object: Literal["segment_member"]
    segment: Reference
    account: Reference
    entered_at: int
    livemode: bool


class SegmentAddition(Reply):
    object: Literal["segment_addition"]
    segment: Reference
    added: int
    already_members: int
    unknown: list[str]


class SegmentRemoval(Reply):
    object: Literal["segment_removal"]
    segment: Reference
    removed: int
    not_members: int
    unknown: list[str]


class SegmentSize(Reply):
    object: Literal["segment_size"]
    segment: Reference | None
    count: int
    is_estimate: Literal[False]


class SegmentChange(Reply):
    segment: Reference
    revision: int
    account: Reference
    program: Reference
    customer: Reference
    at: int


async def create_segment(call: Call) -> commands.CreateSegment:
    body: CreateSegmentInput = call.body
    if body.id is not None and (body.id.startswith(PREFIXES) or body.id in ROUTES):
        message = f"id: {body.id!r} looks like the id of another object. Use seg_… or a name such as lapsed_90d."
        raise Problem("parameter_invalid", message, param="id")
    if body.type == "static" and body.conditions is not None:
        message = "conditions: a static segment lists its members. Leave conditions out, or create a dynamic segment."
        raise Problem("parameter_invalid", message, param="conditions")
    if body.type == "dynamic" and body.conditions is None:
        raise Problem("parameter_missing", "conditions is required for a dynamic segment.", param="conditions")
    conditions = judged.SegmentConditions() if body.conditions is None else await conditions_of(call, body.conditions)
    return commands.CreateSegment(body.name, body.type, conditions, body.id, read_metadata(body.metadata))


async def update_segment(call: Call) -> commands.UpdateSegment:
    body: UpdateSegmentInput = call.body
    changes: dict[str, Any] = {}
    if body.name is not UNSET:
        changes["name"] = body.name
    if body.conditions is not UNSET:
        changes["conditions"] = await conditions_of(call, body.conditions)
    return commands.UpdateSegment(call.id, changes, read_metadata(body.metadata, allows_null=True))


def delete_segment(call: Call) -> commands.DeleteSegment:
    return commands.DeleteSegment(call.id)


def add_segment_members(call: Call) -> commands.AddSegmentMembers:
    return commands.AddSegmentMembers(call.id, _accounts(call.body))


def remove_segment_members(call: Call) -> commands.RemoveSegmentMembers:
    return commands.RemoveSegmentMembers(call.id, _accounts(call.body))


def _accounts(body: SegmentAccountsInput) -> tuple[str, ...]:
    """Each account once, in the given order."""
    return tuple(dict.fromkeys(body.accounts))


SEGMENTS = Listing(
    rows.Segment, {"type": ("type", one_of(rows.SegmentType)), "account": ("account", text)}, within=NOT_DELETED
)
MEMBERS = Listing(
    rows.SegmentMember,
    {},
    order=("entered_at", "account_id"),
    within=NOT_LEFT,
    created_column="entered_at",
    cursor_column="account_id",
)
_show_members = shown_by(segment_member_payload)


async def show_segments(call: Call, segments: Sequence[rows.Segment]) -> list[Any]:
    """Segments, each with how far its members are looked through for its newest conditions."""
    scans = await scans_of(call.reader, call.caller.realm, [segment.id for segment in segments])
    return [segment_payload(segment, scans.get(segment.id), livemode=call.caller.livemode) for segment in segments]


async def list_segments(call: Call) -> Any:
    """A page of segments; with `account`, of those that the account is in now."""
    query = SEGMENTS.query(call.query)
    equal = dict(query.equal)
    account_id = equal.pop("account", None)
    if account_id is not None:
        account = await call.reader.row(call.caller.realm, Account, account_id)
        inside: list[str] = []
        if account is not None:
            inside = await segments_of_account(call.reader, call.caller.realm, account, datetime.now(UTC))
        query = replace(query, within={"id": inside})
    return await page_of(call, replace(query, equal=equal), URL, show_segments)


async def list_segment_members(call: Call) -> Any:
    """A page of a segment's members, those who entered last first."""
    query = MEMBERS.query(call.query, within={"segment_id": call.id})
    segment = await _segment(call)
    return await page_of(call, query, f"{URL}/{segment.id}/members", _show_members)


async def retrieve_segment_size(call: Call) -> Any:
    """How many members a segment has now."""
    _refuse_parameters(call)
    segment = await _segment(call)
    realm = call.caller.realm
    if segment.type == "static":
        return _size(segment.id, await _counted(count_listed(call.reader, realm, segment.id)))
    return _size(segment.id, await _counted(count_matching(call.reader, realm, segment.conditions, datetime.now(UTC))))


async def preview_segment(call: Call) -> Any:
    """How many members a segment with these conditions would have now."""
    _refuse_parameters(call)
    body: PreviewSegmentInput = call.body
    conditions = await conditions_of(call, body.conditions)
    return _size(None, await _counted(count_matching(call.reader, call.caller.realm, conditions, datetime.now(UTC))))


def _size(segment_id: str | None, count: int) -> dict[str, Any]:
    return {"object": "segment_size", "segment": segment_id, "count": count, "is_estimate": False}


async def _counted(counting: Coroutine[Any, Any, int]) -> int:
    try:
        return await counting
    except TooManyMembers:
        message = "Counting these members takes longer than 3 s. Narrow the conditions, or try again at a quieter time."
        raise Problem("unavailable", message) from None


async def _segment(call: Call) -> rows.Segment:
    row = await call.reader.row(call.caller.realm, rows.Segment, call.id)
    if row is None or row.deleted_at is not None:
        raise Problem.of(missing("segment", call.id, param="id"))
    assert isinstance(row, rows.Segment)
    return row


def _refuse_parameters(call: Call) -> None:
    for name in call.query:
        raise Problem("unknown_parameter", f"Unknown parameter {name}. This call takes none.", param=name)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_segment",
        method="POST",
        path=URL,
        sdk="engagement.segments.create",
        summary="Create a segment: static, with the members you list; or dynamic, with all who meet its conditions.",
        body=CreateSegmentInput,
        translate=create_segment,
        reply=Segment,
        answers=MADE_OR_FOUND,
        refusals=("id_conflict",),
        example={"name": "Big spenders", "type": "dynamic", "conditions": {"spend": {"currency": "EUR", "gte": 50000}}},
    ),
    Operation(
        id="retrieve_segment",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.segments.retrieve",
        summary="Retrieve one segment.",
        read=retrieve(rows.Segment, "segment", show_segments),
        reply=Segment,
        refusals=FIND,
    ),
    Operation(
        id="update_segment",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="engagement.segments.update",
        summary="Change a segment; new conditions apply from the next command on.",
        body=UpdateSegmentInput,
        translate=update_segment,
        reply=Segment,
        immutable=("id", "type"),
        refusals=(*FIND, "immutable_field"),
        example={"conditions": LAPSED},
    ),
    Operation(
        id="delete_segment",
        method="DELETE",
        path=f"{URL}/{{id}}",
        sdk="engagement.segments.delete",
        summary="Delete a segment that no live offer uses.",
        translate=delete_segment,
        reply=Deleted,
        refusals=(*FIND, "segment_in_use"),
    ),
    Operation(
        id="list_segments",
        method="GET",
        path=URL,
        sdk="engagement.segments.list",
        summary="List segments, newest first; with `account`, those that the account is in.",
        read=list_segments,
        listing=SEGMENTS,
        reply=ListOf(Segment),
    ),
    Operation(
        id="list_segment_members",
        method="GET",
        path=f"{URL}/{{id}}/members",
        sdk="engagement.segments.members",
        summary="List a segment's members, last entered first.",
        read=list_segment_members,
        is_timely=True,
        listing=MEMBERS,
        reply=ListOf(SegmentMember),
        refusals=FIND,
    ),
    Operation(
        id="add_segment_members",
        method="POST",
        path=f"{URL}/{{id}}/members",
        sdk="engagement.segments.addMembers",
        summary="Add up to 1,000 accounts to a static segment; the answer names those that do not exist.",
        body=SegmentAccountsInput,
        translate=add_segment_members,
        reply=SegmentAddition,
        refusals=FIND,
        example={"accounts": ["loy_abc123"]},
    ),
    Operation(
        id="remove_segment_members",
        method="POST",
        path=f"{URL}/{{id}}/members/remove",
        sdk="engagement.segments.removeMembers",
        summary="Remove up to 1,000 accounts from a static segment; the answer names those that do not exist.",
        body=SegmentAccountsInput,
        translate=remove_segment_members,
        reply=SegmentRemoval,
        refusals=FIND,
        example={"accounts": ["loy_abc123"]},
    ),
    Operation(
        id="retrieve_segment_size",
        method="GET",
        path=f"{URL}/{{id}}/size",
        sdk="engagement.segments.size",
        summary="Count the members of a segment exactly.",
        read=retrieve_segment_size,
        is_timely=True,
        reply=SegmentSize,
        refusals=FIND,
    ),
    Operation(
        id="preview_segment",
        method="POST",
        path=f"{URL}/preview",
        sdk="engagement.segments.preview",
        summary="Count exactly the members that a segment with these conditions would have; nothing is created.",
        body=PreviewSegmentInput,
        read=preview_segment,
        is_timely=True,
        reply=SegmentSize,
        example={"conditions": LAPSED},
    ),
)


EVENT_DATA = (SegmentChange,)

"""Answers about segments: their lists, their members, how many these are."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.reads import page_of, shown_by
from vinr_server.api.segment_inputs import PreviewSegmentInput
from vinr_server.api.segment_translate import conditions_of
from vinr_server.core.kernel.answers import missing
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.payloads import segment_member_payload, segment_payload
from vinr_server.core.segments.rows import Segment, SegmentMember, SegmentType
from vinr_server.storage.reads.segments import TooManyMembers, count_listed, count_matching, segments_of_account

SEGMENTS = Listing(
    Segment, {"type": ("type", one_of(SegmentType)), "account": ("account", text)}, where="t.deleted_at is null"
)
MEMBERS = Listing(
    SegmentMember,
    {},
    order=("entered_at", "account_id"),
    where="t.left_at is null",
    created_column="entered_at",
    cursor_column="account_id",
)
URL = "/v1/engagement/segments"

show_segments = shown_by(segment_payload)
_show_members = shown_by(segment_member_payload)


async def list_segments(call: Call) -> Any:
    """A page of segments; with `account`, of those that the account is in as of now."""
    query = SEGMENTS.query(call.query)
    equal = dict(query.equal)
    account_id = equal.pop("account", None)
    if account_id is not None:
        account = await call.reader.one(call.caller.realm, Account, account_id)
        inside: list[str] = []
        if account is not None:
            inside = await segments_of_account(call.reader, call.caller.realm, account, datetime.now(UTC))
        query = replace(query, within={"id": inside})
    return await page_of(call, replace(query, equal=equal), URL, show_segments)


async def list_segment_members(call: Call) -> Any:
    """A page of a segment's members, who entered last first."""
    query = MEMBERS.query(call.query, within={"segment_id": call.id})
    segment = await _segment(call)
    return await page_of(call, query, f"{URL}/{segment.id}/members", _show_members)


async def retrieve_segment_size(call: Call) -> Any:
    """How many members a segment has, as of now."""
    _refuse_parameters(call)
    segment = await _segment(call)
    realm = call.caller.realm
    if segment.type == "static":
        return _size(segment.id, await _counted(count_listed(call.reader, realm, segment.id)))
    return _size(segment.id, await _counted(count_matching(call.reader, realm, segment.conditions, datetime.now(UTC))))


async def preview_segment(call: Call) -> Any:
    """How many members a segment of these conditions would have, as of now."""
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
        message = "Counting these members takes longer than 3 s. Narrow the conditions, or try when less is going on."
        raise Problem("unavailable", message) from None


async def _segment(call: Call) -> Segment:
    row = await call.reader.one(call.caller.realm, Segment, call.id)
    if row is None or row.deleted_at is not None:
        raise Problem.of(missing("segment", call.id, param="id"))
    assert isinstance(row, Segment)
    return row


def _refuse_parameters(call: Call) -> None:
    for name in call.query:
        raise Problem("unknown_parameter", f"Unknown parameter {name}. This call takes none.", param=name)

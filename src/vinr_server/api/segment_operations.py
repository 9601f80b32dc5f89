"""Operations under /v1/engagement/segments."""

from __future__ import annotations

from vinr_server.api import segment_inputs as inputs
from vinr_server.api import segment_reads as reads
from vinr_server.api import segment_translate as translate
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, Operation, retrieve_one
from vinr_server.core.segments.rows import Segment

URL = reads.URL
SDK = "engagement.segments"
LAPSED = {"days_since_last_purchase": {"gte": 90}}

SEGMENTS = (
    Operation(
        "create_segment",
        "POST",
        URL,
        f"{SDK}.create",
        "Create a segment: static, its members listed by hand; or dynamic, whoever meets its conditions.",
        inputs.CreateSegmentInput,
        translate.create_segment,
        reply="segment",
        answers=MADE_OR_FOUND,
        example={"name": "Big spenders", "type": "dynamic", "conditions": {"spend": {"currency": "EUR", "gte": 50000}}},
        refusals=("id_conflict",),
    ),
    retrieve_one(f"{URL}/{{id}}", f"{SDK}.retrieve", "retrieve_segment", Segment, "segment", reads.show_segments),
    Operation(
        "update_segment",
        "POST",
        f"{URL}/{{id}}",
        f"{SDK}.update",
        "Change a segment; other conditions count from the next command on.",
        inputs.UpdateSegmentInput,
        translate.update_segment,
        reply="segment",
        example={"conditions": LAPSED},
        refusals=(*FIND, "immutable_field"),
        immutable=("id", "type"),
    ),
    Operation(
        "delete_segment",
        "DELETE",
        f"{URL}/{{id}}",
        f"{SDK}.delete",
        "Delete a segment that no live offer names.",
        None,
        translate.delete_segment,
        reply="deleted",
        refusals=(*FIND, "segment_in_use"),
    ),
    Operation(
        "list_segments",
        "GET",
        URL,
        f"{SDK}.list",
        "List segments, newest first; with `account`, those that the account is in.",
        read=reads.list_segments,
        reply="list",
        listing=reads.SEGMENTS,
    ),
    Operation(
        "list_segment_members",
        "GET",
        f"{URL}/{{id}}/members",
        f"{SDK}.members",
        "List the members of a segment, who entered last first; of a dynamic one, those it was told of by events.",
        read=reads.list_segment_members,
        reply="list",
        listing=reads.MEMBERS,
        refusals=FIND,
    ),
    Operation(
        "add_segment_members",
        "POST",
        f"{URL}/{{id}}/members",
        f"{SDK}.addMembers",
        "Add up to 1,000 accounts to a static segment; those that do not exist are named.",
        inputs.SegmentAccountsInput,
        translate.add_segment_members,
        reply="segment_addition",
        example={"accounts": ["loy_abc123"]},
        refusals=FIND,
    ),
    Operation(
        "remove_segment_members",
        "POST",
        f"{URL}/{{id}}/members/remove",
        f"{SDK}.removeMembers",
        "Remove up to 1,000 accounts from a static segment; those that do not exist are named.",
        inputs.SegmentAccountsInput,
        translate.remove_segment_members,
        reply="segment_removal",
        example={"accounts": ["loy_abc123"]},
        refusals=FIND,
    ),
    Operation(
        "retrieve_segment_size",
        "GET",
        f"{URL}/{{id}}/size",
        f"{SDK}.size",
        "Count the members of a segment, exactly.",
        read=reads.retrieve_segment_size,
        reply="segment_size",
        refusals=FIND,
    ),
    Operation(
        "preview_segment",
        "POST",
        f"{URL}/preview",
        f"{SDK}.preview",
        "Count the members that a segment of these conditions would have, exactly; nothing is created.",
        inputs.PreviewSegmentInput,
        read=reads.preview_segment,
        reply="segment_size",
        example={"conditions": LAPSED},
    ),
)

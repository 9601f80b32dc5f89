"""Many members enter a campaign by one call: named, each with its own result, or as a segment stands."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import AccountId, Input
from vinr_server.api.contract.reads import find
from vinr_server.api.contract.reply import BulkReply, Error, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.bulk import Bulk, Item, Request, submit_items
from vinr_server.api.resources.enrolment_replies import Enrolment
from vinr_server.api.resources.segments import SegmentId
from vinr_server.core.campaigns.commands import EnterCampaign, EnterSegment
from vinr_server.core.campaigns.rows import Campaign
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer

ACCOUNTS_MAX = 1000
# Who enters: a body names one of them.
WAYS = ("account", "accounts", "segment")


class EnterCampaignInput(Input):
    account: AccountId | UnsetType = UNSET
    accounts: Annotated[list[AccountId], Meta(min_length=1, max_length=ACCOUNTS_MAX)] | UnsetType = UNSET
    segment: SegmentId | UnsetType = UNSET
    data: dict[str, Any] = {}


class BulkEnrolmentResult(Reply):
    status: int
    enrolment: Enrolment | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class BulkEnrolments(BulkReply):
    data: list[BulkEnrolmentResult]


def enter_campaign(call: Call) -> EnterCampaign | EnterSegment:
    """One member, or those who are in a segment."""
    body: EnterCampaignInput = call.body
    _require_one_way(body)
    if body.segment is not UNSET:
        return EnterSegment(call.id, body.segment, body.data)
    assert body.account is not UNSET, "one of them was sent"
    return EnterCampaign(call.id, body.account, body.data)


async def enter_accounts(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
    """Every account is decided by itself, in the order of the body: one that may not enter holds no other up."""
    body: EnterCampaignInput = call.body
    _require_one_way(body)
    await find(call, Campaign, "campaign")
    bulk = Bulk(
        "enter_accounts",
        field="accounts",
        shown_as="enrolment",
        url=f"/v1/engagement/campaigns/{call.id}/enter",
        begun_as="enter_campaign",
        whole=("id", "data"),
        itself="account",
    )
    assert body.accounts is not UNSET, "they were sent"
    items = [Item(EnterCampaign(call.id, id, body.data), fingerprint(id)) for id in body.accounts]
    request = Request(call, idempotency_key, request_id, is_dry_run)
    whole = {"campaign": call.id, "data": body.data, "deliver_events": True}
    return await submit_items(bulk, request, writer, items, whole=whole)


def _require_one_way(body: EnterCampaignInput) -> None:
    sent = [name for name in WAYS if getattr(body, name) is not UNSET]
    if not sent:
        message = "account is required. Send it, or accounts, or segment: who enters."
        raise Problem("parameter_missing", message, param="account")
    if len(sent) > 1:
        message = f"{' and '.join(sent)} all say who enters. Send one of them."
        raise Problem("parameter_conflict", message, param=sent[1])

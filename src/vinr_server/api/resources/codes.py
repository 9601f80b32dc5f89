"""Codes: the texts by which shoppers open offers that apply to nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.carts import Client
from vinr_server.api.contract.input import AccountId, CodeText, Count, Input, Instant, Metadata, OfferId, sent
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import find, list_of, require_no_query
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.api.edge.zones import zone_of_offer
from vinr_server.api.resources.grants import OfferGrant
from vinr_server.api.resources.offer_redemptions import OfferRedemption
from vinr_server.core.codes import rows
from vinr_server.core.codes.commands import CreateCode, LookUpCode, RedeemCode, UpdateCode
from vinr_server.core.codes.payloads import code_payload
from vinr_server.core.kernel.answers import missing
from vinr_server.engine.code_drawing import draw_codes
from vinr_server.storage.reads.scopes import CODE_STATUS, OPENING_CODES

URL = "/v1/engagement/codes"


class CreateCodeInput(Input):
    offer: OfferId
    code: CodeText | None = None
    account: AccountId | None = None
    max_redemptions: Count | None = None
    starts_at: Instant = None
    expires_at: Instant = None
    metadata: Metadata = {}


class UpdateCodeInput(Input):
    active: bool | UnsetType = UNSET
    max_redemptions: Count | UnsetType | None = UNSET
    starts_at: Instant | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    metadata: Metadata = {}


class LookUpCodeInput(Input):
    code: CodeText
    client: Client | None = None


class Code(Reply):
    id: str
    object: Literal["code"]
    code: str
    key: str
    offer: Reference
    batch: Reference | None
    account: Reference | None
    status: rows.CodeStatus
    max_redemptions: int | None
    used: int
    held: int
    starts_at: int | None
    expires_at: int | None
    metadata: Json
    created: int
    livemode: bool


async def create_code(call: Call) -> CreateCode:
    body: CreateCodeInput = call.body
    zone = await zone_of_offer(call, body.offer, body.starts_at, body.expires_at)
    return CreateCode(
        code=body.code if body.code is not None else draw_codes(1)[0],
        offer_id=body.offer,
        account_id=body.account,
        max_redemptions=body.max_redemptions,
        starts_at=read_instant_or_none(body.starts_at, param="starts_at", zone=zone),
        expires_at=read_instant_or_none(body.expires_at, param="expires_at", zone=zone, is_end=True),
        metadata=read_metadata(body.metadata),
    )


async def update_code(call: Call) -> UpdateCode:
    body: UpdateCodeInput = call.body
    changes: dict[str, Any] = sent(body, "max_redemptions")
    given = sent(body, "starts_at", "expires_at")
    code = await call.reader.row(call.caller.realm, rows.Code, call.id) if any(map(is_date, given.values())) else None
    zone = await zone_of_offer(call, code.offer_id if code is not None else "", *given.values())
    for name, value in given.items():
        changes[name] = read_instant_or_none(value, param=name, zone=zone, is_end=name == "expires_at")
    if body.active is not UNSET:
        changes["status"] = "active" if body.active else "disabled"
    return UpdateCode(call.id, changes, read_metadata(body.metadata, allows_null=True))


def look_up_code(call: Call) -> LookUpCode:
    return LookUpCode(call.body.code)


class RedeemCodeInput(Input):
    code: CodeText
    account: AccountId
    client: Client | None = None


class CodeRedemption(Reply):
    object: Literal["code_redemption"]
    code: Reference
    offer: Reference
    account: Reference
    status: Literal["redeemed", "granted"]
    redemption: OfferRedemption | None
    grant: OfferGrant | None
    livemode: bool


def redeem_code(call: Call) -> RedeemCode:
    return RedeemCode(call.body.code, call.body.account)


async def show_codes(call: Call, codes: Sequence[rows.Code]) -> list[Any]:
    """Codes, each with its status at its offer's current time."""
    now = datetime.now(UTC)
    offer_ids = {code.offer_id for code in codes if code.offer_id is not None}
    nows = await call.reader.offers_now(call.caller.realm, offer_ids, now)
    batch_ids = {code.batch_id for code in codes if code.batch_id is not None}
    off = await call.reader.disabled_batches(call.caller.realm, batch_ids)
    return [
        code_payload(
            code,
            now=nows.get(code.offer_id or "", now),
            is_cut_off=code.batch_id in off,
            livemode=call.caller.livemode,
        )
        for code in codes
    ]


async def retrieve_code(call: Call) -> Any:
    """One code; the row that stands for a member's referral code is none."""
    require_no_query(call)
    code = await find(call, rows.Code, "code")
    if code.offer_id is None:
        raise Problem.of(missing("code", call.id, param="id"))
    return (await show_codes(call, [code]))[0]


CODES = Listing(
    rows.Code,
    {
        "batch": ("batch_id", text),
        "offer": ("offer_id", text),
        "account": ("account_id", text),
        "status": (CODE_STATUS, one_of(rows.CodeStatus)),
    },
    within=OPENING_CODES,
    order_by_filter=("batch", ("number",)),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_code",
        method="POST",
        path=URL,
        sdk="engagement.codes.create",
        summary="Create a code that opens an offer. Without a text, one is drawn that nobody can guess.",
        body=CreateCodeInput,
        translate=create_code,
        reply=Code,
        answers=MADE,
        refusals=(*FIND, "code_taken", "offer_needs_no_code", "program_mismatch"),
        example={"offer": "ofr_welcome", "code": "SPRING-10", "max_redemptions": 500},
    ),
    Operation(
        id="retrieve_code",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.codes.retrieve",
        summary="Retrieve one code.",
        read=retrieve_code,
        reply=Code,
        refusals=FIND,
    ),
    Operation(
        id="update_code",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="engagement.codes.update",
        summary="Change how often and how long a code can be used, or switch it off. Sessions that hold it keep it.",
        body=UpdateCodeInput,
        translate=update_code,
        reply=Code,
        immutable=("id", "code", "offer", "batch", "account"),
        refusals=(*FIND, "code_taken", "immutable_field"),
        example={"active": False},
    ),
    Operation(
        id="look_up_code",
        method="POST",
        path=f"{URL}/lookup",
        sdk="engagement.codes.lookup",
        summary="Find the code that a text means, however it is written. It stands in the body, so that no log has it.",
        body=LookUpCodeInput,
        translate=look_up_code,
        reply=Code,
        is_pure=True,
        refusals=(*FIND, "code_attempts_exceeded"),
        example={"code": "welcome-10"},
    ),
    Operation(
        id="redeem_code",
        method="POST",
        path=f"{URL}/redeem",
        sdk="engagement.codes.redeem",
        summary="Give a member what a code's offer gives: a bonus or a gift at once, anything else as a grant.",
        body=RedeemCodeInput,
        translate=redeem_code,
        reply=CodeRedemption,
        answers=MADE,
        refusals=(
            *(*FIND, "account_closed", "code_not_applicable", "program_mismatch", "offer_not_active"),
            *(
                "offer_limit_reached",
                "reward_archived",
                "not_eligible",
                "reward_out_of_stock",
                "budget_exhausted",
                "code_attempts_exceeded",
            ),
        ),
        example={"code": "bonus-250", "account": "loy_abc123"},
    ),
    Operation(
        id="list_codes",
        method="GET",
        path=URL,
        sdk="engagement.codes.list",
        summary="List codes, newest first.",
        read=list_of(CODES, URL, show_codes),
        listing=CODES,
        reply=ListOf(Code),
    ),
)

"""Referral codes: by these, members bring others."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import AccountId, Input, NoInput
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, flag, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.referrals import commands, payloads, rows

URL = "/v1/referrals/codes"

# Checked by hand, so that the message says what a code is made of.
Code = Annotated[str, Meta(min_length=1, max_length=100)]
_CODE = re.compile(r"[A-Za-z0-9-]{3,32}\Z", re.ASCII)


class CreateReferralCodeInput(Input):
    account: AccountId
    code: Code | None = None


class UpdateReferralCodeInput(Input):
    active: bool | UnsetType = UNSET


class ReferralCode(Reply):
    id: str
    object: Literal["referral_code"]
    code: str
    account: Reference
    active: bool
    clicks: int
    conversions: int
    created: int
    livemode: bool


def read_code(given: str) -> str:
    """The code in capitals: codes are compared without case. What can be none stays as it is."""
    return given.upper() if _CODE.match(given) else given


def create_referral_code(call: Call) -> commands.CreateReferralCode:
    body: CreateReferralCodeInput = call.body
    if body.code is not None and not _CODE.match(body.code):
        message = f"code: {body.code!r} is not a code. Send 3 to 32 letters from A to Z, digits and hyphens."
        raise Problem("parameter_invalid", message, param="code")
    return commands.CreateReferralCode(body.account, None if body.code is None else read_code(body.code))


def click_referral_code(call: Call) -> commands.ClickReferralCode:
    return commands.ClickReferralCode(read_code(call.id))


def update_referral_code(call: Call) -> commands.UpdateReferralCode:
    active = call.body.active
    return commands.UpdateReferralCode(read_code(call.id), None if active is UNSET else active)


REFERRAL_CODES = Listing(rows.ReferralCode, {"account": ("account_id", text), "active": ("is_active", flag)})
show_referral_codes = shown_by(payloads.referral_code_payload)
_retrieve = retrieve(rows.ReferralCode, "referral code", show_referral_codes)


async def retrieve_referral_code(call: Call) -> Any:
    """The code, in whatever case it stands in the URL."""
    call.path = {**call.path, "id": read_code(call.id)}
    return await _retrieve(call)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_referral_code",
        method="POST",
        path=URL,
        sdk="referrals.codes.create",
        summary="Make a member's referral code, or return the one that is there.",
        body=CreateReferralCodeInput,
        translate=create_referral_code,
        reply=ReferralCode,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "id_conflict", "account_closed", "code_taken"),
        example={"account": "loy_abc123", "code": "ADA-2026"},
    ),
    Operation(
        id="retrieve_referral_code",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="referrals.codes.retrieve",
        summary="Retrieve one referral code.",
        read=retrieve_referral_code,
        reply=ReferralCode,
        refusals=FIND,
    ),
    Operation(
        id="click_referral_code",
        method="POST",
        path=f"{URL}/{{id}}/click",
        sdk="referrals.codes.click",
        summary="Count a click on a referral code.",
        body=NoInput,
        translate=click_referral_code,
        reply=ReferralCode,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="update_referral_code",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="referrals.codes.update",
        summary="Switch a referral code on or off for registrations from now on.",
        body=UpdateReferralCodeInput,
        translate=update_referral_code,
        reply=ReferralCode,
        immutable=("id", "account", "code"),
        refusals=(*FIND, "immutable_field"),
        example={"active": False},
    ),
    Operation(
        id="list_referral_codes",
        method="GET",
        path=URL,
        sdk="referrals.codes.list",
        summary="List referral codes, newest first.",
        read=list_of(REFERRAL_CODES, URL, show_referral_codes),
        listing=REFERRAL_CODES,
        reply=ListOf(ReferralCode),
    ),
)

"""Referrals: who brought whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.input import AccountId, CustomerId, Input, Instant, Metadata, NoInput, PaymentId, Text
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Json, Reference, Reply, Unmet
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.api.edge.zones import zone_of_account
from vinr_server.api.resources.referral_codes import Code, read_code
from vinr_server.core.earning.rows import Role
from vinr_server.core.referrals import commands, payloads, rows
from vinr_server.storage.reads.holdings import accounts_in_programs, lots_of

URL = "/v1/referrals"


class CreateReferralInput(Input):
    customer: CustomerId
    code: Code | None = None
    referrer: AccountId | None = None
    occurred_at: Instant = None
    metadata: Metadata = {}


class ConvertReferralInput(Input):
    payment: PaymentId | None = None


class RejectReferralInput(Input):
    reason: Text | None = None


class ReferralTerms(Reply):
    id: Reference
    revision: int


class ReferralAward(Reply):
    account: Reference
    role: Role
    rule: Reference
    points_transaction: Reference
    points: int
    status: Literal["pending", "available", "reversed"]
    available_at: int


class ReferralSkipped(Reply):
    account: Reference
    role: Role
    unmet: list[Unmet]
    rule: Reference | UnsetType = UNSET


class Referral(Reply):
    id: str
    object: Literal["referral"]
    program: Reference
    referral_program: ReferralTerms
    referrer: Reference
    code: str | None
    customer: Reference
    referee: Reference | None
    status: rows.ReferralStatus
    registered_at: int
    expires_at: int | None
    converted_at: int | None
    payment: Reference | None
    event: Reference | None
    awards: list[ReferralAward]
    skipped: list[ReferralSkipped]
    reason: str | None
    metadata: Json
    created: int
    livemode: bool
    already_converted: Literal[True] | UnsetType = UNSET


async def create_referral(call: Call) -> commands.RegisterReferral:
    body: CreateReferralInput = call.body
    if (body.code is None) == (body.referrer is None):
        message = "Send the referrer's code, or its account as referrer: one of them."
        code = "parameter_missing" if body.code is None else "parameter_conflict"
        raise Problem(code, message, param="code")
    by_code = None if body.code is None else read_code(body.code)
    return commands.RegisterReferral(
        customer_id=body.customer,
        code=by_code,
        account_id=body.referrer,
        occurred_at=read_instant_or_none(
            body.occurred_at, param="occurred_at", zone=await _zone(call, body.referrer, by_code, body.occurred_at)
        ),
        metadata=read_metadata(body.metadata),
    )


async def _zone(call: Call, account_id: str | None, code: str | None, occurred_at: Any) -> str:
    """The zone of the referrer's program, looked up only if a bare date depends on it."""
    if not is_date(occurred_at):
        return "UTC"
    if account_id is None:
        found = await call.reader.row(call.caller.realm, rows.ReferralCode, code or "")
        account_id = found.account_id if found is not None else ""
    return await zone_of_account(call, account_id, occurred_at)


def convert_referral(call: Call) -> commands.ConvertReferral:
    return commands.ConvertReferral(call.id, call.body.payment)


def approve_referral(call: Call) -> commands.ApproveReferral:
    return commands.ApproveReferral(call.id)


def reject_referral(call: Call) -> commands.RejectReferral:
    return commands.RejectReferral(call.id, call.body.reason)


def _code(value: str, _param: str) -> str:
    return read_code(value)


REFERRALS = Listing(
    rows.Referral,
    {
        "program": ("program_id", text),
        "referrer": ("referrer_id", text),
        "customer": ("customer_id", text),
        "code": ("code", _code),
        "status": ("status", one_of(rows.ReferralStatus)),
        "payment": ("payment_id", text),
    },
)


async def show_referrals(call: Call, referrals: Sequence[rows.Referral]) -> list[Any]:
    """Referrals, each with the account that its customer has by now."""
    wanted = [(referral.customer_id, referral.program_id) for referral in referrals]
    accounts = await accounts_in_programs(call.reader, call.caller.realm, wanted)
    earnings = [earning for referral in referrals for earning in referral.earnings]
    awarded = [award.entry_id for earning in earnings for award in earning.awards]
    lots = await lots_of(call.reader, call.caller.realm, awarded)
    return [
        payloads.referral_payload(
            referral,
            referee_id=accounts.get((referral.customer_id, referral.program_id)),
            lots=lots,
            livemode=call.caller.livemode,
        )
        for referral in referrals
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_referral",
        method="POST",
        path=URL,
        sdk="referrals.create",
        summary="Register that a member brings a customer.",
        body=CreateReferralInput,
        translate=create_referral,
        reply=Referral,
        answers=MADE_OR_FOUND,
        refusals=(
            *FIND,
            "parameter_conflict",
            "account_closed",
            "self_referral",
            "referral_exists",
            "referral_not_open",
            "not_eligible",
        ),
        example={"code": "ADA-2026", "customer": "cust_8sJ2k"},
    ),
    Operation(
        id="retrieve_referral",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="referrals.retrieve",
        summary="Retrieve one referral.",
        read=retrieve(rows.Referral, "referral", show_referrals),
        is_timely=True,
        reply=Referral,
        refusals=FIND,
    ),
    Operation(
        id="convert_referral",
        method="POST",
        path=f"{URL}/{{id}}/convert",
        sdk="referrals.convert",
        summary="Convert a referral by hand, by a payment of any amount or without one.",
        body=ConvertReferralInput,
        translate=convert_referral,
        reply=Referral,
        refusals=(*FIND, "parameter_conflict", "referral_not_open", "not_eligible"),
        example={"payment": "pay_3xZ9q"},
    ),
    Operation(
        id="approve_referral",
        method="POST",
        path=f"{URL}/{{id}}/approve",
        sdk="referrals.approve",
        summary="Make what a conversion gave, and is still pending, available now.",
        body=NoInput,
        translate=approve_referral,
        reply=Referral,
        refusals=(*FIND, "referral_not_open"),
        example={},
    ),
    Operation(
        id="reject_referral",
        method="POST",
        path=f"{URL}/{{id}}/reject",
        sdk="referrals.reject",
        summary="End a referral for good, and take back what it gave.",
        body=RejectReferralInput,
        translate=reject_referral,
        reply=Referral,
        refusals=(*FIND, "referral_not_open"),
        example={"reason": "fraud"},
    ),
    Operation(
        id="list_referrals",
        method="GET",
        path=URL,
        sdk="referrals.list",
        summary="List referrals, newest first.",
        read=list_of(REFERRALS, URL, show_referrals),
        listing=REFERRALS,
        is_timely=True,
        reply=ListOf(Referral),
    ),
)

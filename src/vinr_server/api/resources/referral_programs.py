"""Referral programs: how the members of a program bring others."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.currencies import read_any_currency_or_none
from vinr_server.api.contract.input import Count, Input, Key, Metadata, Minor, PendingDays, ProgramId, sent
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.referrals import commands, payloads, rows

URL = "/v1/referrals/programs"

WindowDays = Annotated[int, Meta(ge=1, le=3650)]


class LimitInput(Input):
    max: Count
    per: rows.LimitPer


class CreateReferralProgramInput(Input):
    program: ProgramId
    convert_on: Key = rows.BY_PAYMENT
    min_amount: Minor = 0
    currency: str | None = None
    hold_days: PendingDays = 0
    limit: LimitInput | None = None
    window_days: WindowDays | None = 30
    new_customers_only: bool = True
    status: rows.ReferralProgramStatus = "active"
    metadata: Metadata = {}


class UpdateReferralProgramInput(Input):
    convert_on: Key | UnsetType = UNSET
    min_amount: Minor | UnsetType = UNSET
    currency: str | UnsetType | None = UNSET
    hold_days: PendingDays | UnsetType = UNSET
    limit: LimitInput | UnsetType | None = UNSET
    window_days: WindowDays | UnsetType | None = UNSET
    new_customers_only: bool | UnsetType = UNSET
    status: rows.ReferralProgramStatus | UnsetType = UNSET
    metadata: Metadata = {}


class ReferralLimit(Reply):
    max: int
    per: rows.LimitPer


class ReferralProgram(Reply):
    id: str
    object: Literal["referral_program"]
    program: Reference
    revision: int
    convert_on: str
    min_amount: int
    currency: str | None
    window_days: int | None
    hold_days: int
    limit: ReferralLimit | None
    new_customers_only: bool
    status: rows.ReferralProgramStatus
    metadata: Json
    created: int
    livemode: bool


def create_referral_program(call: Call) -> commands.CreateReferralProgram:
    body: CreateReferralProgramInput = call.body
    terms = rows.ReferralTerms(
        window_days=body.window_days,
        is_for_new_customers=body.new_customers_only,
        convert_on=body.convert_on,
        min_amount_minor=body.min_amount,
        currency=read_any_currency_or_none(body.currency, param="currency"),
        hold_days=body.hold_days,
        limit=_limit(body.limit),
    )
    return commands.CreateReferralProgram(body.program, terms, body.status, read_metadata(body.metadata))


def _limit(given: LimitInput | None) -> rows.ReferralLimit | None:
    return None if given is None else rows.ReferralLimit(given.max, given.per)


def update_referral_program(call: Call) -> commands.UpdateReferralProgram:
    body: UpdateReferralProgramInput = call.body
    changes = sent(body, "window_days", "convert_on", "hold_days")
    renamed = {"new_customers_only": "is_for_new_customers", "min_amount": "min_amount_minor"}
    changes |= {renamed[name]: value for name, value in sent(body, *renamed).items()}
    if body.currency is not UNSET:
        changes["currency"] = read_any_currency_or_none(body.currency, param="currency")
    if body.limit is not UNSET:
        changes["limit"] = _limit(body.limit)
    return commands.UpdateReferralProgram(
        call.id,
        changes,
        status=None if body.status is UNSET else body.status,
        metadata=read_metadata(body.metadata, allows_null=True),
    )


REFERRAL_PROGRAMS = Listing(
    rows.ReferralProgram, {"program": ("program_id", text), "status": ("status", one_of(rows.ReferralProgramStatus))}
)
show_referral_programs = shown_by(payloads.referral_program_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_referral_program",
        method="POST",
        path=URL,
        sdk="referrals.programs.create",
        summary="Let the members of a program bring others.",
        body=CreateReferralProgramInput,
        translate=create_referral_program,
        reply=ReferralProgram,
        answers=MADE,
        refusals=(*FIND, "id_conflict", "reserved_event_type", "parameter_conflict"),
        example={"program": "prog_default", "min_amount": 5000, "currency": "EUR", "hold_days": 14},
    ),
    Operation(
        id="retrieve_referral_program",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="referrals.programs.retrieve",
        summary="Retrieve one referral program.",
        read=retrieve(rows.ReferralProgram, "referral program", show_referral_programs),
        reply=ReferralProgram,
        refusals=FIND,
    ),
    Operation(
        id="update_referral_program",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="referrals.programs.update",
        summary="Change a referral program for referrals that are registered from now on.",
        body=UpdateReferralProgramInput,
        translate=update_referral_program,
        reply=ReferralProgram,
        immutable=("id", "program"),
        refusals=(*FIND, "immutable_field", "reserved_event_type", "parameter_conflict"),
        example={"window_days": 60, "limit": {"max": 5, "per": "month"}},
    ),
    Operation(
        id="list_referral_programs",
        method="GET",
        path=URL,
        sdk="referrals.programs.list",
        summary="List referral programs, newest first.",
        read=list_of(REFERRAL_PROGRAMS, URL, show_referral_programs),
        listing=REFERRAL_PROGRAMS,
        reply=ListOf(ReferralProgram),
    ),
)

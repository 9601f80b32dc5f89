"""Referral programs: how the members of a program bring others."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, Metadata, ProgramId, sent
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.referrals import commands, payloads, rows

URL = "/v1/referrals/programs"

WindowDays = Annotated[int, Meta(ge=1, le=3650)]
Status = Literal["active", "paused"]


class CreateReferralProgramInput(Input):
    program: ProgramId
    window_days: WindowDays | None = 30
    new_customers_only: bool = True
    status: Status = "active"
    metadata: Metadata = {}


class UpdateReferralProgramInput(Input):
    window_days: WindowDays | UnsetType | None = UNSET
    new_customers_only: bool | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    metadata: Metadata = {}


class ReferralProgram(Reply):
    id: str
    object: Literal["referral_program"]
    program: Reference
    revision: int
    window_days: int | None
    new_customers_only: bool
    status: Status
    metadata: Json
    created: int
    livemode: bool


def create_referral_program(call: Call) -> commands.CreateReferralProgram:
    body: CreateReferralProgramInput = call.body
    terms = rows.ReferralTerms(window_days=body.window_days, is_for_new_customers=body.new_customers_only)
    return commands.CreateReferralProgram(body.program, terms, body.status, read_metadata(body.metadata))


def update_referral_program(call: Call) -> commands.UpdateReferralProgram:
    body: UpdateReferralProgramInput = call.body
    renamed = {"new_customers_only": "is_for_new_customers"}
    changes = {
        renamed.get(name, name): value for name, value in sent(body, "window_days", "new_customers_only").items()
    }
    return commands.UpdateReferralProgram(
        call.id,
        changes,
        status=None if body.status is UNSET else body.status,
        metadata=read_metadata(body.metadata, allows_null=True),
    )


REFERRAL_PROGRAMS = Listing(
    rows.ReferralProgram, {"program": ("program_id", text), "status": ("status", one_of(Status))}
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
        refusals=(*FIND, "id_conflict"),
        example={"program": "prog_default", "window_days": 30},
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
        refusals=(*FIND, "immutable_field"),
        example={"window_days": 60},
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

"""Enrollments: passages of members through campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, Key
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import find, list_of, require_no_query
from vinr_server.api.contract.reply import ChallengeProgress, Json, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.resources.bulk_enrolments import (
    BulkEnrolments,
    EnterCampaignInput,
    enter_accounts,
    enter_campaign,
)
from vinr_server.api.resources.campaign_scans import CampaignScan
from vinr_server.api.resources.campaigns import URL as CAMPAIGNS_URL
from vinr_server.api.resources.enrolment_replies import Enrolment
from vinr_server.core.campaigns import commands, payloads, rows
from vinr_server.core.campaigns.challenges.figures import progress_payload
from vinr_server.storage.campaigns.progress import courses_of
from vinr_server.storage.campaigns.reads import CONVERTED, WAY, log_of

URL = "/v1/engagement/enrolments"

EnrolmentId = Annotated[str, Meta(pattern="^enr_.", max_length=255)]


class RetryEnrolmentInput(Input):
    enrolment: EnrolmentId


class ExitEnrolmentInput(Input):
    outcome: Key = "stopped"


class CampaignConversion(Reply):
    campaign: Reference
    revision: int
    enrolment: Reference
    account: Reference
    customer: Reference
    goal: str
    event: Reference
    at: int
    amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class CampaignPassage(Reply):
    campaign: Reference
    revision: int
    enrolment: Reference
    account: Reference
    customer: Reference
    outcome: str | None
    at: int


class CampaignMessage(Reply):
    campaign: Reference
    revision: int
    enrolment: Reference
    account: Reference
    customer: Reference
    position: int
    step: str
    name: str
    data: Json


class CampaignProgress(Reply):
    campaign: Reference
    revision: int
    enrolment: Reference
    account: Reference
    customer: Reference
    progress: ChallengeProgress
    source: Reference


class CampaignCompletion(CampaignProgress):
    attempt: int


class RevokedPoints(Reply):
    step: str
    points: int
    points_transaction: Reference


class GivenByStep(Reply):
    step: str
    grant: Reference | UnsetType = UNSET
    redemption: Reference | UnsetType = UNSET
    discount: Reference | UnsetType = UNSET
    code: Reference | UnsetType = UNSET


class CampaignRevocation(Reply):
    """What an attempt gave that was taken back, and what was used and stays."""

    campaign: Reference
    revision: int
    enrolment: Reference
    account: Reference
    customer: Reference
    attempt: int
    source: Reference
    reversed: list[RevokedPoints]
    withdrawn: list[GivenByStep]
    kept: list[GivenByStep]


class CampaignFailure(Reply):
    campaign: Reference
    enrolment: Reference
    account: Reference
    step: str | None
    position: int
    error: str


class CampaignBudget(Reply):
    """A step did not fit whole into what the budget has left; `account`: whose own budget it is."""

    campaign: Reference
    account: Reference | None
    budget: Literal["points", "uses"]
    period: str
    remaining: int
    required: int
    resets_at: int | None


def exit_enrolment(call: Call) -> commands.ExitEnrolment:
    return commands.ExitEnrolment(call.id, call.body.outcome)


def retry_enrolment(call: Call) -> commands.RetryEnrolment:
    return commands.RetryEnrolment(call.id, call.body.enrolment)


async def show_enrolments(call: Call, enrolments: Sequence[rows.Enrolment]) -> list[Any]:
    """Enrollments, those in challenges with their progress as it is now."""
    return [
        payloads.enrolment_payload(enrolment, progress=progress, livemode=call.caller.livemode)
        for enrolment, progress in await _with_progress(call, enrolments)
    ]


async def _with_progress(call: Call, enrolments: Sequence[rows.Enrolment]) -> list[tuple[rows.Enrolment, Any]]:
    courses = await courses_of(call.reader.pool, call.caller.realm, enrolments, datetime.now(UTC))
    shown = {id: progress_payload(course, now=now) for id, (course, now) in courses.items()}
    return [(enrolment, shown.get(enrolment.id)) for enrolment in enrolments]


async def retrieve_enrolment(call: Call) -> Any:
    """The enrollment with the log of its steps."""
    require_no_query(call)
    row = await find(call, rows.Enrolment, "enrolment")
    log: Sequence[rows.EnrolmentStep] = await log_of(call.reader.pool, call.caller.realm, row)
    ((_row, progress),) = await _with_progress(call, [row])
    return payloads.enrolment_payload(row, log, progress=progress, livemode=call.caller.livemode)


ENROLMENTS = Listing(
    rows.Enrolment,
    {
        "campaign": ("campaign_id", text),
        "account": ("account_id", text),
        "status": ("status", one_of(rows.EnrolmentStatus)),
        "step": ("step", text),
        "outcome": ("outcome", text),
        "way": (WAY, text),
    },
    switches={"converted": CONVERTED},
    order=("entered_at", "id"),
    created_column="entered_at",
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="enter_campaign",
        method="POST",
        path=f"{CAMPAIGNS_URL}/{{id}}/enter",
        sdk="engagement.campaigns.enter",
        summary="Let members enter a campaign: one, several, or those in a segment. Who may not again stays as it is.",
        body=EnterCampaignInput,
        translate=enter_campaign,
        submit=enter_accounts,
        many="accounts",
        reply=Enrolment,
        ways={"account": Enrolment, "accounts": BulkEnrolments, "segment": CampaignScan},
        answers=MADE_OR_FOUND,
        is_verbatim=True,
        refusals=(
            *FIND,
            "parameter_conflict",
            "account_closed",
            "program_mismatch",
            "campaign_not_active",
            "in_another_campaign",
            "too_many_enrolments",
            "frequency_capped",
        ),
        example={"account": "loy_abc123", "data": {"cart": "crt_1"}},
    ),
    Operation(
        id="retry_enrolment",
        method="POST",
        path=f"{CAMPAIGNS_URL}/{{id}}/retry",
        sdk="engagement.campaigns.retry",
        summary="Let an enrollment whose step failed go on with that step.",
        body=RetryEnrolmentInput,
        translate=retry_enrolment,
        reply=Enrolment,
        refusals=(*FIND, "enrolment_not_open"),
        example={"enrolment": "enr_0197a3"},
    ),
    Operation(
        id="retrieve_enrolment",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.campaigns.enrolments.retrieve",
        summary="Retrieve one enrollment, with the log of its steps.",
        read=retrieve_enrolment,
        is_timely=True,
        reply=Enrolment,
        refusals=FIND,
    ),
    Operation(
        id="exit_enrolment",
        method="POST",
        path=f"{URL}/{{id}}/exit",
        sdk="engagement.campaigns.enrolments.exit",
        summary="End an enrollment now.",
        body=ExitEnrolmentInput,
        translate=exit_enrolment,
        reply=Enrolment,
        refusals=(*FIND, "enrolment_not_open"),
        example={"outcome": "unsubscribed"},
    ),
    Operation(
        id="list_enrolments",
        method="GET",
        path=URL,
        sdk="engagement.campaigns.enrolments.list",
        summary="List enrollments, newest first.",
        read=list_of(ENROLMENTS, URL, show_enrolments),
        listing=ENROLMENTS,
        is_timely=True,
        reply=ListOf(Enrolment),
    ),
)

EVENT_DATA = (
    CampaignPassage,
    CampaignProgress,
    CampaignCompletion,
    CampaignRevocation,
    CampaignConversion,
    CampaignMessage,
    CampaignFailure,
    CampaignBudget,
)

"""Campaigns: members moved through steps by events and by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, Instant, Metadata, Name, NoInput, ProgramId
from vinr_server.api.contract.offers import sent_window
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import find, list_of, require_no_query
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata, read_window
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.zones import zone_if_needed
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands, rows
from vinr_server.core.campaigns.checking import STEPS_MAX
from vinr_server.core.campaigns.payloads import campaign_payload
from vinr_server.storage.campaigns.reads import STATUS, TRIGGER, in_force
from vinr_server.storage.campaigns.results import members_by_status

URL = "/v1/engagement/campaigns"

CampaignId = Annotated[str, Meta(pattern="^cmp_.", max_length=255)]
Priority = Annotated[int, Meta(ge=-1000, le=1000)]
# Free JSON, because a draft may be wrong: what is wrong with it is shown, and refused when it is published.
Definition = dict[str, Any]


class CreateCampaignInput(Input):
    program: ProgramId
    name: Name
    definition: Definition
    type: rows.CampaignType = "journey"
    id: CampaignId | None = None
    starts_at: Instant = None
    ends_at: Instant = None
    priority: Priority = 0
    metadata: Metadata = {}


class UpdateCampaignInput(Input):
    name: Name | UnsetType = UNSET
    definition: Definition | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    metadata: Metadata = {}


class PublishCampaignInput(Input):
    members: Literal["finish", "move"] = "finish"
    map: Annotated[dict[str, Annotated[str, Meta(max_length=40)]], Meta(max_length=STEPS_MAX)] = {}
    present_members: bool = False


class ArchiveCampaignInput(Input):
    members: Literal["finish", "exit"] = "finish"


class ResumeCampaignInput(Input):
    waits: rows.Waits = "shift"


class DefinitionProblem(Reply):
    path: str
    problem: str


class CampaignMembers(Reply):
    open: int
    holdout: int
    over: int
    failed: int


class MovingStep(Reply):
    revision: int
    step: str
    members: int
    to: str


class Campaign(Reply):
    id: str
    object: Literal["campaign"]
    program: Reference
    name: str
    type: rows.CampaignType
    status: rows.CampaignStatus
    revision: int
    definition: Json | None
    draft: Json | None
    problems: list[DefinitionProblem]
    starts_at: int | None
    ends_at: int | None
    priority: int
    published_at: int | None
    next_entry_at: int | None
    metadata: Json
    created: int
    livemode: bool
    members: CampaignMembers | UnsetType = UNSET
    moving: list[MovingStep] | UnsetType = UNSET


async def create_campaign(call: Call) -> commands.CreateCampaign:
    body: CreateCampaignInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program)
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    return commands.CreateCampaign(
        program_id=body.program,
        name=body.name,
        type=body.type,
        drafted=read_definition(body.definition, zone=zone),
        id=body.id,
        starts_at=starts_at,
        ends_at=ends_at,
        priority=body.priority,
        metadata=read_metadata(body.metadata),
    )


async def update_campaign(call: Call) -> commands.UpdateCampaign:
    body: UpdateCampaignInput = call.body
    zone = await zone_if_needed(call, body, table="campaigns")
    changes: dict[str, Any] = sent_window(body, "starts_at", "ends_at", zone=zone)
    if body.name is not UNSET:
        changes["name"] = body.name
    if body.priority is not UNSET:
        changes["priority"] = body.priority
    drafted = None if body.definition is UNSET else read_definition(body.definition, zone=zone)
    return commands.UpdateCampaign(call.id, changes, drafted, read_metadata(body.metadata, allows_null=True))


def publish_campaign(call: Call) -> commands.PublishCampaign:
    body: PublishCampaignInput = call.body
    return commands.PublishCampaign(call.id, body.members, body.map, body.present_members)


def pause_campaign(call: Call) -> commands.PauseCampaign:
    return commands.PauseCampaign(call.id)


def resume_campaign(call: Call) -> commands.ResumeCampaign:
    return commands.ResumeCampaign(call.id, call.body.waits)


def archive_campaign(call: Call) -> commands.ArchiveCampaign:
    return commands.ArchiveCampaign(call.id, call.body.members)


async def show_campaigns(call: Call, campaigns: Sequence[rows.Campaign]) -> list[Any]:
    """Campaigns, each as it stands at its program's now."""
    known = await in_force(call.reader.pool, call.caller.realm, campaigns, datetime.now(UTC))
    return [
        campaign_payload(
            campaign, known[campaign.id].revision, now=known[campaign.id].now, livemode=call.caller.livemode
        )
        for campaign in campaigns
    ]


async def retrieve_campaign(call: Call) -> Any:
    """The campaign with the number of its enrollments by their status."""
    require_no_query(call)
    campaign: rows.Campaign = await find(call, rows.Campaign, "campaign")
    (shown,) = await show_campaigns(call, [campaign])
    return shown | {"members": await members_by_status(call.reader.pool, call.caller.realm, campaign.id)}


CAMPAIGNS = Listing(
    rows.Campaign,
    {
        "program": ("program_id", text),
        "type": ("type", one_of(rows.CampaignType)),
        "status": (STATUS, one_of(rows.CampaignStatus)),
        "trigger": (TRIGGER, text),
    },
)

EXAMPLE = {
    "entry": {"event": {"type": "cart.abandoned"}},
    "start": "pause",
    "steps": {
        "pause": {
            "kind": "wait",
            "events": [{"type": "payment.completed", "next": "thanks"}],
            "timeout": "2h",
            "timeout_next": "nudge",
        },
        "nudge": {"kind": "send_event", "name": "cart_reminder", "data": {"tone": "kind"}},
        "thanks": {"kind": "award_points", "points": 50, "reason": "Thank you"},
    },
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_campaign",
        method="POST",
        path=URL,
        sdk="engagement.campaigns.create",
        summary="Draft a campaign: how members enter it, and the steps that they take.",
        body=CreateCampaignInput,
        translate=create_campaign,
        reply=Campaign,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "id_conflict"),
        example={"program": "prog_default", "name": "Abandoned carts", "definition": EXAMPLE},
    ),
    Operation(
        id="retrieve_campaign",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.campaigns.retrieve",
        summary="Retrieve one campaign.",
        read=retrieve_campaign,
        is_timely=True,
        reply=Campaign,
        refusals=FIND,
    ),
    Operation(
        id="update_campaign",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="engagement.campaigns.update",
        summary="Change a campaign: its definition waits for publication, everything else counts at once.",
        body=UpdateCampaignInput,
        translate=update_campaign,
        reply=Campaign,
        immutable=("id", "program", "type"),
        refusals=(*FIND, "immutable_field", "campaign_not_active"),
        example={"name": "Abandoned carts, gently", "priority": 1},
    ),
    Operation(
        id="publish_campaign",
        method="POST",
        path=f"{URL}/{{id}}/publish",
        sdk="engagement.campaigns.publish",
        summary="Make the draft the next revision. Who is inside finishes, or moves; a dry run shows who goes where.",
        body=PublishCampaignInput,
        translate=publish_campaign,
        reply=Campaign,
        refusals=(*FIND, "campaign_definition_invalid", "campaign_not_active", "campaign_step_unmapped"),
        example={"members": "move", "map": {"nudge": "reminder", "survey": "exit"}},
    ),
    Operation(
        id="pause_campaign",
        method="POST",
        path=f"{URL}/{{id}}/pause",
        sdk="engagement.campaigns.pause",
        summary="Pause a campaign: nobody enters it, and no step is taken.",
        body=NoInput,
        translate=pause_campaign,
        reply=Campaign,
        refusals=(*FIND, "campaign_not_active"),
        example={},
    ),
    Operation(
        id="resume_campaign",
        method="POST",
        path=f"{URL}/{{id}}/resume",
        sdk="engagement.campaigns.resume",
        summary="Let a paused campaign go on: its waits where they stood, or at once where they ran on meanwhile.",
        body=ResumeCampaignInput,
        translate=resume_campaign,
        reply=Campaign,
        refusals=(*FIND, "campaign_not_active"),
        example={},
    ),
    Operation(
        id="archive_campaign",
        method="POST",
        path=f"{URL}/{{id}}/archive",
        sdk="engagement.campaigns.archive",
        summary="End a campaign for good: nobody enters it, and who is in it goes on to the end, or leaves.",
        body=ArchiveCampaignInput,
        translate=archive_campaign,
        reply=Campaign,
        refusals=FIND,
        example={"members": "exit"},
    ),
    Operation(
        id="list_campaigns",
        method="GET",
        path=URL,
        sdk="engagement.campaigns.list",
        summary="List campaigns, newest first.",
        read=list_of(CAMPAIGNS, URL, show_campaigns),
        listing=CAMPAIGNS,
        reply=ListOf(Campaign),
    ),
)

"""Campaigns as configuration: drafted, paused, resumed and archived (R40, R53)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.commands import (
    ArchiveCampaign,
    CreateCampaign,
    PauseCampaign,
    ResumeCampaign,
    UpdateCampaign,
)
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.entries.schedules import next_entry
from vinr_server.core.campaigns.payloads import campaign_payload
from vinr_server.core.campaigns.rows import Campaign, CampaignRevision, Pause, revision_id
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.rows import Program


def needs_create_campaign(command: CreateCampaign, needs: Needs) -> None:
    """The catalogue, the program's clock and the chosen id."""
    needs.catalogue()
    needs.row(Program, command.program_id)
    if command.id is not None:
        needs.row(Claim, command.id)


def decide_create_campaign(draft: Layer, command: CreateCampaign, context: Context) -> Accepted | Rejected:
    """The campaign exists as a draft, which may be wrong; nobody can enter it yet."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    present = made_before(draft, context, Campaign, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(shown_campaign(draft, context, present), is_new=False)
    now = context.now(program.clock_id)
    campaign = row_of(Campaign, command, id=command.id or context.make_id("cmp", 0), revision=0, created_at=now)
    draft.put(campaign)
    claim_id(draft, context, campaign.id, owner_bucket=0)
    return Accepted(shown_campaign(draft, context, campaign))


def needs_update_campaign(command: UpdateCampaign, needs: Needs) -> None:
    """The catalogue, and the campaign, for its program's clock."""
    name_campaign(needs, command.id)


def name_campaign(needs: Needs, id: str) -> None:
    """Declare the catalogue, and the campaign, for its program's clock."""
    needs.catalogue()
    needs.row(Campaign, id)


def decide_update_campaign(draft: Layer, command: UpdateCampaign, context: Context) -> Accepted | Rejected:
    """A new definition waits for publication; everything else counts from now on. Refuses one that is archived."""
    campaign = live_campaign(draft, context, command.id)
    if isinstance(campaign, Rejected):
        return campaign
    merged = merge_metadata(campaign.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    changed = replace(campaign, metadata=merged, drafted=command.drafted or campaign.drafted, **command.changes)
    if changed.starts_at is not None and changed.ends_at is not None and changed.ends_at <= changed.starts_at:
        return invalid("ends_at must be after starts_at.", param="ends_at")
    revision = revision_of(draft, changed)
    if revision is not None and command.changes.keys() & {"starts_at", "ends_at"}:
        program = program_of_campaign(draft, changed)
        now, schedule = context.now(program.clock_id), revision.definition.entry.schedule
        changed = replace(changed, next_entry_at=next_entry(changed, schedule, now, program.timezone))
    draft.put(changed)
    return Accepted(shown_campaign(draft, context, changed), is_new=False)


def needs_pause_campaign(command: PauseCampaign, needs: Needs) -> None:
    """The catalogue, and the campaign, for its program's clock."""
    name_campaign(needs, command.id)


def decide_pause_campaign(draft: Layer, command: PauseCampaign, context: Context) -> Accepted | Rejected:
    """Nobody enters, and no step is taken; events go on being heard. Paused before: nothing changes (R53)."""
    campaign = _published(draft, context, command.id)
    if isinstance(campaign, Rejected):
        return campaign
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    if campaign.paused_at is not None:
        return Accepted(shown_campaign(draft, context, campaign), is_new=False)
    return announced(draft, context, replace(campaign, paused_at=now), "paused", now)


def needs_resume_campaign(command: ResumeCampaign, needs: Needs) -> None:
    """The catalogue, and the campaign, for its program's clock."""
    name_campaign(needs, command.id)


def decide_resume_campaign(draft: Layer, command: ResumeCampaign, context: Context) -> Accepted | Rejected:
    """Members enter and go on. Waits go on where they stood, or what fell due meanwhile is taken at once (R53)."""
    campaign = _published(draft, context, command.id)
    if isinstance(campaign, Rejected):
        return campaign
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    if campaign.paused_at is None:
        return Accepted(shown_campaign(draft, context, campaign), is_new=False)
    pause = Pause(campaign.paused_at, now, command.waits)
    return announced(
        draft, context, replace(campaign, paused_at=None, pauses=(*campaign.pauses, pause)), "resumed", now
    )


def needs_archive_campaign(command: ArchiveCampaign, needs: Needs) -> None:
    """The catalogue, and the campaign, for its program's clock."""
    name_campaign(needs, command.id)


def decide_archive_campaign(draft: Layer, command: ArchiveCampaign, context: Context) -> Accepted | Rejected:
    """Nobody enters any more, for good; who is in it goes on to the end, or leaves (R53).

    Archived before, who is still in it may leave; nothing else changes.
    """
    campaign = draft.get(Campaign, command.id)
    if campaign is None:
        return missing("campaign", command.id, param="id")
    cleared = replace(campaign, is_cleared=campaign.is_cleared or command.members == "exit")
    if campaign.archived_at is not None:
        draft.put(cleared)
        return Accepted(shown_campaign(draft, context, cleared), is_new=False)
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    return announced(draft, context, replace(cleared, archived_at=now), "archived", now)


def announced(draft: Layer, context: Context, campaign: Campaign, what: str, now: datetime) -> Accepted:
    """The campaign is so now, and an event says it."""
    draft.put(campaign)
    payload = shown_campaign(draft, context, campaign)
    announce(draft, context, type=f"campaign.{what}", data=payload, now=now)
    return Accepted(payload, is_new=False)


def live_campaign(draft: Layer, context: Context, id: str) -> Campaign | Rejected:
    """The campaign; a refusal if there is none, or it is archived."""
    campaign = draft.get(Campaign, id)
    if campaign is None:
        return missing("campaign", id, param="id")
    return not_active(draft, context, campaign) if campaign.archived_at is not None else campaign


def _published(draft: Layer, context: Context, id: str) -> Campaign | Rejected:
    campaign = live_campaign(draft, context, id)
    if isinstance(campaign, Rejected) or campaign.revision > 0:
        return campaign
    return not_active(draft, context, campaign)


def not_active(draft: Layer, context: Context, campaign: Campaign) -> Rejected:
    """Say that the campaign is not active, and what it is."""
    status = campaign.status_at(context.now(program_of_campaign(draft, campaign).clock_id))
    message = f"Campaign {campaign.id} is {status}. {_NEXT.get(status, 'Create another one.')}"
    return Rejected("campaign_not_active", message, param="id", details={"status": status})


_NEXT = {"draft": "Publish it first.", "paused": "Resume it first.", "scheduled": "Wait until it starts."}


def program_of_campaign(draft: Layer, campaign: Campaign) -> Program:
    """The campaign's program, which is never deleted."""
    program = draft.get(Program, campaign.program_id)
    assert program is not None, f"program {campaign.program_id} was not loaded"
    return program


def revision_of(layer: Layer, campaign: Campaign, number: int | None = None) -> CampaignRevision | None:
    """The campaign's revision with this number, or the one in force; None if there is none."""
    return layer.get(CampaignRevision, revision_id(campaign.id, campaign.revision if number is None else number))


def definition_by(layer: Layer, campaign_id: str, number: int) -> Definition | None:
    """What the campaign's revision with this number says; None if there is none."""
    revision = layer.get(CampaignRevision, revision_id(campaign_id, number))
    return revision.definition if revision is not None else None


def shown_campaign(draft: Layer, context: Context, campaign: Campaign) -> Wire:
    """The campaign's payload, at its program's now."""
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    return campaign_payload(campaign, revision_of(draft, campaign), now=now, livemode=context.livemode)


COMMANDS: Commands = {
    CreateCampaign: (needs_create_campaign, decide_create_campaign),
    UpdateCampaign: (needs_update_campaign, decide_update_campaign),
    PauseCampaign: (needs_pause_campaign, decide_pause_campaign),
    ResumeCampaign: (needs_resume_campaign, decide_resume_campaign),
    ArchiveCampaign: (needs_archive_campaign, decide_archive_campaign),
}

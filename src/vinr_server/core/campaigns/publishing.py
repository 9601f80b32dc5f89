"""Campaigns are published in revisions; who is inside an older one finishes it, or moves (R40, R52)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from vinr_server.core.campaigns.challenges.checking import challenge_problems
from vinr_server.core.campaigns.changes import (
    announced,
    live_campaign,
    name_campaign,
    program_of_campaign,
    revision_of,
    shown_campaign,
)
from vinr_server.core.campaigns.checking import problems_of
from vinr_server.core.campaigns.commands import PublishCampaign
from vinr_server.core.campaigns.definition import EXIT, Definition
from vinr_server.core.campaigns.entries.rows import CampaignScan, scan_id
from vinr_server.core.campaigns.entries.scans import begin_scan
from vinr_server.core.campaigns.entries.schedules import next_entry
from vinr_server.core.campaigns.passages.moving import Moving, moving_of
from vinr_server.core.campaigns.payloads import problems_payload
from vinr_server.core.campaigns.rows import (
    Campaign,
    CampaignRevision,
    DefinitionProblem,
    Move,
    Standing,
    revision_id,
)
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace

LIVE_MAX = 500
# So many problems are shown at once.
PROBLEMS_SHOWN = 100


def needs_publish_campaign(command: PublishCampaign, needs: Needs) -> None:
    """The catalogue, the campaign, for its program's clock, and who stands where if they are to move."""
    name_campaign(needs, command.id)
    if command.members == "move":
        needs.row(Standing, command.id)


def follow_publish_campaign(command: PublishCampaign, seen: Layer, needs: Needs) -> None:
    """The scan of those who are in the segment now."""
    campaign = seen.get(Campaign, command.id)
    if campaign is not None and command.present_members:
        for revision in (campaign.revision, campaign.revision + 1):
            needs.row(CampaignScan, scan_id(campaign.id, scan_name(revision)))


def decide_publish_campaign(draft: Layer, command: PublishCampaign, context: Context) -> Accepted | Rejected:
    """The draft is the revision in force, and who is inside finishes by an older one, or moves to it.

    Without a draft nothing changes, but that members move who are inside older revisions.

    Refuses: an archived campaign; a definition that is wrong, with all that is wrong with it; too many campaigns; a
    move that leaves a member nowhere.
    """
    campaign = live_campaign(draft, context, command.id)
    if isinstance(campaign, Rejected):
        return campaign
    if command.members == "move" and campaign.type == "challenge":
        return invalid("members: in a challenge they follow each revision at once. Leave it out.", param="members")
    if command.ways and command.members != "move":
        return invalid("map: those who are inside finish where they are. Send members: move with it.", param="map")
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    revised = revise(draft, campaign, now=now, wall_now=context.wall_now)
    if isinstance(revised, Rejected):
        return revised
    moving = _moving(draft, command, revised) if command.members == "move" else []
    if isinstance(moving, Rejected):
        return moving
    if command.members == "move":
        revised = replace(revised, move=Move(revised.revision, command.ways))
    if command.present_members:
        refusal = _let_in_present(draft, context, revised)
        if refusal is not None:
            return refusal
    if revised.revision == campaign.revision:
        draft.put(revised)
        answer = Accepted(shown_campaign(draft, context, revised), is_new=False)
    else:
        answer = announced(draft, context, revised, "published", now)
    if command.members == "finish":
        return answer
    return Accepted({**answer.payload, "moving": [moved._asdict() for moved in moving]}, is_new=False)


def revise(draft: Layer, campaign: Campaign, *, now: datetime, wall_now: datetime) -> Campaign | Rejected:
    """The campaign with its draft as the next revision; as it is where it has none."""
    drafted = campaign.drafted
    if drafted is None:
        return campaign
    program = program_of_campaign(draft, campaign)
    problems = [*drafted.problems, *problems_of(draft, drafted.definition, program)]
    problems += challenge_problems(draft, campaign, drafted.definition)
    refusal = first_listed(_invalid(campaign, problems) if problems else None, _too_many(draft, campaign))
    if refusal is not None:
        return refusal
    number = campaign.revision + 1
    revision = CampaignRevision(
        revision_id(campaign.id, number), campaign.id, number, drafted.given, drafted.definition, wall_now
    )
    draft.put(revision)
    return replace(
        campaign,
        revision=number,
        drafted=None,
        published_at=campaign.published_at or now,
        next_entry_at=next_entry(campaign, drafted.definition.entry.schedule, now, program.timezone),
    )


def scan_name(revision: int) -> str:
    """The name of the scan of those who were in the segment when a revision was published, or so asked again."""
    return f"revision {revision}"


def _let_in_present(draft: Layer, context: Context, campaign: Campaign) -> Rejected | None:
    """Those who are in the segment of the entry enter, too. Refuses a campaign that is not entered by a segment."""
    revision = revision_of(draft, campaign)
    segment_id = revision.definition.entry.segment_id if revision is not None else None
    if segment_id is None:
        message = f"present_members: nobody enters campaign {campaign.id} by a segment. Leave it out."
        return invalid(message, param="present_members")
    scan = CampaignScan(
        id=scan_id(campaign.id, scan_name(campaign.revision)),
        campaign_id=campaign.id,
        name=scan_name(campaign.revision),
        entry_type="segment",
        program_id=campaign.program_id,
        segment_id=segment_id,
        as_of=context.now(program_of_campaign(draft, campaign).clock_id),
        started_at=context.wall_now,
    )
    begin_scan(draft, scan)
    return None


def _moving(draft: Layer, command: PublishCampaign, campaign: Campaign) -> list[Moving] | Rejected:
    """Where members go on who are inside older revisions. Refuses a map to nowhere, and steps that nothing maps."""
    newest, standing = revision_of(draft, campaign), draft.get(Standing, campaign.id)
    assert newest is not None and standing is not None, f"{campaign.id} was loaded without who stands where"
    refusal = _map_refusal(draft, campaign, newest.definition, command.ways)
    if refusal is not None:
        return refusal
    counts = [count for count in standing.counts if count[0] < campaign.revision]
    moving = list(moving_of(draft, campaign, newest.definition, counts, command.ways))
    lost: dict[str, int] = {}
    for place in moving:
        if place.to is None:
            lost[place.step] = lost.get(place.step, 0) + place.members
    if not lost:
        return moving
    where = ", ".join(f"{step} ({members})" for step, members in lost.items())
    message = (
        f"Members stand at steps that revision {campaign.revision} does not have, or has as another kind: {where}."
        ' Say in map where they go on, or "exit".'
    )
    return Rejected("campaign_step_unmapped", message, param="map", details={"steps": lost})


def _map_refusal(draft: Layer, campaign: Campaign, newer: Definition, ways: Mapping[str, str]) -> Rejected | None:
    said = [found for n in range(1, campaign.revision + 1) if (found := revision_of(draft, campaign, n)) is not None]
    known = {step for revision in said for step in revision.definition.steps}
    for step, target in ways.items():
        if step not in known:
            return invalid(
                f"map.{step}: no revision has a step {step!r}. Name one at which members stand.", param=f"map.{step}"
            )
        if target != EXIT and target not in newer.steps:
            message = f'map.{step}: there is no step {target!r} to go on at. Name a step of the draft, or "exit".'
            return invalid(message, param=f"map.{step}")
    return None


def _invalid(campaign: Campaign, problems: Sequence[DefinitionProblem]) -> Rejected:
    first, rest = problems[0], len(problems) - 1
    more = f" ({rest} more in details.problems)" if rest else ""
    message = f"Campaign {campaign.id} can't be published. {first.path}: {first.problem}{more} Correct the definition."
    details = {"problems": problems_payload(problems[:PROBLEMS_SHOWN])}
    return Rejected("campaign_definition_invalid", message, param=f"definition.{first.path}", details=details)


def _too_many(draft: Layer, campaign: Campaign) -> Rejected | None:
    live = sum(other.is_live and other.id != campaign.id for other in draft.every(Campaign))
    if live < LIVE_MAX:
        return None
    message = f"{live} campaigns are live (limit: {LIVE_MAX}). Archive those that are over first."
    return invalid(message, param="id")


COMMANDS: Commands = {PublishCampaign: (needs_publish_campaign, decide_publish_campaign, follow_publish_campaign)}

"""Many members enter at once: by a schedule, from a segment as it stands; page after page, each member once (R41).

A scan has a name: the local time of its occurrence, the revision with which it began, or its own id where a call
began it. So nothing that is saved, published or begun again repeats it; its place moves in the transaction in which the
members of a page enter.
"""

from __future__ import annotations

from vinr_server.core.campaigns.changes import name_campaign, not_active, program_of_campaign, revision_of
from vinr_server.core.campaigns.commands import BeginEntries, EnterPage, EnterSegment
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.entries.pace import keep_pace, room
from vinr_server.core.campaigns.entries.rows import CampaignScan, EntryPace, scan_id
from vinr_server.core.campaigns.entries.schedules import LATE_MAX, next_entry, occurrence_name
from vinr_server.core.campaigns.passages.capping import name_meetings
from vinr_server.core.campaigns.passages.entering import Entering, bar, enter, key_of, unnamed
from vinr_server.core.campaigns.payloads import scan_payload
from vinr_server.core.campaigns.rows import Campaign, PastEntry
from vinr_server.core.conditions.judging import unmet_in
from vinr_server.core.conditions.membership import name_history, values_of
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.conditions import tree_of
from vinr_server.core.segments.rows import Segment


def begin_scan(draft: Layer, scan: CampaignScan) -> None:
    """The members whom a scan finds enter from now on; one that has begun before is left as it is."""
    if draft.get(CampaignScan, scan.id) is None:
        draft.put(scan)


def needs_begin_entries(command: BeginEntries, needs: Needs) -> None:
    """The catalogue, and the campaign, for its program's clock."""
    name_campaign(needs, command.campaign_id)


def decide_begin_entries(draft: Layer, command: BeginEntries, context: Context) -> Accepted | Rejected:
    """The earliest occurrence that is due is begun, or missed: a later one is due as well, a day has gone by since
    then, or the campaign is not active.

    One that was begun before changes nothing.
    """
    campaign = draft.get(Campaign, command.campaign_id)
    if campaign is None:
        return missing("campaign", command.campaign_id, param="campaign")
    revision, program = revision_of(draft, campaign), program_of_campaign(draft, campaign)
    schedule = revision.definition.entry.schedule if revision is not None else None
    now = context.now(program.clock_id)
    answer = Accepted({"campaign": campaign.id}, is_new=False)
    at = campaign.next_entry_at
    if schedule is None or at is None or at > now:
        return answer
    following = next_entry(campaign, schedule, at, program.timezone)
    name = occurrence_name(at, program.timezone)
    id = scan_id(campaign.id, name)
    if not draft.declares(CampaignScan, id):
        raise AlsoRows(CampaignScan, [id])
    is_behind = now - at >= LATE_MAX or (following is not None and following <= now)
    is_missed = is_behind or campaign.status_at(now) != "active"
    scan = CampaignScan(
        id=id,
        campaign_id=campaign.id,
        name=name,
        entry_type="schedule",
        program_id=campaign.program_id,
        segment_id=schedule.segment_id,
        as_of=at,
        started_at=context.wall_now,
        done_at=context.wall_now if is_missed else None,
        is_missed=is_missed,
    )
    begin_scan(draft, scan)
    draft.put(replace(campaign, next_entry_at=following))
    return answer


def needs_enter_segment(command: EnterSegment, needs: Needs) -> None:
    """The campaign, for its program's clock."""
    needs.row(Campaign, command.campaign_id)


def decide_enter_segment(draft: Layer, command: EnterSegment, context: Context) -> Accepted | Rejected:
    """Those who are in the segment now enter from now on, as if each had been named by a call.

    Refuses: a campaign that is not active, and data that does not name the entry where it has to.
    """
    campaign = draft.get(Campaign, command.campaign_id)
    if campaign is None:
        return missing("campaign", command.campaign_id, param="id")
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    if campaign.status_at(now) != "active":
        return not_active(draft, context, campaign)
    segment = draft.get(Segment, command.segment_id)
    if segment is None or segment.deleted_at is not None:
        return missing("segment", command.segment_id, param="segment")
    revision = revision_of(draft, campaign)
    assert revision is not None, "an active campaign was published"
    if key_of(revision.definition.reentry, command.data) is None:
        return unnamed(revision.definition.reentry)
    name = context.make_id("call", 0)
    scan = CampaignScan(
        id=scan_id(campaign.id, name),
        campaign_id=campaign.id,
        name=name,
        entry_type="call",
        program_id=campaign.program_id,
        segment_id=segment.id,
        as_of=now,
        started_at=context.wall_now,
        data=command.data,
    )
    draft.put(scan)
    return Accepted(scan_payload(scan, livemode=context.livemode))


def needs_enter_page(command: EnterPage, needs: Needs) -> None:
    """How far the scan is, the campaign, and the accounts."""
    needs.row(CampaignScan, scan_id(command.campaign_id, command.name))
    needs.row(Campaign, command.campaign_id)
    for _at, account_id in command.members:
        name_account(needs, account_id)


def follow_enter_page(command: EnterPage, seen: Layer, needs: Needs) -> None:
    """The members' passages through the campaign, and what its entry asks of them."""
    campaign = seen.get(Campaign, command.campaign_id)
    revision = revision_of(seen, campaign) if campaign is not None else None
    if campaign is None or revision is None:
        return
    key = key_of(revision.definition.reentry, command.data)
    for _at, account_id in command.members:
        needs.row(PastEntry, (account_id, command.campaign_id, key or ""), beside=account_id)
        name_meetings(needs, revision.definition, account_id, "entries")
    if revision.definition.entry_rate is not None:
        needs.row(EntryPace, campaign.id)
    if revision.definition.entry.member is not None:
        name_history(needs, seen, [account_id for _at, account_id in command.members])


def decide_enter_page(draft: Layer, command: EnterPage, context: Context) -> Accepted | Rejected:
    """The members of the page have entered, as far as nothing bars them, and the scan stands behind them.

    Where the campaign bounds how many enter in a minute, it stands behind those for whom there was room.
    A page at which the scan does not stand changes nothing. Where the campaign is not active the scan stops, for good.
    """
    scan = draft.get(CampaignScan, scan_id(command.campaign_id, command.name))
    campaign = draft.get(Campaign, command.campaign_id)
    if scan is None or campaign is None or scan.done_at is not None or scan.place != command.after:
        return Accepted({"campaign": command.campaign_id, "entered": 0}, is_new=False)
    revision = revision_of(draft, campaign)
    assert revision is not None, "only what was published is scanned for"
    now, rate = context.now(program_of_campaign(draft, campaign).clock_id), revision.definition.entry_rate
    if campaign.status_at(now) != "active":
        draft.put(replace(scan, done_at=context.wall_now, is_stopped=True))
        return Accepted({"campaign": campaign.id, "entered": 0}, is_new=False)
    left, entered, reached = room(draft, campaign.id, rate, now), 0, 0
    for _at, account_id in command.members:
        if entered == left:
            break
        account = draft.get(Account, account_id)
        entered += account is not None and let_in(draft, context, campaign, revision.definition, account, scan)
        reached += 1
    if rate is not None:
        keep_pace(draft, campaign.id, rate, now, entered=entered)
    draft.put(_moved(scan, command, context, reached=reached, entered=entered))
    return Accepted({"campaign": campaign.id, "entered": entered}, is_new=False)


def _moved(scan: CampaignScan, command: EnterPage, context: Context, *, reached: int, entered: int) -> CampaignScan:
    """The scan behind the members of a page that it has reached; it is done behind all of the last page."""
    at, id = command.members[reached - 1] if reached else scan.place
    is_done = command.is_last and reached == len(command.members)
    return replace(
        scan,
        cursor_at=at,
        cursor=id,
        entered=scan.entered + entered,
        refused=scan.refused + reached - entered,
        done_at=context.wall_now if is_done else None,
    )


def let_in(
    draft: Layer, context: Context, campaign: Campaign, definition: Definition, account: Account, scan: CampaignScan
) -> bool:
    """Whether the member has entered: it is active, meets what the entry asks of it, and nothing bars it.

    Who enters by a call is asked nothing, also one of many.
    """
    if account.status != "active" or account.program_id != campaign.program_id:
        return False
    now = context.now(program_of_campaign(draft, campaign).clock_id)
    member = None
    if definition.entry.member is not None and scan.entry_type != "call":
        member = values_of(draft, context, account, definition.asked)
        if unmet_in(tree_of(definition.entry.member), member):
            return False
    key = key_of(definition.reentry, scan.data)
    if key is None or bar(draft, campaign, definition, account, key, now) is not None:
        return False
    occasion = Occasion(scan.entry_type, "campaign", campaign.id, occurred_at=now, data=scan.data)
    entering = Entering(scan.entry_type, scan.name, occasion, now)
    enter(draft, context, campaign, definition, account, entering, key=key, member=member)
    return True


COMMANDS: Commands = {
    EnterSegment: (needs_enter_segment, decide_enter_segment),
    BeginEntries: (needs_begin_entries, decide_begin_entries),
    EnterPage: (needs_enter_page, decide_enter_page, follow_enter_page),
}

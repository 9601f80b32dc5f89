"""How members would go through a campaign: by the decisions that would take them, in rows that nobody keeps (R59).

A campaign with a draft is simulated as if the draft were published now. What is given to happen is decided at its
instant, time passes between as it does on a clock, and each step is taken as of the instant at which it is due; so a
member's simulated way is the one that it would go if the same happened. Members who are simulated together share
offers, budgets and limits, as they would.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vinr_server.core.campaigns.changes import program_of_campaign, revision_of
from vinr_server.core.campaigns.commands import EnterCampaign
from vinr_server.core.campaigns.definition import SHARES, Definition, Way
from vinr_server.core.campaigns.enrolments import mismatch
from vinr_server.core.campaigns.entries.rows import CampaignScan, scan_id
from vinr_server.core.campaigns.entries.scans import let_in
from vinr_server.core.campaigns.entries.schedules import next_entry, occurrence_name
from vinr_server.core.campaigns.listeners import listeners_of, stops_of
from vinr_server.core.campaigns.passages.due import Attempt, as_of, catch_up_with_steps, next_at, plainly
from vinr_server.core.campaigns.passages.hearing import hear_due
from vinr_server.core.campaigns.passages.waits import draw, way_of
from vinr_server.core.campaigns.publishing import revise
from vinr_server.core.campaigns.rows import Campaign, Enrolment, EnrolmentStep, HeardOf
from vinr_server.core.conditions.membership import outside_segments, uses_of
from vinr_server.core.decide import decide
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.commands import Command, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Asking
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.simulation.commands import SIMULATE, SimulateCampaign, Simulated

# A simulation looks no further ahead than this.
AHEAD_MAX = timedelta(days=731)
# The outcome that a wait is assumed to have where no event ends it.
TIMEOUT = "timeout"


class World(NamedTuple):
    """Where a simulation goes on: its rows, what each decision is given, and the clock that the members live by."""

    rows: Layer
    context: Context
    attempt: Attempt
    clock_id: str | None
    command: SimulateCampaign
    campaign: Campaign
    definition: Definition
    zone: str

    def at(self, instant: datetime) -> Context:
        """The context as of an instant."""
        return as_of(self.context, self.clock_id, instant)

    def account(self, id: str) -> Account:
        """A member as it stands. Expects one that is simulated."""
        account = self.rows.get(Account, id)
        assert account is not None, "it was there when the simulation began"
        return account


def with_draft(catalogue: Layer, command: SimulateCampaign, wall_now: datetime) -> Layer | Rejected:
    """The catalogue with the campaign's draft in force, if it has one, and all that listens to it.

    Refuses: a campaign that there isn't, and a definition that can't be published.
    """
    above = Layer(catalogue)
    campaign = above.get(Campaign, command.campaign_id)
    if campaign is None:
        return missing("campaign", command.campaign_id, param="id")
    published = revise(above, campaign, now=wall_now, wall_now=wall_now)
    if isinstance(published, Rejected) or published is campaign:
        return published if isinstance(published, Rejected) else catalogue
    above.put(published)
    for row in (uses_of(above), listeners_of(above), stops_of(above)):
        above.put(row)
    return above


def simulate(
    rows: Layer, command: SimulateCampaign, context: Context, *, attempt: Attempt = plainly
) -> Simulated | Rejected:
    """Decide all of it in `rows`, which the caller drops. Expects them above a catalogue `with_draft`. Raises AlsoRows,
    InPart.

    Refuses: a campaign or a member that there isn't, instants that are over or too far ahead, what no wait can hear.
    """
    campaign = rows.get(Campaign, command.campaign_id)
    if campaign is None:
        return missing("campaign", command.campaign_id, param="id")
    program = program_of_campaign(rows, campaign)
    begins_at = context.now(program.clock_id)
    refusal = _refusal(rows, command, campaign, begins_at)
    if refusal is not None:
        return refusal
    if campaign.published_at is None or campaign.published_at > begins_at:
        campaign = replace(campaign, published_at=begins_at)
        rows.put(campaign)
    revision = revision_of(rows, campaign)
    assert revision is not None, "a campaign has a draft until it is published"
    definition = revision.definition
    refusal = _refused_assumption(definition, command.assume)
    if refusal is not None:
        return refusal
    world = World(rows, context, attempt, program.clock_id, command, campaign, definition, program.timezone)
    entries, answers = _run(world, begins_at)
    return Simulated(campaign, revision, begins_at, entries, answers, *_ways(world, begins_at))


def _refusal(rows: Layer, command: SimulateCampaign, campaign: Campaign, begins_at: datetime) -> Rejected | None:
    for account_id in command.account_ids:
        account = rows.get(Account, account_id)
        if account is None:
            return missing("account", account_id, param="account")
        if account.program_id != campaign.program_id:
            return mismatch(campaign, account)
    instants = [("until", command.until), *((f"{moment.param}.at", moment.at) for moment in command.moments)]
    for param, at in instants:
        if not begins_at <= at <= begins_at + AHEAD_MAX:
            message = f"{param}: send an instant from now on the program's clock to {AHEAD_MAX.days} days after it."
            return invalid(message, param=param)
        if at > command.until:
            return invalid(f"{param}: the simulation is over by then. Send a later until.", param=param)
    return None


def _refused_assumption(definition: Definition, assume: Mapping[str, Mapping[str, int]]) -> Rejected | None:
    """The refusal of an assumption that names no wait, or an event that the wait doesn't wait for."""
    for step_id, shares in assume.items():
        step, param = definition.steps.get(step_id), f"assume.{step_id}"
        if step is None or step.wait is None:
            return invalid(f"{param}: the campaign has no wait {step_id!r}. Name a step of kind wait.", param=param)
        types = [awaited.event.type for awaited in step.wait.events]
        unknown = [type for type in shares if type not in types]
        if unknown:
            known = ", ".join(types) or "nothing"
            message = f"{param}.{unknown[0]}: the wait does not wait for it (it waits for {known})."
            return invalid(message, param=f"{param}.{unknown[0]}")
        if sum(shares.values()) > SHARES:
            return invalid(f"{param}: the shares come to more than {SHARES}. Send less.", param=param)
    return None


def _run(world: World, begins_at: datetime) -> tuple[list[Accepted | Rejected], list[Accepted | Rejected]]:
    """All that happens, in the order of its instants; at one instant what the schedule brings comes first."""
    command = world.command
    entries: list[Accepted | Rejected] = []
    asking = Asking()
    for account_id in command.account_ids if command.enters else ():
        with asking.each():
            entries.append(_decide(world, EnterCampaign(world.campaign.id, account_id), begins_at))
    asking.ask()
    scheduled = [(at, -1) for at in _occurrences(world, begins_at)]
    given = [(moment.at, place) for place, moment in enumerate(command.moments)]
    answers: dict[int, Accepted | Rejected] = {}
    for at, place in sorted([*scheduled, *given]):
        _pass_time(world, at)
        if place < 0:
            _let_in(world, at)
        else:
            answers[place] = _decide(world, command.moments[place].command, at)
    _pass_time(world, command.until)
    return entries, [answers[place] for place in range(len(command.moments))]


def _decide(world: World, command: Command, at: datetime) -> Accepted | Rejected:
    draft = world.rows.draft()
    answer = decide(draft, command, world.at(at))
    if isinstance(answer, Accepted):
        world.rows.merge(draft)
    return answer


def _occurrences(world: World, after: datetime) -> Iterator[datetime]:
    """When the campaign's schedule lets members in, up to the end."""
    schedule = world.definition.entry.schedule
    at = next_entry(world.campaign, schedule, after, world.zone)
    while at is not None and at <= world.command.until:
        yield at
        at = next_entry(world.campaign, schedule, at, world.zone)


def _let_in(world: World, at: datetime) -> None:
    """The members have entered by the schedule, as far as nothing bars them."""
    schedule, campaign, asking = world.definition.entry.schedule, world.campaign, Asking()
    assert schedule is not None, "somebody enters by it"
    name, segment_ids = occurrence_name(at, world.zone), [schedule.segment_id] if schedule.segment_id else []
    id = scan_id(campaign.id, name)
    scan = CampaignScan(id, campaign.id, name, "schedule", campaign.program_id, schedule.segment_id, at, at)
    for account_id in world.command.account_ids:
        with asking.each():
            draft, context, account = world.rows.draft(), world.at(at), world.account(account_id)
            if not segment_ids or not outside_segments(draft, context, account, segment_ids):
                let_in(draft, context, campaign, world.definition, account, scan)
                world.rows.merge(draft)
    asking.ask()


# ---- time


def _pass_time(world: World, until: datetime) -> None:
    """Time has brought the members all that it brings by then, each piece as of its instant, in their order."""
    ahead, asking = world.at(until), Asking()

    def next_of(account_id: str) -> datetime:
        return next_at(world.rows.draft(), ahead, world.account(account_id))

    coming = [(at, account_id) for account_id in world.command.account_ids if (at := next_of(account_id)) <= until]
    heapq.heapify(coming)
    while coming:
        at, account_id = heapq.heappop(coming)
        with asking.each():
            _bring(world, account_id, at)
            following = next_of(account_id)
            if at < following <= until:
                heapq.heappush(coming, (following, account_id))
    asking.ask()


def _bring(world: World, account_id: str, at: datetime) -> None:
    """All that is due of the member by this instant is done, and its waits have heard what they are assumed to hear."""
    done, context = world.rows.draft(), world.at(at)
    while True:
        account = done.find(Account, account_id) or world.account(account_id)
        catch_up_with_steps(done, context, [account], on_done=hear_due, attempt=world.attempt)
        assumed = [_assumed(world, row, at) for row in done.here(Enrolment, account_id)]
        heard = [enrolment for enrolment in assumed if enrolment is not None]
        for enrolment in heard:
            done.put(enrolment)
        if not heard:
            break
    world.rows.merge(done)


def _assumed(world: World, enrolment: Enrolment, at: datetime) -> Enrolment | None:
    """The passage, whose wait has just begun, as it is with what it is assumed to hear; None: nothing."""
    step_id = enrolment.step or ""
    shares = world.command.assume.get(step_id) if enrolment.campaign_id == world.campaign.id else None
    step = world.definition.steps.get(step_id)
    if shares is None or step is None or step.wait is None or enrolment.waits_since != at:
        return None
    if enrolment.status != "open" or enrolment.heard_at(step_id) is not None:
        return None
    ways = [*(Way(type, share) for type, share in shares.items()), Way(TIMEOUT, SHARES - sum(shares.values()))]
    drawn = draw(enrolment.campaign_id, f"{SIMULATE}/{step_id}", enrolment.customer_id)
    type = way_of(ways, drawn).name
    won = next((n for n, awaited in enumerate(step.wait.events) if awaited.event.type == type), None)
    if won is None:
        return None
    heard = HeardOf(step_id, (0,) * len(step.wait.events), won)
    return replace(enrolment, heard=(*enrolment.heard, heard), due_at=at)


# ---- what came of it


def _ways(
    world: World, begins_at: datetime
) -> tuple[Mapping[str, Sequence[Enrolment]], Collection[str], Mapping[str, Sequence[EnrolmentStep]]]:
    """The passages through the campaign, oldest first; those of them that began; and the steps that each took."""
    passages: dict[str, list[Enrolment]] = {}
    for account_id in world.command.account_ids:
        mine = [row for row in world.rows.here(Enrolment, account_id) if row.campaign_id == world.campaign.id]
        mine = [row for row in mine if row.over_at is None or row.over_at >= begins_at]
        passages[account_id] = sorted(mine, key=lambda row: (row.entered_at, row.id))
    log: dict[str, list[EnrolmentStep]] = {}
    for step in world.rows.written(EnrolmentStep):
        log.setdefault(step.enrolment_id, []).append(step)
    begun = [row.id for row in world.rows.written(Enrolment) if world.rows.before(Enrolment, row.id) is None]
    return passages, frozenset(begun), log

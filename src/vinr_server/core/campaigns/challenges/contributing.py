"""Events count towards challenges: once for each source, if they are in time (R54)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.challenges.attempts import announce_course, settle
from vinr_server.core.campaigns.challenges.figures import progress_payload
from vinr_server.core.campaigns.challenges.measuring import begins_at, contributions_of, said_by
from vinr_server.core.campaigns.challenges.targets import CONTRIBUTIONS_MAX, Progressing
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.rows import Campaign, ContributionRow, Enrolment
from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.earning.conditions import Occasion, eligible_part, unmet_conditions, value_at
from vinr_server.core.earning.occasions import reasons
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import NUMBER_MAX, floor_div
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.spans.periods import period_end
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of


class Happened(NamedTuple):
    """An event as challenges see it: what it is, when it occurred, and after how many steps of campaigns."""

    type: str
    occasion: Occasion
    occurred_at: datetime
    depth: int


def contribute(
    draft: Layer, context: Context, enrolment: Enrolment, account: Account, happened: Happened
) -> Iterator[Wire]:
    """The event counts in the passage, or says why it doesn't; an attempt that it completes is complete.

    Shape: what it did. Raises AlsoRows.
    """
    campaign = draft.get(Campaign, enrolment.campaign_id)
    assert campaign is not None, "campaigns are never deleted"
    says = said_by(draft, campaign)
    if says.type != happened.type or enrolment.challenge is None:
        return
    program = program_of(draft, account)
    now, names = context.now(program.clock_id), {"campaign": campaign.id, "enrolment": enrolment.id}
    unmet = unmet_by(says, happened, enrolment, campaign, now=now, zone=program.timezone)
    known = contributions_of(draft, enrolment) if not unmet else []
    source_id = happened.occasion.source_id
    if any(row.source_id == source_id for row in known):
        return
    if len(known) >= CONTRIBUTIONS_MAX:
        unmet = [Unmet("contributions", f"{len(known)} events count already (limit: {CONTRIBUTIONS_MAX}).", None)]
    if unmet:
        yield {**names, "unmet": reasons(unmet)}
        return
    amount = amount_of(says, happened.occasion)
    draft.put(
        ContributionRow(
            bucket=enrolment.bucket,
            enrolment_id=enrolment.id,
            source_id=source_id,
            account_id=enrolment.account_id,
            revision=campaign.revision,
            occurred_at=happened.occurred_at,
            sequence=len(known) + 1,
            amount=amount,
            kept_amount=amount,
            created_at=now,
        )
    )
    counted = replace(enrolment, challenge=replace(enrolment.challenge, count=len(known) + 1))
    course = settle(draft, context, counted, account, source_id=source_id, depth=happened.depth)
    has_completed = len(course.standing.attempts) > len(enrolment.challenge.attempts)
    progress = progress_payload(course, now=now)
    said = revision_of(draft, campaign)
    if said is not None and "progressed" in said.definition.announce:
        data = {"progress": progress, "source": source_id}
        announce_course(draft, context, course.enrolment, account, "progressed", data, now=now)
    yield {**names, "did": "completed" if has_completed else "progressed", "progress": progress}


def unmet_by(
    says: Progressing,
    happened: Happened,
    enrolment: Enrolment | None,
    campaign: Campaign,
    *,
    now: datetime,
    zone: str,
) -> list[Unmet]:
    """Why the event does not count: what is asked of it, or when it occurred. `enrolment`: None, it is the first."""
    at = happened.occurred_at
    unmet = unmet_conditions(says.conditions, happened.occasion)
    if not unmet and amount_of(says, happened.occasion) < 1:
        unmet = [Unmet("amount", "Nothing of the event counts.", None)]
    if campaign.published_at is None or at < campaign.published_at:
        return [*unmet, Unmet("late", "The event occurred before the campaign was published.", None)]
    if enrolment is not None and enrolment.entry_type != "contribution" and at < enrolment.since_at:
        return [*unmet, Unmet("late", "The event occurred before the member entered.", None)]
    start = begins_at(enrolment) if enrolment is not None else at
    window = says.target.window
    if window.is_from_entry and window.length is not None and not start <= at < later(start, window.length, zone):
        return [*unmet, Unmet("window", "The event occurred outside of the time since the entry.", None)]
    if is_late(says, at, start, now=now, zone=zone):
        unmet = [*unmet, Unmet("late", "The event was reported too late to count.", None)]
    return unmet


def is_late(says: Progressing, occurred_at: datetime, begins_at: datetime, *, now: datetime, zone: str) -> bool:
    """Whether the period of an event is over by more than the grace; without periods, whether it is too old."""
    window, streak = says.target.window, says.target.streak
    every = streak.every if streak is not None else window.calendar
    if every is not None:
        end = period_end(every, occurred_at, zone)
        return end is not None and later(end, says.grace, zone) <= now
    if window.is_from_entry and window.length is not None:
        return later(later(begins_at, window.length, zone), says.grace, zone) <= now
    last = occurred_at if window.length is None else later(occurred_at, window.length, zone)
    return later(last, says.grace, zone) < now


def amount_of(says: Progressing, occasion: Occasion) -> int:
    """What an event is worth: 1, or what is summed of it. Rounds down: a part of a minor unit counts for nothing."""
    if says.target.measure != "sum":
        return 1
    if says.amount_from is None:
        eligible = eligible_part(says.conditions.lines, occasion)
        return floor_div(eligible.numerator, eligible.denominator)
    value = value_at(occasion.data, says.amount_from)
    return min(value, NUMBER_MAX) if isinstance(value, int) and not isinstance(value, bool) else 0

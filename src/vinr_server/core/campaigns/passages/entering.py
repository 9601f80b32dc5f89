"""Members enter a campaign: what stands in their way, and the passage that they begin (R41, R42)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.challenges.standing import closed, counts_until, first_standing
from vinr_server.core.campaigns.changes import definition_by, revision_of
from vinr_server.core.campaigns.definition import Definition, Reentry
from vinr_server.core.campaigns.listeners import listeners_in
from vinr_server.core.campaigns.passages.capping import capped, name_meetings, note_meeting
from vinr_server.core.campaigns.passages.waits import draw
from vinr_server.core.campaigns.rows import (
    EVERY_KEY,
    PROGRESS,
    Campaign,
    Enrolment,
    EntryFacts,
    EntryType,
    PastEntry,
)
from vinr_server.core.conditions.judging import Values
from vinr_server.core.earning.conditions import Occasion, unmet_conditions, value_at
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs, Undeclared
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of

OPEN_IN_CAMPAIGN_MAX, OPEN_MAX = 10, 50
# How the keys begin of those who may come again once they are out; no key of an event's data begins like this.
ORDINAL = "#"
KEY_LENGTH_MAX = 255
# The key of the draw that decides who is held out.
HOLDOUT = "holdout"


class Entering(NamedTuple):
    """How a member enters: by what, and when that occurred."""

    type: EntryType
    source: str | None
    occasion: Occasion
    occurred_at: datetime
    depth: int = 0


def key_of(reentry: Reentry, data: Mapping[str, Any] | None) -> str | None:
    """The key of an entry as far as it is known beforehand; None where the data should name it, and doesn't."""
    if reentry.mode != "per_key":
        return "" if reentry.mode == "once" else ORDINAL
    value = value_at(data, reentry.key_from or "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    key = str(value)
    return key if 0 < len(key) <= KEY_LENGTH_MAX and not key.startswith(ORDINAL) and "\x00" not in key else None


def unnamed(reentry: Reentry) -> Rejected:
    """Say that the data of a call does not name the entry."""
    message = f"data: nothing stands at {reentry.key_from}, which names the entry. Send it."
    return invalid(message, param="data")


def name_entries(needs: Needs, seen: Layer, accounts: Iterable[Account], type: str, data: Mapping[str, Any]) -> None:
    """The passages are declared that decide whether an event of this type lets these members in."""
    listeners = listeners_in(seen)
    if listeners is None:
        return
    for account in accounts:
        for campaign_id in listeners.entries.get((account.program_id, type), ()):
            campaign = seen.find(Campaign, campaign_id)
            said = revision_of(seen, campaign) if campaign is not None else None
            key = key_of(said.definition.reentry, data) if said is not None else None
            needs.row(PastEntry, (account.id, campaign_id, key or ""), beside=account.id)
            if said is not None:
                name_meetings(needs, said.definition, account.id, "entries")


def past_of(draft: Layer, account: Account, campaign: Campaign, key: str) -> list[Enrolment]:
    """The member's passages through the campaign that are known: those open, the last, and that of the key.

    Raises AlsoRows where nobody has read them: for all of them, as a key may be an id that this run has made.
    """
    everything = (account.id, campaign.id, EVERY_KEY)
    if not draft.declares(PastEntry, everything):
        try:
            draft.get(PastEntry, (account.id, campaign.id, key), of=(account.id,))
        except Undeclared:
            raise AlsoRows(PastEntry, [everything]) from None
    return [row for row in draft.here(Enrolment, account.id) if row.campaign_id == campaign.id]


def holds_out(campaign: Campaign, definition: Definition, account: Account) -> bool:
    """Whether the member is one of those from whom the campaign is kept, whenever it would enter (R47)."""
    return draw(campaign.id, HOLDOUT, account.customer_id) < definition.holdout


def passages_named(draft: Layer, ids: Iterable[str]) -> list[Enrolment]:
    """The passages of these ids, which something else remembers. Raises AlsoRows for those that nobody has read."""
    named = list(ids)
    unread = [id for id in named if not draft.declares(Enrolment, id) and not draft.is_made(id)]
    if unread:
        raise AlsoRows(Enrolment, unread)
    return [enrolment for id in named if (enrolment := draft.get(Enrolment, id)) is not None]


def bar(
    draft: Layer, campaign: Campaign, definition: Definition, account: Account, key: str, now: datetime
) -> Enrolment | Rejected | None:
    """What keeps the member out: the passage that forbids another one, or a limit; None where it can enter."""
    past = past_of(draft, account, campaign, key)
    reentry = definition.reentry
    if reentry.mode == "per_key":
        present = next((row for row in past if row.entry_key == key), None)
    else:
        present = max(past, key=lambda row: (row.entered_at, row.id), default=None)
        if reentry.mode == "after_exit" and present is not None and present.is_over_at(now):
            zone = program_of(draft, account).timezone
            again_at = (
                present.entered_at if reentry.cooldown is None else later(present.entered_at, reentry.cooldown, zone)
            )
            present = present if now < again_at else None
    if present is not None:
        return present
    limit = _limit(draft, campaign, definition, account, now)
    return limit or capped(draft, campaign.id, definition, account, "entries", at=now)


def _limit(
    draft: Layer, campaign: Campaign, definition: Definition, account: Account, now: datetime
) -> Rejected | None:
    mine = [row for row in draft.here(Enrolment, account.id) if row.is_open_at(now)]
    here = sum(row.campaign_id == campaign.id for row in mine)
    for count, limit, what in ((here, OPEN_IN_CAMPAIGN_MAX, f" of campaign {campaign.id}"), (len(mine), OPEN_MAX, "")):
        if count >= limit:
            message = f"Account {account.id} has {count} open enrollments{what} (limit: {limit}). Let one end first."
            return Rejected("too_many_enrolments", message, param="account", details={"open": count, "limit": limit})
    for row in mine if definition.group is not None else ():
        said = definition_by(draft, row.campaign_id, row.revision)
        if said is not None and said.group == definition.group:
            message = (
                f"Account {account.id} is in campaign {row.campaign_id} of group {definition.group} ({row.id})."
                " Let it end first."
            )
            return Rejected("in_another_campaign", message, param="account", details={"enrolment": row.id})
    return None


def enter(
    draft: Layer,
    context: Context,
    campaign: Campaign,
    definition: Definition,
    account: Account,
    entering: Entering,
    *,
    key: str,
    member: Values | None,
) -> Enrolment:
    """The member has begun a passage, whose first step is due at once. Expects that nothing bars it.

    Who is held out takes no step, and nothing is announced: it is over with its goal, without one at once (R47).
    """
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    goal_until = later(now, definition.goal.within, program.timezone) if definition.goal is not None else None
    is_held_out = holds_out(campaign, definition, account)
    id = context.make_id("enr", account.bucket)
    enrolment = Enrolment(
        bucket=account.bucket,
        id=id,
        campaign_id=campaign.id,
        program_id=account.program_id,
        account_id=account.id,
        customer_id=account.customer_id,
        entry_key=f"{ORDINAL}{id}" if key == ORDINAL else key,
        revision=campaign.revision,
        status="holdout" if is_held_out else "open",
        step=None if is_held_out else definition.start,
        position=0,
        entered_at=now,
        since_at=entering.occurred_at,
        waits_since=None,
        due_at=None if is_held_out else now,
        heard=(),
        ways={},
        results={},
        entry=_facts(definition, entering, member),
        entry_type=entering.type,
        entry_source=entering.source,
        pauses=len(campaign.pauses),
        over_at=(goal_until or now) if is_held_out else None,
        entry_revision=campaign.revision,
        goal_until=goal_until,
    )
    if definition.progress is not None and not is_held_out:
        begins_at = entering.occurred_at if entering.type == "contribution" else now
        zone = program_of(draft, account).timezone
        standing = first_standing(definition.progress, campaign.revision, begins_at, zone)
        enrolment = replace(enrolment, step=PROGRESS, challenge=standing)
    draft.put(enrolment)
    note_meeting(draft, enrolment, "entries", at=now)
    if not is_held_out:
        announce_passage(draft, context, enrolment, definition, "entered", now=now)
    return enrolment


def _facts(definition: Definition, entering: Entering, member: Values | None) -> EntryFacts:
    """What is kept of the entry; conditions about it are judged now, once, as things stood before it."""
    met = [
        f"{id}.{n}"
        for id, step in definition.steps.items()
        for n, case in enumerate(step.branch.cases if step.branch is not None else ())
        if case.entry is not None and not unmet_conditions(case.entry, entering.occasion, member=member)
    ]
    return EntryFacts(entering.occasion.trigger, entering.occasion.data or {}, tuple(met), entering.depth)


def announce_passage(
    draft: Layer, context: Context, enrolment: Enrolment, definition: Definition, what: str, *, now: datetime
) -> None:
    """Announce that the member entered or left, where the definition asks for that."""
    if what in definition.announce:
        account = draft.get(Account, enrolment.account_id)
        data = passage_payload(enrolment) | {"outcome": enrolment.outcome, "at": unix(now)}
        announce(draft, context, type=f"campaign.{what}", account=account, data=data, now=now)


def passage_payload(enrolment: Enrolment) -> Wire:
    """Whose passage through which campaign it is, as events of campaigns show it."""
    return {
        "campaign": enrolment.campaign_id,
        "revision": enrolment.revision,
        "enrolment": enrolment.id,
        "account": enrolment.account_id,
        "customer": enrolment.customer_id,
    }


def end(
    draft: Layer, context: Context, enrolment: Enrolment, definition: Definition, outcome: str, *, at: datetime
) -> Enrolment:
    """The passage is over, for good, with this outcome."""
    over = replace(enrolment, status="over", step=None, waits_since=None, due_at=None, outcome=outcome, over_at=at,
                   error=None)  # fmt: skip
    if over.challenge is not None and definition.progress is not None:
        account = draft.get(Account, over.account_id)
        assert account is not None, f"{over.id} was loaded without its account"
        until = counts_until(definition.progress, at, at, program_of(draft, account).timezone)
        spare = until if outcome == "completed" else None
        over = replace(over, challenge=closed(over.challenge, outcome, over.results), hears_until=spare)
    draft.put(over)
    announce_passage(draft, context, over, definition, "exited", now=at)
    return over

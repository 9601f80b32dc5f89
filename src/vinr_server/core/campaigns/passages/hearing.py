"""Events are heard: by passages that wait for them, then by campaigns that members enter by them (R41, R43, R45)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.challenges.contributing import Happened, contribute, unmet_by
from vinr_server.core.campaigns.challenges.refunds import settle_refunds
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.listeners import listeners_in
from vinr_server.core.campaigns.passages.due import paused_now
from vinr_server.core.campaigns.passages.entering import Entering, bar, end, enter, key_of, name_entries, past_of
from vinr_server.core.campaigns.passages.goals import close_goals, goal_of, hear_goal, may_reach_goal, settle_goals
from vinr_server.core.campaigns.passages.refunding import refund_entries
from vinr_server.core.campaigns.passages.stepping import ENDED_BY, definition_of
from vinr_server.core.campaigns.rows import Campaign, ContributionsOf, Enrolment, EntryType, HeardOf, Listeners
from vinr_server.core.conditions.judging import Unmet, Values, unmet_in
from vinr_server.core.conditions.membership import values_of
from vinr_server.core.earning.commands import ReportEvent
from vinr_server.core.earning.conditions import Occasion, unmet_conditions
from vinr_server.core.earning.occasions import reasons
from vinr_server.core.earning.reports import occasion_of as occasion_of_report
from vinr_server.core.events.payloads import event_payload
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.answers import Accepted
from vinr_server.core.kernel.commands import Command, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Asking, Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.payments.purchases.conversions import occasion_of as occasion_of_payment
from vinr_server.core.payments.purchases.state import standing_refunds
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.conditions import tree_of

DEPTH_MAX = 3
SHOWN_MAX = 20
# What campaigns announce when they hear of something.
ANNOUNCED = frozenset(
    f"campaign.{what}" for what in ("entered", "exited", "progressed", "completed", "converted", "conversion_reverted")
)
FOUND_AGAIN = ("entered", "progressed", "completed")


class Heard(NamedTuple):
    """An event as campaigns hear it. `caused_by`: the campaign whose step caused it; `depth`: after how many steps."""

    event: Event
    occasion: Occasion
    occurred_at: datetime
    accounts: Sequence[Account]
    caused_by: str | None = None
    depth: int = 0


def hear_all(draft: Layer, command: Command, context: Context, answer: Accepted) -> Accepted:
    """Campaigns have heard all events of the command, in their order; a payment's and an event's answer says of whom.

    What is imported is nobody's journey (R41).
    """
    listeners = listeners_in(draft)
    if listeners is None:
        return answer
    _close_passages(draft, context)
    refund_entries(draft, context)
    settle_refunds(draft, context)
    settle_goals(draft, context)
    events = [event for event in draft.written(Event) if event.type in listeners.types]
    if not events or _is_import(command, context):
        return answer
    own: list[Wire] = []
    asking = Asking()
    for event in events:
        with asking.each():
            did = hear(draft, context, listeners, heard_of(draft, command, event))
            own += did if _is_own(event, command) else []
    asking.ask()
    return _with_campaigns(draft, command, context, answer, _shown(own)) if own else answer


def _shown(reactions: Sequence[Wire]) -> list[Wire]:
    """Every passage that began, or in which it counts: a refund has to find these again. And of all else what still
    finds room, in order."""
    room = SHOWN_MAX - sum(reaction.get("did") in FOUND_AGAIN for reaction in reactions)
    shown: list[Wire] = []
    for reaction in reactions:
        is_kept = reaction.get("did") in FOUND_AGAIN
        if is_kept or room > 0:
            shown.append(reaction)
            room -= not is_kept
    return shown


def hear_due(draft: Layer, context: Context, enrolment: Enrolment | None) -> None:
    """Campaigns have heard the events that time caused; those of a passage's steps, all but its own (R43, R57).

    Expects a draft of what time brought at one instant alone.
    """
    listeners = listeners_in(draft)
    if listeners is None:
        return
    for event in [event for event in draft.written(Event) if event.type in listeners.types]:
        heard = heard_of(draft, None, event)
        if enrolment is not None:
            depth = (enrolment.entry.depth if enrolment.challenge is None else enrolment.challenge.depth) + 1
            heard = heard._replace(caused_by=enrolment.campaign_id, depth=depth)
        hear(draft, context, listeners, heard)


def name_heard(command: Command, seen: Layer, needs: Needs) -> None:
    """What a payment or a reported event needs to let its members enter campaigns is declared."""
    if isinstance(command, ReportEvent):
        accounts = _seen(seen, command.account_id, command.customer_id)
        name_entries(needs, seen, accounts, command.type, command.data)
        _name_contributions(needs, seen, accounts, command.type)
    elif isinstance(command, CreatePayment):
        data = {"id": command.id, "order": command.order_id, "metadata": command.metadata}
        accounts = _seen(seen, command.linked_account_id, command.customer_id)
        name_entries(needs, seen, accounts, "payment.completed", {**data, "checkout_session": command.session_id})
        _name_contributions(needs, seen, accounts, "payment.completed")


def _name_contributions(needs: Needs, seen: Layer, accounts: Sequence[Account], type: str) -> None:
    """What counts in the challenges of these members is declared, where events of the type count in any."""
    listeners = listeners_in(seen)
    for account in accounts if listeners is not None else ():
        if listeners is not None and (account.program_id, type) in listeners.contributed:
            needs.row(ContributionsOf, account.id)


def _seen(seen: Layer, account_id: str | None, customer_id: str | None) -> list[Account]:
    linked = seen.find(Account, account_id) if account_id is not None else None
    return [linked] if linked is not None else seen.here(Account, customer_id) if customer_id is not None else []


def _is_import(command: Command, context: Context) -> bool:
    return not context.is_deliverable or (isinstance(command, CreatePayment) and command.enrol_in is not None)


def _is_own(event: Event, command: Command) -> bool:
    """Whether the event is what the command itself reports."""
    if isinstance(command, ReportEvent):
        return event.outcome is not None
    return isinstance(command, CreatePayment) and event.type == "payment.completed"


def _with_campaigns(
    draft: Layer, command: Command, context: Context, answer: Accepted, own: Sequence[Wire]
) -> Accepted:
    """The answer with what campaigns did, kept with what it shows."""
    id = answer.payload["id"]
    if isinstance(command, ReportEvent):
        event = draft.get(Event, id)
        assert event is not None, "it was just reported"
        event = replace(event, outcome={**(event.outcome or {}), "campaigns": own})
        draft.put(event)
        return Accepted(event_payload(event, livemode=context.livemode), answer.is_new)
    payment = draft.get(Payment, id)
    assert payment is not None, "it was just reported"
    draft.put(replace(payment, outcome={**payment.outcome, "campaigns": own}))
    payload = {**answer.payload, "campaigns": own}
    for event in [event for event in draft.written(Event) if event.data is answer.payload]:
        draft.put(replace(event, data=payload))
    return Accepted(payload, answer.is_new)


def heard_of(draft: Layer, command: Command | None, event: Event) -> Heard:
    """The event with what it is about: its accounts, its occasion, and when it occurred."""
    data: Any = event.data if isinstance(event.data, dict) else {}
    if isinstance(command, ReportEvent) and event.outcome is not None:
        occurred_at = command.occurred_at or event.created_at
        occasion = replace(occasion_of_report(command, event.id), occurred_at=occurred_at)
        return Heard(event, occasion, occurred_at, _members(draft, event, command.account_id, command.customer_id))
    accounts = _members(draft, event, event.account_id or data.get("account"), data.get("customer"))
    payment = draft.find(Payment, data.get("id")) if event.type == "payment.completed" else None
    if payment is not None:
        tenders = program_of(draft, accounts[0]).earning_tenders if accounts else ()
        occasion = occasion_of_payment(payment, standing_refunds(draft, payment), tenders)
        occasion = replace(occasion, trigger=event.type, data=data, occurred_at=payment.occurred_at)
        return Heard(event, occasion, payment.occurred_at, accounts)
    metadata = data.get("metadata")
    occasion = Occasion(
        trigger=event.type,
        source_type="event",
        source_id=event.id,
        occurred_at=event.created_at,
        metadata=metadata if isinstance(metadata, dict) else None,
        data=data,
    )
    return Heard(event, occasion, event.created_at, accounts)


def _members(draft: Layer, event: Event, account_id: Any, customer_id: Any) -> list[Account]:
    """The active accounts that an event is about, of those that its command has loaded."""
    if isinstance(account_id, str):
        account = draft.find(Account, account_id)
        found = [account] if account is not None else []
    else:
        found = draft.here(Account, customer_id)
    return sorted(
        (account for account in found if account.status == "active"),
        key=lambda account: (account.created_at, account.id),
    )


def hear(draft: Layer, context: Context, listeners: Listeners, heard: Heard) -> list[Wire]:
    """Passages have heard the event, oldest first; then members enter by it. Shape: what each did.

    What campaigns announce by that is heard in its turn, but for what it did, as a consequence of one step more (R57).
    """
    known = {event.id for event in draft.written(Event)} if not listeners.types.isdisjoint(ANNOUNCED) else None
    reactions: list[Wire] = []
    for account in heard.accounts:
        woken = list(_wake(draft, context, account, heard))
        left = {reaction["campaign"] for reaction in woken if reaction.get("did") == "exited"}
        reactions += [*woken, *_let_in(draft, context, listeners, account, heard, left)]
    if known is not None and heard.depth < DEPTH_MAX:
        for event in [event for event in draft.written(Event) if event.id not in known]:
            if event.type in ANNOUNCED and event.type in listeners.types:
                caused_by, depth = event.data["campaign"], heard.depth + 1
                hear(draft, context, listeners, heard_of(draft, None, event)._replace(caused_by=caused_by, depth=depth))
    return reactions


def _wake(draft: Layer, context: Context, account: Account, heard: Heard) -> Iterator[Wire]:
    """The member's challenges and goals have heard the event, then what ends open passages, then their waits."""
    now = context.now(program_of(draft, account).clock_id)
    mine = [row for row in draft.here(Enrolment, account.id) if _hears(row, now)]
    for enrolment in sorted(mine, key=lambda row: (row.entered_at, row.id)):
        if heard.caused_by == enrolment.campaign_id or heard.event.id == enrolment.entry_source:
            continue
        if enrolment.challenge is not None:
            yield from _contribute(draft, context, enrolment, account, heard, now=now)
            enrolment = draft.get(Enrolment, enrolment.id) or enrolment
        definition = definition_of(draft, enrolment)
        assert definition is not None, f"the revision of {enrolment.id} is not in the catalogue"
        goal, before = goal_of(draft, enrolment), enrolment.converted
        enrolment = hear_goal(draft, context, enrolment, goal, heard.event, heard.occasion, now=now)
        if enrolment.converted != before and enrolment.status != "holdout":
            yield {"campaign": enrolment.campaign_id, "enrolment": enrolment.id, "did": "converted"}
            if goal is not None and goal.is_exit and enrolment.status in ("open", "failed"):
                end(draft, context, enrolment, definition, "goal", at=now)
                yield {"campaign": enrolment.campaign_id, "enrolment": enrolment.id, "did": "exited"}
                continue
        if enrolment.status != "open":
            continue
        if _ends(enrolment, definition, heard):
            end(draft, context, enrolment, definition, "rule", at=now)
            yield {"campaign": enrolment.campaign_id, "enrolment": enrolment.id, "did": "exited"}
            continue
        counted = _counted(draft, enrolment, definition, heard, now)
        if counted is not enrolment:
            draft.put(counted)
            yield {"campaign": enrolment.campaign_id, "enrolment": enrolment.id, "did": "heard"}


def _hears(enrolment: Enrolment, now: datetime) -> bool:
    """Whether an event may change the passage."""
    return enrolment.status == "open" or enrolment.challenge is not None or may_reach_goal(enrolment, now)


def _contribute(
    draft: Layer, context: Context, enrolment: Enrolment, account: Account, heard: Heard, *, now: datetime
) -> Iterator[Wire]:
    """The event counts in the challenge, if it may; in one that is over, as spare for what is refunded (R54)."""
    is_spare = enrolment.hears_until is not None and now <= enrolment.hears_until
    if heard.depth < DEPTH_MAX and (enrolment.status != "over" or is_spare):
        yield from contribute(draft, context, enrolment, account, _happened(heard))


def _happened(heard: Heard) -> Happened:
    return Happened(heard.event.type, heard.occasion, heard.occurred_at, heard.depth)


def _ends(enrolment: Enrolment, definition: Definition, heard: Heard) -> bool:
    """Whether the event is one of those that end the passage, and did not occur before the one that began it."""
    return heard.occurred_at >= enrolment.since_at and any(
        rule.type == heard.event.type and not unmet_conditions(rule.conditions, heard.occasion)
        for rule in definition.exit_when
    )


def _counted(draft: Layer, enrolment: Enrolment, definition: Definition, heard: Heard, now: datetime) -> Enrolment:
    """The passage as it is when each of its waits that are not over has counted the event."""
    for step_id, step in definition.steps.items():
        wait, known = step.wait if not enrolment.rests else None, enrolment.heard_at(step_id)
        if wait is None or step_id in enrolment.results or (known is not None and known.won is not None):
            continue
        is_here = enrolment.step == step_id and enrolment.waits_since is not None
        since = enrolment.since_at if wait.since == "entry" else enrolment.waits_since if is_here else None
        if since is None or heard.occurred_at < since or (wait.since == "step" and not is_here):
            continue
        if is_here and enrolment.due_at is not None and enrolment.due_at <= now and not paused_now(draft, enrolment):
            continue
        counts = list(known.counts if known is not None else (0,) * len(wait.events))
        won: int | None = None
        for n, awaited in enumerate(wait.events):
            if awaited.event.type != heard.event.type or not _is_same(awaited.same, enrolment, heard):
                continue
            if unmet_conditions(awaited.event.conditions, heard.occasion):
                continue
            counts[n] += 1
            won = n if counts[n] >= awaited.count and won is None else won
        if (known is None and not any(counts)) or (known is not None and tuple(counts) == known.counts):
            continue
        others = [other for other in enrolment.heard if other.step_id != step_id]
        enrolment = replace(enrolment, heard=(*others, HeardOf(step_id, tuple(counts), won)))
        if won is not None and is_here:
            enrolment = replace(enrolment, due_at=now)
    return enrolment


def _is_same(keys: Sequence[str], enrolment: Enrolment, heard: Heard) -> bool:
    """Whether these keys of metadata have the value that they have in the entry event."""
    entered: Any = enrolment.entry.data.get("metadata") or {}
    return all(key in entered and entered[key] == (heard.occasion.metadata or {}).get(key) for key in keys)


# ---- entries


def _let_in(
    draft: Layer, context: Context, listeners: Listeners, account: Account, heard: Heard, left: Collection[str]
) -> Iterator[Wire]:
    """The member has entered each campaign whose entry the event is; of the others, why not.

    `left`: those in which the event ended a passage; it begins no other there.
    """
    for campaign_id in listeners.entries.get((account.program_id, heard.event.type), ()):
        campaign = draft.get(Campaign, campaign_id)
        revision = revision_of(draft, campaign) if campaign is not None else None
        if campaign is None or revision is None or heard.caused_by == campaign_id or heard.depth >= DEPTH_MAX:
            continue
        if campaign_id in left:
            continue
        program = program_of(draft, account)
        now = context.now(program.clock_id)
        definition = revision.definition
        if definition.entry.contribution and _counts_already(draft, account, campaign, now):
            continue
        member = _values(draft, context, account, definition)
        key = key_of(definition.reentry, heard.occasion.data)
        unmet = _unmet(campaign, definition, heard, member, now=now, zone=program.timezone)
        if not unmet and key is None:
            unmet = [Unmet("key_from", f"The event has no {definition.reentry.key_from} to enter by.", None)]
        barred = bar(draft, campaign, definition, account, key or "", now) if not unmet else None
        if isinstance(barred, Enrolment):
            unmet = [Unmet("reentry", f"The member is, or was, in the campaign ({barred.id}).", None)]
        elif barred is not None:
            unmet = [Unmet(barred.code, barred.message, None)]
        if unmet:
            yield {"campaign": campaign_id, "unmet": reasons(unmet)}
            continue
        source = heard.occasion.source_id
        by: EntryType = "contribution" if definition.entry.contribution else "event"
        entering = Entering(by, source, heard.occasion, heard.occurred_at, heard.depth)
        enrolment = enter(draft, context, campaign, definition, account, entering, key=key or "", member=member)
        if enrolment.status == "holdout":  # or a mailer that reads the answer would treat the member
            continue
        yield {"campaign": campaign_id, "enrolment": enrolment.id, "did": "entered"}
        if definition.entry.contribution:
            yield from contribute(draft, context, enrolment, account, _happened(heard))


def _counts_already(draft: Layer, account: Account, campaign: Campaign, now: datetime) -> bool:
    """Whether the member is in the challenge, or was and what counts is still kept: then it was heard there."""
    mine = past_of(draft, account, campaign, "")
    return any(row.status != "over" or (row.hears_until is not None and now <= row.hears_until) for row in mine)


def _values(draft: Layer, context: Context, account: Account, definition: Definition) -> Values | None:
    """The member as it stood before the event, where the entry asks about it."""
    if definition.entry.member is None:
        return None
    return values_of(draft, context, account, definition.asked)


def _unmet(
    campaign: Campaign, definition: Definition, heard: Heard, member: Values | None, *, now: datetime, zone: str
) -> list[Unmet]:
    """What keeps the event from letting the member in: the campaign's state, the event's age, the conditions."""
    status = campaign.status_at(now)
    if status != "active":
        return [Unmet("campaign", f"Campaign {campaign.id} is {status}.", None)]
    assert campaign.published_at is not None, "an active campaign was published"
    entry = definition.entry
    if definition.progress is not None and entry.contribution:
        unmet = unmet_by(definition.progress, _happened(heard), None, campaign, now=now, zone=zone)
        return unmet + (unmet_in(tree_of(entry.member), member) if entry.member is not None and member else [])
    if heard.occurred_at < campaign.published_at:
        return [Unmet("max_age", "The event occurred before the campaign was published.", None)]
    if later(heard.occurred_at, entry.max_age, zone) < now:
        return [Unmet("max_age", "The event is older than max_age allows.", None)]
    assert entry.event is not None, "it listens for its entry"
    unmet = unmet_conditions(entry.event.conditions, heard.occasion, member=member)
    if entry.member is not None and member is not None:
        unmet += unmet_in(tree_of(entry.member), member)
    return unmet


def _close_passages(draft: Layer, context: Context) -> None:
    """The passages of accounts that the command has closed, or merged into others, are over (R49, R66a)."""
    for account in [account for account in draft.written(Account) if account.status in ENDED_BY]:
        if not draft.here(Enrolment, account.id):
            continue
        at = context.now(program_of(draft, account).clock_id)
        close_goals(draft, account, now=at)
        for enrolment in [row for row in draft.here(Enrolment, account.id) if row.status in ("open", "failed")]:
            definition = definition_of(draft, enrolment)
            if definition is not None:
                end(draft, context, enrolment, definition, ENDED_BY[account.status], at=at)

"""What time brings to members in campaigns, in one order with all else that is due of them (R43, R44, R53).

What was due at an instant is done as of that instant: the context that it is given has the instant as its now, so its
effects are dated by it and the next wait counts from it, however late a worker is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from vinr_server.core import due
from vinr_server.core.campaigns.changes import program_of_campaign
from vinr_server.core.campaigns.listeners import listeners_in
from vinr_server.core.campaigns.passages.stepping import definition_of, take_due
from vinr_server.core.campaigns.passages.waits import zone_of
from vinr_server.core.campaigns.rows import Campaign, Enrolment
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.calendar import LAST_INSTANT, next_time_of_day
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import AnyHolder
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.moves import note_touched

FAILURES_MAX = 3
RETRY_AFTER = timedelta(seconds=30)
# Runs one passage's steps; answers the id of the error where they failed by a fault of ours.
Attempt = Callable[[Callable[[], None]], str | None]
# What is done in each draft in which time brought something: its events are heard. Of a passage's steps: with it.
Done = Callable[[Layer, Context, Enrolment | None], None]


def plainly(take: Callable[[], None]) -> str | None:
    """Steps are taken, and a fault is the caller's to see."""
    take()
    return None


def catch_up_with_steps(
    draft: Layer, context: Context, holders: Iterable[AnyHolder], *, on_done: Done, attempt: Attempt = plainly
) -> None:
    """All that was due of these accounts and wallets by now is done, the steps of campaigns in their place.

    Raises AlsoRows, InPart.
    """
    named = list(holders)
    listeners = listeners_in(draft)
    if listeners is not None:
        accounts = [
            holder for holder in named if isinstance(holder, Account) and holder.program_id in listeners.programs
        ]
        for account in sorted(accounts, key=lambda account: (next_at(draft, context, account), account.id)):
            _pass_through(draft, context, account, on_done=on_done, attempt=attempt)
    due.catch_up(draft, context, [_newest(draft, holder) for holder in named])


def next_at(draft: Layer, context: Context, account: Account) -> datetime:
    """When time brings the account something first; after the end of time: nothing by now."""
    enrolment = _next(draft, context, account)
    of_steps = enrolment.due_at if enrolment is not None and enrolment.due_at is not None else LAST_INSTANT
    return min(of_steps, due.next_at(draft, account))


def _newest(draft: Layer, holder: AnyHolder) -> AnyHolder:
    return draft.find(type(holder), holder.id) or holder


def _next(draft: Layer, context: Context, account: Account) -> Enrolment | None:
    """The passage of the account that is due first by now, if any is; shifted by the pauses of its campaign."""
    now = context.now(program_of(draft, account).clock_id)
    ready = []
    for row in draft.here(Enrolment, account.id):
        if row.status != "open" or row.due_at is None or row.due_at > now or paused_now(draft, row):
            continue
        shifted = after_pauses(draft, row)
        if shifted is not row:
            draft.put(shifted)
        if shifted.due_at is not None and shifted.due_at <= now:
            ready.append(shifted)
    return min(ready, key=lambda row: _order(draft, row), default=None)


def _order(draft: Layer, enrolment: Enrolment) -> tuple[object, ...]:
    campaign = draft.get(Campaign, enrolment.campaign_id)
    assert campaign is not None, "campaigns are never deleted"
    at = enrolment.due_at
    return (at, -campaign.priority, campaign.created_at, campaign.id, enrolment.entered_at, enrolment.entry_key)


def _pass_through(draft: Layer, context: Context, account: Account, *, on_done: Done, attempt: Attempt) -> None:
    """The account passes through each instant at which time brings it something, up to now: all else that is due of it
    comes before its steps, and is heard as of its instant, so that members enter by it and waits end by it then."""
    clock_id = program_of(draft, account).clock_id
    now, passed = context.now(clock_id), None
    while True:
        account = draft.find(Account, account.id) or account
        enrolment = _next(draft, context, account)
        step_at = enrolment.due_at if enrolment is not None else None
        due_at = due.next_at(draft, account)
        if due_at <= (step_at or now) and due_at != passed:
            passed, then = due_at, as_of(context, clock_id, due_at)
            done = draft.draft()
            due.catch_up(done, then, [account])
            on_done(done, then, None)
            draft.merge(done)
            continue
        if enrolment is None or step_at is None:
            return
        then = as_of(context, clock_id, step_at)
        taken = draft.draft()

        def take(taken: Layer = taken, then: Context = then, enrolment: Enrolment = enrolment) -> None:
            on_done(taken, then, take_due(taken, then, enrolment))
            note_touched(taken, then)

        error = attempt(take)
        if error is None:
            draft.merge(taken)
        else:
            _fail(draft, context, enrolment, error)


def as_of(context: Context, clock_id: str | None, at: datetime) -> Context:
    """The context with this instant as the now of a clock, or of real time."""
    if clock_id is None:
        return replace(context, wall_now=at)
    return replace(context, clock_now={**context.clock_now, clock_id: at})


def _fail(draft: Layer, context: Context, enrolment: Enrolment, error: str) -> None:
    """The step is tried again a little later; after three failures nobody tries until somebody says so (R44)."""
    now = context.now(program_of_enrolment_clock(draft, enrolment))
    failures = enrolment.failures + 1
    if failures < FAILURES_MAX:
        draft.put(replace(enrolment, failures=failures, error=error, due_at=now + RETRY_AFTER))
        return
    failed = replace(enrolment, failures=failures, error=error, status="failed", due_at=None)
    draft.put(failed)
    account = draft.find(Account, enrolment.account_id)
    data = {"campaign": failed.campaign_id, "enrolment": failed.id, "account": failed.account_id, "error": error,
            "step": failed.step, "position": failed.position}  # fmt: skip
    announce(draft, context, type="campaign.failed", account=account, data=data, now=now)


def program_of_enrolment_clock(draft: Layer, enrolment: Enrolment) -> str | None:
    """The clock that the passage lives by; None: real time."""
    campaign = draft.get(Campaign, enrolment.campaign_id)
    assert campaign is not None, "campaigns are never deleted"
    return program_of_campaign(draft, campaign).clock_id


def paused_now(draft: Layer, enrolment: Enrolment) -> bool:
    """Whether the passage's campaign is paused."""
    campaign = draft.get(Campaign, enrolment.campaign_id)
    return campaign is not None and campaign.paused_at is not None


def after_pauses(draft: Layer, enrolment: Enrolment) -> Enrolment:
    """The passage with what pauses since it was last looked at did to it (R53).

    `shift`: a wait's remaining time stood still meanwhile, and a time of day is looked for again after it. Otherwise,
    and for what no wait holds, what fell due meanwhile is due when the campaign goes on.
    """
    campaign = draft.get(Campaign, enrolment.campaign_id)
    assert campaign is not None, "campaigns are never deleted"
    if enrolment.pauses == len(campaign.pauses) or enrolment.due_at is None:
        return enrolment
    definition = definition_of(draft, enrolment)
    assert definition is not None, f"the revision of {enrolment.id} is not in the catalogue"
    step = definition.steps.get(enrolment.step or "")
    wait = step.wait if step is not None and enrolment.waits_since is not None else None
    heard = enrolment.heard_at(enrolment.step)
    is_timed = wait is not None and wait.until is None and (heard is None or heard.won is None)
    due_at, program = enrolment.due_at, program_of_campaign(draft, campaign)
    account = draft.get(Account, enrolment.account_id)
    assert account is not None, f"{enrolment.id} was loaded without its account"
    for pause in campaign.pauses[enrolment.pauses :]:
        if is_timed and pause.waits == "shift" and due_at > pause.starts_at:
            due_at += pause.ends_at - max(pause.starts_at, enrolment.waits_since or pause.starts_at)
            if wait is not None and wait.at_minutes is not None:
                due_at = next_time_of_day(due_at, wait.at_minutes, wait.days, zone_of(wait, account, program))
        else:
            due_at = max(due_at, pause.ends_at)
    return replace(enrolment, due_at=due_at, pauses=len(campaign.pauses))

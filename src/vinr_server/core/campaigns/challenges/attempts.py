"""Attempts of a challenge: as many as its contributions come to, each with the steps that it runs once (R54, R55)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.challenges.figures import progress_payload
from vinr_server.core.campaigns.challenges.measuring import Course, course_of, said_by
from vinr_server.core.campaigns.challenges.revoking import revoke
from vinr_server.core.campaigns.challenges.standing import ENTRY, Attempts, Completed, expiry_of, is_done
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.passages.entering import end, passage_payload
from vinr_server.core.campaigns.rows import PROGRESS, Campaign, Enrolment
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of


def settle(
    draft: Layer, context: Context, enrolment: Enrolment, account: Account, *, source_id: str, depth: int = 0
) -> Course:
    """The passage has as many attempts as its contributions come to: new ones wait for their steps, others are revoked.

    What is held depends on the kept contributions alone: one that was over goes on where an attempt is to be completed
    again. `source_id`: the contribution that has changed. Raises AlsoRows.
    """
    now = context.now(program_of(draft, account).clock_id)
    course = course_of(draft, enrolment, account)
    if enrolment.challenge is not None and course.standing.eras != enrolment.challenge.eras:
        course = course._replace(standing=replace(course.standing, expired_at=now))
    enrolment, standing = replace(enrolment, challenge=course.standing), course.standing
    complete = len(course.progress.completed)
    for place in range(len(standing.attempts), complete):
        revision, status = standing.eras[-1][0], "waiting" if account.status == "active" else "done"
        last = course.progress.completed[place].contributions[-1].source_id
        attempt = Completed(last, revision, depth, status)  # type: ignore[arg-type]
        standing = replace(standing, attempts=(*standing.attempts, attempt))
        data = {"attempt": place + 1, "source": last, "progress": progress_payload(course, now=now)}
        announce_course(draft, context, enrolment, account, "completed", data, now=now)
    if len(standing.attempts) > complete and not draft.is_made(enrolment.id):
        draft.require_asked(Enrolment, enrolment.id)  # what it gave is read only where it is taken back
    while len(standing.attempts) > complete:
        enrolment = revoke(draft, context, replace(enrolment, challenge=standing), source_id=source_id, now=now)
        assert enrolment.challenge is not None, "it is a challenge"
        standing = enrolment.challenge
    expiry = expiry_of(course.says, standing, course.progress, course.kept, course.begins_at, course.zone)
    standing = replace(standing, expiry=expiry)
    enrolment = _due(replace(enrolment, challenge=standing), course, account, now=now)
    draft.put(enrolment)
    return course._replace(enrolment=enrolment, standing=standing)


def _due(enrolment: Enrolment, course: Course, account: Account, *, now: datetime) -> Enrolment:
    """The passage is due where steps wait to be taken, or when its period ends; one that was over may go on."""
    standing = enrolment.challenge
    assert standing is not None, "it is a challenge"
    is_waiting = standing.waiting is not None
    if enrolment.status == "over":
        goes_on = is_waiting or not is_done(standing, course.says)
        if not goes_on or account.status != "active":
            return enrolment
        enrolment = replace(
            enrolment, status="open", step=PROGRESS, outcome=None, over_at=None, hears_until=None, waits_since=None
        )
    if enrolment.status != "open" or not enrolment.rests:
        return enrolment
    if is_waiting or is_done(standing, course.says):
        return replace(enrolment, due_at=now)
    return replace(enrolment, due_at=max(standing.expiry.at, now) if standing.expiry is not None else None)


def announce_course(
    draft: Layer, context: Context, enrolment: Enrolment, account: Account, what: str, data: Json, *, now: datetime
) -> None:
    """An event says what has become of an attempt, or of the progress."""
    shown = {**passage_payload(enrolment), **data}
    announce(draft, context, type=f"campaign.{what}", account=account, data=shown, now=now)


# ---- steps


def go_on(draft: Layer, context: Context, enrolment: Enrolment, *, at: datetime) -> Enrolment:
    """A passage that rests has begun the steps of the next attempt, or of a period that ended short; or it is over.

    Otherwise it rests until its period ends. Expects one that is due.
    """
    campaign, standing = draft.get(Campaign, enrolment.campaign_id), enrolment.challenge
    assert campaign is not None and standing is not None, f"{enrolment.id} is in no challenge"
    place, says = standing.waiting, said_by(draft, campaign)
    if place is not None:
        attempt = replace(standing.attempts[place], status="running")
        begun = replace(enrolment, challenge=standing.with_attempt(place, attempt))
        return _begin(draft, begun, _saying(draft, campaign, attempt.revision).start, attempt.revision, at=at)
    if standing.expiry is not None and standing.expiry.at <= at:
        is_short = standing.expiry.period != ENTRY or not standing.attempts
        standing = replace(standing, expired=standing.expiry.period, expired_at=standing.expiry.at, expiry=None)
        if standing.expired == ENTRY:
            standing = replace(standing, ends_as="completed" if standing.attempts else "expired")
        else:
            standing = _with_expiry(draft, replace(enrolment, challenge=standing))
        enrolment = replace(enrolment, challenge=standing)
        if is_short and says.on_expire is not None:
            enrolment = replace(enrolment, challenge=replace(standing, is_expiring=True))
            return _begin(draft, enrolment, says.on_expire, campaign.revision, at=at)
    if is_done(standing, says):
        definition = _saying(draft, campaign, enrolment.revision)
        return end(draft, context, enrolment, definition, standing.ends_as or "completed", at=at)
    resting = replace(enrolment, due_at=standing.expiry.at if standing.expiry is not None else None)
    draft.put(resting)
    return resting


def _saying(draft: Layer, campaign: Campaign, revision: int) -> Definition:
    said = revision_of(draft, campaign, revision)
    assert said is not None, f"revision {revision} of {campaign.id} is not in the catalogue"
    return said.definition


def _begin(draft: Layer, enrolment: Enrolment, step: str, revision: int, *, at: datetime) -> Enrolment:
    begun = replace(enrolment, step=step, revision=revision, results={}, heard=(), waits_since=None, due_at=at)
    draft.put(begun)
    return begun


def with_steps_taken(enrolment: Enrolment) -> Enrolment:
    """The passage rests again: the steps of an attempt, or of a period that ended short, were taken to their end."""
    standing = enrolment.challenge
    assert standing is not None, "it is a challenge"
    if standing.is_expiring:
        standing = replace(standing, is_expiring=False)
    elif (place := standing.running) is not None:
        attempt = replace(standing.attempts[place], status="done", results=enrolment.results)
        standing = standing.with_attempt(place, attempt)
    return replace(enrolment, challenge=standing, step=PROGRESS, results={}, heard=(), waits_since=None)


def numbered(enrolment: Enrolment, detail: Json) -> Json:
    """What the log says of a step, with the attempt whose step it is."""
    place = enrolment.challenge.running if enrolment.challenge is not None else None
    return detail if place is None else {**detail, "attempt": place + 1}


def _with_expiry(draft: Layer, enrolment: Enrolment) -> Attempts:
    """Where the passage stands, with the end of the next period that will end short. Raises AlsoRows."""
    account = draft.get(Account, enrolment.account_id)
    assert account is not None, f"{enrolment.id} was loaded without its account"
    course = course_of(draft, enrolment, account)
    expiry = expiry_of(course.says, course.standing, course.progress, course.kept, course.begins_at, course.zone)
    return replace(course.standing, expiry=expiry)

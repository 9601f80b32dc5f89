"""Who is inside goes on in a newer revision, each once, page after page (R52); or leaves what is cleared (R53)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.changes import program_of_campaign, revision_of
from vinr_server.core.campaigns.definition import EXIT, Awaited, Definition
from vinr_server.core.campaigns.passages.due import after_pauses
from vinr_server.core.campaigns.passages.entering import end
from vinr_server.core.campaigns.passages.stepping import definition_of, log
from vinr_server.core.campaigns.passages.waits import wait_end, zone_of
from vinr_server.core.campaigns.rows import Campaign, Enrolment
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account


def follow(draft: Layer, context: Context, enrolment: Enrolment) -> Enrolment:
    """The passage as its campaign wants it now: in the newest revision that takes it along, or over."""
    campaign, definition = draft.get(Campaign, enrolment.campaign_id), definition_of(draft, enrolment)
    assert campaign is not None and definition is not None, f"{enrolment.id} was loaded without what it belongs to"
    at = context.now(program_of_campaign(draft, campaign).clock_id)
    if enrolment.status not in ("open", "failed"):
        return enrolment
    if campaign.is_cleared:
        return end(draft, context, enrolment, definition, "stopped", at=at)
    if campaign.move is None or enrolment.revision >= campaign.move.revision:
        return enrolment
    newer = revision_of(draft, campaign, campaign.move.revision)
    assert newer is not None and enrolment.step is not None, "it was published, and who is inside stands somewhere"
    target = way_to(definition, newer.definition, enrolment.step, campaign.move.ways)
    if target is None or target == EXIT:
        log(draft, enrolment, "move", "exited", {}, at=at)
        left = replace(enrolment, position=enrolment.position + 1)
        return end(draft, context, left, definition, "unmapped", at=at)
    to = {"revision": newer.revision, "step": target}
    log(draft, enrolment, "move", "moved", {"facts": {"to": to}}, at=at)
    moved = replace(enrolment, position=enrolment.position + 1, revision=newer.revision)
    moved = _placed(draft, context, moved, definition, newer.definition, target, campaign, at=at)
    draft.put(moved)
    return moved


def way_to(older: Definition, newer: Definition, step_id: str, ways: Mapping[str, str]) -> str | None:
    """Where in the newer revision a member goes on who stands at a step of the older one; None: nobody has said it."""
    if step_id in ways:
        return ways[step_id]
    here, there = older.steps.get(step_id), newer.steps.get(step_id)
    return step_id if here is not None and there is not None and here.kind == there.kind else None


def _placed(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    older: Definition,
    newer: Definition,
    target: str,
    campaign: Campaign,
    *,
    at: datetime,
) -> Enrolment:
    """The passage at a step of the newer revision. A wait in which it stands ends as if it had begun by this one."""
    heard = tuple(wait for wait in enrolment.heard if _awaited(older, wait.step_id) == _awaited(newer, wait.step_id))
    wait, since = newer.steps[target].wait, enrolment.waits_since
    placed = replace(enrolment, step=target, heard=heard)
    if enrolment.status == "failed":
        return replace(placed, waits_since=None)
    known = placed.heard_at(target)
    if wait is None or since is None or target != enrolment.step or (known is not None and known.won is not None):
        return replace(placed, waits_since=None, due_at=at, pauses=len(campaign.pauses))
    account = draft.get(Account, enrolment.account_id)
    assert account is not None, f"{enrolment.id} was loaded without its account"
    over_at = wait_end(wait, at=since, zone=zone_of(wait, account, program_of_campaign(draft, campaign)))
    before = sum(pause.ends_at <= since for pause in campaign.pauses)
    waiting = after_pauses(draft, replace(placed, due_at=over_at, pauses=before))
    return replace(waiting, due_at=max(waiting.due_at or at, at))


def _awaited(definition: Definition, step_id: str) -> Sequence[Awaited] | None:
    """The events that a wait waits for; None: it is none."""
    step = definition.steps.get(step_id)
    return step.wait.events if step is not None and step.wait is not None else None


class Moving(NamedTuple):
    """How many members stand at a step of an older revision, and where they go on; None: nobody has said it."""

    revision: int
    step: str
    members: int
    to: str | None


def moving_of(
    draft: Layer, campaign: Campaign, newer: Definition, counts: Sequence[tuple[int, str, int]], ways: Mapping[str, str]
) -> Iterator[Moving]:
    """Where all go on who are inside older revisions."""
    for revision, step, members in counts:
        older = revision_of(draft, campaign, revision)
        if older is not None:
            yield Moving(revision, step, members, way_to(older.definition, newer, step, ways))

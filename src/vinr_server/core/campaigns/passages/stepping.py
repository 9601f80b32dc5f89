"""Steps are taken one after another, until a wait that is not over, or the end (R44 to R48)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.challenges.attempts import go_on, numbered, with_steps_taken
from vinr_server.core.campaigns.changes import definition_by, revision_of
from vinr_server.core.campaigns.definition import EXIT, Branch, Case, Definition, Split, Step, Wait
from vinr_server.core.campaigns.pacing import opening
from vinr_server.core.campaigns.passages.actions import ACTIONS, Acting
from vinr_server.core.campaigns.passages.capping import name_meetings
from vinr_server.core.campaigns.passages.entering import end
from vinr_server.core.campaigns.passages.giving.budgets import announce_exhausted, name_campaign_budget, take_of_budget
from vinr_server.core.campaigns.passages.giving.offers import lacking_of_offer, name_asked_offer
from vinr_server.core.campaigns.passages.waits import draw, wait_end, way_of, zone_of
from vinr_server.core.campaigns.rows import Campaign, Enrolment, EnrolmentStep, StepsOf
from vinr_server.core.conditions.judging import unmet_in
from vinr_server.core.conditions.membership import asked_in, name_history, outside_segments, values_of
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.caps import counter_of
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import name_activating
from vinr_server.core.offers.grants.granting import name_granting
from vinr_server.core.offers.in_force import name_cap, name_some_of_member, name_whole
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.conditions import tree_of
from vinr_server.core.segments.rows import SegmentMember
from vinr_server.core.tiers.changing import judge_tiers

# What a passage comes to when its account takes no part any longer, by the account's status.
ENDED_BY: Mapping[str, str] = {"closed": "account_closed", "merged": "merged"}


class Done(NamedTuple):
    """What came of a step: its outcome, where it leads (None ends the passage), and what the log says of it.

    `result`: what later steps may refer to. `ends_as`: the outcome of the passage, where the step ends it.
    """

    outcome: str
    next: str | None
    detail: Json
    result: Json
    ends_as: str = "completed"


def name_steps(needs: Needs, seen: Layer, account_id: str, campaign_id: str, revision: int | None = None) -> None:
    """All that the steps of a member's passages may read or change is declared, and that it is.

    `revision`: that of the passage; None: the one in force.
    """
    needs.row(StepsOf, (account_id, campaign_id))
    name_account(needs, account_id)
    campaign = seen.get(Campaign, campaign_id)
    said = revision_of(seen, campaign, revision) if campaign is not None else None
    if said is None:
        return
    name_campaign_budget(needs, seen, said.definition, campaign_id, account_id)
    if said.definition.member_conditions or said.definition.segments_named:
        name_history(needs, seen, [account_id])
    name_meetings(needs, said.definition, account_id, "messages")
    for step in said.definition.steps.values():
        if step.reward_id is not None:
            needs.counter(counter_of("reward", step.reward_id))
            needs.counter(counter_of("reward", step.reward_id, account_id), beside=account_id)
        if step.grant is not None:
            name_cap(needs, step.grant.offer_id)
            name_some_of_member(needs, account_id)
            offer = seen.get(Offer, step.grant.offer_id)
            name_giving = name_granting if offer is None or offer.is_granted else name_activating
            name_giving(needs, seen, step.grant.offer_id, account_id)
        if step.marks is not None:
            needs.children(SegmentMember, account_id)
        for case in step.branch.cases if step.branch is not None else ():
            if case.offer is not None:
                name_asked_offer(needs, seen, case.offer, account_id)
    if needs.whole:
        name_whole(needs, seen)


def definition_of(layer: Layer, enrolment: Enrolment) -> Definition | None:
    """What the campaign says to who is in the passage: the revision that it follows."""
    return definition_by(layer, enrolment.campaign_id, enrolment.revision)


def definition_at_entry(layer: Layer, enrolment: Enrolment) -> Definition | None:
    """What the campaign said when the member entered: its goal and its caps hold wherever the member is moved (R52)."""
    return definition_by(layer, enrolment.campaign_id, enrolment.entry_revision)


def take_due(draft: Layer, context: Context, enrolment: Enrolment) -> Enrolment:
    """The passage has gone on as far as it goes by the context's now. Expects one that is due.

    Raises AlsoRows where nobody has declared what its steps may change.
    """
    name = (enrolment.account_id, enrolment.campaign_id)
    if not draft.declares(StepsOf, name):
        raise AlsoRows(StepsOf, [name])
    definition, account = definition_of(draft, enrolment), draft.get(Account, enrolment.account_id)
    assert definition is not None and account is not None, f"{enrolment.id} was loaded without what it belongs to"
    entered = definition_at_entry(draft, enrolment) or definition
    at = context.now(program_of(draft, account).clock_id)
    if account.status != "active":
        return end(draft, context, enrolment, definition, ENDED_BY.get(account.status, "account_closed"), at=at)
    campaign = draft.get(Campaign, enrolment.campaign_id)
    if campaign is not None and campaign.is_cleared:
        return end(draft, context, enrolment, definition, "stopped", at=at)
    position = enrolment.position
    while enrolment.step is not None:
        if enrolment.rests:
            if enrolment.position > position:
                break  # the next attempt is due at once, and what it causes is heard by itself
            enrolment = go_on(draft, context, enrolment, at=at)
            definition = definition_of(draft, enrolment) or definition
        step_id = enrolment.step
        if step_id is None or enrolment.rests:
            break
        account = draft.get(Account, account.id) or account
        step = definition.steps[step_id]
        if step.wait is not None and enrolment.waits_since is None:
            over_at = _over_at(draft, enrolment, step.wait, account, at=at)
            if over_at > at:
                waiting = replace(enrolment, waits_since=at, due_at=over_at, failures=0, error=None)
                draft.put(waiting)
                return waiting
        is_new = step_id not in enrolment.results
        if step.message is not None and definition.send_window is not None and is_new:
            opens_at = opening(definition.send_window, at, program_of(draft, account).timezone)
            if opens_at > at:
                held = replace(enrolment, due_at=opens_at, failures=0, error=None)
                draft.put(held)
                return held
        done = _take(Acting(draft, context, account, enrolment, step_id, step, definition, entered))
        enrolment = _moved(draft, context, enrolment, definition, step, done, at=at)
    return enrolment


def log(draft: Layer, enrolment: Enrolment, kind: str, outcome: str, detail: Json, *, at: datetime) -> None:
    """What came of the step at which the passage stands is in its log."""
    assert enrolment.step is not None, f"{enrolment.id} stands at no step"
    draft.put(
        EnrolmentStep(
            bucket=enrolment.bucket,
            enrolment_id=enrolment.id,
            position=enrolment.position + 1,
            account_id=enrolment.account_id,
            campaign_id=enrolment.campaign_id,
            step=enrolment.step,
            kind=kind,
            revision=enrolment.revision,
            outcome=outcome,
            at=at,
            detail=detail,
        )
    )


def _over_at(draft: Layer, enrolment: Enrolment, wait: Wait, account: Account, *, at: datetime) -> datetime:
    """When the wait is over that begins now: now, where what it waits for was heard before (R45)."""
    heard = enrolment.heard_at(enrolment.step)
    if heard is not None and heard.won is not None:
        return at
    return wait_end(wait, at=at, zone=zone_of(wait, account, program_of(draft, account)))


def _moved(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    definition: Definition,
    step: Step,
    done: Done,
    *,
    at: datetime,
) -> Enrolment:
    """The step is in the log, and the passage stands at the next one, or is over."""
    step_id = enrolment.step
    assert step_id is not None, "a step was taken"
    log(draft, enrolment, step.kind, done.outcome, numbered(enrolment, done.detail), at=at)
    ways = {**enrolment.ways, step_id: done.outcome} if step.split is not None else enrolment.ways
    moved = replace(
        enrolment,
        step=done.next,
        position=enrolment.position + 1,
        waits_since=None,
        due_at=at,
        heard=tuple(heard for heard in enrolment.heard if heard.step_id != step_id),
        ways=ways,
        results={**enrolment.results, step_id: {"outcome": done.outcome, **done.result}},
        failures=0,
        error=None,
    )
    if done.next is None and moved.challenge is not None and done.ends_as == "completed":
        moved = with_steps_taken(moved)
    elif done.next is None:
        return end(draft, context, moved, definition, done.ends_as, at=at)
    draft.put(moved)
    return moved


def _take(acting: Acting) -> Done:
    step, before = acting.step, acting.enrolment.results.get(acting.step_id)
    if before is not None and step.kind not in ("branch", "split", EXIT):
        # A move has put the member before a step that it has taken: it is not taken again (R52).
        return Done("passed", step.next if step.wait is None else step.wait.timeout_next or step.next, {}, before)
    if step.wait is not None:
        return _waited(acting.enrolment, step, step.wait)
    if step.branch is not None:
        return _branched(acting, step.branch)
    if step.split is not None:
        return _split(acting.enrolment, step.split)
    if step.kind == EXIT:
        outcome = step.outcome or "completed"
        return Done(outcome, None, {}, {}, ends_as=outcome)
    return _acted(acting)


def _waited(enrolment: Enrolment, step: Step, wait: Wait) -> Done:
    heard = enrolment.heard_at(enrolment.step)
    if heard is not None and heard.won is not None:
        awaited = wait.events[heard.won]
        return Done("heard", awaited.next, {"facts": {"event": awaited.event.type}}, {})
    if wait.events:
        return Done("timeout", wait.timeout_next, {}, {})
    return Done("waited", step.next, {}, {})


def _branched(acting: Acting, branch: Branch) -> Done:
    """The first case that holds; of the others the log keeps what was missing."""
    missed: list[Json] = []
    for n, case in enumerate(branch.cases):
        lacking = _lacking(acting, n, case)
        if not lacking:
            return Done(f"when[{n}]", case.next, {"facts": {"missed": missed}} if missed else {}, {})
        missed += [{"case": n, "condition": lack} for lack in lacking]
    return Done("else", branch.otherwise, {"facts": {"missed": missed}}, {})


def _lacking(acting: Acting, n: int, case: Case) -> list[str]:
    """What the member lacks for a case, in words; nothing where it holds."""
    # As things stand now, with what earlier steps have done: what is asked of a member looks below its own layer.
    draft, context, account, enrolment = acting.draft.draft(), acting.context, acting.account, acting.enrolment
    lacking: list[str] = []
    if case.member is not None:
        tree = tree_of(case.member)
        values = values_of(draft, context, account, asked_in([tree]))
        lacking += [unmet.message for unmet in unmet_in(tree, values)]
    if case.segments:
        lacking += [unmet.message for unmet in outside_segments(draft, context, account, case.segments)]
    if case.entry is not None and f"{acting.step_id}.{n}" not in enrolment.entry.met:
        lacking.append("The event that let the member enter does not meet it.")
    if case.taken is not None:
        outcome = enrolment.results.get(case.taken.step_id, {}).get("outcome")
        if outcome != case.taken.outcome:
            lacking.append(
                f"Step {case.taken.step_id} came to {outcome or 'nothing'} (required: {case.taken.outcome})."
            )
    unmet = lacking_of_offer(draft, context, case.offer, account) if case.offer is not None else None
    if unmet is not None:
        lacking.append(unmet)
    return lacking


def _split(enrolment: Enrolment, split: Split) -> Done:
    drawn = draw(enrolment.campaign_id, split.key, enrolment.customer_id)
    way = way_of(split.ways, drawn)
    return Done(way.name, way.next, {"facts": {"drawn": drawn}}, {})


def _acted(acting: Acting) -> Done:
    """The action is done; a refused one is skipped, and leaves nothing behind."""
    step = acting.step
    draft = acting.draft.draft()
    effect = ACTIONS[step.kind](acting._replace(draft=draft))
    budget, taken = acting.definition.budget, None
    if budget is not None and not isinstance(effect, Rejected):
        place = (acting.enrolment.campaign_id, acting.account)
        taken = take_of_budget(draft, acting.context, budget, *place, step)
        if isinstance(taken, Rejected):
            announce_exhausted(acting.draft, acting.context, budget, *place, taken)
            effect = taken
    if not isinstance(effect, Rejected):
        judge_tiers(draft, acting.context)
        acting.draft.merge(draft)
        of_budget = {"budget": taken} if taken is not None else {}
        return Done("done", step.next, ({"effect": effect} if effect else {}) | of_budget, {**effect, **of_budget})
    refusal = {"code": effect.code, "message": effect.message, "details": effect.details}
    target = step.on_capped if effect.code == "frequency_capped" and step.on_capped is not None else step.on_refused
    if target == EXIT:
        return Done("skipped", None, {"refusal": refusal}, {}, ends_as="refused")
    return Done("skipped", target or step.next, {"refusal": refusal}, {})

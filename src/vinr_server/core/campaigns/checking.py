"""What is wrong with a definition, all at once: its graph, and what it names that is not there (R40)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from vinr_server.core.campaigns.definition import AskedOffer, Definition, Granted, Step, cost_of, longest, reached_from
from vinr_server.core.campaigns.rows import DefinitionProblem
from vinr_server.core.codes.rows import CodeBatch
from vinr_server.core.conditions.membership import asked_in
from vinr_server.core.events.engine_events import EVENT_TYPES
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.credit import gives_credit
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.rewards.variable import is_variable
from vinr_server.core.segments.conditions import tree_of
from vinr_server.core.segments.rows import Segment

STEPS_MAX, WAYS_MAX, WAITS_MAX = 50, 10, 20
WAIT_DAYS_MAX, LONGEST_DAYS_MAX = 400, 730


def problems_of(layer: Layer, definition: Definition, program: Program) -> list[DefinitionProblem]:
    """Everything that stands in the way of publishing it for a program, in the order of its steps."""
    # Nobody looks for ways through more steps than there may be.
    is_too_many = len(definition.steps) > STEPS_MAX
    cycle = [] if is_too_many else cycle_in(definition.steps)
    has_ways = not is_too_many and not cycle
    found = [
        *_of_graph(definition, cycle),
        *_of_lengths(definition, has_ways=has_ways),
        *_of_measures(definition),
        *_of_names(layer, definition, program),
    ]
    return [DefinitionProblem(path, problem) for path, problem in found]


Found = Iterator[tuple[str, str]]


def _of_graph(definition: Definition, cycle: Sequence[str]) -> Found:
    steps = definition.steps
    if not 1 <= len(steps) <= STEPS_MAX:
        yield "steps", f"There are {len(steps)} steps; a campaign has 1 to {STEPS_MAX}."
    if definition.start not in steps:
        yield "start", f"There is no step {definition.start!r}."
    waits = sum(step.kind == "wait" for step in steps.values())
    if waits > WAITS_MAX:
        yield "steps", f"There are {waits} waits; a campaign has at most {WAITS_MAX}."
    for id, step in steps.items():
        ways = list(step.ways_out())
        if len(ways) > WAYS_MAX:
            yield f"steps.{id}", f"There are {len(ways)} ways out of it; a step has at most {WAYS_MAX}."
        for place, target in ways:
            if target is not None and target not in steps:
                yield f"steps.{id}.{place}", f"There is no step {target!r}."
        yield from _of_outcomes(definition, id, step)
    if cycle:
        yield f"steps.{cycle[0]}", f"The steps go in a circle: {' → '.join((*cycle, cycle[0]))}."
    reached = set().union(*(reached_from(steps, start) for start in definition.starts))
    for id in steps:
        if definition.start in steps and id not in reached:
            yield f"steps.{id}", "No step leads to it."


def _of_outcomes(definition: Definition, id: str, step: Step) -> Found:
    """Branches that ask of a step that is none."""
    for n, case in enumerate(step.branch.cases if step.branch is not None else ()):
        if case.taken is not None and case.taken.step_id not in definition.steps:
            yield f"steps.{id}.when[{n}].if.step.id", f"There is no step {case.taken.step_id!r}."


def cycle_in(steps: Mapping[str, Step]) -> list[str]:
    """The steps of a circle, if there is one, in their order."""
    state: dict[str, int] = {}
    path: list[str] = []

    def visit(id: str) -> list[str]:
        state[id] = 1
        path.append(id)
        for _place, target in steps[id].ways_out():
            if target is None or target not in steps or state.get(target) == 2:
                continue
            found = path[path.index(target) :] if state.get(target) == 1 else visit(target)
            if found:
                return found
        path.pop()
        state[id] = 2
        return []

    for id in steps:
        found = visit(id) if id not in state else []
        if found:
            return found
    return []


def _of_lengths(definition: Definition, *, has_ways: bool) -> Found:
    """Waits that are too long, each by itself, and all on the longest way, where ways have an end."""
    for id, step in definition.steps.items():
        wait = step.wait
        for name, length in (("for", wait.wait_for), ("timeout", wait.timeout)) if wait is not None else ():
            if _is_too_long(length):
                yield f"steps.{id}.{name}", f"A wait lasts at most {WAIT_DAYS_MAX} days."
    if not has_ways:
        return
    days = max(longest_way(definition.steps, start).days for start in definition.starts)
    if days > LONGEST_DAYS_MAX:
        yield "steps", f"The longest way through it takes up to {days} days; at most {LONGEST_DAYS_MAX} are allowed."


def _of_measures(definition: Definition) -> Found:
    """A goal or a cap that looks too far, or at a group that there is not."""
    if definition.goal is not None and _is_too_long(definition.goal.within):
        yield "goal.within", f"It is at most {WAIT_DAYS_MAX} days."
    for n, cap in enumerate(definition.caps):
        if _is_too_long(cap.within):
            yield f"caps[{n}].within", f"It is at most {WAIT_DAYS_MAX} days."
        if cap.scope == "group" and definition.group is None:
            yield f"caps[{n}].scope", "The campaign has no group. Give it one, or send campaign or program."


def _is_too_long(length: Duration | None) -> bool:
    return length is not None and longest(length) > timedelta(days=WAIT_DAYS_MAX)


def longest_way(steps: Mapping[str, Step], start: str) -> timedelta:
    """The most that a way through the steps can wait. Expects no circle."""
    known: dict[str, timedelta] = {}

    def length_from(id: str) -> timedelta:
        if id not in steps:
            return timedelta(0)
        if id not in known:
            ways = [length_from(target) for _place, target in steps[id].ways_out() if target is not None]
            known[id] = steps[id].longest_wait + max(ways, default=timedelta(0))
        return known[id]

    return length_from(start)


def _of_names(layer: Layer, definition: Definition, program: Program) -> Found:
    """What it names that does not exist, or not in its program."""
    budget = definition.budget
    for id, step in definition.steps.items():
        at = f"steps.{id}"
        if budget is not None and budget.measure == "points" and cost_of(budget, step) > budget.most:
            yield f"{at}.points", f"It is more than the budget ever has ({budget.most}): nobody would get it."
        if step.reward_id is not None:
            yield from _of_reward(layer, step.reward_id, program, f"{at}.reward")
        if step.grant is not None:
            yield from _of_offer(layer, step.grant, program, at)
        for n, case in enumerate(step.branch.cases if step.branch is not None else ()):
            if case.offer is not None:
                yield from _of_asked_offer(layer, case.offer, program, f"{at}.when[{n}].if.offer")
        if step.issue is not None:
            yield from _of_batch(layer, step.issue.batch_id, program, f"{at}.batch")
        if step.marks is not None:
            for name, ids in (("add", step.marks.add), ("remove", step.marks.remove)):
                for segment_id in ids:
                    yield from _of_segment(layer, segment_id, f"{at}.segments.{name}", is_static=True)
    yield from _of_entry(layer, definition)
    for segment_id in sorted(definition.segments_named):
        yield from _of_segment(layer, segment_id, "steps", is_static=False)
    tiers = {tier.id for tier in program.tiers}
    for conditions in definition.member_conditions:
        named = asked_in([tree_of(conditions)]).segments
        for segment_id in sorted(named):
            yield from _of_segment(layer, segment_id, "steps", is_static=False)
        for tier in conditions.tiers:
            if tier not in tiers:
                yield "steps", f"Program {program.id} has no tier {tier!r}."
    yield from _of_events(definition)


def _of_entry(layer: Layer, definition: Definition) -> Found:
    """Segments of whom members enter, and what a schedule can't name."""
    entry = definition.entry
    if entry.segment_id is not None:
        yield from _of_segment(layer, entry.segment_id, "entry.segment", is_static=False)
    if entry.schedule is None:
        return
    if entry.schedule.segment_id is not None:
        yield from _of_segment(layer, entry.schedule.segment_id, "entry.schedule.segment", is_static=False)
    if definition.reentry.mode == "per_key":
        yield "reentry.mode", "A schedule has no data that could name an entry. Send after_exit or once."


def _of_reward(layer: Layer, reward_id: str, program: Program, at: str) -> Found:
    reward = layer.get(Reward, reward_id)
    if reward is None:
        yield at, f"There is no reward {reward_id}."
    elif reward.program_id != program.id:
        yield at, f"Reward {reward_id} belongs to program {reward.program_id}, the campaign to {program.id}."
    elif reward.status == "archived":
        yield at, f"Reward {reward_id} is archived."
    elif gives_credit(reward.benefit) or is_variable(reward.benefit):
        yield (
            at,
            f"Reward {reward_id} can't be given for nothing: it gives store credit, or what a member spends on it.",
        )


def _of_offer(layer: Layer, granted: Granted, program: Program, step: str) -> Found:
    offer_id, at = granted.offer_id, f"{step}.offer"
    offer = layer.get(Offer, offer_id)
    if offer is None or offer.deleted_at is not None or offer.kind != "engagement":
        yield at, f"There is no offer {offer_id}."
    elif offer.program_id not in (None, program.id):
        yield at, f"Offer {offer_id} belongs to program {offer.program_id}, the campaign to {program.id}."
    elif offer.status == "draft":
        yield at, f"Offer {offer_id} is a draft. Publish it first."
    elif offer.terms.requires_code:
        yield at, f"Offer {offer_id} is opened by codes. Give its codes by a step of kind issue_code."
    elif offer.terms.application == "auto":
        yield at, f"Offer {offer_id} applies by itself. Name one with application: granted, or opt_in."
    elif granted.valid_for is not None and not offer.is_granted:
        yield (
            f"{step}.valid_for",
            f"Members opt in to offer {offer_id}, which lasts as long as it says. Leave it out.",
        )


def _of_asked_offer(layer: Layer, asked: AskedOffer, program: Program, at: str) -> Found:
    id = asked.offer_id
    offer = layer.get(Offer, id)
    if offer is None or offer.deleted_at is not None:
        yield f"{at}.id", f"There is no offer {id}."
    elif offer.program_id not in (None, program.id):
        yield f"{at}.id", f"Offer {id} belongs to program {offer.program_id}, the campaign to {program.id}."
    elif offer.status == "draft":
        yield f"{at}.id", f"Offer {id} is a draft. Publish it first."
    elif asked.state == "granted" and not offer.is_granted:
        yield f"{at}.state", f"Nobody is granted offer {id}: it is not one with application: granted."
    elif asked.state == "claimed" and offer.terms.application != "opt_in":
        yield f"{at}.state", f"Nobody opts in to offer {id}: it is not one with application: opt_in."
    elif offer.kind == "checkout" and offer.per_member_limit is None:
        yield f"{at}.state", f"Uses of offer {id} are counted for each customer if it has a per_member_limit. Set one."


def _of_batch(layer: Layer, batch_id: str, program: Program, at: str) -> Found:
    batch = layer.get(CodeBatch, batch_id)
    offer = layer.get(Offer, batch.offer_id) if batch is not None else None
    if batch is None:
        yield at, f"There is no code batch {batch_id}."
    elif batch.status == "disabled":
        yield at, f"Code batch {batch_id} is disabled: no code of it can be used."
    elif offer is None or offer.deleted_at is not None:
        yield at, f"Offer {batch.offer_id} of code batch {batch_id} is deleted."
    elif offer.program_id not in (None, program.id):
        yield at, f"Code batch {batch_id} is of program {offer.program_id}, the campaign of {program.id}."
    elif offer.status == "draft":
        yield at, f"Offer {offer.id} of code batch {batch_id} is a draft. Publish it first."


def _of_segment(layer: Layer, segment_id: str, at: str, *, is_static: bool) -> Found:
    segment = layer.get(Segment, segment_id)
    if segment is None or segment.deleted_at is not None:
        yield at, f"There is no segment {segment_id}."
    elif is_static and segment.type != "static":
        yield at, f"Segment {segment_id} is dynamic: its conditions decide who is in it."


def _of_events(definition: Definition) -> Found:
    """Types of the engine that it never sends."""
    own = {name.partition(".")[0] for name in EVENT_TYPES} - {"customer"}
    for trigger in definition.triggers:
        if trigger.type.partition(".")[0] in own and trigger.type not in EVENT_TYPES:
            yield "entry" if trigger is definition.entry.event else "steps", f"There are no events {trigger.type!r}."

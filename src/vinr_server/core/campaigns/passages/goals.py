"""The goal of a campaign: which event converts a passage, and what becomes of that when its payment is refunded (R50).

Nothing is due when a goal's window ends: whether an event lies in it is asked of the event's own instants.
"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.definition import Goal
from vinr_server.core.campaigns.passages.entering import passage_payload, passages_named
from vinr_server.core.campaigns.passages.stepping import definition_at_entry
from vinr_server.core.campaigns.payloads import conversion_payload
from vinr_server.core.campaigns.rows import Enrolment, Reached
from vinr_server.core.earning.conditions import Occasion, unmet_conditions
from vinr_server.core.events.announcements import announce
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.calendar import INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of

# So many events that reach a goal are kept, for when the payments of those before are refunded.
GOALS_MAX = 20
# Where a payment remembers the passages whose goal it reached: nobody is shown it, as some are held out.
REACHED = "goals_reached"
REFUNDS = ("payment.refunded", "payment.refund_canceled")


def may_reach_goal(enrolment: Enrolment, now: datetime) -> bool:
    """Whether the passage, over or not, can still reach a goal."""
    return enrolment.goal_until is not None and now < enrolment.goal_until


def goal_of(draft: Layer, enrolment: Enrolment) -> Goal | None:
    """The goal of the revision by which the member entered; None: it has none."""
    definition = definition_at_entry(draft, enrolment)
    return definition.goal if definition is not None else None


def hear_goal(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    goal: Goal | None,
    event: Event,
    occasion: Occasion,
    *,
    now: datetime,
) -> Enrolment:
    """The passage with the event among those that reached its goal, if it does; the first of them has converted it."""
    if goal is None or not _is_goal(enrolment, goal, event, occasion, now):
        return enrolment
    payment = draft.find(Payment, occasion.source_id) if occasion.source_type == "payment" else None
    assert occasion.occurred_at is not None, "the event's instant is known"
    reached = Reached(
        event.id,
        occasion.source_id,
        occasion.occurred_at,
        amount_minor=payment.amount_minor if payment is not None else None,
        currency=payment.currency if payment is not None else None,
    )
    if payment is not None:
        known = payment.outcome.get(REACHED, ())
        draft.put(replace(payment, outcome={**payment.outcome, REACHED: [*known, enrolment.id]}))
    return _stand(draft, context, replace(enrolment, goals=(*enrolment.goals, reached)), goal, now=now)


def _is_goal(enrolment: Enrolment, goal: Goal, event: Event, occasion: Occasion, now: datetime) -> bool:
    """Whether the event is the goal's, occurred in its window, and is decided before the window ends."""
    until, occurred_at = enrolment.goal_until, occasion.occurred_at
    if until is None or occurred_at is None or not may_reach_goal(enrolment, now):
        return False
    if not enrolment.since_at <= occurred_at < until:
        return False
    if goal.event.type != event.type or len(enrolment.goals) >= GOALS_MAX:
        return False
    return not unmet_conditions(goal.event.conditions, occasion)


def _stand(draft: Layer, context: Context, enrolment: Enrolment, goal: Goal, *, now: datetime) -> Enrolment:
    """The passage is converted by an event that stands: the one that it was, while that stands, else the first."""
    before = enrolment.conversion
    if before is not None and not before.is_refunded:
        draft.put(enrolment)
        return enrolment
    after = next((reached for reached in enrolment.goals if not reached.is_refunded), None)
    enrolment = replace(enrolment, converted=after.event_id if after is not None else None)
    draft.put(enrolment)
    for what, reached in (("conversion_reverted", before), ("converted", after)):
        if reached is not None and enrolment.status != "holdout":
            account = draft.find(Account, enrolment.account_id)
            data = {**passage_payload(enrolment), "goal": goal.event.type, **conversion_payload(reached)}
            announce(draft, context, type=f"campaign.{what}", account=account, data=data, now=now)
    return enrolment


def settle_goals(draft: Layer, context: Context) -> None:
    """What a payment converted that the command has refunded whole is not converted by it, and is again once undone.

    Raises AlsoRows for passages that nobody has read.
    """
    changed = [event for event in draft.written(Event) if event.type in REFUNDS]
    for payment_id in dict.fromkeys(event.data["id"] for event in changed):
        payment = draft.find(Payment, payment_id)
        if payment is None:
            continue
        for enrolment in passages_named(draft, payment.outcome.get(REACHED, ())):
            _settle(draft, context, enrolment, payment)


def _settle(draft: Layer, context: Context, enrolment: Enrolment, payment: Payment) -> None:
    goal, account = goal_of(draft, enrolment), draft.find(Account, enrolment.account_id)
    if goal is None or account is None:
        return
    goals = tuple(
        replace(reached, is_refunded=payment.is_refunded_whole) if reached.source_id == payment.id else reached
        for reached in enrolment.goals
    )
    if goals != enrolment.goals:
        now = context.now(program_of(draft, account).clock_id)
        _stand(draft, context, replace(enrolment, goals=goals), goal, now=now)


def close_goals(draft: Layer, account: Account, *, now: datetime) -> None:
    """The account's passages reach no goal any longer, and those held out are over; what converted them stands."""
    for enrolment in draft.here(Enrolment, account.id):
        until = enrolment.goal_until
        if until is None or until <= now:
            continue
        closed_at = max([now, *(reached.at + INSTANT for reached in enrolment.goals)])
        is_held_out = enrolment.status == "holdout"
        draft.put(replace(enrolment, goal_until=closed_at, over_at=now if is_held_out else enrolment.over_at))

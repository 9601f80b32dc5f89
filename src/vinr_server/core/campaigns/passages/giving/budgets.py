"""What steps take of their campaign's budget: all of it or nothing, in the period of their instant (R56).

A budget of points counts the points that steps award, one of uses each step that gives something. What a step has taken
stands in its log. It comes back only with what it paid for, in the period that it came from.
"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.budgets.counting import Left, budget_counter, count, counter_at, exhausted, left_of, period_name
from vinr_server.core.budgets.rows import Budget
from vinr_server.core.campaigns.definition import Definition, Step, cost_of
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Json
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program

# How the name of the counter begins that says whether it was announced that a budget is exhausted.
ANNOUNCED = "exhausted"


def owner_of(campaign_id: str, budget: Budget) -> str:
    """What counters of the budget are named after: a revision with another measure counts from nothing."""
    return f"{campaign_id}.{budget.measure}"


def name_campaign_budget(needs: Needs, seen: Layer, definition: Definition, campaign_id: str, account_id: str) -> None:
    """Declare what counts the campaign's budget, as far as that can be guessed: not by a test clock."""
    budget, account = definition.budget, seen.find(Account, account_id)
    program = seen.get(Program, account.program_id) if account is not None else None
    if budget is None or needs.at is None or account is None or program is None or program.clock_id is not None:
        return
    period = period_name(budget.period, needs.at, program.timezone)
    for member_id in account.account_ids if budget.is_per_member else (None,):
        counter_id = budget_counter(owner_of(campaign_id, budget), period, member_id)
        needs.counter(counter_id)
        needs.counter(f"{ANNOUNCED}:{counter_id}")


def take_of_budget(
    draft: Layer, context: Context, budget: Budget, campaign_id: str, account: Account, step: Step
) -> Json | Rejected | None:
    """The budget has given what the step costs: the counter, and how much. None: the step costs nothing.

    Refuses what does not fit whole. Raises AlsoRows.
    """
    cost = cost_of(budget, step)
    if cost == 0:
        return None
    left = _left(draft, context, budget, campaign_id, account)
    if cost > left.remaining:
        return exhausted(budget, left, owner=f"campaign {campaign_id}", required=cost)
    assert left.counter_id is not None, "the member is known"
    count(draft, context, left.counter_id, used=cost)
    return {"counter": left.counter_id, "taken": cost}


def _left(draft: Layer, context: Context, budget: Budget, campaign_id: str, account: Account) -> Left:
    program = program_of(draft, account)
    at, owner = context.now(program.clock_id), owner_of(campaign_id, budget)
    return left_of(draft, budget, owner, member_ids=account.account_ids, at=at, zone=program.timezone)


def announce_exhausted(
    draft: Layer, context: Context, budget: Budget, campaign_id: str, account: Account, refusal: Rejected
) -> None:
    """`campaign.budget_exhausted` says once in each period that a step did not fit; so it does of each member's."""
    left = _left(draft, context, budget, campaign_id, account)
    assert left.counter_id is not None, "the member is known"
    name = f"{ANNOUNCED}:{left.counter_id}"
    if counter_at(draft, name).used:
        return
    count(draft, context, name, used=1)
    of_member = account.id if budget.is_per_member else None
    shown = {key: refusal.details[key] for key in ("budget", "period", "remaining", "required", "resets_at")}
    data = {"campaign": campaign_id, "account": of_member, **shown}
    now: datetime = context.now(program_of(draft, account).clock_id)
    who = account if budget.is_per_member else None
    announce(draft, context, type="campaign.budget_exhausted", account=who, data=data, now=now)


def give_back(draft: Layer, context: Context, taken: Json, *, points: int, returned: dict[str, int]) -> None:
    """What a step took is back in its period: all of it, or as many `points` as came back of an award.

    `returned`: what has come back so far, by counter; this is added. Expects the counter.
    """
    counter, most = str(taken["counter"]), int(taken["taken"])
    back = min(points, most) if points else most
    count(draft, context, counter, used=-back)
    returned[counter] = returned.get(counter, 0) + back

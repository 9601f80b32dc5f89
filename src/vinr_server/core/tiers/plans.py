"""Edits of a live program's tiers: in force at once, for each member from the plan's own instant on (R12k).

No job freezes anybody: an account knows the last plan that it follows, and catches up before anything else is decided.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program, TierPlan
from vinr_server.core.tiers.changing import credits_of, held_by, hold, scale_of
from vinr_server.core.tiers.holding import under_plan
from vinr_server.core.tiers.rows import PastCredits


def is_behind_plan(account: Account, program: Program) -> bool:
    """Whether the program has a newer plan of tiers than the account follows."""
    return account.tier_revision < program.tiers_revision and account.status == "active"


def next_plan(account: Account, program: Program) -> TierPlan:
    """The first plan that the account has yet to follow. Expects one."""
    return next(plan for plan in program.tier_plans if plan.revision > account.tier_revision)


def follow_plan(draft: Layer, context: Context, account: Account, program: Program, *, now: datetime) -> Account:
    """The account follows the next plan since that plan's instant."""
    before, plan = scale_of(account, program), next_plan(account, program)
    if plan.policy.noted_as != before.policy.noted_as:
        account = _with_past(draft, account, plan)
    account = replace(account, tier_revision=plan.revision)
    draft.put(account)
    scale = scale_of(account, program)
    held = under_plan(held_by(account), credits_of(draft, account, plan.policy), before, scale, at=plan.since)
    return hold(draft, context, account, program, held, at=plan.since, now=now, cause="settings", before=before)


def _with_past(draft: Layer, account: Account, plan: TierPlan) -> Account:
    """What the account's history counts by the plan is noted, as if it had been counted from the first."""
    past = draft.find(PastCredits, account.id)
    rows = [row for row in past.credits if row.counted_as == plan.policy.counted_as] if past is not None else []
    for row in rows:
        draft.put(row)
    total = sum((Fraction(row.amount) for row in rows), Fraction(0))
    standing = held_by(account).standing
    is_sum = plan.policy.counted_as is not None and not plan.policy.counts_windows
    account = replace(account, standing=replace(standing, total=str(total) if is_sum else "0"))
    draft.put(account)
    return account

"""Programs: create and update. A change is a new revision of the realm's catalogue."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.commands import CreateProgram, UpdateProgram
from vinr_server.core.programs.payloads import program_payload
from vinr_server.core.programs.rows import (
    REMINDER_PLANS_MAX,
    TIER_PLANS_MAX,
    Program,
    ReminderPlan,
    TierHolders,
    TierPlan,
)


def needs_create_program(command: CreateProgram, needs: Needs) -> None:
    """Needs the catalogue, the chosen id and the test clock."""
    needs.catalogue()
    if command.id:
        needs.row(Claim, command.id)
    if command.clock_id:
        needs.row(TestClock, command.clock_id)


def decide_create_program(draft: Layer, command: CreateProgram, context: Context) -> Accepted | Rejected:
    """The program is open for members from now on."""
    present = made_before(draft, context, Program, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(program_payload(present, livemode=context.livemode), is_new=False)
    if command.clock_id is not None:
        if context.livemode:
            return invalid("Test clocks exist only in test mode.", param="test_clock")
        clock = draft.get(TestClock, command.clock_id)
        if clock is None or clock.deleted_at is not None:
            return missing("test clock", command.clock_id, param="test_clock")
    now = context.now(command.clock_id)
    program = row_of(
        Program,
        command,
        id=command.id or context.make_id("prog", 0),
        status="active",
        created_at=now,
    )
    refusal = first_listed(without_months(program), policy_refusal(program))
    if refusal is not None:
        return refusal
    program = with_reminders(program, command.expiry_reminders, since=now)
    draft.put(program)
    claim_id(draft, context, program.id, owner_bucket=0)
    return Accepted(program_payload(program, livemode=context.livemode))


def without_months(program: Program) -> Rejected | None:
    """Refuse a program whose points end by inactivity, but after no time."""
    if program.expiry_mode == "fixed" or program.expiry_months is not None:
        return None
    message = "currency.expiry_months: points that end by inactivity need the months after which they do."
    return invalid(message, param="currency.expiry_months")


def with_reminders(program: Program, days: tuple[int, ...], *, since: datetime) -> Program:
    """The program's members are reminded so many days before points end, from an instant on; no change, no revision."""
    plan = program.reminder_plan
    if days == plan.days:
        return program
    plans = (*program.reminder_plans, ReminderPlan(plan.revision + 1, since, days))
    return replace(program, reminder_plans=plans[-REMINDER_PLANS_MAX:])


def needs_update_program(command: UpdateProgram, needs: Needs) -> None:
    """Needs the catalogue, and the time by the program's clock; and who holds tiers, where these change."""
    needs.catalogue()
    needs.row(Program, command.program_id)
    if "tiers" in command.changes:
        needs.row(TierHolders, command.program_id)


def decide_update_program(draft: Layer, command: UpdateProgram, context: Context) -> Accepted | Rejected:
    """The program has its new values from now on; lots stay as they are, and members follow their tiers' new plan."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="id")
    merged = merge_metadata(program.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    policy = replace(program.tier_policy, **command.tier_policy)
    before, program = program, replace(program, metadata=merged, tier_policy=policy, **command.changes)
    refusal = first_listed(without_months(program), policy_refusal(program), _in_use(draft, before, program))
    if refusal is not None:
        return refusal
    program = with_tier_plan(before, program, since=context.now(program.clock_id))
    if command.expiry_reminders is not None:
        program = with_reminders(program, command.expiry_reminders, since=context.now(program.clock_id))
    draft.put(program)
    return Accepted(program_payload(program, livemode=context.livemode), is_new=False)


def policy_refusal(program: Program) -> Rejected | None:
    """Refuse a policy of tiers that can't mean anything (R12a)."""
    policy = program.tier_policy
    ends = policy.window != "lifetime"
    faults = {
        "window": (
            ends and policy.metric == "lifetime_points",
            "lifetime_points has the window lifetime only. Count points_earned by years or months instead.",
        ),
        "currency": (
            (policy.metric == "spend") != (policy.currency is not None),
            "spend is counted in one currency, and nothing else is. Send a currency with metric spend, and only there.",
        ),
        "months": (
            (policy.window == "rolling_months") != (policy.months is not None),
            "rolling_months are so many months, and no other window is. Send months with that window, and only there.",
        ),
        "downgrade": (
            not ends and policy.downgrade != "qualified",
            "a tier that is held for good is never lowered. Choose a window that ends, or leave downgrade out.",
        ),
        "grace_days": (
            not ends and policy.grace_days != 0,
            "a tier that is held for good has no grace. Choose a window that ends, or leave grace_days out.",
        ),
    }
    for name, (is_wrong, why) in faults.items():
        if is_wrong:
            return invalid(f"tier_policy.{name}: {why}", param=f"tier_policy.{name}")
    return None


def _in_use(draft: Layer, before: Program, program: Program) -> Rejected | None:
    """Refuse to take away a tier that members hold, unless another one replaces it (R12k)."""
    kept = {tier.id for tier in program.tiers} | {id for tier in program.tiers for id in tier.replaces}
    gone = [tier.id for tier in before.tiers if tier.id not in kept]
    holders = draft.get(TierHolders, program.id) if gone else None
    for tier_id in gone:
        count = holders.counts.get(tier_id, 0) if holders is not None else 0
        if count:
            message = f"Tier {tier_id} is held by {count} members. Name the tier that they hold instead: replaces."
            details = {"tier": tier_id, "members": count, "change": f'send replaces: ["{tier_id}"] with another tier'}
            return Rejected("tier_in_use", message, param="tiers", details=details)
    return None


def with_tier_plan(before: Program, program: Program, *, since: datetime) -> Program:
    """The program's members follow its tiers and their policy from an instant on; no change, no revision."""
    if (program.tiers, program.tier_policy) == (before.tiers, before.tier_policy):
        return program
    plan = TierPlan(before.tiers_revision + 1, since, program.tiers, program.tier_policy)
    plans = (*(before.tier_plans or (before.tier_plan,)), plan)
    return replace(program, tier_plans=plans[-TIER_PLANS_MAX:])


COMMANDS: Commands = {
    CreateProgram: (needs_create_program, decide_create_program),
    UpdateProgram: (needs_update_program, decide_update_program),
}

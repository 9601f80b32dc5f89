"""Programs: create and update. A change is a new revision of the realm's catalogue."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.commands import CreateProgram, UpdateProgram
from vinr_server.core.programs.payloads import program_payload
from vinr_server.core.programs.rows import REMINDER_PLANS_MAX, Program, ReminderPlan


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
    refusal = without_months(program)
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
    """Needs the catalogue, and the time by the program's clock."""
    needs.catalogue()
    needs.row(Program, command.program_id)


def decide_update_program(draft: Layer, command: UpdateProgram, context: Context) -> Accepted | Rejected:
    """The program has its new values from now on; existing lots and tiers stay as they are."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="id")
    merged = merge_metadata(program.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    program = replace(program, metadata=merged, **command.changes)
    refusal = without_months(program)
    if refusal is not None:
        return refusal
    if command.expiry_reminders is not None:
        program = with_reminders(program, command.expiry_reminders, since=context.now(program.clock_id))
    draft.put(program)
    return Accepted(program_payload(program, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    CreateProgram: (needs_create_program, decide_create_program),
    UpdateProgram: (needs_update_program, decide_update_program),
}

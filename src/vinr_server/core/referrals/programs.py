"""Referral programs: one for each loyalty program, in revisions; a referral keeps the one it was registered under."""

from __future__ import annotations

from vinr_server.core.earning.reports import RESERVED
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.commands import CreateReferralProgram, UpdateReferralProgram
from vinr_server.core.referrals.payloads import referral_program_payload
from vinr_server.core.referrals.rows import BY_PAYMENT, ReferralProgram, ReferralTerms


def needs_create_referral_program(command: CreateReferralProgram, needs: Needs) -> None:
    """The catalogue, and the program's clock."""
    needs.catalogue()
    needs.row(Program, command.program_id)


def decide_create_referral_program(
    draft: Layer, command: CreateReferralProgram, context: Context
) -> Accepted | Rejected:
    """The program's members can bring others, at revision 1. Refuses a second one for the same program."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    existing = referral_program_of(draft, program.id)
    if existing is not None:
        message = f"Program {program.id} already has the referral program {existing.id}. Update that one instead."
        return Rejected("id_conflict", message, param="program", details={"existing": existing.id})
    refusal = _terms_refusal(command.terms)
    if refusal is not None:
        return refusal
    row = ReferralProgram(
        id=context.make_id("rfp", 0),
        program_id=program.id,
        revision=1,
        terms=command.terms,
        status=command.status,
        metadata=command.metadata,
        created_at=context.now(program.clock_id),
    )
    draft.put(row)
    return Accepted(referral_program_payload(row, livemode=context.livemode))


def _terms_refusal(terms: ReferralTerms) -> Rejected | None:
    """Refuse an event that nobody can report, and an amount of which nobody knows what it is worth."""
    if terms.convert_on != BY_PAYMENT and terms.convert_on.startswith(RESERVED):
        message = f"convert_on: {terms.convert_on} is an event of the engine. Send payment, or a type of your own."
        return Rejected("reserved_event_type", message, param="convert_on")
    if terms.convert_on != BY_PAYMENT and (terms.min_amount_minor or terms.currency):
        message = f"min_amount and currency are asked of payments; {terms.convert_on} is an event. Leave them out."
        return Rejected("parameter_conflict", message, param="min_amount")
    if terms.min_amount_minor and terms.currency is None:
        return Rejected("parameter_conflict", "min_amount is in a currency. Send currency as well.", param="currency")
    return None


def referral_program_of(draft: Layer, program_id: str) -> ReferralProgram | None:
    """The referral program of a loyalty program, if it has one."""
    return next(iter(draft.children(ReferralProgram, program_id)), None)


def needs_update_referral_program(_command: UpdateReferralProgram, needs: Needs) -> None:
    """The catalogue."""
    needs.catalogue()


def decide_update_referral_program(
    draft: Layer, command: UpdateReferralProgram, context: Context
) -> Accepted | Rejected:
    """Referrals registered from now on are held to the new terms; those before keep theirs (R16)."""
    program = draft.get(ReferralProgram, command.id)
    if program is None:
        return missing("referral program", command.id, param="id")
    merged = merge_metadata(program.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    terms = replace(program.terms, **command.term_changes)
    refusal = _terms_refusal(terms)
    if refusal is not None:
        return refusal
    program = replace(
        program,
        terms=terms,
        revision=program.revision + (terms != program.terms),
        status=command.status or program.status,
        metadata=merged,
    )
    draft.put(program)
    return Accepted(referral_program_payload(program, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    CreateReferralProgram: (needs_create_referral_program, decide_create_referral_program),
    UpdateReferralProgram: (needs_update_referral_program, decide_update_referral_program),
}

"""Earning rules: create, update, delete. A rule's revisions are kept for the awards that name them."""

from __future__ import annotations

from vinr_server.core.conditions.fields import field_of
from vinr_server.core.conditions.membership import asked_in, trees_of
from vinr_server.core.conditions.tree import predicates_of
from vinr_server.core.earning.commands import CreateEarningRule, DeleteEarningRule, UpdateEarningRule
from vinr_server.core.earning.payloads import rule_payload
from vinr_server.core.earning.reports import RESERVED
from vinr_server.core.earning.rows import CONVERTED, ROLES, EarningRule, RuleRevision
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.rows import Program
from vinr_server.core.segments.rows import Segment


def needs_create_earning_rule(command: CreateEarningRule, needs: Needs) -> None:
    """The catalogue, and the program's clock."""
    needs.catalogue()
    needs.row(Program, command.program_id)
    if command.id:
        needs.row(Claim, command.id)


def decide_create_earning_rule(draft: Layer, command: CreateEarningRule, context: Context) -> Accepted | Rejected:
    """The rule is in force, at revision 1."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    present = made_before(draft, context, EarningRule, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(rule_payload(present, livemode=context.livemode), is_new=False)
    if command.id is not None:
        claim_id(draft, context, command.id, owner_bucket=0)
    rule = row_of(
        EarningRule,
        command,
        id=command.id or context.make_id("rule", 0),
        revision=1,
        created_at=context.now(program.clock_id),
    )
    refusal = _refusal(draft, rule)
    if refusal is not None:
        return refusal
    _put_revision(draft, rule, context)
    return Accepted(rule_payload(rule, livemode=context.livemode))


def _put_revision(draft: Layer, rule: EarningRule, context: Context) -> None:
    """The rule is in force at its revision, and the revision is kept."""
    draft.put(rule)
    draft.put(
        RuleRevision(
            rule_id=rule.id,
            revision=rule.revision,
            trigger=rule.trigger,
            earn=rule.earn,
            conditions=rule.conditions,
            multipliers=rule.multipliers,
            created_at=context.wall_now,
            caps=rule.caps,
            exchange=rule.exchange,
            pending_days=rule.pending_days,
            recipients=rule.recipients,
        )
    )


def _refusal(draft: Layer, rule: EarningRule) -> Rejected | None:
    asked = first_listed(_trigger_refusal(rule), _quantity_refusal(rule), _conversion_refusal(rule))
    return first_listed(_exchange_refusal(rule), asked, _segment_refusal(draft, rule))


def _trigger_refusal(rule: EarningRule) -> Rejected | None:
    """Refuse a question that nothing of the rule's trigger can answer."""
    unknown = _UNKNOWN_BY_TRIGGER.get(rule.trigger, _UNKNOWN_TO_EVENTS)
    if rule.trigger.startswith(RESERVED):
        unknown |= {"event"}
    for condition in trees_of(rule):
        for asked in predicates_of(condition):
            field = field_of(asked.field)
            if asked.field in unknown or (field is not None and field.of in unknown):
                message = f"conditions: {rule.trigger} says nothing about {asked.field}. Ask about something else."
                return invalid(message, param="conditions")
    return None


# By trigger, the fields (or the kinds of them) that nothing is known of. An account that was just created has no past.
_UNKNOWN_BY_TRIGGER = {
    "payment.completed": frozenset[str](),
    CONVERTED: frozenset({"order.is_first"}),
    "loyalty.account.created": frozenset({"order", "lines", "history"}),
}
_UNKNOWN_TO_EVENTS = frozenset({"lines", "order.is_first"})


def _conversion_refusal(rule: EarningRule) -> Rejected | None:
    """Refuse what only a conversion can answer where there is none; and what of it nobody knows."""
    conditions = rule.conditions
    if rule.trigger == CONVERTED:
        if conditions.first_payment is None:
            return None
        message = (
            f"conditions.first_payment: {CONVERTED} does not know it. A referral program takes new customers only."
        )
        return invalid(message, param="conditions.first_payment")
    for is_set, param in (
        (rule.recipients != ROLES, "recipients"),
        (conditions.conversions_from or conditions.conversions_to, "conditions.conversion_number"),
    ):
        if is_set:
            return invalid(f"{param}: only rules with the trigger {CONVERTED} have it. Leave it out.", param=param)
    return None


def _quantity_refusal(rule: EarningRule) -> Rejected | None:
    """Refuse to count a quantity of what nobody reports as an event: only its data carries one."""
    if rule.earn.per_unit is None or not rule.trigger.startswith(RESERVED):
        return None
    message = (
        f"earn.per_unit: {rule.trigger} has no {rule.earn.per_unit.field}: only events that you report yourself have"
        " data. Count an amount with earn.per_amount, or give the rule a trigger of your own."
    )
    return invalid(message, param="earn.per_unit")


def _segment_refusal(draft: Layer, rule: EarningRule) -> Rejected | None:
    """Refuse a segment that does not exist: nobody would ever be in it."""
    for id in sorted(asked_in(trees_of(rule)).segments):
        segment = draft.get(Segment, id)
        if segment is None or segment.deleted_at is not None:
            return missing("segment", id, param="conditions")
    return None


def _exchange_refusal(rule: EarningRule) -> Rejected | None:
    """Refuse a rule that counts one currency only, and exchanges others."""
    named = rule.earn.currency or rule.conditions.currency
    if rule.exchange is None or named is None:
        return None
    message = f"The rule counts {named} only, so it has nothing to exchange. Take away its currency, or the exchange."
    return Rejected("parameter_conflict", message, param="exchange", details={"currency": named})


def needs_update_earning_rule(_command: UpdateEarningRule, needs: Needs) -> None:
    """The catalogue."""
    needs.catalogue()


def follow_update_earning_rule(command: UpdateEarningRule, seen: Layer, needs: Needs) -> None:
    """The revision that is replaced: the batch's own payments may have earned by it, and be refunded after."""
    rule = seen.get(EarningRule, command.rule_id)
    if rule is not None:
        needs.row(RuleRevision, (rule.id, rule.revision))


def decide_update_earning_rule(draft: Layer, command: UpdateEarningRule, context: Context) -> Accepted | Rejected:
    """A new revision is in force; what the older ones gave keeps theirs."""
    rule = draft.get(EarningRule, command.rule_id)
    if rule is None or rule.deleted_at is not None:
        return missing("earning rule", command.rule_id, param="id")
    merged = merge_metadata(rule.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    rule = replace(rule, metadata=merged, revision=rule.revision + 1, **command.changes)
    refusal = _refusal(draft, rule)
    if refusal is not None:
        return refusal
    _put_revision(draft, rule, context)
    return Accepted(rule_payload(rule, livemode=context.livemode), is_new=False)


def needs_delete_earning_rule(_command: DeleteEarningRule, needs: Needs) -> None:
    """The catalogue."""
    needs.catalogue()


def decide_delete_earning_rule(draft: Layer, command: DeleteEarningRule, context: Context) -> Accepted | Rejected:
    """The rule gives nothing from now on; its revisions stay, for the awards they made."""
    rule = draft.get(EarningRule, command.rule_id)
    if rule is None or rule.deleted_at is not None:
        return missing("earning rule", command.rule_id, param="id")
    draft.put(replace(rule, deleted_at=context.wall_now))
    return Accepted({"id": rule.id, "object": "earning_rule", "deleted": True}, is_new=False)


COMMANDS: Commands = {
    CreateEarningRule: (needs_create_earning_rule, decide_create_earning_rule),
    UpdateEarningRule: (needs_update_earning_rule, decide_update_earning_rule, follow_update_earning_rule),
    DeleteEarningRule: (needs_delete_earning_rule, decide_delete_earning_rule),
}

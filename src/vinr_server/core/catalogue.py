"""Configuration: programs, earning rules with immutable revisions, rewards. Editing never touches what was given
(R16)."""

from __future__ import annotations

from vinr_server.core.answers import Accepted
from vinr_server.core.claims import claim_id, made_before
from vinr_server.core.commands import (
    ArchiveReward,
    CreateEarningRule,
    CreateProgram,
    CreateReward,
    DeleteEarningRule,
    UpdateEarningRule,
    UpdateProgram,
    UpdateReward,
)
from vinr_server.core.context import Context
from vinr_server.core.keys import Keys
from vinr_server.core.metadata import merge_metadata
from vinr_server.core.payloads import program_payload, reward_payload, rule_payload
from vinr_server.core.refusals import Rejected, invalid, missing
from vinr_server.core.rows import EarningRule, Program, Reward, RuleRevision, TestClock
from vinr_server.core.state import Layer
from vinr_server.core.values import replace


def keys_create_program(command: CreateProgram, keys: Keys) -> None:
    """The catalogue, the chosen id and the test clock."""
    keys.catalogue_lock = True
    if command.id:
        keys.claims.add(command.id)
    if command.clock_id:
        keys.clocks.add(command.clock_id)


def decide_create_program(draft: Layer, command: CreateProgram, context: Context) -> Accepted | Rejected:
    """The program takes members from now on."""
    present = made_before(draft, context, Program, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(program_payload(present, livemode=context.livemode), is_new=False)
    if command.clock_id is not None:
        if context.livemode:
            return invalid("Test clocks exist in test mode only.", param="test_clock")
        clock = draft.get(TestClock, command.clock_id)
        if clock is None or clock.deleted_at is not None:
            return missing("test clock", command.clock_id, param="test_clock")
    program = Program(
        id=command.id or context.make_id("prog", 0),
        name=command.name,
        currency_name=command.currency_name,
        expiry_months=command.expiry_months,
        expiry_rounding=command.expiry_rounding,
        timezone=command.timezone,
        tiers=command.tiers,
        status="active",
        clock_id=command.clock_id,
        metadata=command.metadata,
        created_at=context.now(command.clock_id),
    )
    draft.put(program)
    claim_id(draft, context, program.id, owner_bucket=0)
    return Accepted(program_payload(program, livemode=context.livemode))


def keys_update_program(_command: UpdateProgram, keys: Keys) -> None:
    """The catalogue."""
    keys.catalogue_lock = True


def decide_update_program(draft: Layer, command: UpdateProgram, context: Context) -> Accepted | Rejected:
    """The program is as given from now on; lots and tiers that exist stay as they are."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="id")
    merged = merge_metadata(program.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    program = replace(program, metadata=merged, **command.changes)
    draft.put(program)
    return Accepted(program_payload(program, livemode=context.livemode), is_new=False)


def keys_create_earning_rule(command: CreateEarningRule, keys: Keys) -> None:
    """The catalogue, and the program's clock."""
    keys.catalogue_lock = True
    keys.programs.add(command.program_id)
    if command.id:
        keys.claims.add(command.id)


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
    rule = EarningRule(
        id=command.id or context.make_id("rule", 0),
        program_id=program.id,
        revision=1,
        trigger=command.trigger,
        earn=command.earn,
        conditions=command.conditions,
        multipliers=command.multipliers,
        is_active=command.is_active,
        metadata=command.metadata,
        created_at=context.now(program.clock_id),
    )
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
        )
    )


def keys_update_earning_rule(_command: UpdateEarningRule, keys: Keys) -> None:
    """The catalogue."""
    keys.catalogue_lock = True


def decide_update_earning_rule(draft: Layer, command: UpdateEarningRule, context: Context) -> Accepted | Rejected:
    """A new revision is in force; what the older ones gave keeps theirs."""
    rule = draft.get(EarningRule, command.rule_id)
    if rule is None or rule.deleted_at is not None:
        return missing("earning rule", command.rule_id, param="id")
    merged = merge_metadata(rule.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    rule = replace(rule, metadata=merged, revision=rule.revision + 1, **command.changes)
    _put_revision(draft, rule, context)
    return Accepted(rule_payload(rule, livemode=context.livemode), is_new=False)


def keys_delete_earning_rule(_command: DeleteEarningRule, keys: Keys) -> None:
    """The catalogue."""
    keys.catalogue_lock = True


def decide_delete_earning_rule(draft: Layer, command: DeleteEarningRule, context: Context) -> Accepted | Rejected:
    """The rule gives nothing any more; its revisions stay, for the awards they made."""
    rule = draft.get(EarningRule, command.rule_id)
    if rule is None or rule.deleted_at is not None:
        return missing("earning rule", command.rule_id, param="id")
    draft.put(replace(rule, deleted_at=context.wall_now))
    return Accepted({"id": rule.id, "object": "earning_rule", "deleted": True}, is_new=False)


def keys_create_reward(command: CreateReward, keys: Keys) -> None:
    """The catalogue, the program's clock and the chosen id."""
    keys.catalogue_lock = True
    keys.programs.add(command.program_id)
    if command.id:
        keys.claims.add(command.id)


def decide_create_reward(draft: Layer, command: CreateReward, context: Context) -> Accepted | Rejected:
    """The reward can be redeemed."""
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    present = made_before(draft, context, Reward, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(reward_payload(present, livemode=context.livemode), is_new=False)
    reward = Reward(
        id=command.id or context.make_id("rwd", 0),
        program_id=program.id,
        revision=1,
        name=command.name,
        cost_points=command.cost_points,
        benefit=command.benefit,
        stock=command.stock,
        per_member_limit=command.per_member_limit,
        tiers=command.tiers,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        status="active",
        metadata=command.metadata,
        created_at=context.now(program.clock_id),
    )
    draft.put(reward)
    claim_id(draft, context, reward.id, owner_bucket=0)
    return Accepted(reward_payload(reward, livemode=context.livemode))


def keys_update_reward(_command: UpdateReward, keys: Keys) -> None:
    """The catalogue."""
    keys.catalogue_lock = True


def decide_update_reward(draft: Layer, command: UpdateReward, context: Context) -> Accepted | Rejected:
    """The reward is as given from its new revision on; redemptions keep what they were promised."""
    reward = draft.get(Reward, command.reward_id)
    if reward is None:
        return missing("reward", command.reward_id, param="id")
    merged = merge_metadata(reward.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    reward = replace(reward, metadata=merged, revision=reward.revision + 1, **command.changes)
    if reward.starts_at is not None and reward.ends_at is not None and reward.ends_at <= reward.starts_at:
        return invalid("ends_at must lie after starts_at.", param="ends_at")
    draft.put(reward)
    return Accepted(reward_payload(reward, livemode=context.livemode), is_new=False)


def keys_archive_reward(_command: ArchiveReward, keys: Keys) -> None:
    """The catalogue."""
    keys.catalogue_lock = True


def decide_archive_reward(draft: Layer, command: ArchiveReward, context: Context) -> Accepted | Rejected:
    """The reward can't be redeemed any more; archiving twice changes nothing."""
    reward = draft.get(Reward, command.reward_id)
    if reward is None:
        return missing("reward", command.reward_id, param="id")
    reward = replace(reward, status="archived")
    draft.put(reward)
    return Accepted(reward_payload(reward, livemode=context.livemode), is_new=False)

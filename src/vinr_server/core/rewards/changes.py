"""Rewards: create, update, archive. A change is a new revision of the reward."""

from __future__ import annotations

from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.caps import begin_counting, begin_uncounted, counter_of
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata, row_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim, Tally
from vinr_server.core.kernel.values import replace
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.commands import ArchiveReward, CreateReward, UpdateReward
from vinr_server.core.rewards.payloads import reward_payload
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.rewards.variable import is_variable


def needs_create_reward(command: CreateReward, needs: Needs) -> None:
    """The catalogue, the program's clock and the chosen id."""
    needs.catalogue()
    needs.row(Program, command.program_id)
    if command.id:
        needs.row(Claim, command.id)


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
    reward = row_of(
        Reward,
        command,
        id=command.id or context.make_id("rwd", 0),
        revision=1,
        status="active",
        created_at=context.now(program.clock_id),
        is_counted=command.stock is not None,
    )
    draft.put(reward)
    begin_uncounted(draft, reward)
    claim_id(draft, context, reward.id, owner_bucket=0)
    return Accepted(reward_payload(reward, livemode=context.livemode))


def needs_update_reward(command: UpdateReward, needs: Needs) -> None:
    """The catalogue; for the first stock, its counter and the redemptions so far."""
    needs.catalogue()
    if command.changes.get("stock") is not None:
        needs.counter(counter_of("reward", command.reward_id))
        needs.row(Tally, ("reward", command.reward_id))


def decide_update_reward(draft: Layer, command: UpdateReward, context: Context) -> Accepted | Rejected:
    """The reward is as given from its new revision on; redemptions keep what they were promised."""
    before = draft.get(Reward, command.reward_id)
    if before is None:
        return missing("reward", command.reward_id, param="id")
    merged = merge_metadata(before.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    if "cost_points" in command.changes and is_variable(command.changes.get("benefit", before.benefit)):
        return _no_fixed_price(before)
    reward = replace(before, metadata=merged, revision=before.revision + 1, **command.changes)
    if is_variable(reward.benefit):
        reward = replace(reward, cost_points=reward.benefit["min_points"])
    if reward.starts_at is not None and reward.ends_at is not None and reward.ends_at <= reward.starts_at:
        return invalid("ends_at must lie after starts_at.", param="ends_at")
    reward = replace(reward, is_counted=before.is_counted or reward.stock is not None)
    draft.put(reward)
    if reward.is_counted and not before.is_counted:
        begin_counting(draft, context, reward)
    return Accepted(reward_payload(reward, livemode=context.livemode), is_new=False)


def _no_fixed_price(reward: Reward) -> Rejected:
    message = f"points_cost: reward {reward.id} costs what a member spends on it. Change benefit.min_points instead."
    return invalid(message, param="points_cost")


def needs_archive_reward(_command: ArchiveReward, needs: Needs) -> None:
    """The catalogue."""
    needs.catalogue()


def decide_archive_reward(draft: Layer, command: ArchiveReward, context: Context) -> Accepted | Rejected:
    """The reward can no longer be redeemed; archiving it again changes nothing."""
    reward = draft.get(Reward, command.reward_id)
    if reward is None:
        return missing("reward", command.reward_id, param="id")
    reward = replace(reward, status="archived")
    draft.put(reward)
    return Accepted(reward_payload(reward, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    CreateReward: (needs_create_reward, decide_create_reward),
    UpdateReward: (needs_update_reward, decide_update_reward),
    ArchiveReward: (needs_archive_reward, decide_archive_reward),
}

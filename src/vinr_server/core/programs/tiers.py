"""Tiers in their simple form: a rank by lifetime points, raised at once, never lowered (R12)."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program, Tier


def tier_for(tiers: Sequence[Tier], *, lifetime_points: int) -> str | None:
    """The highest tier whose threshold is reached, or None below all of them. Tiers ascend by threshold."""
    held = None
    for tier in tiers:
        if lifetime_points >= tier.threshold_points:
            held = tier.id
    return held


def raise_tier(draft: Layer, context: Context, account: Account, program: Program, *, cause_id: str) -> Account:
    """The member holds the tier its lifetime points reach, if that is above the one held; an event says so."""
    reached = tier_for(program.tiers, lifetime_points=account.lifetime_points)
    if reached == account.tier or _rank(program.tiers, reached) <= _rank(program.tiers, account.tier):
        return account
    return raise_to(draft, context, account, program, reached, cause_id=cause_id)


def higher_tier(program: Program, *tier_ids: str | None) -> str | None:
    """The highest of these tiers."""
    return max(tier_ids, key=lambda tier_id: _rank(program.tiers, tier_id))


def raise_to(
    draft: Layer, context: Context, account: Account, program: Program, tier_id: str | None, *, cause_id: str | None
) -> Account:
    """The member holds this tier; an event says so. `cause_id`: the entry that raised it, None for a merge."""
    raised = replace(account, tier=tier_id)
    draft.put(raised)
    data = {
        "account": account.id,
        "program": program.id,
        "customer": account.customer_id,
        "from": account.tier,
        "to": tier_id,
        "cause": {"points_transaction": cause_id, "lifetime_points": account.lifetime_points},
        "sequence": account.sequence,
    }
    announce(draft, context, type="loyalty.tier.changed", account=raised, data=data, now=context.now(program.clock_id))
    return raised


def _rank(tiers: Sequence[Tier], tier_id: str | None) -> int:
    return next((rank for rank, tier in enumerate(tiers) if tier.id == tier_id), -1)

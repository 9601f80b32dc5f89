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
    """Return the highest tier whose threshold is reached, or None. Expects tiers in ascending order of threshold."""
    held = None
    for tier in tiers:
        if lifetime_points >= tier.threshold_points:
            held = tier.id
    return held


def raise_tier(draft: Layer, context: Context, account: Account, program: Program, *, cause_id: str) -> Account:
    """Raise the member to the tier that its lifetime points reach, if it is higher; an event announces it."""
    reached = tier_for(program.tiers, lifetime_points=account.lifetime_points)
    if reached == account.tier or _rank(program.tiers, reached) <= _rank(program.tiers, account.tier):
        return account
    return _change_tier(draft, context, account, program, tier_id=reached, cause_id=cause_id)


def carry_over_tier(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    *,
    tier_id: str | None,
    cause_id: str | None,
    is_announced: bool,
) -> Account:
    """The member holds the tier it brings (None: what its lifetime points reach), if that is above the one held.

    A new account has none to lose, and holds the very tier it brings. `is_announced`: its own event doesn't show it.
    """
    brought = tier_id or tier_for(program.tiers, lifetime_points=account.lifetime_points)
    if not is_announced:
        account = replace(account, tier=brought)
        draft.put(account)
        return account
    if _rank(program.tiers, brought) <= _rank(program.tiers, account.tier):
        return account
    return _change_tier(draft, context, account, program, tier_id=brought, cause_id=cause_id)


def _change_tier(
    draft: Layer, context: Context, account: Account, program: Program, *, tier_id: str | None, cause_id: str | None
) -> Account:
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

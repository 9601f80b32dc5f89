"""What an account shows of its tier: how it is held, how far the next one is, and what is held if nothing comes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.tiers.confirming import (
    FOR_GOOD,
    Credit,
    Scale,
    counts_until,
    falls_at,
    value_at,
    value_in_grace,
    window_end,
)
from vinr_server.core.tiers.holding import Held, after_end, rank_of, with_credits


def tier_payload(
    account: Account, credits: Sequence[Credit], pending: Sequence[Credit], scale: Scale, *, now: datetime
) -> Wire:
    """All that is shown of the account's tier. `pending`: what will count from an instant ahead on."""
    held = Held(account.tier, account.standing or TierStanding(account.created_at))
    standing = held.standing
    return {
        "tier": account.tier,
        "tier_since": unix(standing.since) if account.tier is not None else None,
        "tier_expires_at": unix_or_none(standing.expires_at),
        "tier_grace_until": unix_or_none(standing.grace_until),
        "tier_basis": standing.basis if account.tier is not None else None,
        "tier_lock": standing.lock,
        "tier_locked_until": unix_or_none(standing.locked_until),
        "tier_progress": _progress(held, credits, scale, now=now) if scale.tiers else None,
        "projected_tier": _projected(held, credits, pending, scale) if account.status == "active" else None,
    }


def _progress(held: Held, credits: Sequence[Credit], scale: Scale, *, now: datetime) -> Wire:
    """What the metric is, and what one credit now would do: reach the next tier, or carry the held one on (R12l)."""
    value, policy = value_at(credits, scale, now), scale.policy
    rank = rank_of(scale.tiers, held.tier)
    above = scale.tiers[rank + 1] if rank + 1 < len(scale.tiers) and held.standing.lock != "exactly" else None
    needed = math.ceil(max(above.threshold - value, 1)) if above is not None else None
    until = window_end(scale, now)
    return {
        "metric": policy.metric,
        "currency": policy.currency,
        "value": math.floor(value),
        "window": {"type": policy.window, "ends_at": unix_or_none(falls_at(credits, scale, now))},
        "next_tier": above.id if above is not None else None,
        "needed": needed,
        "until": unix(until) if above is not None and until != FOR_GOOD else None,
        "keep": keep(held, credits, scale, now=now),
        "points_needed": needed if policy.counts_points else None,
    }


def keep(held: Held, credits: Sequence[Credit], scale: Scale, *, now: datetime) -> Wire | None:
    """The credit that would carry the held tier on, and until when; None where none would."""
    standing, rank, value = held.standing, rank_of(scale.tiers, held.tier), value_at(credits, scale, now)
    if rank < 0 or standing.expires_at is None or standing.lock == "exactly":
        return None
    threshold = scale.tiers[rank].threshold
    ways = [(threshold - value, window_end(scale, now))]
    if standing.grace_until is not None and scale.policy.window == "calendar_year":
        value = value_in_grace(credits, scale, standing.expires_at, at=now)
        ways.append((threshold - value, counts_until(scale, standing.expires_at)))
    further = [(max(short, 1), until) for short, until in ways if until > standing.expires_at]
    if not further:
        return None
    short, until = min(further)
    return {"needed": math.ceil(short), "until": unix(until)}


def _projected(held: Held, credits: Sequence[Credit], pending: Sequence[Credit], scale: Scale) -> Wire | None:
    """What is held just after the tier's end and its grace, if only time passes; pending points are there by then."""
    coming = sorted(pending)
    changed_at: datetime | None = None
    while True:
        was, end = held, held.standing.next_instant(held.tier) or FOR_GOOD
        if coming and coming[0].at <= end:
            credit = coming.pop(0)
            credits = [*credits, credit]
            held = with_credits(was, credits, scale, at=credit.at)
            changed_at = credit.at if held.tier != was.tier else changed_at
        elif end == FOR_GOOD:
            return {"tier": held.tier, "at": unix(changed_at)} if changed_at is not None else None
        else:
            held, _cause = after_end(was, credits, scale, at=end)
            begins_grace = held.standing.grace_until is not None and was.standing.grace_until is None
            is_over = was.standing.expires_at is not None and was.standing.expires_at <= end
            if not begins_grace and (is_over or was.standing.lock == "exactly"):
                return {"tier": held.tier, "at": unix(end)}

"""What an account shows of its tier: how it is held, how far the next one is, and what is held if nothing comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from vinr_server.core.kernel.numbers import Exact, ceil_div, floor_div
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.tiers.confirming import (
    FOR_GOOD,
    Credit,
    Scale,
    falls_at,
    landed_end,
    value_at,
    window_end,
    year_before,
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
        "tier_expires_at": _unix(standing.expires_at),
        "tier_grace_until": _unix(standing.grace_until),
        "tier_basis": standing.basis if account.tier is not None else None,
        "tier_lock": standing.lock,
        "tier_locked_until": _unix(standing.locked_until),
        "tier_progress": _progress(held, credits, scale, now=now) if scale.tiers else None,
        "projected_tier": _projected(held, credits, pending, scale) if account.status == "active" else None,
    }


def _unix(at: datetime | None) -> int | None:
    return unix(at) if at is not None else None


def _progress(held: Held, credits: Sequence[Credit], scale: Scale, *, now: datetime) -> Wire:
    """What the metric is, and what one credit now would do: reach the next tier, or carry the held one on (R12l)."""
    value, policy = value_at(credits, scale, now), scale.policy
    rank = rank_of(scale.tiers, held.tier)
    above = scale.tiers[rank + 1] if rank + 1 < len(scale.tiers) and held.standing.lock != "exactly" else None
    needed = _whole(max(above.threshold - Fraction(value), Fraction(1))) if above is not None else None
    until = window_end(scale, now)
    return {
        "metric": policy.metric,
        "currency": policy.currency,
        "value": floor_div(Fraction(value).numerator, Fraction(value).denominator),
        "window": {"type": policy.window, "ends_at": _unix(falls_at(credits, scale, now))},
        "next_tier": above.id if above is not None else None,
        "needed": needed,
        "until": unix(until) if above is not None and until != FOR_GOOD else None,
        "keep": _keep(held, credits, scale, rank, value, now=now),
        "points_needed": needed if policy.counts_points else None,
    }


def _keep(
    held: Held, credits: Sequence[Credit], scale: Scale, rank: int, value: Exact, *, now: datetime
) -> Wire | None:
    """The credit that would carry the held tier on, and until when; None where none would."""
    standing = held.standing
    if rank < 0 or standing.expires_at is None or standing.lock == "exactly":
        return None
    threshold = Fraction(scale.tiers[rank].threshold)
    ways = [(threshold - value, window_end(scale, now))]
    if standing.grace_until is not None and scale.policy.window == "calendar_year":
        since = year_before(scale, standing.expires_at)
        total = sum(credit.amount for credit in credits if since <= credit.at <= now)
        ways.append((threshold - total, landed_end(scale, standing.expires_at)))
    further = [(max(short, Fraction(1)), until) for short, until in ways if until > standing.expires_at]
    if not further:
        return None
    short, until = min(further)
    return {"needed": _whole(short), "until": unix(until)}


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


def _whole(amount: Exact) -> int:
    """The amount in whole units, rounded up: one less would not do."""
    exact = Fraction(amount)
    return ceil_div(exact.numerator, exact.denominator)

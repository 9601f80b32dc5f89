"""How a member holds a tier: raised by credits, ended by time, changed by hand and by settings (R12). Pure functions.

A tier goes up at once, to the highest that is confirmed. It comes down at its end only (or at once by `requalify`): on
the highest tier still confirmed, or one step below, perhaps after days of grace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from vinr_server.core.kernel import calendar
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import TierBasis, TierStanding
from vinr_server.core.programs.rows import Tier
from vinr_server.core.tiers.confirming import (
    FOR_GOOD,
    Credit,
    Scale,
    confirmations,
    counts_until,
    highest,
    value_in_grace,
    window_end,
)

# Why a tier changed by time.
TimeCause = Literal["expired", "grace_ended", "lock_ended"]


class Held(NamedTuple):
    """A tier (None: none) and how it is held."""

    tier: str | None
    standing: TierStanding


def rank_of(tiers: Sequence[Tier], tier_id: str | None) -> int:
    """The place of a tier among the program's, -1 for none."""
    return next((rank for rank, tier in enumerate(tiers) if tier.id == tier_id), -1)


def with_credits(held: Held, credits: Sequence[Credit], scale: Scale, *, at: datetime, may_fall: bool = False) -> Held:
    """The tier that the credits up to `at` give: up at once, or further on (R12e).

    `may_fall`: something was taken back, perhaps; by a policy that asks for it the tier is judged again (R12h).
    """
    standing, rank = held.standing, rank_of(scale.tiers, held.tier)
    if standing.lock == "exactly":
        return held
    ends = ends_of(held, credits, scale, at=at)
    best = highest(ends)
    if best > rank:
        return _confirmed(held, scale, best, ends[best], since=at)
    if rank < 0:
        return held
    end = ends[rank]
    if end is not None and _is_later(end, standing.expires_at):
        return _confirmed(held, scale, rank, end, since=standing.since)
    requalifies = may_fall and scale.policy.on_reversal == "requalify"
    if requalifies and standing.basis == "confirmed" and standing.grace_until is None:
        return _requalified(held, credits, scale, rank, ends, at=at)
    return held


def ends_of(held: Held, credits: Sequence[Credit], scale: Scale, *, at: datetime) -> list[datetime | None]:
    """What `confirmations` says; of the held tier also by a year that counts on in its days of grace (R12f)."""
    ends, rank = confirmations(credits, scale, at=at), rank_of(scale.tiers, held.tier)
    ended_at = held.standing.graced_at
    if rank < 0 or ends[rank] is not None or ended_at is None or scale.policy.window != "calendar_year":
        return ends
    end, grace_until = counts_until(scale, ended_at), _grace_until(scale, ended_at)
    value = value_in_grace(credits, scale, ended_at, at=min(at, grace_until - calendar.INSTANT))
    if end > at and value >= scale.tiers[rank].threshold:
        ends[rank] = end
    return ends


def after_end(held: Held, credits: Sequence[Credit], scale: Scale, *, at: datetime) -> tuple[Held, TimeCause]:
    """What time changes at its instant `at`, and why: a lock is over, grace begins, or the tier falls (R12f, R12i)."""
    standing = held.standing
    if standing.lock is not None and standing.locked_until is not None and standing.locked_until <= at:
        return _unlocked(held, credits, scale, at=at), "lock_ended"
    if standing.grace_until is None and scale.policy.grace_days:
        standing = replace(standing, grace_until=_grace_until(scale, at), graced_at=at)
        return held._replace(standing=standing), "expired"
    cause: TimeCause = "expired" if standing.grace_until is None else "grace_ended"
    return _landed(held, credits, scale, at=at), cause


def by_hand(
    held: Held,
    scale: Scale,
    tier_id: str | None,
    *,
    expires_at: datetime | None,
    lock: Literal["at_least", "exactly"] | None,
    locked_until: datetime | None,
    at: datetime,
) -> Held:
    """The tier is held as if it were confirmed at `at`, until `expires_at` or the end of the next window (R12i)."""
    rank = rank_of(scale.tiers, tier_id)
    end = expires_at
    if rank < 0 or scale.tiers[rank].threshold == 0:
        end = None
    elif end is None:
        end = _shown(window_end(scale, at))
    standing = replace(
        held.standing,
        since=held.standing.since if held.tier == tier_id else at,
        basis="set",
        expires_at=end,
        grace_until=None,
        threshold=None,
        graced_at=held.standing.graced_at if held.tier == tier_id else None,
        lock=lock,
        locked_until=locked_until,
        locked_tier=tier_id if lock is not None else None,
    )
    return Held(tier_id, standing)


def under_plan(held: Held, credits: Sequence[Credit], before: Scale, scale: Scale, *, at: datetime) -> Held:
    """The tier under other settings: nobody falls, those whom they confirm rise, and a new window begins now (R12k)."""
    tier_id, standing = held.tier, held.standing
    if rank_of(scale.tiers, tier_id) < 0 and tier_id is not None:
        tier_id = next((tier.id for tier in scale.tiers if tier_id in tier.replaces), None)
        standing = replace(standing, since=at, basis="settings", threshold=None, graced_at=None)
    if standing.locked_tier is not None and rank_of(scale.tiers, standing.locked_tier) < 0:
        standing = replace(standing, locked_tier=tier_id)
    rank = rank_of(scale.tiers, tier_id)
    if scale.policy.span != before.policy.span and rank >= 0:
        end = window_end(scale, at)
        if standing.expires_at is not None and end != FOR_GOOD:
            end = max(end, standing.expires_at)
        standing = replace(
            standing, basis="settings", expires_at=_shown(end), grace_until=None, threshold=None, graced_at=None
        )
    if rank < 0 or scale.tiers[rank].threshold == 0:
        standing = replace(standing, expires_at=None, grace_until=None)
    elif standing.expires_at is None and scale.policy.window != "lifetime" and standing.lock is None:
        # It was everybody's, and is no longer.
        standing = replace(standing, basis="settings", expires_at=_shown(window_end(scale, at)), threshold=None)
    return with_credits(Held(tier_id, standing), credits, scale, at=at)


# ---- parts


def _shown(end: datetime | None) -> datetime | None:
    """The end, None for what has none."""
    return None if end == FOR_GOOD else end


def _is_later(end: datetime, held_until: datetime | None) -> bool:
    return held_until is not None and end > held_until


def _confirmed(held: Held, scale: Scale, rank: int, end: datetime | None, *, since: datetime) -> Held:
    """The tier of this rank, confirmed until its end."""
    tier = scale.tiers[rank]
    standing = replace(
        held.standing,
        since=since,
        basis="confirmed",
        expires_at=_shown(end),
        grace_until=None,
        threshold=tier.threshold,
        graced_at=held.standing.graced_at if tier.id == held.tier else None,
    )
    return Held(tier.id, standing)


def _grace_until(scale: Scale, ended_at: datetime) -> datetime:
    return calendar.days_later(ended_at, scale.policy.grace_days, scale.zone)


def _requalified(
    held: Held,
    credits: Sequence[Credit],
    scale: Scale,
    rank: int,
    ends: Sequence[datetime | None],
    *,
    at: datetime,
) -> Held:
    """The tier as its credits confirm it now, by the threshold that did; all the way down where they don't (R12h)."""
    standing, threshold = held.standing, held.standing.threshold
    if threshold is not None and threshold != scale.tiers[rank].threshold:
        own = replace(scale.tiers[rank], threshold=threshold)
        ends = [*ends[:rank], *ends_of(held, credits, scale._replace(tiers=[own]), at=at), *ends[rank + 1 :]]
    if ends[rank] is not None:
        return held._replace(standing=replace(standing, expires_at=_shown(ends[rank])))
    best = highest(ends)
    floor = _floor(standing, scale)
    if best < floor:
        return _floored(held, floor, scale, since=standing.since if rank == floor else at)
    return _on(held, scale, best, ends, at=at)


def _landed(held: Held, credits: Sequence[Credit], scale: Scale, *, at: datetime) -> Held:
    """The tier that follows at the end of the held one: the highest confirmed, or by policy one step below (R12f)."""
    standing, rank = held.standing, rank_of(scale.tiers, held.tier)
    ends = confirmations(credits, scale, at=at)
    lands_on = best = highest(ends)
    if scale.policy.downgrade == "one_step":
        lands_on = max(best, rank - 1)
    floor = _floor(standing, scale)
    if lands_on < floor:
        return _floored(held, floor, scale, since=at)
    if lands_on > best:
        tier = scale.tiers[lands_on]
        end = _shown(counts_until(scale, at))
        return Held(tier.id, replace(_unconfirmed(standing, "landed", since=at), expires_at=end))
    return _on(held, scale, best, ends, at=at)


def _on(held: Held, scale: Scale, rank: int, ends: Sequence[datetime | None], *, at: datetime) -> Held:
    """The tier of this rank, as it is confirmed; none where nothing is."""
    if rank >= 0:
        is_same = scale.tiers[rank].id == held.tier
        return _confirmed(held, scale, rank, ends[rank], since=held.standing.since if is_same else at)
    return Held(None, replace(_unconfirmed(held.standing, "landed", since=at), expires_at=None))


def _unconfirmed(standing: TierStanding, basis: TierBasis, *, since: datetime) -> TierStanding:
    """Held by no credit: until the same end, without what was known of the tier before."""
    return replace(standing, since=since, basis=basis, grace_until=None, threshold=None, graced_at=None)


def _floor(standing: TierStanding, scale: Scale) -> int:
    """The rank that a lock keeps at least; -1 for none."""
    return rank_of(scale.tiers, standing.locked_tier) if standing.lock == "at_least" else -1


def _floored(held: Held, floor: int, scale: Scale, *, since: datetime) -> Held:
    """The tier that a lock keeps: its end is over already, and it falls when the lock does."""
    return Held(scale.tiers[floor].id, _unconfirmed(held.standing, "set", since=since))


def _unlocked(held: Held, credits: Sequence[Credit], scale: Scale, *, at: datetime) -> Held:
    """The tier once the lock is over: one that was exactly that goes where its credits say, any other may fall."""
    standing = held.standing
    free = held._replace(standing=replace(standing, lock=None, locked_until=None, locked_tier=None))
    if standing.lock == "exactly":
        ends = confirmations(credits, scale, at=at)
        return _on(free, scale, highest(ends), ends, at=at)
    if standing.expires_at is None or standing.expires_at > at:
        return free
    grace_until = _grace_until(scale, standing.expires_at)
    if grace_until > at:
        standing = replace(free.standing, grace_until=grace_until, graced_at=standing.expires_at)
        return free._replace(standing=standing)
    return _landed(free, credits, scale, at=at)

"""An account's tier moves: after a command that earned, or at an instant that time brings. Each change has one event.

A command that moves points judges the tier when all its entries stand, so that several rules of one payment make one
change (R12g). The tier that counts while it earns is the one held before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.payloads import unix, unix_or_none
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.pending import with_due
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program, TierPolicy
from vinr_server.core.tiers.confirming import Credit, Scale, value_at
from vinr_server.core.tiers.holding import Held, after_end, rank_of, with_credits
from vinr_server.core.tiers.progress import keep
from vinr_server.core.tiers.rows import TierChange, TierCredit

Json = Mapping[str, Any]
# Kinds of entries that count towards tiers.
COUNTING = ("award", "adjustment", "activation", "reinstatement")


def held_by(account: Account) -> Held:
    """The account's tier and how it is held."""
    return Held(account.tier, account.standing or TierStanding(account.created_at))


def scale_of(account: Account, program: Program) -> Scale:
    """What the account's credits are held against: the tiers by the plan that it follows."""
    plan = program.tier_plans_since(account.tier_revision)[0]
    return Scale(plan.tiers, plan.policy, program.timezone)


def credits_of(draft: Layer, account: Account, policy: TierPolicy) -> list[Credit]:
    """What counts towards the account's tier by this policy: each credit, or one sum where windows don't matter."""
    if not policy.counts_windows:
        return sum_of_credits(account, policy)
    rows = draft.here(TierCredit, account.id)
    return [Credit(row.credited_at, Fraction(row.amount)) for row in rows if row.counted_as == policy.counted_as]


def sum_of_credits(account: Account, policy: TierPolicy) -> list[Credit]:
    """What counts where windows don't matter: one sum, which the account carries."""
    if policy.counted_as is None:
        return [Credit(FIRST_INSTANT, account.lifetime_points)]
    return [Credit(FIRST_INSTANT, Fraction(account.standing.total if account.standing else 0))]


def pending_credits(lots: Iterable[Lot], policy: TierPolicy) -> list[Credit]:
    """What pending lots will count, each from its instant on."""
    if not policy.counts_points:
        return []
    return [Credit(lot.available_at, lot.pending_points) for lot in lots if lot.pending_points]


def judge_tiers(draft: Layer, context: Context) -> None:
    """Every account whose credits this command has changed holds the tier that they give."""
    changed: dict[str, None] = {}
    for written in draft.written(Account):
        if program_of(draft, written).tiers and _has_counted(draft, written):
            changed[written.id] = None
    for credit in draft.written(TierCredit):
        changed[credit.account_id] = None
    for account_id in changed:
        account = draft.find(Account, account_id)
        assert account is not None, "what counts for it was noted with it"
        program = program_of(draft, account)
        if program.tiers:
            now = context.now(program.clock_id)
            judge_tier(draft, context, account, program, at=now, now=now, may_fall=True)


def judge_tier(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    *,
    at: datetime,
    now: datetime,
    cause: str | None = None,
    is_announced: bool = True,
    may_fall: bool = False,
) -> Account:
    """The account holds the tier that its credits up to `at` give; where it is another one, an event says so.

    `may_fall`: something may have been taken back, not only time has passed (R12h).
    """
    if account.status != "active":
        return account
    if _is_simple(account, program) and not _reaches_more(account, program):
        return account
    before, scale = held_by(account), scale_of(account, program)
    held = with_credits(before, credits_of(draft, account, scale.policy), scale, at=at, may_fall=may_fall)
    is_up = rank_of(scale.tiers, held.tier) > rank_of(scale.tiers, before.tier)
    cause = cause or ("earned" if is_up else "reversal")
    return hold(draft, context, account, program, held, at=at, now=now, cause=cause, is_announced=is_announced)


def _is_simple(account: Account, program: Program) -> bool:
    """Whether lifetime points alone raise the account, and nothing lowers it."""
    policy = program.tier_policy
    is_lasting = policy.counted_as is None and policy.on_reversal == "keep"
    return is_lasting and account.tier_revision == program.tiers_revision


def _reaches_more(account: Account, program: Program) -> bool:
    """Whether its lifetime points reach a tier above the one held."""
    rank = rank_of(program.tiers, account.tier)
    return rank + 1 < len(program.tiers) and account.lifetime_points >= program.tiers[rank + 1].threshold


def _has_counted(draft: Layer, account: Account) -> bool:
    """Whether what the account itself counts has changed by this command."""
    before = draft.before(Account, account.id)
    if before is None:
        return account.lifetime_points != 0 or (account.standing is not None and account.standing.total != "0")
    if account.lifetime_points != before.lifetime_points:
        return True
    totals = [standing.total if standing is not None else "0" for standing in (before.standing, account.standing)]
    return totals[0] != totals[1]


def pass_time(
    draft: Layer, context: Context, account: Account, program: Program, *, at: datetime, now: datetime
) -> Account:
    """What time brings the account's tier at its instant `at` is done."""
    before, scale = held_by(account), scale_of(account, program)
    held, cause = after_end(before, credits_of(draft, account, scale.policy), scale, at=at)
    begins_grace = held.standing.grace_until is not None and before.standing.grace_until is None
    account = hold(draft, context, account, program, held, at=at, now=now, cause=cause)
    if begins_grace:
        _announce_grace(draft, context, account, program, at=at, now=now)
    return account


def hold(
    draft: Layer,
    context: Context,
    account: Account,
    program: Program,
    held: Held,
    *,
    at: datetime,
    now: datetime,
    cause: str,
    reason: str | None = None,
    is_announced: bool = True,
    notify: bool = True,
    before: Scale | None = None,
) -> Account:
    """The account holds this tier, this way, since `at`; a change of tier is kept, and an event announces it.

    `is_announced` False: another event shows it. `notify` False: the event is on record, and not delivered. `before`:
    the tiers that it was held by, where those were others than the account follows now.
    """
    if held == held_by(account):
        return account
    scale = scale_of(account, program)
    standing, from_tier = held.standing, account.tier
    is_changed = held.tier != from_tier
    if is_changed:
        why = _cause(draft, account, scale, held, at=at, cause=cause)
        why |= {"reason": reason} if reason is not None else {}
        standing = replace(standing, changes=_keep_change(draft, context, account, held.tier, why, at=at))
    account = replace(account, tier=held.tier, standing=standing)
    draft.put(account)
    account = with_due(draft, account)
    if is_changed and is_announced:
        is_up = rank_of(scale.tiers, account.tier) > rank_of((before or scale).tiers, from_tier)
        data = _change(account, program, from_tier, why, at, is_up=is_up)
        mine = context if notify else replace(context, is_deliverable=False)
        announce(draft, mine, type="loyalty.tier.changed", account=account, data=data, now=now)
    return account


def _keep_change(
    draft: Layer, context: Context, account: Account, tier_id: str | None, cause: Json, *, at: datetime
) -> int:
    """The change is kept, after the tier held since the beginning; how many rows the account has now."""
    known = account.standing.changes if account.standing is not None else 0
    spans: list[tuple[str | None, datetime, Json]] = []
    if not known:
        spans.append((account.tier, account.created_at, {"type": "enrolled"}))
    spans.append((tier_id, at, cause))
    for number, (tier, since, why) in enumerate(spans, start=known):
        id = context.make_id("tch", account.bucket)
        draft.put(TierChange(account.bucket, id, account.id, number, tier, since, why))
    return known + len(spans)


def _change(
    account: Account, program: Program, from_tier: str | None, cause: Json, at: datetime, *, is_up: bool
) -> Json:
    """The data of loyalty.tier.changed."""
    assert account.standing is not None, "a change has a standing"
    return {
        "account": account.id,
        "program": program.id,
        "customer": account.customer_id,
        "from": from_tier,
        "to": account.tier,
        "direction": "up" if is_up else "down",
        "basis": account.standing.basis,
        "cause": cause,
        "effective_at": unix(at),
        "expires_at": unix_or_none(account.standing.expires_at),
        "sequence": account.sequence,
    }


def _cause(
    draft: Layer,
    account: Account,
    scale: Scale,
    held: Held,
    *,
    at: datetime,
    cause: str,
) -> dict[str, Any]:
    """Why the tier changed: what happened, the entry or the payment that did it, and the figures it was judged by."""
    entry = _last_entry(draft, account, ("reversal",) if cause == "reversal" else COUNTING)
    if cause == "earned" and entry is not None and entry.kind == "activation":
        cause = "activated"
    if cause not in ("earned", "activated", "imported", "reversal"):
        entry = None
    value = value_at(credits_of(draft, account, scale.policy), scale, at)
    rank = rank_of(scale.tiers, held.tier)
    return {
        "type": cause,
        "points_transaction": entry.id if entry is not None else None,
        "payment": _payment(draft, account, scale.policy, entry) if cause != "imported" else None,
        "metric": scale.policy.metric,
        "value": math.floor(value),
        "threshold": scale.tiers[rank].threshold if rank >= 0 else None,
        "revision": account.tier_revision,
        "lifetime_points": account.lifetime_points,
    }


def _last_entry(draft: Layer, account: Account, kinds: Sequence[str]) -> Entry | None:
    """The last entry of these kinds that this command has written."""
    mine = [entry for entry in draft.written(Entry) if entry.account_id == account.id and entry.kind in kinds]
    return max(mine, key=lambda entry: entry.sequence, default=None)


def _payment(draft: Layer, account: Account, policy: TierPolicy, entry: Entry | None) -> str | None:
    """The payment that earned, or that counted by itself."""
    if entry is not None:
        return entry.source_id if entry.source_type == "payment" else None
    counted = [row.source_id for row in draft.written(TierCredit) if row.account_id == account.id]
    return counted[-1] if counted and not policy.counts_points else None


def _announce_grace(
    draft: Layer, context: Context, account: Account, program: Program, *, at: datetime, now: datetime
) -> None:
    assert account.standing is not None and account.standing.grace_until is not None, "it has just begun"
    scale = scale_of(account, program)
    kept = keep(held_by(account), credits_of(draft, account, scale.policy), scale, now=at)
    assert kept is not None, "in grace a tier has an end, and is not locked"
    data = {
        "account": account.id,
        "program": program.id,
        "customer": account.customer_id,
        "tier": account.tier,
        "grace_until": unix(account.standing.grace_until),
        "needed": kept["needed"],
        "effective_at": unix(at),
        "sequence": account.sequence,
    }
    announce(draft, context, type="loyalty.tier.grace_started", account=account, data=data, now=now)

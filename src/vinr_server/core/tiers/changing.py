"""An account's tier moves: after a command that earned, or at an instant that time brings. Each change has one event.

A command that moves points judges the tier when all its entries stand, so that several rules of one payment make one
change (R12g). The tier that counts while it earns is the one held before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.calendar import FIRST_INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.pending import with_due
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program, TierPlan, TierPolicy
from vinr_server.core.tiers.confirming import Credit, Scale, value_at
from vinr_server.core.tiers.holding import Held, after_end, rank_of, with_credits
from vinr_server.core.tiers.rows import TierChange, TierCredit

Json = Mapping[str, Any]
# Kinds of entries that count towards tiers.
COUNTING = ("award", "adjustment", "activation", "reinstatement")


def held_by(account: Account) -> Held:
    """The account's tier and how it is held."""
    return Held(account.tier, account.standing or TierStanding(account.created_at))


def scale_of(program: Program, plan: TierPlan | None = None) -> Scale:
    """What credits of the program are held against, by its last plan or by this one."""
    plan = plan or program.tier_plan
    return Scale(plan.tiers, plan.policy, program.timezone)


def credits_of(draft: Layer, account: Account, program: Program) -> list[Credit]:
    """What counts towards the account's tier."""
    return counted_credits(account, program.tier_policy, draft.here(TierCredit, account.id))


def counted_credits(account: Account, policy: TierPolicy, rows: Iterable[TierCredit]) -> list[Credit]:
    """What counts by this policy: each of the rows that it counts, or one sum where windows don't matter."""
    if not policy.counts_windows:
        return sum_of_credits(account, policy)
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


def judge_tiers(draft: Layer, context: Context, *, cause: str | None = None) -> None:
    """Every account whose credits this command has changed holds the tier that they give.

    `cause`: what the change is put down to, where the entries don't say it.
    """
    changed = [account.id for account in draft.written(Account) if _has_counted(draft, account)]
    for account_id in dict.fromkeys((*changed, *(row.account_id for row in draft.written(TierCredit)))):
        account = draft.find(Account, account_id)
        assert account is not None, "what counts for it was noted with it"
        program = program_of(draft, account)
        if program.tiers:
            now = context.now(program.clock_id)
            judge_tier(draft, context, account, program, at=now, now=now, cause=cause)


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
) -> Account:
    """The account holds the tier that its credits up to `at` give; where it is another one, an event says so."""
    if account.status != "active":
        return account
    policy = program.tier_policy
    if policy.counted_as is None and policy.on_reversal == "keep" and not _reaches_more(account, program):
        return account
    before = held_by(account)
    held = with_credits(before, credits_of(draft, account, program), scale_of(program), at=at)
    is_up = rank_of(program.tiers, held.tier) > rank_of(program.tiers, before.tier)
    cause = cause or ("earned" if is_up else "reversal")
    return hold(draft, context, account, program, held, at=at, now=now, cause=cause, is_announced=is_announced)


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
    held, cause = after_end(held_by(account), credits_of(draft, account, program), scale_of(program), at=at)
    begins_grace = (
        held.standing.grace_until is not None and account.standing is not None and account.standing.grace_until is None
    )
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
    plan: TierPlan | None = None,
    before: TierPlan | None = None,
) -> Account:
    """The account holds this tier, this way, since `at`; a change of tier is kept, and an event announces it.

    `is_announced` False: another event shows it. `notify` False: the event is on record, and not delivered. `plan` and
    `before`: the plan of tiers that it is held by, and the one that it was held by; None: the program's last.
    """
    if held == held_by(account):
        return account
    plan = plan or program.tier_plan
    standing, from_tier = held.standing, account.tier
    is_changed = held.tier != from_tier
    if is_changed:
        why = _cause(draft, account, scale_of(program, plan), held, plan, at=at, cause=cause)
        why |= {"reason": reason} if reason is not None else {}
        standing = replace(standing, changes=_keep_change(draft, context, account, held.tier, why, at=at))
    account = replace(account, tier=held.tier, standing=standing)
    draft.put(account)
    account = with_due(draft, account)
    if is_changed and is_announced:
        ranks = [
            rank_of(before.tiers if before is not None else plan.tiers, from_tier),
            rank_of(plan.tiers, account.tier),
        ]
        data = _change(account, program, from_tier, why, at, is_up=ranks[1] > ranks[0])
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
        "expires_at": unix(account.standing.expires_at) if account.standing.expires_at else None,
        "sequence": account.sequence,
    }


def _cause(
    draft: Layer,
    account: Account,
    scale: Scale,
    held: Held,
    plan: TierPlan,
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
    value = value_at(counted_credits(account, plan.policy, draft.here(TierCredit, account.id)), scale, at)
    rank = rank_of(plan.tiers, held.tier)
    return {
        "type": cause,
        "points_transaction": entry.id if entry is not None else None,
        "payment": _payment(draft, account, entry) if cause != "imported" else None,
        "metric": plan.policy.metric,
        "value": floor_div(Fraction(value).numerator, Fraction(value).denominator),
        "threshold": plan.tiers[rank].threshold if rank >= 0 else None,
        "revision": plan.revision,
        "lifetime_points": account.lifetime_points,
    }


def _last_entry(draft: Layer, account: Account, kinds: Sequence[str]) -> Entry | None:
    """The last entry of these kinds that this command has written."""
    mine = [entry for entry in draft.written(Entry) if entry.account_id == account.id and entry.kind in kinds]
    return max(mine, key=lambda entry: entry.sequence, default=None)


def _payment(draft: Layer, account: Account, entry: Entry | None) -> str | None:
    """The payment that earned, or that counted by itself."""
    if entry is not None:
        return entry.source_id if entry.source_type == "payment" else None
    counted = [row for row in draft.written(TierCredit) if row.account_id == account.id]
    is_payment = bool(counted) and not counted[-1].counted_as.startswith("points_earned")
    return counted[-1].source_id if is_payment else None


def _announce_grace(
    draft: Layer, context: Context, account: Account, program: Program, *, at: datetime, now: datetime
) -> None:
    assert account.standing is not None and account.standing.grace_until is not None, "it has just begun"
    rank = rank_of(program.tiers, account.tier)
    value = value_at(credits_of(draft, account, program), scale_of(program), at)
    short = Fraction(program.tiers[rank].threshold) - value
    data = {
        "account": account.id,
        "program": program.id,
        "customer": account.customer_id,
        "tier": account.tier,
        "grace_until": unix(account.standing.grace_until),
        "needed": max(-floor_div(-short.numerator, short.denominator), 0),
        "effective_at": unix(at),
        "sequence": account.sequence,
    }
    announce(draft, context, type="loyalty.tier.grace_started", account=account, data=data, now=now)

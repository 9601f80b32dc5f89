"""Tiers set by hand, brought from another system, or by a merged member: never below what credits confirm (R12i, j)."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from vinr_server.core.kernel.answers import Rejected, first_listed, invalid
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program
from vinr_server.core.tiers.changing import credits_of, held_by, hold, judge_tier, scale_of
from vinr_server.core.tiers.commands import SetTier
from vinr_server.core.tiers.confirming import highest
from vinr_server.core.tiers.holding import Held, by_hand, ends_of, rank_of, with_credits
from vinr_server.core.tiers.rows import TierCredit


def set_tier(
    draft: Layer, context: Context, account: Account, program: Program, command: SetTier
) -> Account | Rejected:
    """The account holds the tier as the command says, or as long as its credits confirm it, if that is later.

    The same again changes nothing.
    """
    now = context.now(program.clock_id)
    refusal = first_listed(
        unknown_tier(program, command.tier),
        _instants_refusal(command, program, now),
        _confirmed_refusal(draft, account, program, command, now),
    )
    if refusal is not None:
        return refusal
    lock = command.lock or ("at_least" if command.locked_until is not None else None)
    before = held_by(account)
    held = by_hand(
        before,
        scale_of(account, program),
        command.tier,
        expires_at=command.expires_at,
        lock=lock,
        locked_until=command.locked_until,
        at=now,
    )
    end = before.standing.expires_at
    is_same = held.tier == before.tier and before.standing.basis == "set"
    if is_same and command.expires_at is None and end is not None and end > now:
        held = held._replace(standing=replace(held.standing, expires_at=end))  # nothing new was said of its end
    scale = scale_of(account, program)
    held = with_credits(held, credits_of(draft, account, scale.policy), scale, at=now)
    return hold(
        draft,
        context,
        account,
        program,
        held,
        at=now,
        now=now,
        cause="set",
        notify=command.is_notified,
        reason=command.reason,
    )


def bring_tier(
    draft: Layer, context: Context, account: Account, program: Program, tier_id: str | None, *, is_new: bool
) -> Account:
    """An imported member holds the tier it brings, where that is above the one that its credits give (R12j).

    A new account has none to lose, and holds the very tier it brings; its own event shows it.
    """
    now = context.now(program.clock_id)
    is_above = rank_of(program.tiers, tier_id) > rank_of(program.tiers, account.tier)
    if tier_id is None or not (is_new or is_above):
        return judge_tier(draft, context, account, program, at=now, now=now, cause="imported", is_announced=not is_new)
    scale = scale_of(account, program)
    held = by_hand(held_by(account), scale, tier_id, expires_at=None, lock=None, locked_until=None, at=now)
    return hold(draft, context, account, program, held, at=now, now=now, cause="imported", is_announced=not is_new)


def merge_tiers(draft: Layer, context: Context, account: Account, into: Account, program: Program) -> Account:
    """The one account's credits are the other's, and the higher of both tiers stands, with its end and locks (R28a)."""
    for row in draft.here(TierCredit, account.id):
        draft.put(replace(row, amount="0"))
        draft.put(replace(row, bucket=into.bucket, account_id=into.id))
    now = context.now(program.clock_id)
    mine, theirs = held_by(account), held_by(into)
    total = str(Fraction(mine.standing.total) + Fraction(theirs.standing.total))
    is_mine = _outranks(program, account, into)
    if total != theirs.standing.total:
        into = replace(into, standing=replace(theirs.standing, total=total))
        draft.put(into)
    held = held_by(into)
    if is_mine:
        held = Held(mine.tier, replace(mine.standing, total=total, changes=theirs.standing.changes))
    if into.status == "active":
        held = with_credits(held, credits_of(draft, into, program.tier_policy), scale_of(into, program), at=now)
    return hold(draft, context, into, program, held, at=now, now=now, cause="merged")


def _outranks(program: Program, account: Account, into: Account) -> bool:
    """Whether the first one's tier stands: an exactly locked one, else the higher, or of equals the later end."""
    locks = [held_by(each).standing.lock == "exactly" for each in (account, into)]
    if any(locks):
        return locks[0] and not locks[1]
    ranks = [rank_of(program.tiers, each.tier) for each in (account, into)]
    if ranks[0] != ranks[1]:
        return ranks[0] > ranks[1]
    ends = [held_by(each).standing.expires_at for each in (account, into)]
    return ends[1] is not None and (ends[0] is None or ends[0] > ends[1])


def unknown_tier(program: Program, tier_id: str | None) -> Rejected | None:
    """Refuse a tier that the program lacks."""
    known = [tier.id for tier in program.tiers]
    if tier_id is None or tier_id in known:
        return None
    there = f"it has {', '.join(known)}" if known else "it has no tiers"
    return invalid(f"tier: program {program.id} has no tier {tier_id!r}; {there}.", param="tier")


def _instants_refusal(command: SetTier, program: Program, now: datetime) -> Rejected | None:
    for name in ("expires_at", "locked_until"):
        at = getattr(command, name)
        if at is not None and at <= now:
            return invalid(
                f"{name}: {at.isoformat()} is over; it is {now.isoformat()}. Send a later instant.", param=name
            )
    if command.lock is not None and command.locked_until is None:
        return invalid("lock: a lock needs its end. Send locked_until, too.", param="locked_until")
    return None


def _confirmed_refusal(
    draft: Layer, account: Account, program: Program, command: SetTier, now: datetime
) -> Rejected | None:
    """Refuse a tier below what the member's credits confirm, unless it is to be exactly that."""
    if command.lock == "exactly":
        return None
    credits = credits_of(draft, account, program.tier_policy)
    best = highest(ends_of(held_by(account), credits, scale_of(account, program), at=now))
    if rank_of(program.tiers, command.tier) >= best:
        return None
    confirmed = program.tiers[best].id
    message = (
        f"Account {account.id} has confirmed tier {confirmed}, which is above {command.tier or 'none'}."
        " To hold it down, send lock: exactly with locked_until."
    )
    details = {"condition": "tier", "confirmed": confirmed, "change": "send lock: exactly with locked_until"}
    return Rejected("not_eligible", message, param="tier", details=details)

"""Due work: all that time alone brings to a member, done before a command decides and in one fixed order (R24).

A batch catches up with the accounts that a command names before it decides it. So what was due up to and at now is in
every answer, whether a worker has come or not, and each piece happens once: it is found in the rows that it changes.
For each account in the order of the instants; at one instant: pending points are there, holds lapse, tiers move, lots
expire, and the member enters and leaves dynamic segments. (What expires alone waits for the next command that moves the
account's points: every balance leaves it out, written or not. Where a segment asks for the balance, it does not wait.)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import chain, groupby
from typing import NamedTuple

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.calendar import INSTANT, LAST_INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.ledger.book.holders import AnyHolder, Holder, now_of
from vinr_server.core.ledger.book.holds import let_lapse
from vinr_server.core.ledger.book.lots import is_inactive
from vinr_server.core.ledger.book.pending import activate, in_force, with_due
from vinr_server.core.ledger.book.reminders import is_behind
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.needs import name_holder
from vinr_server.core.ledger.rows import Entry, Hold, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.authorized import lapse, name_lapse
from vinr_server.core.segments.moves import judge_segments, may_move, move_at, note, uses_in
from vinr_server.core.segments.rows import SegmentScan
from vinr_server.core.tiers.changing import judge_tier, pass_time
from vinr_server.core.tiers.plans import follow_plan, is_behind_plan, next_plan


class Due(NamedTuple):
    """One piece of due work, in the order in which it is done: by instant, kind, sequence and id."""

    at: datetime
    kind: int
    sequence: int
    id: str
    what: Lot | Hold


PENDING, HOLD = range(2)


def name_due(needs: Needs, account: AnyHolder, holds: Iterable[Hold]) -> None:
    """Declare what time may change of the account. Expects `holds` to be those in force."""
    name_holder(needs, account.id)
    for hold in holds:
        name_lapse(needs, hold)


def catch_up(draft: Layer, context: Context, accounts: Iterable[AnyHolder], *, with_segments: bool = True) -> None:
    """All that was due of these accounts by now is done. Expects what waits in them. Raises AlsoRows, InPart.

    In an order that depends on the accounts alone, not on how the caller came to name them. `with_segments` False:
    nobody asks which moves are announced, and nothing is kept.
    """
    waiting = sorted(
        (account.due_at or LAST_INSTANT, account.id, account)
        for account in accounts
        if has_waiting(draft, account)
        or (with_segments and isinstance(account, Account) and may_move(draft, account, context.wall_now))
    )
    found = [(account, due_work(draft, account, context)) for _due_at, _id, account in waiting]
    awards = [due.id for _account, work in found for due in work if due.kind == PENDING]
    unknown = [id for id in awards if draft.find(Entry, id) is None]
    if unknown:
        raise AlsoRows(Entry, unknown)
    for account, work in found:
        now = now_of(draft, context, account)
        if isinstance(account, Wallet):
            _settle_wallet(draft, context, account, work, now=now)
        elif work or min(_tier_at(draft, account), move_at(draft, account)) <= now:
            _settle(draft, context, account, work, now=now)


def may_have_due(layer: Layer, now: datetime) -> bool:
    """Whether something may be due of the layer's accounts and wallets, by real time `now` or by their clocks."""
    holders: Iterable[AnyHolder] = chain(layer.written(Account), layer.written(Wallet))
    return any(
        has_waiting(layer, holder) or (isinstance(holder, Account) and may_move(layer, holder, now))
        for holder in holders
    )


def brings_due(draft: Layer, loaded: Layer) -> bool:
    """Whether something may wait in what a command wrote, or, if it changed what members follow, in what was loaded.

    (Who follows the program's plan of tiers goes on doing so unless the program itself has changed.)
    """
    holders: Iterable[AnyHolder] = chain(draft.written(Account), draft.written(Wallet))
    for holder in holders:
        if holder.due_at is not None or (isinstance(holder, Account) and holder.next_segments_at is not None):
            return True
    changed = chain(draft.written(Program), draft.written(SegmentScan))
    return any(True for _row in changed) and any(True for _account in loaded.written(Account))


def next_at(draft: Layer, account: Account) -> datetime:
    """When time next changes the account's points, tier or segments; after the end of time: never."""
    return min(account.due_at or LAST_INSTANT, _tier_at(draft, account), move_at(draft, account))


def has_waiting(draft: Layer, account: AnyHolder) -> bool:
    """Whether time brings the account something, or its program a plan of tiers that it has yet to follow."""
    if account.due_at is not None or isinstance(account, Wallet):
        return account.due_at is not None
    program = draft.get(Program, account.program_id)
    return program is not None and is_behind_plan(account, program)


def due_work(draft: Layer, account: AnyHolder, context: Context) -> list[Due]:
    """What was due of the account's points or credit by now, in the order in which it is done."""
    if account.due_at is None:
        return []
    now = now_of(draft, context, account)
    if account.due_at > now:
        return []
    found = [
        Due(lot.available_at, PENDING, lot.sequence, lot.id, lot)
        for lot in draft.here(Lot, account.id)
        if lot.pending_points and lot.available_at <= now
    ]
    found += [
        Due(hold.expires_at, HOLD, 0, hold.id, hold)
        for hold in draft.here(Hold, account.id)
        if in_force(hold, account) and hold.expires_at <= now
    ]
    return sorted(found, key=lambda due: due[:4])


def _settle(draft: Layer, context: Context, account: Account, work: list[Due], *, now: datetime) -> None:
    for at, pieces in groupby(work, key=lambda due: due.at):
        together = list(pieces)
        account = _pass_time(draft, context, account, now=now, before=at)
        account = _swept_before(draft, context, account, at, now=now)
        for due in together:
            account = _settle_piece(draft, context, account, due, now=now)
        account = judge_tier(draft, context, account, program_of(draft, account), at=at, now=now)
        account = _noted(draft, account, at)
        if together[-1].kind == HOLD:  # what it has left in lots that end now is over, once tiers have moved
            account = _pass_time(draft, context, account, now=now, before=at + INSTANT)
            account = sweep(draft, context, account, now=now, until=at)
    account = _pass_time(draft, context, account, now=now)
    with_due(draft, account)


def _settle_wallet(draft: Layer, context: Context, wallet: Wallet, work: list[Due], *, now: datetime) -> None:
    """Holds are over, in their order; credit never pends."""
    for at, pieces in groupby(work, key=lambda due: due.at):
        wallet = _swept_before(draft, context, _newest(draft, wallet), at, now=now)
        for due in pieces:
            assert isinstance(due.what, Hold), "credit never pends"
            wallet = let_lapse(draft, context, wallet, due.what, now=now)
        wallet = sweep(draft, context, wallet, now=now, until=at)
    with_due(draft, _newest(draft, wallet))


def _settle_piece(draft: Layer, context: Context, account: Account, due: Due, *, now: datetime) -> Account:
    """Pending points are there, or a hold is over."""
    if isinstance(due.what, Hold):
        lapse(draft, context, account, due.what, now=now)
    else:
        award = draft.get(Entry, due.id)
        assert award is not None, f"the entry of lot {due.id} was not loaded"
        lot = draft.get(Lot, due.id) or due.what
        activate(draft, context, account, program_of(draft, account), lot, award=award, at=due.at, now=now)
    return draft.get(Account, account.id) or account


def _pass_time(
    draft: Layer, context: Context, account: Account, *, now: datetime, before: datetime = LAST_INSTANT
) -> Account:
    """The tier and the segments have moved at each of their instants up to now, as long as they come before this one.

    The tier first: what a member meets at an instant shows when all else of that instant is done.
    """
    while True:
        tier_at, segments_at = _tier_at(draft, account), move_at(draft, account)
        at = min(tier_at, segments_at)
        if at > now or at >= before:
            return account
        if tier_at > segments_at:
            account = _judge_segments(draft, context, account, at=at, now=now)
        else:
            account = _noted(draft, _settle_tier(draft, context, account, at=at, now=now), at)


def _settle_tier(draft: Layer, context: Context, account: Account, *, at: datetime, now: datetime) -> Account:
    """What time, or a plan of tiers, brings the tier at that instant is done."""
    program = program_of(draft, account)
    account = _swept_before(draft, context, account, at, now=now)
    if is_behind_plan(account, program) and at == next_plan(account, program).since:
        return follow_plan(draft, context, account, program, now=now)
    return pass_time(draft, context, account, program, at=at, now=now)


def _judge_segments(draft: Layer, context: Context, account: Account, *, at: datetime, now: datetime) -> Account:
    """The member is in the segments whose conditions it meets then; its balance counts without what ended by then."""
    if uses_in(draft).watches.balance:
        account = _swept_before(draft, context, account, at + INSTANT, now=now)
    return judge_segments(draft, context, account, at=at, now=now)


def _noted(draft: Layer, account: Account, at: datetime) -> Account:
    """The account, to be judged as of the instant at which time changed it, where there are dynamic segments."""
    return note(draft, account, at) if uses_in(draft).watched else account


def _tier_at(draft: Layer, account: Account) -> datetime:
    """When time, or a plan of tiers, next changes how the account holds its tier; a plan comes first."""
    program = program_of(draft, account)
    plan_at = next_plan(account, program).since if is_behind_plan(account, program) else LAST_INSTANT
    if account.standing is None or account.status != "active":
        return plan_at
    return min(plan_at, account.standing.next_instant(account.tier) or LAST_INSTANT)


def _newest(draft: Layer, account: Holder) -> Holder:
    return draft.get(type(account), account.id) or account


def _swept_before(draft: Layer, context: Context, account: Holder, at: datetime, *, now: datetime) -> Holder:
    """The account with all that expired before the instant, and was reminded of: what comes then finds it gone."""
    until = at - INSTANT
    has_expired = account.next_expiry_at is not None and account.next_expiry_at <= until
    if has_expired or is_inactive(account, until) or _is_behind(draft, account, until):
        return sweep(draft, context, account, now=now, until=until)
    return account


def _is_behind(draft: Layer, account: AnyHolder, until: datetime) -> bool:
    return isinstance(account, Account) and is_behind(account, program_of(draft, account), now=until)

"""Members enter and leave dynamic segments: each move is found at its own instant, and announced once.

A command that touches a member notes that it is to be judged, as of that command's instant, and pays nothing more for
it. Judging comes before anything else happens to the member: by a worker within a second, or by the next command that
names it (core/due.py). So nothing has changed since the instant that it is judged by, and what is announced
does not depend on who came when. Judging finds the next instant at which time alone moves the member
(conditions/course.py), and notes that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.conditions.course import Course, Purchase, next_change
from vinr_server.core.conditions.judging import holds
from vinr_server.core.conditions.membership import purchases_here, uses_of
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.calendar import LAST_INSTANT
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.rows import (
    USES,
    PurchaseLog,
    Segment,
    SegmentMember,
    SegmentScan,
    SegmentUses,
    Watched,
)


def uses_in(draft: Layer) -> SegmentUses:
    """What the realm's conditions ask, its own segments' among them."""
    return draft.find(SegmentUses, USES) or uses_of(draft)


# ---- who is to be judged


def note_touched(draft: Layer, context: Context) -> None:
    """Every account of which this command has changed what dynamic segments ask is to be judged, as of its instant."""
    uses = uses_in(draft)
    if not uses.watched:
        return
    touched = [
        account.id for account in draft.written(Account) if _differs(draft.before(Account, account.id), account, uses)
    ]
    if uses.watches.asks_of_purchases:
        for payment in draft.written(Payment):
            if _bought(draft.before(Payment, payment.id)) != _bought(payment):
                touched += [account.id for account in _accounts_of(draft, payment)]
    for id in dict.fromkeys(touched):
        account = draft.find(Account, id)
        assert account is not None, "it was just written"
        if draft.before(Account, id) is None:
            account = replace(account, judged_scans=tuple(watched.scan for watched in uses.scanning) or None)
        note(draft, account, context.now(program_of(draft, account).clock_id))


def note(draft: Layer, account: Account, at: datetime) -> Account:
    """The account is to be judged as of this instant, or of an earlier one that is noted already."""
    due_at = None if account.status == "merged" else min(account.next_segments_at or at, at)
    if due_at != account.next_segments_at or account != draft.find(Account, account.id):
        account = replace(account, next_segments_at=due_at)
        draft.put(account)
    return account


def _differs(before: Account | None, account: Account, uses: SegmentUses) -> bool:
    """Whether what segments may ask of the account itself has changed."""
    if before is None:
        return account.status != "merged"
    if before.status != account.status or before.merged_from != account.merged_from:
        return True
    if before.tier != account.tier or before.metadata is not account.metadata:
        return True
    return uses.watches.balance and (
        (before.free_points, before.next_expiry_at, before.inactive_at, before.is_inactive)
        != (account.free_points, account.next_expiry_at, account.inactive_at, account.is_inactive)
    )


def _bought(payment: Payment | None) -> Any:
    """What counts of a payment as a purchase; None where nothing does."""
    if payment is None or payment.customer_id is None or payment.kept_minor <= 0:
        return None
    return (payment.customer_id, payment.account_id, payment.occurred_at, payment.currency, payment.kept_minor)


def _accounts_of(draft: Layer, payment: Payment) -> Iterable[Account]:
    """The accounts of the payment's customer, or of the one that it is now."""
    for account in draft.here(Account, payment.customer_id):
        if account.merged_customer_id is not None:
            yield from draft.here(Account, account.merged_customer_id)
        yield account


# ---- since when


def may_move(draft: Layer, account: Account, now: datetime) -> bool:
    """Whether the account may be due to be judged at `now`, real time, or by a scan under way."""
    at = account.next_segments_at
    if at is not None and (at <= now or program_of(draft, account).clock_id is not None):
        return True
    return any(True for _missed in _misses(draft, account, uses_in(draft).scanning))


def move_at(draft: Layer, account: Account) -> datetime:
    """When the account is to be judged next; after the end of time: never."""
    missed = _misses(draft, account, uses_in(draft).scanning)
    return min([account.next_segments_at or LAST_INSTANT, *(_revised_at(draft, account, scan) for scan in missed)])


def _misses(draft: Layer, account: Account, scanning: Iterable[Watched]) -> Iterable[Watched]:
    """The new conditions by which the account was never judged, and that no scan has reached it with."""
    if account.status != "active":
        return
    for watched in scanning:
        scan = draft.find(SegmentScan, watched.id)
        is_reached = scan is None or (scan.revision == watched.revision and scan.cursor >= account.id)
        if not is_reached and watched.scan not in (account.judged_scans or ()):
            yield watched


def _revised_at(draft: Layer, account: Account, watched: Watched) -> datetime:
    """When the conditions changed, on the clock that the account lives by."""
    clock_id = program_of(draft, account).clock_id
    if clock_id is None:
        return watched.revised_at or account.created_at
    clock = draft.find(TestClock, clock_id)
    assert clock is not None, "a member's clock is loaded with it"
    return next((begun.at for begun in clock.scans_begun or () if begun.scan == watched.scan), clock.frozen_at)


# ---- judging


def judge_segments(draft: Layer, context: Context, account: Account, *, at: datetime, now: datetime) -> Account:
    """The account is in the dynamic segments whose conditions it meets at that instant; each move has one event.

    Only by new conditions, where nothing else makes it due. It knows when it is to be judged next. Expects all that
    expired by then to be swept. Raises AlsoRows.
    """
    uses = uses_in(draft)
    missed = [(watched, _revised_at(draft, account, watched)) for watched in _misses(draft, account, uses.scanning)]
    due_at = account.next_segments_at or LAST_INSTANT
    known: tuple[str, ...] = ()
    later: list[datetime | None] = []
    if due_at <= at:
        waiting = {watched.id for watched, revised_at in missed if revised_at > at}
        judged: Iterable[Watched] = [watched for watched in uses.watched if watched.id not in waiting]
    else:
        judged = [watched for watched, revised_at in missed if revised_at <= at]
        known, later = account.judged_scans or (), [account.next_segments_at]
    course, is_active = course_of(draft, account, uses, at=at), account.status == "active"
    values = course.values_at(at, uses.watches.windows)
    for watched in judged:
        is_in = is_active and holds(watched.tree, values)
        if is_in != is_announced(draft, watched.id, account.id):
            move(draft, context, watched, account, is_in=is_in, at=at, now=now)
        later.append(next_change(watched.tree, course, at) if is_active else None)
    scans = (*known, *(watched.scan for watched in judged if not watched.is_scanned))
    next_at = min((change_at for change_at in later if change_at is not None), default=None)
    account = replace(account, next_segments_at=next_at, judged_scans=scans or None)
    draft.put(account)
    return account


def is_announced(draft: Layer, segment_id: str, account_id: str) -> bool:
    """Whether the account has a place in the segment. Expects its places."""
    place = draft.find(SegmentMember, (segment_id, account_id))
    return place is not None and place.left_at is None


def move(
    draft: Layer,
    context: Context,
    segment: Segment | Watched,
    account: Account,
    *,
    is_in: bool,
    at: datetime,
    now: datetime,
) -> None:
    """The account enters or leaves the segment at that instant, with an event. Expects its place there, if it has one.

    Never before its last move there: what was judged by conditions that had just been replaced may have come later.
    """
    place = draft.find(SegmentMember, (segment.id, account.id))
    at = max(at, (place.left_at or place.entered_at) if place is not None else at)
    entered_at = at if is_in or place is None else place.entered_at
    draft.put(SegmentMember(account.bucket, segment.id, account.id, entered_at, None if is_in else at))
    data = {
        "segment": segment.id,
        "revision": segment.revision,
        "account": account.id,
        "program": account.program_id,
        "customer": account.customer_id,
        "at": unix(at),
    }
    announce(draft, context, type="segment.entered" if is_in else "segment.left", account=account, data=data, now=now)


def course_of(draft: Layer, account: Account, uses: SegmentUses, *, at: datetime) -> Course:
    """The member from that instant on, as far as dynamic segments ask. Raises AlsoRows where too little was read."""
    purchases, unread = _purchases_of(draft, account)
    ends = [account.next_expiry_at, None if account.is_inactive else account.inactive_at]
    course = Course(
        account.tier,
        account.metadata,
        account.created_at,
        account.free_points,
        min((end for end in ends if end is not None and end > at), default=None),
        purchases,
        is_whole=not unread,
    )
    if unread and not all(course.decides(asked, at) for each in uses.watched for asked in each.asked):
        raise AlsoRows(PurchaseLog, [(customer_id, "whole") for customer_id in unread])
    return course


def _purchases_of(draft: Layer, account: Account) -> tuple[tuple[Purchase, ...], list[str]]:
    """The purchases, newest first, as far as they were read; and the customers of whom there are older ones."""
    found: list[Purchase] = []
    logs = {id: log for id in account.customer_ids if (log := draft.find(PurchaseLog, id)) is not None}
    missing = [id for id in account.customer_ids if id not in logs] if draft.is_covered else []
    if missing:
        raise AlsoRows(PurchaseLog, missing)
    for buyer in account.buyers:
        here = {payment.id for payment in draft.here(Payment, buyer.customer_id)}
        log = logs.get(buyer.customer_id)
        found += [
            bought
            for payment_id, account_id, bought in (log.purchases if log is not None else ())
            if payment_id not in here and account_id in (None, buyer.account_id)
        ]
    found += [
        Purchase(payment.occurred_at, payment.currency, payment.kept_minor)
        for payment in purchases_here(draft, account.buyers)
    ]
    part = [log for log in logs.values() if not log.is_whole]
    known_since = max((log.purchases[-1][2].occurred_at for log in part if log.purchases), default=None)
    known = [bought for bought in found if known_since is None or bought.occurred_at >= known_since]
    ordered = sorted(known, key=lambda bought: bought.occurred_at, reverse=True)
    return tuple(ordered), [log.customer_id for log in part]

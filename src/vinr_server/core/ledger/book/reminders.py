"""Reminders of points that end soon: one for each account, end and number of days, judged at its instant (R84).

A reminder's instant lies so many days of 24 hours before an end. Whatever changes an account's lots first sends what
was due by then, so nothing later shows in it: the lots still hold what they held at its instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import Holder
from vinr_server.core.ledger.book.lots import NEVER, end_of
from vinr_server.core.ledger.rows import Endings, EndSpan, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.programs.rows import Program

_INSTANT = timedelta(microseconds=1)


class Reminder(NamedTuple):
    """Points of an account that end `days` days after the instant `at`."""

    at: datetime
    days: int
    expires_at: datetime
    points: int


class Span(NamedTuple):
    """The days of a plan that a member followed in (after, until]."""

    days: tuple[int, ...]
    after: datetime
    until: datetime


def is_behind(account: Account, program: Program, *, now: datetime) -> bool:
    """Whether a reminder may be due, or the account follows a plan that the program has changed."""
    at = account.next_reminder_at
    return (at is not None and at <= now) or account.reminder_revision != program.reminder_plan.revision


def due_reminders(draft: Layer, account: Account, program: Program, *, now: datetime) -> list[Reminder]:
    """What is to be sent by now, in the order of its instants; at one instant what ends first comes first.

    Expects lots that nothing has changed since the first of these instants. Raises InPart where too few are loaded.
    """
    require_idle(draft, account)
    spans = [span for span in spans_of(account, program, now) if span.days]
    for span in spans:
        for days in span.days:
            _require_span(draft, account, span.after + timedelta(days=days), span.until + timedelta(days=days))
    ending: dict[datetime, int] = {}
    for lot in draft.children(Lot, account.id, in_part=True):
        end = end_of(lot, account)
        if lot.free_points and end != NEVER:
            ending[end] = ending.get(end, 0) + lot.free_points
    due = [
        Reminder(end - timedelta(days=days), days, end, points)
        for span in spans
        for days in span.days
        for end, points in ending.items()
        if span.after + timedelta(days=days) < end <= span.until + timedelta(days=days)
    ]
    return sorted(due)


def spans_of(account: Account, program: Program, now: datetime) -> Iterator[Span]:
    """The plans that the account has to follow up to now: what is left of its own, and those that came after."""
    plans = [plan for plan in program.reminder_plans if plan.revision >= account.reminder_revision]
    for plan, following in zip(plans, [*plans[1:], None], strict=True):
        until = now if following is None else min(following.since, now)
        if plan.revision != account.reminder_revision:
            yield Span(plan.days, plan.since, until)
        elif account.next_reminder_at is not None:
            yield Span(plan.days, account.next_reminder_at - _INSTANT, until)


def planned(draft: Layer, account: Account, program: Program, *, now: datetime) -> Account:
    """The account follows the program's plan, with the first instant after now at which its points have a reminder.

    Expects that what was due by now is known. Raises InPart where too few lots are loaded.
    """
    plan = program.reminder_plan
    require_idle(draft, account)
    lots = draft.children(Lot, account.id, in_part=True)
    firsts = [min(_instants(lots, account, (days,), now), default=None) for days in plan.days]
    for days, first in zip(plan.days, firsts, strict=True):
        _require_first(draft, account, now, days, first)
    at = min((first for first in firsts if first is not None), default=None)
    account = replace(account, next_reminder_at=at, reminder_revision=plan.revision)
    draft.put(account)
    return account


def remember(draft: Layer, account: Holder, lots: Iterable[Lot], *, now: datetime) -> Holder:
    """Lots that hold more than before have their reminders, too, of those that lie ahead; credit has none."""
    if isinstance(account, Wallet):
        return account
    plan = program_of(draft, account).reminder_plan
    at = min(_instants(lots, account, plan.days, now), default=None) if plan.days else None
    if at is None or (account.next_reminder_at is not None and account.next_reminder_at <= at):
        return account
    account = replace(account, next_reminder_at=at)
    draft.put(account)
    return account


def remind(draft: Layer, context: Context, account: Account, reminder: Reminder, *, now: datetime) -> None:
    """The reminder is announced, unless the account is closed: its member can do nothing about it."""
    if account.status != "active":
        return
    data = {
        "account": account.id,
        "program": account.program_id,
        "customer": account.customer_id,
        "points": reminder.points,
        "expires_at": unix(reminder.expires_at),
        "days": reminder.days,
        "at": unix(reminder.at),
        "sequence": account.sequence,
        "livemode": context.livemode,
    }
    announce(draft, context, type="loyalty.points.expiring", account=account, data=data, now=now)


def _instants(lots: Iterable[Lot], account: Account, days: tuple[int, ...], now: datetime) -> Iterator[datetime]:
    """The instants after now at which these lots of the account have reminders."""
    for lot in lots:
        end = end_of(lot, account)
        if lot.free_points and end != NEVER:
            for count in days:
                if end > now + timedelta(days=count):
                    yield end - timedelta(days=count)


def require_idle(draft: Layer, account: Account) -> None:
    """Nothing, where every lot that may end by the member's inactivity is loaded: they are used last."""
    if account.inactive_at is not None and not account.is_inactive and draft.last_here(account.id) is not None:
        raise InPart(Lot, account.id)


def _require_span(draft: Layer, account: Account, after: datetime, until: datetime) -> None:
    """Nothing, where every live lot that ends in (after, until] is loaded. Raises InPart otherwise."""
    last = draft.last_here(account.id)
    if last is None or last[0] > until:
        return
    if not any(span.after <= after and until <= span.until for span in _loaded(draft, account)):
        raise InPart(Lot, account.id)


def _require_first(draft: Layer, account: Account, now: datetime, days: int, first: datetime | None) -> None:
    """Nothing, where no live lot can have a reminder so many days before its end between now and `first`.

    Raises InPart otherwise.
    """
    last = draft.last_here(account.id)
    end = NEVER if first is None else first + timedelta(days=days)
    if last is None or end <= last[0]:
        return
    after = now + timedelta(days=days)
    if not any(span.after <= after and end <= (span.later or NEVER) for span in _loaded(draft, account)):
        raise InPart(Lot, account.id)


def _loaded(draft: Layer, account: Account) -> Sequence[EndSpan]:
    endings = draft.find(Endings, account.id)
    return endings.spans if endings is not None else ()

"""Lots: when they end, the order in which points are used, and which lots pay for a spend (R1, R2, R3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from vinr_server.core.kernel import calendar
from vinr_server.core.ledger.book.holders import AnyHolder
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.programs.rows import Program

NEVER = datetime.max.replace(tzinfo=UTC)
# The place in the order of use before any lot: how far an account is loaded that was loaded without its lots.
BEFORE_ALL = (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), 0)


class Use(NamedTuple):
    """Points that one lot pays."""

    lot: Lot
    points: int


def end_by_program(program: Program, available_at: datetime) -> datetime | None:
    """When points of that instant expire by the program's own rule (R1); None where their member's inactivity says."""
    return None if program.expiry_mode == "inactivity" else months_later(program, available_at)


def months_later(program: Program, instant: datetime) -> datetime | None:
    """The end of the program's months from an instant on; None where it has none."""
    end = calendar.expires_at(
        instant, months=program.expiry_months, rounding=program.expiry_rounding, zone=program.timezone
    )
    return calendar.whole_second(end) if end is not None else None


def is_inactive(account: AnyHolder, now: datetime) -> bool:
    """Whether points that end by the member's inactivity may be over, and not swept yet."""
    return account.inactive_at is not None and account.inactive_at <= now and not account.is_inactive


def end_of(lot: Lot, account: AnyHolder) -> datetime:
    """The instant from which the lot is over: its own, or that of its member's inactivity (R84)."""
    return (account.inactive_at if lot.by_inactivity else lot.expires_at) or NEVER


def use_order(lot: Lot) -> tuple[datetime, datetime, int]:
    """Sort key of R3: soonest expiry first (never last), then earliest available, then sequence.

    What ends by inactivity comes after all that ends by itself: using it moves its end.
    """
    return (lot.expires_at or NEVER, lot.available_at, lot.sequence)


def is_over(lot: Lot, account: AnyHolder, now: datetime) -> bool:
    """Whether the account's lot has expired: a lot is spendable on [available_at, its end)."""
    return end_of(lot, account) <= now


def spendable(lots: Iterable[Lot], account: AnyHolder, now: datetime) -> list[Lot]:
    """The lots of the account that can pay at an instant, in the order of their use."""
    live = (lot for lot in lots if lot.free_points > 0 and not is_over(lot, account, now))
    return sorted((lot for lot in live if lot.available_at <= now), key=use_order)


def overdue(lots: Iterable[Lot], account: AnyHolder, now: datetime) -> list[Lot]:
    """The lots of the account that have expired and still hold points that no hold reserves, by their ends."""
    over = (lot for lot in lots if lot.free_points > 0 and is_over(lot, account, now))
    return sorted(over, key=lambda lot: (end_of(lot, account), *use_order(lot)))


def overdue_points(lots: Iterable[Lot], account: AnyHolder, now: datetime) -> int:
    """Points that have expired and are not yet swept; they are in the ledger balance but can't be spent."""
    return sum(lot.free_points for lot in overdue(lots, account, now))


def next_expiry(lots: Iterable[Lot], account: AnyHolder) -> datetime | None:
    """The earliest expiry among lots of the account that still hold points; what is reserved does not expire."""
    end = min((end_of(lot, account) for lot in lots if lot.free_points > 0), default=NEVER)
    return None if end == NEVER else end


def consume_lots(lots: Sequence[Lot], *, spend_points: int) -> list[Use]:
    """Choose the lots that pay for a spend, in the order given.

    Shape: uses follow lot order; the sum of their points is spend_points, or all there is where that is less.
    """
    uses: list[Use] = []
    unpaid_points = spend_points
    for lot in lots:
        if unpaid_points == 0:
            break
        paid_points = min(lot.free_points, unpaid_points)
        uses.append(Use(lot, paid_points))
        unpaid_points -= paid_points
    return uses


def uses_to_return(paid: Iterable[Use], *, returned_points: int, return_points: int) -> list[Use]:
    """What goes back to each lot that paid, the last used first, if so much was returned before, from there on, too.

    Raises AssertionError where less was paid.
    """
    before_points, left_points, returned = returned_points, return_points, []
    for lot, points in sorted(paid, key=lambda use: use_order(use.lot), reverse=True):
        gone_points = min(points, before_points)
        back_points = min(points - gone_points, left_points)
        before_points, left_points = before_points - gone_points, left_points - back_points
        if back_points:
            returned.append(Use(lot, back_points))
    assert left_points == 0, f"{left_points} points more were to be returned than were paid"
    return returned

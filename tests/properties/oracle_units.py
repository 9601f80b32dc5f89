"""The oracle's points: single units in lists, one place for each point, which says what became of it (R1-R6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

FREE, EXPIRED = "free", "expired"


def months_after(start: datetime, months: int, rounding: str, zone: str) -> datetime:
    """R1: calendar months later in the zone, clamped, and on to the end of the period it falls in."""
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    for day in (local.day, 30, 29, 28):
        try:
            moved = local.replace(year=year, month=month, day=min(day, local.day))
            break
        except ValueError:
            continue
    if rounding != "none":
        day_start = moved.replace(hour=0, minute=0, second=0, microsecond=0)
        moved = day_start + timedelta(days=1)
        inside = {"day": 0, "month": 1, "quarter": 3, "year": 12}[rounding]
        while inside and not (moved.day == 1 and (moved.month - 1) % inside == 0):
            moved += timedelta(days=1)
    return moved.replace(tzinfo=ZoneInfo(zone)).astimezone(start.tzinfo)


@dataclass(eq=False)
class Lot:
    """One accrual: a place for each of its points. `frozen` is what a refund must know of how they were earned (R7)."""

    units: list[Any]
    available_at: datetime
    expires_at: datetime | None
    number: int
    reversed: int = 0
    frozen: Any = None
    by_inactivity: bool = False

    @property
    def free(self) -> int:
        return self.units.count(FREE)

    @property
    def left_to_reverse(self) -> int:
        return max(len(self.units) - self.units.count(EXPIRED) - self.reversed, 0)

    def take(self, most: int, taker: Any) -> int:
        """Free points become the taker's, at most so many; how many did."""
        places = [place for place, unit in enumerate(self.units) if unit == FREE][:most]
        for place in places:
            self.units[place] = taker
        return len(places)

    def give_back(self, taker: Any) -> None:
        """What the taker had is free again."""
        self.units = [FREE if unit == taker else unit for unit in self.units]


@dataclass(eq=False)
class Account:
    """A member: lots, unpaid clawbacks as [name, points], and every movement there was."""

    program: Any
    customer: str
    created_at: datetime
    tier: str | None
    lots: list[Lot] = field(default_factory=list)
    debts: list[list[Any]] = field(default_factory=list)
    movements: list[int] = field(default_factory=list)
    lifetime: int = 0
    payments: int = 0
    is_closed: bool = False
    enrolled_by: Any = None
    reminders: list[tuple[datetime, int, datetime, int]] = field(default_factory=list)
    inactive_at: datetime | None = None

    def act(self, now: datetime) -> None:
        """R84: earning and redeeming keep alive what ends by inactivity."""
        of = self.program
        if of.expiry_mode == "inactivity" and of.expiry_months is not None:
            at = months_after(now, of.expiry_months, of.expiry_rounding, of.timezone)
            self.inactive_at = max(self.inactive_at or at, at)

    def end_of(self, lot: Lot) -> datetime | None:
        """When the lot is over."""
        return self.inactive_at if lot.by_inactivity else lot.expires_at

    @property
    def balance(self) -> int:
        return sum(self.movements)

    def in_order(self) -> list[Lot]:
        """R3: soonest expiry first, never last, then available first, then made first."""
        never = datetime.max.replace(tzinfo=self.created_at.tzinfo)
        return sorted(self.lots, key=lambda lot: (lot.expires_at or never, lot.available_at, lot.number))

    def spend(self, points: int, taker: Any) -> int:
        """Points are taken by R3; how many could not be."""
        for lot in self.in_order():
            points -= lot.take(points, taker)
        return points

    def pay_debts(self) -> None:
        """A deficit is paid before anything else, the oldest first."""
        for debt in self.debts:
            debt[1] = self.spend(debt[1], ("debt", debt[0]))

    def remind(self, since: datetime, until: datetime) -> None:
        """R84: what falls due in (since, until], while nothing happens to the member: (instant, days, end, points)."""
        for end in {end for lot in self.lots if (end := self.end_of(lot)) is not None}:
            points = sum(lot.free for lot in self.lots if self.end_of(lot) == end)
            for days in self.program.expiry_reminders:
                at = end - timedelta(days=days)
                if since < at <= until and points and not self.is_closed:
                    self.reminders.append((at, days, end, points))

    def expire(self, now: datetime) -> None:
        """R4: a movement for each lot that is over and held something; spendable on [available, expires)."""
        for lot in self.in_order():
            end = self.end_of(lot)
            if end is not None and end <= now and lot.free:
                self.movements.append(-lot.take(lot.free, EXPIRED))

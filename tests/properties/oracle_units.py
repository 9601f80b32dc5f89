"""The oracle's points: single units in lists, one place for each point, which says what became of it (R1-R6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

FREE, EXPIRED, PENDING = "free", "expired", "pending"
BEFORE = timedelta(microseconds=1)


def days_after(start: datetime, days: int, zone: str) -> datetime:
    """R10: the same local time so many calendar days later, cut to the second."""
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0) + timedelta(days=days)
    return max(local.replace(tzinfo=ZoneInfo(zone)).astimezone(start.tzinfo), start)


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
    # Of points that pend: the months and the rounding that they were promised.
    months: tuple[int, str] | None = None

    @property
    def pending(self) -> int:
        return self.units.count(PENDING)

    @property
    def held(self) -> int:
        return sum(isinstance(unit, tuple) and unit[0] == "hold" for unit in self.units)

    @property
    def free(self) -> int:
        return self.units.count(FREE)

    @property
    def left_to_reverse(self) -> int:
        return max(len(self.units) - self.units.count(EXPIRED) - self.reversed, 0)

    def take(self, most: int, taker: Any, *, of: Any = FREE) -> int:
        """Free points become the taker's, at most so many; how many did. `of`: those that are something else now."""
        places = [place for place, unit in enumerate(self.units) if unit == of][:most]
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
    # Holds in force: each its name and its end.
    holds: dict[Any, datetime] = field(default_factory=dict)
    has_lapsed: list[Any] = field(default_factory=list)
    activated: list[Lot] = field(default_factory=list)
    tier_end: datetime | None = None
    tier_grace: datetime | None = None
    # The last grace of the tier that is held: since when, until when.
    tier_graces: tuple[datetime, datetime] | None = None
    tier_basis: str = "confirmed"

    @property
    def spendable(self) -> int:
        return self.balance - sum(lot.held for lot in self.lots)

    @property
    def pending(self) -> int:
        return sum(lot.pending for lot in self.lots)

    def free_hold(self, name: Any, now: datetime) -> None:
        """R11: what it reserved pays what is owed, and what is over is gone."""
        del self.holds[name]
        for lot in self.lots:
            lot.give_back(("hold", name))
        self.pay_debts()
        self.expire(now)

    def ready(self, lot: Lot, at: datetime) -> None:
        """R10: what is left of a pending lot is there from now on."""
        points = lot.take(lot.pending, FREE, of=PENDING)
        if at != lot.available_at and lot.months is not None:
            lot.expires_at = months_after(at, *lot.months, self.program.timezone)
        lot.available_at = at
        self.activated.append(lot)
        self.movements.append(points)
        self.lifetime += points
        self.act(at)
        self.pay_debts()

    def pass_time(self, since: datetime, until: datetime, on_ready: Any, on_time: Any) -> None:
        """R24: in the order of the instants; at one instant points are ready, holds lapse, tiers move, lots expire."""
        waits = [(lot.available_at, 0, lot.number, lot) for lot in self.lots if lot.pending]
        waits += [(at, 1, 0, name) for name, at in self.holds.items()]
        for at, kind, _number, what in sorted(waits, key=lambda wait: (*wait[:3], str(wait[3]))):
            if at > until:
                break
            on_time(self, at, is_inclusive=False)
            self.remind(since, at - BEFORE)
            self.expire(at - BEFORE)
            since = max(since, at - BEFORE)
            if kind == 0:
                self.ready(what, at)
                on_ready(self, at)
            else:
                self.free_hold(what, at)
                self.has_lapsed.append(what)
        on_time(self, until, is_inclusive=True)
        self.remind(since, until)
        self.expire(until)

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

"""A book of lots: what was granted, who has taken how much of it, and the entries that say so (R2 to R6, R11, R25).

A lot is what was granted at once, and who took how much of it. What can be counted again is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NEVER = datetime.max.replace(tzinfo=UTC)

# Who took something of a lot: what it was for, and a number or a name. What is over was taken by nobody.
Taker = tuple[str, Any]
OVER: Taker = ("over", 0)


@dataclass(eq=False)
class Entry:
    """One movement, for good. `about`: the number of the entry that it takes back, returns or activates."""

    number: int
    kind: str
    points: int
    pending: int
    balance_after: int
    at: datetime
    about: int | None
    source: str | None


@dataclass(eq=False)
class Lot:
    """What an entry granted: `number` is the entry's. Until it is there, all that is left of it is pending."""

    number: int
    points: int
    at: datetime
    end: datetime | None
    is_there: bool = True
    by_inactivity: bool = False
    is_end_named: bool = False
    origin: str | None = None
    # By clawbacks, whoever paid for them.
    reversed: int = 0
    taken: dict[Taker, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return self.points - sum(self.taken.values())

    @property
    def free(self) -> int:
        return self.left if self.is_there else 0

    @property
    def pending(self) -> int:
        return 0 if self.is_there else self.left

    @property
    def held(self) -> int:
        return sum(points for (what, _name), points in self.taken.items() if what == "hold")

    @property
    def expired(self) -> int:
        return self.taken.get(OVER, 0)

    @property
    def reversible(self) -> int:
        """R6: what has expired is gone already."""
        return max(self.points - self.expired - self.reversed, 0)

    def take(self, points: int, taker: Taker) -> None:
        """So many of its points are the taker's; negative ones come back."""
        self.taken[taker] = self.taken.get(taker, 0) + points


class Book:
    """Whose lots these are: a member's points, or a customer's credit. `tell` announces an entry."""

    prefix = ""

    def __init__(self, owner: Any, tell: Callable[..., None]) -> None:
        self.owner, self.tell = owner, tell
        self.lots: list[Lot] = []
        self.entries: list[Entry] = []
        # What is owed: who could not be paid, and how much of it is still open.
        self.debts: list[tuple[Taker, int]] = []
        # Holds in force, each with its end.
        self.holds: dict[Any, datetime] = {}

    # ---- figures

    @property
    def ledger_balance(self) -> int:
        return sum(entry.points for entry in self.entries)

    @property
    def held(self) -> int:
        return sum(lot.held for lot in self.lots)

    @property
    def spendable(self) -> int:
        """R2. (Whatever is over has its entry already.)"""
        return self.ledger_balance - self.held

    @property
    def pending(self) -> int:
        return sum(lot.pending for lot in self.lots)

    @property
    def owed(self) -> int:
        return sum(points for _taker, points in self.debts)

    def end_of(self, lot: Lot) -> datetime:
        """When the lot is over."""
        return lot.end or NEVER

    def in_order(self, lots: Iterable[Lot] | None = None) -> list[Lot]:
        """R3: the soonest end first, never last; then what was there first; then what was made first."""
        return sorted(self.lots if lots is None else lots, key=lambda lot: (lot.end or NEVER, lot.at, lot.number))

    def lot_of(self, entry: Entry) -> Lot | None:
        """What the entry granted."""
        return next((lot for lot in self.lots if lot.number == entry.number), None)

    # ---- what moves

    def post(
        self,
        kind: str,
        points: int = 0,
        *,
        at: datetime,
        pending: int = 0,
        about: int | None = None,
        source: str | None = None,
    ) -> Entry:
        """One more entry. (What is over by now had its entry before.)"""
        balance = self.ledger_balance + points
        entry = Entry(len(self.entries) + 1, kind, points, pending, balance, at, about, source)
        self.entries.append(entry)
        return entry

    def say(self, what: str, entry: Entry, lot: Lot | None = None) -> None:
        """The entry is announced; with the lot that it granted, where it did."""
        self.tell(
            self.owner,
            f"{self.prefix}.{what}",
            kind=entry.kind,
            points=entry.points,
            pending=entry.pending,
            balance_after=entry.balance_after,
            number=entry.number,
            about=entry.about,
            source=entry.source,
            occurred_at=entry.at,
            expires_at=lot.end if lot is not None else None,
            sequence=len(self.entries),
        )

    def spend(self, points: int, taker: Taker, *, lots: Iterable[Lot] | None = None) -> int:
        """The lots pay in the order of use; how much they could not pay."""
        for lot in self.in_order(lots):
            part = min(lot.free, points)
            if part > 0:
                lot.take(part, taker)
                points -= part
        return points

    def payers(self, *takers: Taker) -> list[tuple[Lot, int]]:
        """What each lot has paid these, the last used first."""
        paid = [(lot, sum(lot.taken.get(taker, 0) for taker in takers)) for lot in reversed(self.in_order())]
        return [(lot, points) for lot, points in paid if points > 0]

    def pay_debts(self) -> None:
        """R5, R6: whatever comes pays what is owed first, the oldest debt first."""
        self.debts = [(taker, self.spend(unpaid, taker)) for taker, unpaid in self.debts]

    def give_back(self, points: int, taker: Taker, now: datetime) -> None:
        """R5: to the lots that paid, the last used first; debts are paid of it; what is over is gone again."""
        for lot, paid in self.payers(taker):
            part = min(paid, points)
            lot.take(-part, taker)
            points -= part
        assert points == 0, "more comes back than was paid"

    def take_back(self, lot: Lot, points: int, *, now: datetime, source: str | None = None) -> Entry:
        """R6, R10f, R11f: what is pending of its own; else its own lot, then others, then a debt. Holds are left alone.

        Returns the entry; what it took is the taker `("clawback", number)`.
        """
        if not lot.is_there:
            entry = self.post("reversal", pending=-points, at=now, about=lot.number, source=source)
            lot.take(points, ("clawback", entry.number))
        else:
            entry = self.post("reversal", -points, at=now, about=lot.number, source=source)
            taker = ("clawback", entry.number)
            unpaid = self.spend(self.spend(points, taker, lots=[lot]), taker)
            if unpaid:
                self.debts.append((taker, unpaid))
        lot.reversed += points
        return entry

    def free(self, name: Any, until: datetime) -> None:
        """R11: what was held is free again: it pays what is owed, and what was over by then is gone at once."""
        del self.holds[name]
        for lot in self.lots:
            lot.taken.pop(("hold", name), None)
        self.pay_debts()
        self.expire(until)

    def expire(self, now: datetime) -> None:
        """R4: one entry for each lot that is over and has something that nobody holds, by their ends."""
        over = [lot for lot in self.in_order() if lot.free > 0 and self.end_of(lot) <= now]
        for lot in sorted(over, key=self.end_of):
            entry = self.post("expiry", -lot.free, at=self.end_of(lot), source=f"entry {lot.number}")
            lot.take(lot.free, OVER)
            self.say("expired", entry)

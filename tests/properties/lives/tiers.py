"""Tiers: which of them a member's credits confirm, and until when, found again from every credit (R12)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from oracle_tiers import days_on, months_on

from lives.book import NEVER

BEFORE = timedelta(microseconds=1)
# (since when, how much): a lot that is there less what was taken back of it, or what is kept of a payment.
Credit = tuple[datetime, Fraction]


@dataclass(frozen=True)
class TierTerms:
    """What a program says of its tiers; `tiers`: name and threshold, ascending."""

    tiers: tuple[tuple[str, int], ...]
    metric: str
    window: str
    months: int | None
    downgrade: str
    grace_days: int
    on_reversal: str


class Standing:
    """How one member holds its tier. `rank` -1: none. Each change is told at once."""

    def __init__(self, member: Any) -> None:
        self.member, self.terms, self.zone = member, member.terms.tiers, member.terms.zone
        self.rank = 0 if self.terms.tiers and self.terms.tiers[0][1] == 0 else -1
        self.basis = "confirmed"
        self.end: datetime | None = None
        self.grace_until: datetime | None = None
        # The last grace of the tier that is held: [the tier's end, the end of the grace).
        self.grace: tuple[datetime, datetime] | None = None
        # R12i: until then the member holds at least, or exactly, the tier of this rank.
        self.lock: tuple[str, int, datetime] | None = None

    # ---- what credits say

    @property
    def credits(self) -> list[Credit]:
        """R12b: each credit less what was taken back of it; nothing is no credit."""
        return [(at, amount) for at, amount in self.member.credits() if amount > 0]

    def new_year(self, at: datetime, more: int) -> datetime:
        """The first instant of the year that is so many after the instant's own, in the zone."""
        zone = ZoneInfo(self.zone)
        return datetime(at.astimezone(zone).year + more, 1, 1, tzinfo=zone).astimezone(at.tzinfo)

    def counts_until(self, at: datetime) -> datetime:
        """R12c: until when a credit of then counts; R12f: how long a tier lasts that is landed on then."""
        if self.terms.window == "lifetime":
            return NEVER
        if self.terms.window == "calendar_year":
            return self.new_year(at, 1)
        return months_on(at, self.terms.months, self.zone)

    def confirms_until(self, at: datetime) -> datetime:
        """R12d: the end of the next window."""
        return self.new_year(at, 2) if self.terms.window == "calendar_year" else self.counts_until(at)

    def value(self, at: datetime) -> Fraction:
        """The metric at an instant."""
        if self.terms.window == "lifetime":
            return sum((amount for _since, amount in self.credits), Fraction(0))
        counting = [amount for since, amount in self.credits if since <= at < self.counts_until(since)]
        return sum(counting, Fraction(0))

    def value_in_grace(self, ended: datetime, at: datetime) -> Fraction:
        """R12f: of a calendar year that has ended, counted on until now."""
        began = self.new_year(ended - BEFORE, 0)
        return sum((amount for since, amount in self.credits if began <= since <= at), Fraction(0))

    def confirmed(self, at: datetime) -> list[datetime | None]:
        """For each tier the latest end of what confirms it, if that is still to come."""
        credits = [since for since, _amount in self.credits if since <= at or self.terms.window == "lifetime"]
        found: list[datetime | None] = []
        for rank, (_name, threshold) in enumerate(self.terms.tiers):
            ends = [self.confirms_until(since) for since in credits if self.value(since) >= threshold]
            ends += [NEVER] if threshold == 0 else []
            if rank == self.rank and self.grace is not None and self.terms.window == "calendar_year":
                ended, until = self.grace
                enough = (since for since in credits if self.value_in_grace(ended, since) >= threshold)
                ends += [self.counts_until(ended) for since in enough if ended <= since < until]
            found.append(max((end for end in ends if end > at), default=None))
        return found

    # ---- how it is held

    def hold(self, rank: int, end: datetime | None, basis: str, *, at: datetime, cause: str) -> None:
        """The member holds this tier until then; a change is told."""
        before, self.rank = self.rank, rank
        self.end, self.basis, self.grace_until = (None if end == NEVER else end), basis, None
        if rank == before:
            return
        self.grace = None
        name = {-1: None} | {place: tier[0] for place, tier in enumerate(self.terms.tiers)}
        self.member.tell(
            self.member.owner,
            "loyalty.tier.changed",
            before=name[before],
            after=name[rank],
            direction="up" if rank > before else "down",
            basis=basis,
            cause=cause,
            value=math.floor(self.value(at)),
            threshold=self.terms.tiers[rank][1] if rank >= 0 else None,
            lifetime=self.member.lifetime,
            effective_at=at,
            expires_at=self.end,
            sequence=len(self.member.entries),
        )

    def judge(self, at: datetime, cause: str, *, is_by_time: bool = False) -> None:
        """R12e, R12h: up at once; the held one carried on, never back; down at once where reversals do that."""
        if self.lock is not None and self.lock[0] == "exactly":
            return
        ends = self.confirmed(at)
        best = max((rank for rank, end in enumerate(ends) if end is not None), default=-1)
        own = ends[self.rank] if self.rank >= 0 else None
        if best > self.rank:
            self.hold(best, ends[best], "confirmed", at=at, cause=cause)
        elif own is not None and self.end is not None and own > self.end:
            self.hold(self.rank, own, "confirmed", at=at, cause=cause)
        elif self._requalifies and not is_by_time:
            if own is not None:
                self.hold(self.rank, own, "confirmed", at=at, cause="reversal")
            else:
                self._land(best, ends, at=at, cause="reversal")

    @property
    def _requalifies(self) -> bool:
        is_confirmed = self.rank >= 0 and self.basis == "confirmed" and self.grace_until is None
        return is_confirmed and self.terms.on_reversal == "requalify"

    @property
    def next_instant(self) -> datetime | None:
        """When time alone changes how the tier is held."""
        end = self.grace_until or self.end
        if self.lock is None:
            return end
        kind, rank, until = self.lock
        return until if kind == "exactly" or rank == self.rank or end is None else min(end, until)

    def pass_instant(self, at: datetime) -> None:
        """R12f, R12i: a lock is over, grace begins, or the tier is over."""
        if self.lock is not None and self.lock[2] <= at:
            self._unlock(at)
        elif self.grace_until is None and self.terms.grace_days:
            assert self.end is not None
            self._begin_grace(at)
        else:
            self._fall(at, "expired" if self.grace_until is None else "grace_ended")

    def _begin_grace(self, at: datetime) -> None:
        """The tier is kept for some days, counted from its end."""
        assert self.end is not None
        self.grace_until = days_on(self.end, self.terms.grace_days, self.zone)
        self.grace = (self.end, self.grace_until)
        self._tell_grace(at)

    def _fall(self, at: datetime, cause: str) -> None:
        """One lands on what is confirmed, or softly one step below."""
        ends = self.confirmed(at)
        best = max((rank for rank, end in enumerate(ends) if end is not None), default=-1)
        floor = self.lock[1] if self.lock is not None else -1
        soft = self.rank - 1 if self.terms.downgrade == "one_step" else -1
        if soft > best and soft >= floor:
            self.hold(soft, self.counts_until(at), "landed", at=at, cause=cause)
        else:
            self._land(best, ends, at=at, cause=cause)

    def _land(self, best: int, ends: list[datetime | None], *, at: datetime, cause: str) -> None:
        """On the highest that is confirmed; on a lock's floor where that is higher, to fall when the lock is over."""
        if self.lock is not None and self.lock[1] > best:
            self.hold(self.lock[1], self.end, "set", at=at, cause=cause)
        elif best >= 0:
            self.hold(best, ends[best], "confirmed", at=at, cause=cause)
        else:
            self.hold(-1, None, "landed", at=at, cause=cause)

    def _unlock(self, at: datetime) -> None:
        """R12i: who was held exactly goes where credits say; anybody else falls if the tier is over by now."""
        assert self.lock is not None
        kind, self.lock = self.lock[0], None
        if kind == "exactly":
            ends = self.confirmed(at)
            best = max((rank for rank, end in enumerate(ends) if end is not None), default=-1)
            self._land(best, ends, at=at, cause="lock_ended")
        elif self.end is not None and self.end <= at:
            if days_on(self.end, self.terms.grace_days, self.zone) > at:
                self._begin_grace(at)
            else:
                self._fall(at, "lock_ended")

    def _tell_grace(self, at: datetime) -> None:
        """`needed`: a credit of so much would carry the tier on (R12l)."""
        assert self.grace_until is not None
        value = self.value(at)
        if self.terms.window == "calendar_year":
            assert self.end is not None
            value = max(value, self.value_in_grace(self.end, at))
        name, threshold = self.terms.tiers[self.rank]
        self.member.tell(
            self.member.owner,
            "loyalty.tier.grace_started",
            tier=name,
            needed=max(math.ceil(threshold - value), 1),
            grace_until=self.grace_until,
            effective_at=at,
            sequence=len(self.member.entries),
        )

    def by_hand(self, rank: int, end: datetime | None, at: datetime, lock: tuple[str, datetime] | None) -> None:
        """R12i: as if it were confirmed now, until an end that is named, or that of the next window.

        Never until an end before that of what confirms it (R12d), unless it is locked exactly.
        """
        self.lock = None if lock is None else (lock[0], rank, lock[1])
        if rank < 0 or self.terms.tiers[rank][1] == 0:
            self.hold(rank, None, "set", at=at, cause="set")
            return
        if end is None and rank == self.rank and self.basis == "set" and self.end is not None and self.end > at:
            end = self.end  # nothing new is said of it
        end, confirmed = end or self.confirms_until(at), self.confirmed(at)[rank]
        if confirmed is not None and confirmed > end and (lock is None or lock[0] != "exactly"):
            self.hold(rank, confirmed, "confirmed", at=at, cause="set")
        else:
            self.hold(rank, end, "set", at=at, cause="set")

"""The oracle's tiers: every tier is found again from every credit, at each instant that matters (R12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from oracle_earning import kept_of
from oracle_units import Account

Credits = list[tuple[datetime, Fraction]]


def months_on(at: datetime, months: int, zone: str) -> datetime:
    """R1: the same local time so many calendar months later, or on the last day of a month that is too short."""
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    last = (local.replace(year=year, month=month, day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    moved = local.replace(year=year, month=month, day=min(local.day, last.day))
    return moved.replace(tzinfo=ZoneInfo(zone)).astimezone(at.tzinfo)


def days_on(at: datetime, days: int, zone: str) -> datetime:
    """The same local time so many days later."""
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(at.tzinfo)


class Ranking:
    """A program's tiers with the credits of one account."""

    def __init__(self, account: Account, payments: Any) -> None:
        self.account, self.program = account, account.program
        self.policy, self.tiers = account.program.tier_policy, account.program.tiers
        # What has nothing left is no credit.
        self.credits = [(at, amount) for at, amount in self._credits(payments) if amount]

    def _credits(self, payments: Any) -> Credits:
        """R12b: what is left of each accrual, or of each payment."""
        if self.policy.metric == "points_earned":
            left = [(lot, len(lot.units) - lot.reversed) for lot in self.account.lots if not lot.pending]
            return [(lot.available_at, Fraction(points)) for lot, points in left]
        found: Credits = []
        for payment in payments:
            if not any(one is self.account for one in payment["counted_for"]):
                continue
            is_whole = payment["refunds"] and sum(part[0] for part in payment["refunds"].values()) == payment["amount"]
            if self.policy.metric == "payment_count":
                found.append((payment["occurred_at"], Fraction(0 if is_whole else 1)))
            elif payment["currency"] == self.policy.currency:
                found.append((payment["occurred_at"], kept_of(payment)))
        return found

    def year(self, at: datetime, more: int) -> datetime:
        """New Year of the year that is so many after the instant's own, in the zone."""
        zone = ZoneInfo(self.program.timezone)
        return datetime(at.astimezone(zone).year + more, 1, 1, tzinfo=zone).astimezone(at.tzinfo)

    def leaves(self, at: datetime) -> datetime:
        """R12c: when a credit no longer counts."""
        if self.policy.window == "calendar_year":
            return self.year(at, 1)
        return months_on(at, self.policy.months, self.program.timezone)

    def end(self, at: datetime) -> datetime:
        """R12d: until when a credit confirms."""
        return self.year(at, 2) if self.policy.window == "calendar_year" else self.leaves(at)

    def value(self, at: datetime) -> Fraction:
        return sum((amount for since, amount in self.credits if since <= at < self.leaves(since)), Fraction(0))

    def confirmed(self, at: datetime) -> list[Any]:
        """For each tier until when it is confirmed: an instant after `at`, "ever", or None."""
        found: list[Any] = []
        for tier in self.tiers:
            ends = [
                self.end(since)
                for since, _amount in self.credits
                if since <= at < self.end(since) and self.value(since) >= tier.threshold
            ]
            if tier.id == self.account.tier and self.account.tier_graces is not None:
                ends += self.by_grace(tier.threshold, *self.account.tier_graces, at)
            found.append("ever" if tier.threshold == 0 else max(ends, default=None))
        return found

    def by_grace(self, threshold: int, ended: datetime, until: datetime, at: datetime) -> list[datetime]:
        """R12f: in grace a year that ended counts on; who reaches the threshold by that is confirmed for one year."""
        if self.policy.window != "calendar_year" or self.leaves(ended) <= at:
            return []
        began = self.year(ended - timedelta(microseconds=1), 0)
        instants = [since for since, _amount in self.credits if ended <= since < until and since <= at]
        sums = [sum(amount for since, amount in self.credits if began <= since <= instant) for instant in instants]
        return [self.leaves(ended) for counted in sums if counted >= threshold]

    @property
    def held(self) -> int:
        """The rank of the tier that the account holds."""
        return next((rank for rank, tier in enumerate(self.tiers) if tier.id == self.account.tier), -1)

    def take(self, rank: int, end: Any, basis: str) -> None:
        """The account holds the tier of this rank until then."""
        self.account.tier_graces = self.account.tier_graces if rank == self.held else None
        self.account.tier = self.tiers[rank].id if rank >= 0 else None
        self.account.tier_end = None if end == "ever" else end
        self.account.tier_grace, self.account.tier_basis = None, basis

    def judge(self, at: datetime, *, may_fall: bool) -> None:
        """R12e, R12h: up at once, further on, or down where something was taken back and reversals do that."""
        account, held, ends = self.account, self.held, self.confirmed(at)
        best = max((rank for rank, end in enumerate(ends) if end is not None), default=-1)
        if best > held:
            self.take(best, ends[best], "confirmed")
            return
        own = ends[held] if held >= 0 else None
        if own is not None and account.tier_end is not None and own > account.tier_end:
            self.take(held, own, "confirmed")
            return
        requalifies = self.policy.on_reversal == "requalify" and may_fall
        if requalifies and account.tier_basis == "confirmed" and not account.tier_grace:
            if held >= 0 and own is None:
                self.take(best, ends[best] if best >= 0 else None, "confirmed")
            elif held >= 0:
                self.take(held, own, "confirmed")

    def pass_time(self, until: datetime, *, is_inclusive: bool) -> None:
        """R12f: each end up to the instant, in its order: grace begins, or the tier falls."""
        account = self.account
        while not account.is_closed:
            at = account.tier_grace or account.tier_end
            if at is None or at > until or (at == until and not is_inclusive):
                return
            if account.tier_grace is None and self.policy.grace_days:
                account.tier_grace = days_on(at, self.policy.grace_days, self.program.timezone)
                account.tier_graces = (at, account.tier_grace)
                continue
            ends = self.confirmed(at)
            best = max((rank for rank, end in enumerate(ends) if end is not None), default=-1)
            below = self.held - 1
            if self.policy.downgrade == "one_step" and below > best:
                self.take(below, self.leaves(at), "landed")
            else:
                self.take(best, ends[best] if best >= 0 else None, "confirmed")

"""Caps of earning rules: the points that a rule gives a member at most, by payment, day, month or for good (R76).

What a rule has given in a period stands in a counter for each rule, member and period. Every command that
moves a member's points holds the lock on its account, and so on these counters: granted is min(demand, room) exactly.
A counter counts from the moment its rule has a cap.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Counter, escaped
from vinr_server.core.kernel.spans.periods import period_end
from vinr_server.core.kernel.spans.periods import period_of as calendar_period
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.members.rows import Account

CapPer = Literal["payment", "day", "month", "year", "member"]
FOR_GOOD = "member"
CALENDAR: tuple[CapPer, ...] = ("day", "month", "year")


@dataclass(frozen=True, slots=True)
class Cap:
    """The points that a rule gives one member at most, by payment (or event), by day, by month, or for good."""

    points: int
    per: CapPer


@dataclass(frozen=True, slots=True)
class Room:
    """What a cap leaves of itself. `period` None: nothing is counted; `frees_at` None: it never frees by itself."""

    cap: Cap
    points: int
    period: str | None = None
    frees_at: datetime | None = None

    def frozen(self, desired_points: int) -> dict[str, Any]:
        """The cap as the receipt of an award keeps it."""
        granted_points = min(desired_points, self.points)
        cap = {"points": self.cap.points, "per": self.cap.per, "period": self.period, "room": self.points}
        return {"desired": desired_points, "granted": granted_points, "cap": cap}


def period_of(per: CapPer, at: datetime, zone: str) -> str | None:
    """The name of the period that holds an instant, in the program's zone; None where nothing is counted."""
    if per == "payment":
        return None
    return FOR_GOOD if per == "member" else calendar_period(per, at, zone)


def rule_counter(rule_id: str, account_id: str, period: str) -> str:
    """The name of the counter of what a rule has given a member in a period.

    The member stands first, without a colon, as in the names of offers' counters.
    """
    return f"{rule_counters(account_id)}{rule_id}:{period}"


def rule_counters(account_id: str) -> str:
    """How the names of all counters begin that count what rules have given a member."""
    return f"rule:{escaped(account_id)}:"


# In place of a rule's id: all counters of an account, of every rule and period, are needed.
EVERY_RULE = "*"


def name_all_given(needs: Needs, account_id: str) -> None:
    """Everything that capped rules have given an account is declared; it is read under the account's lock."""
    needs.children(Counter, (account_id, EVERY_RULE))


def add_given(draft: Layer, account: Account, into: Account) -> None:
    """What rules have given the account counts as given to the other one (R85). Expects `name_all_given` of both."""
    mine = rule_counters(account.id)
    for counter in [row for row in draft.all_here(Counter) if row.id.startswith(mine)]:
        theirs_id = rule_counters(into.id) + counter.id.removeprefix(mine)
        theirs = draft.find(Counter, theirs_id) or Counter(into.bucket, theirs_id, 0)
        draft.put(replace(theirs, used=theirs.used + counter.used))
        draft.put(replace(counter, used=0))


def counters_at(rule_id: str, account_id: str, at: datetime, zone: str) -> list[str]:
    """The counters that a cap of the rule may ask for at an instant, whatever it is per by then."""
    periods = (FOR_GOOD, *(period_of(per, at, zone) for per in CALENDAR))
    return [rule_counter(rule_id, account_id, period) for period in periods if period is not None]


def room(draft: Layer, rule_id: str, account: Account, cap: Cap, *, at: datetime, zone: str) -> Room:
    """What the cap leaves for something that happened at an instant. Expects the counter, under the account's lock."""
    period = period_of(cap.per, at, zone)
    if period is None:
        return Room(cap, cap.points)
    used_points = _counter(draft, rule_id, account, period).used
    frees_at = None if cap.per == "payment" or cap.per == "member" else period_end(cap.per, at, zone)
    return Room(cap, max(cap.points - used_points, 0), period, frees_at)


def used(draft: Layer, rule_id: str, account: Account, per: CapPer, *, at: datetime, zone: str) -> int:
    """What is counted in the period that holds an instant. Expects the counter, under the account's lock."""
    period = period_of(per, at, zone)
    return 0 if period is None else _counter(draft, rule_id, account, period).used


def count_given(
    draft: Layer, rule_id: str, account: Account, per: CapPer, points: int, *, at: datetime, zone: str
) -> None:
    """So many points more are counted as given by the rule in its period, or fewer where `points` is negative.

    Expects room for what is more. Never counts below nothing: a cap may have been set after the points were given.
    """
    period = period_of(per, at, zone)
    if period is not None and points:
        counter = _counter(draft, rule_id, account, period)
        draft.put(replace(counter, used=max(counter.used + points, 0)))


def _counter(draft: Layer, rule_id: str, account: Account, period: str) -> Counter:
    counter_id = rule_counter(rule_id, account.id, period)
    found = draft.get(Counter, counter_id, of=((account.id, rule_id), account.id, rule_id))
    return found or Counter(account.bucket, counter_id, 0)

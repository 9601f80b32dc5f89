"""How far a challenge has come: the first event at which what is kept in its window is enough, and so on from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from passages.stories import HOUR

Json = dict[str, Any]
# Days since a Monday.
MONDAY = datetime(2026, 1, 5).toordinal()  # noqa: DTZ001


@dataclass
class Kept:
    """What counts: when it occurred, its place among those that were reported, and what is left of it."""

    occurred_at: datetime
    number: int
    worth: int


def hours(text: str) -> timedelta:
    """A duration in minutes, hours or days."""
    return int(text[:-1]) * {"m": HOUR / 60, "h": HOUR, "d": 24 * HOUR}[text[-1]]


def period(every: str, at: datetime) -> int:
    """Which day, week from Monday on, or month an instant lies in."""
    if every == "month":
        return at.year * 12 + at.month
    return at.toordinal() - MONDAY if every == "day" else (at.toordinal() - MONDAY) // 7


def period_ends(every: str, at: datetime) -> datetime:
    """The first instant of the next day, of the next Monday, or of the next month."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "month":
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return midnight + timedelta(days=1 if every == "day" else 7 - midnight.weekday())


def complete(says: Json, kept: Sequence[Kept], *, begins_at: datetime, most: int | None) -> int:
    """How many attempts what is kept comes to, one after the other, each after the end of the one before."""
    left = sorted((one for one in kept if one.worth > 0), key=lambda one: (one.occurred_at, one.number))
    left = _of_days(left, 1 if says["measure"] == "days" else says.get("max_per_day"))
    window = says.get("window") or {}
    if window.get("from") == "entry":
        left = [one for one in left if begins_at <= one.occurred_at < begins_at + hours(window["for"])]
    found = 0
    while most is None or found < most:
        end = _streak_ends(says, left) if says["measure"] == "streak" else _stretch_ends(says, window, left)
        if end is None:
            break
        left, found = left[end + 1 :], found + 1
    return found


def _of_days(left: list[Kept], most: int | None) -> list[Kept]:
    """The first ones of each day."""
    seen: Counter[int] = Counter()
    counted = []
    for one in left:
        seen[day := period("day", one.occurred_at)] += 1
        if most is None or seen[day] <= most:
            counted.append(one)
    return counted


def _stretch_ends(says: Json, window: Json, left: list[Kept]) -> int | None:
    """The place of the last event of the first attempt; of a calendar's period all belong to it."""
    for place, last in enumerate(left):
        so_far = left[: place + 1]
        if "calendar" in window:
            here = period(window["calendar"], last.occurred_at)
            so_far = [one for one in so_far if period(window["calendar"], one.occurred_at) == here]
        elif "for" in window and "from" not in window:
            so_far = [one for one in so_far if last.occurred_at - hours(window["for"]) < one.occurred_at]
        if sum(one.worth for one in so_far) >= says["target"]:
            if "calendar" in window:
                return max(n for n, one in enumerate(left) if period(window["calendar"], one.occurred_at) == here)
            return place
    return None


def _streak_ends(says: Json, left: list[Kept]) -> int | None:
    """The place of the last event of the period that makes the streak long enough."""
    streak = says["streak"]
    counts = Counter(period(streak["every"], one.occurred_at) for one in left)
    enough = sorted(name for name, count in counts.items() if count >= streak.get("min", 1))
    length, spare, before = 0, 0, 0
    for name in enough:
        missed = name - before - 1
        if length and missed <= spare:
            length, spare = length + 1, spare - missed
        else:
            length, spare = 1, streak["freezes"]
        before = name
        if length == says["target"]:
            return max(n for n, one in enumerate(left) if period(streak["every"], one.occurred_at) == name)
    return None

"""Progress as the wire shows it, at an instant: what has left a window by then no longer counts (R54)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.challenges.measuring import Course
from vinr_server.core.campaigns.challenges.progress import best_streak, missed_between
from vinr_server.core.campaigns.challenges.targets import Contribution, Progressing, Streak
from vinr_server.core.kernel.numbers import floor_div
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.spans.periods import Period, period_end, period_of, period_start


class _Now(NamedTuple):
    """What counts at an instant, from when to when, and what is the next to count no longer."""

    current: int
    window: Wire | None = None
    next_expiry: Wire | None = None


def progress_payload(course: Course, *, now: datetime) -> Wire:
    """How far the attempt has come that runs at this instant; of the last one, once it is complete."""
    target, completed = course.says.target, len(course.progress.completed)
    running = course.progress.running
    here = _at(course, now) if running is not None else _Now(target.target)
    remaining = max(target.target - here.current, 0)
    shown: Wire = {
        "measure": target.measure,
        "current": here.current,
        "target": target.target,
        "remaining": remaining,
        "percent": min(floor_div(100 * here.current, target.target), 100),
        "attempt": completed + (running is not None),
        "completed": completed,
        "window": here.window,
        "next_expiry": here.next_expiry,
    }
    if target.streak is not None:
        shown["streak"] = _streak(course, target.streak, here.current, now)
    return shown


def untouched_payload(says: Progressing, *, now: datetime, zone: str) -> Wire:
    """The first attempt of a challenge in which nothing counts yet: a window that begins with the entry has none."""
    target = says.target
    calendar, streak = target.window.calendar, target.streak
    shown: Wire = {
        "measure": target.measure,
        "current": 0,
        "target": target.target,
        "remaining": target.target,
        "percent": 0,
        "attempt": 1,
        "completed": 0,
        "window": _in_period((), calendar, now, zone).window if calendar is not None and streak is None else None,
        "next_expiry": None,
    }
    if streak is not None:
        ends_at = _period_ends_at(streak, now, zone)
        shown["streak"] = {"length": 0, "best": 0, "freezes": streak.freezes, "period_ends_at": ends_at}
    return shown


def _at(course: Course, now: datetime) -> _Now:
    assert course.progress.running is not None, "an attempt runs"
    target, mine = course.says.target, course.progress.running.contributions
    if target.streak is not None:
        return _Now(_length(course, target.streak, now)[0])
    window, zone = target.window, course.zone
    if window.calendar is not None:
        return _in_period(mine, window.calendar, now, zone)
    if window.length is None:
        return _Now(_sum(mine))
    if window.is_from_entry:
        end = later(course.begins_at, window.length, zone)
        return _until(end, course.begins_at, _sum(mine) if now < end else 0)
    lasting = [(later(contribution.occurred_at, window.length, zone), contribution) for contribution in mine]
    lasting = [(end, contribution) for end, contribution in lasting if end > now]
    if not lasting:
        return _Now(0)
    first = min(end for end, _one in lasting)
    leaving = sum(contribution.amount for end, contribution in lasting if end == first)
    since = min(contribution.occurred_at for _end, contribution in lasting)
    return _Now(
        sum(contribution.amount for _end, contribution in lasting),
        {"from": unix(since), "to": unix(first)},
        {"at": unix(first), "amount": leaving},
    )


def _in_period(mine: Sequence[Contribution], calendar: Period, now: datetime, zone: str) -> _Now:
    name, end = period_of(calendar, now, zone), period_end(calendar, now, zone)
    current = _sum(
        [contribution for contribution in mine if period_of(calendar, contribution.occurred_at, zone) == name]
    )
    return _Now(current) if end is None else _until(end, period_start(calendar, now, zone), current)


def _until(end: datetime, start: datetime, current: int) -> _Now:
    expiry = {"at": unix(end), "amount": current} if current else None
    return _Now(current, {"from": unix(start), "to": unix(end)}, expiry)


def _sum(contributions: Sequence[Contribution]) -> int:
    return sum(contribution.amount for contribution in contributions)


def _length(course: Course, streak: Streak, now: datetime) -> tuple[int, int]:
    """How long the streak is, and how many misses it can still bridge: it is over where too many were missed by now."""
    running = course.progress.running
    if running is None:
        return course.says.target.target, streak.freezes
    if not running.contributions:
        return 0, streak.freezes
    missed = missed_between(running.contributions[-1].occurred_at, now, streak, course.zone)
    return (0, streak.freezes) if missed > running.freezes else (running.length, running.freezes - missed)


def _streak(course: Course, streak: Streak, length: int, now: datetime) -> Wire:
    return {
        "length": length,
        "best": best_streak(course.kept, course.says.target, course.zone),
        "freezes": _length(course, streak, now)[1],
        "period_ends_at": _period_ends_at(streak, now, course.zone),
    }


def _period_ends_at(streak: Streak, now: datetime, zone: str) -> int | None:
    end = period_end(streak.every, now, zone)
    return unix(end) if end is not None else None

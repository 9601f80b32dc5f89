"""Schedules by which members enter campaigns, from free JSON to what core takes (R41)."""

from __future__ import annotations

from datetime import date
from typing import Any

from vinr_server.api.contract.definition_places import Place
from vinr_server.core.campaigns.definition import Every, Schedule

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Which field says on which days, for each rhythm.
_SAYS_WHEN = {"once": "on", "week": "days", "month": "day"}


def read_schedule(place: Place) -> Schedule:
    """When members enter: `every` once, day, week or month, `at` a local time of day."""
    every: Every = place.required("every", place.choice("every", Every.__args__)) or "day"  # type: ignore[attr-defined]
    read = Schedule(
        every=every,
        at_minutes=place.required("at", place.minutes("at")) or 0,
        on=place.required("on", _day(place)) if every == "once" else None,
        days=tuple(sorted(WEEKDAYS.index(day) for day in place.texts("days", choices=WEEKDAYS))),
        day=place.required("day", place.whole("day", least=1, most=31)) if every == "month" else None,
        segment_id=place.text("segment", longest=100),
    )
    if every == "week" and not read.days:
        place.required("days", None)
    for name in _SAYS_WHEN.values():
        if name != _SAYS_WHEN.get(every) and place.value(name) is not None:
            place.say(name, f"It does not go with every: {every}.")
    place.end()
    return read


def _day(place: Place) -> date | None:
    value: Any = place.value("on")
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        place.say("on", "Send a day such as 2026-12-24.")
        return None

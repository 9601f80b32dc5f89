"""The progress that a challenge's definition asks for, from free JSON, with all that is wrong in it (R54)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vinr_server.api.contract.definition_places import Place
from vinr_server.core.campaigns.challenges.targets import Measure, Progressing, Streak, Target, Window
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.kernel.spans.periods import Period

MEASURES = Measure.__args__  # type: ignore[attr-defined]
PERIODS = Period.__args__  # type: ignore[attr-defined]
# More than anybody spends, and less than numbers can hold.
TARGET_MAX = 1_000_000_000_000
TIMES_MAX = 1_000


def read_progress(place: Place, events: Callable[[str], Any]) -> Progressing:
    """What counts, how much is needed, and by when. `events`: what reads conditions of events."""
    measure: Measure = place.required("measure", place.choice("measure", MEASURES)) or "count"
    streak = place.place("streak")
    if (streak is not None) != (measure == "streak"):
        place.say("streak", "Measure streak takes it, and no other measure.")
    window = place.place("window")
    target = Target(
        measure=measure,
        target=place.required("target", place.whole("target", least=1, most=TARGET_MAX)) or 1,
        max_per_day=place.whole("max_per_day", least=1, most=TIMES_MAX),
        window=_window(window) if window is not None else Window(),
        repeat=_repeat(place),
        streak=_streak(streak) if streak is not None else None,
    )
    if measure == "streak" and window is not None:
        place.say("window", "A streak has its own periods. Leave the window out.")
    if measure == "days" and target.max_per_day is not None:
        place.say("max_per_day", "Days count once each. Leave it out.")
    of = place.required("of", place.place("of"))
    type, conditions, amount_from = _of(of, measure, events) if of is not None else ("", Conditions(), None)
    read = Progressing(
        type=type,
        target=target,
        conditions=conditions,
        amount_from=amount_from,
        grace=place.duration("grace") or Duration(seconds=86_400),
        on_expire=place.step("on_expire"),
    )
    if read.on_expire is not None and target.window.calendar is None and not target.window.is_from_entry:
        place.say("on_expire", "Only a calendar window, or one from the entry, ends short. Leave it out.")
    place.end()
    return read


def _of(place: Place, measure: Measure, events: Callable[[str], Any]) -> tuple[str, Conditions, str | None]:
    type = place.required("event", place.text("event", longest=100)) or ""
    conditions = place.read("conditions", events(place.zone)) or Conditions()
    amount_from = place.text("amount_from", longest=100)
    if amount_from is not None and measure != "sum":
        place.say("amount_from", "It says what measure sum adds up. Leave it out.")
    if measure == "sum" and amount_from is None and conditions.currency is None:
        place.say("conditions.currency", "Amounts are summed in one currency. Name it, or name amount_from.")
    place.end()
    return type, conditions, amount_from


def _window(place: Place) -> Window:
    length, calendar = place.duration("for"), place.choice("calendar", PERIODS)
    start = place.choice("from", ("entry",))
    if (length is None) == (calendar is None):
        place.say("", "A window takes for or calendar. Send one of them.")
    elif start is not None and length is None:
        place.say("from", "It belongs to for.")
    place.end()
    return Window(length, start is not None and length is not None, calendar)


def _repeat(place: Place) -> int | None:
    """Null is for ever; left out, it is once."""
    return place.whole("repeat", least=1, most=TIMES_MAX) if place.has("repeat") else 1


def _streak(place: Place) -> Streak:
    read = Streak(
        every=place.required("every", place.choice("every", PERIODS)) or "week",
        least=place.whole("min", least=1, most=TIMES_MAX) or 1,
        freezes=place.whole("freezes", least=0, most=TIMES_MAX) or 0,
    )
    place.end()
    return read

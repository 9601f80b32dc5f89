"""How often members may be met, and at which hours: caps on frequency and windows for messages (R51)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.calendar import DAY_MINUTES, minutes_of_day, next_time_of_day
from vinr_server.core.kernel.spans.durations import Duration, later
from vinr_server.core.kernel.values import dataclass

CappedKind = Literal["entries", "messages"]
CapScope = Literal["campaign", "group", "program"]


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `most` entries or messages of a member less than `within` back, in all campaigns of the scope."""

    of: CappedKind
    most: int
    within: Duration
    scope: CapScope = "campaign"


@dataclass(frozen=True, slots=True)
class SendWindow:
    """The hours in which messages are sent: [from, to) by the program's clock, in minutes after midnight."""

    from_minutes: int
    to_minutes: int


def frees_at(times: Sequence[datetime], cap: FrequencyCap, *, at: datetime, zone: str) -> datetime | None:
    """When the cap lets one more in; None where it does now. What lies exactly `within` back no longer counts."""
    counted = sorted(end for time in times if (end := later(time, cap.within, zone)) > at)
    return counted[len(counted) - cap.most] if len(counted) >= cap.most else None


def opening(window: SendWindow, at: datetime, zone: str) -> datetime:
    """The first instant, this one or a later one, at which the window is open."""
    length = (window.to_minutes - window.from_minutes) % DAY_MINUTES
    if (minutes_of_day(at, zone) - window.from_minutes) % DAY_MINUTES < length:
        return at
    return next_time_of_day(at, window.from_minutes, (), zone)

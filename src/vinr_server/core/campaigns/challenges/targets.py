"""What a challenge asks for, and what counts towards it (R54)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.kernel.spans.periods import Period
from vinr_server.core.kernel.values import dataclass

# So many events count in one passage: all of them are read to compute what they come to.
CONTRIBUTIONS_MAX = 1_000

Measure = Literal["count", "sum", "days", "streak"]


@dataclass(frozen=True, slots=True)
class Window:
    """What belongs together: any stretch of `length`, that from the entry on, or a calendar period."""

    length: Duration | None = None
    is_from_entry: bool = False
    calendar: Period | None = None


@dataclass(frozen=True, slots=True)
class Streak:
    """Periods in a row with at least `least` contributions each; `freezes` missed ones are bridged."""

    every: Period
    least: int = 1
    freezes: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """How much completes an attempt, and how often one can be.

    `target`: contributions, their sum, local days, or the length of a streak. `max_per_day`: the first of a local day
    count. `repeat`: attempts in all; None: for ever. `streak` stands with the measure of that name, and no other.
    """

    measure: Measure
    target: int
    max_per_day: int | None = None
    window: Window = Window()
    repeat: int | None = 1
    streak: Streak | None = None

    @property
    def a_day(self) -> int | None:
        """How many contributions of one local day count."""
        return 1 if self.measure == "days" else self.max_per_day


@dataclass(frozen=True, slots=True)
class Progressing:
    """What a challenge counts, and how long after a period's end it still does.

    `type`, `conditions`: of the events that count. `amount_from`: the path in their data whose whole numbers are
    summed; None: what is kept of the eligible amount. `on_expire`: the first step of those taken where a period ends
    short.
    """

    type: str
    target: Target
    conditions: Conditions = Conditions()
    amount_from: str | None = None
    grace: Duration = Duration(seconds=86_400)
    on_expire: str | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """One event that counts: what is kept of it, at least 1. `sequence` orders those of one instant."""

    source_id: str
    occurred_at: datetime
    sequence: int
    amount: int = 1

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands among all."""
        return (self.occurred_at, self.sequence)


@dataclass(frozen=True, slots=True)
class Era:
    """A revision's target. `attempts`: how many it had completed when the next revision came; None: it is the last."""

    target: Target
    attempts: int | None = None

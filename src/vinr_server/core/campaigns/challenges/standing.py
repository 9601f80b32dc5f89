"""Where a passage stands in the attempts of its challenge: kept with it, so steps need no contributions (R54)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.campaigns.challenges.progress import Progress
from vinr_server.core.campaigns.challenges.targets import Contribution, Progressing
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.kernel.spans.periods import period_end, period_of
from vinr_server.core.kernel.values import dataclass, replace

# The name of the one period of a window from the entry.
ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Completed:
    """An attempt that is complete: by which contribution, under which revision, and what its steps gave.

    `depth`: of how many steps of campaigns that contribution was a consequence (R57).
    """

    source_id: str
    revision: int
    depth: int = 0
    status: Literal["waiting", "running", "done"] = "waiting"
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a period ends short, for good: its end and the grace for what is reported late."""

    period: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of a passage through a challenge.

    eras        revisions that it followed, each with the attempts completed under it; None: it follows the last
    attempts    that are complete, in their order: as many as its contributions come to
    count       how many contributions it has, those of which nothing is kept included
    expiry      when the period of the attempt that runs ends short; None: it has no end, or is complete
    expired     the last period that ended short
    is_expiring the steps that it takes are those of a period that ended short
    ends_as     what it came to, or comes to once its attempts are done; None: it goes on
    """

    eras: tuple[tuple[int, int | None], ...]
    attempts: tuple[Completed, ...] = ()
    count: int = 0
    expiry: Expiry | None = None
    expired: str | None = None
    expired_at: datetime | None = None
    is_expiring: bool = False
    ends_as: str | None = None

    @property
    def waiting(self) -> int | None:
        """The place of the first attempt whose steps are still to be taken."""
        return next((n for n, attempt in enumerate(self.attempts) if attempt.status == "waiting"), None)

    @property
    def running(self) -> int | None:
        """The place of the attempt whose steps are taken."""
        return next((n for n, attempt in enumerate(self.attempts) if attempt.status == "running"), None)

    @property
    def revisions_due(self) -> list[int]:
        """The revisions whose steps may be next: of attempts that wait, and the newest."""
        return [*(attempt.revision for attempt in self.attempts if attempt.status == "waiting"), self.eras[-1][0]]

    @property
    def depth(self) -> int:
        """Of how many steps of campaigns the attempt was a consequence that was the last to begin."""
        return next((attempt.depth for attempt in reversed(self.attempts) if attempt.status != "waiting"), 0)

    def with_attempt(self, place: int, attempt: Completed) -> Attempts:
        """The same with another attempt at a place."""
        return replace(self, attempts=(*self.attempts[:place], attempt, *self.attempts[place + 1 :]))

    @property
    def closed_era(self) -> int:
        """How many attempts were completed under the last revision."""
        return len(self.attempts) - sum(count or 0 for _revision, count in self.eras[:-1])


def following(standing: Attempts, revision: int) -> Attempts:
    """It follows the newest revision: attempts that are complete stay, the one that runs is computed again."""
    newest, count = standing.eras[-1]
    if standing.ends_as is not None or newest == revision or count is not None:
        return standing
    return replace(standing, eras=(*standing.eras[:-1], (newest, max(standing.closed_era, 0)), (revision, None)))


def closed(standing: Attempts, outcome: str, results: Mapping[str, Any]) -> Attempts:
    """The passage is over: it completes no further attempts, and none takes steps any longer.

    Where its window has ended, what is kept of the events in it still decides: a refund may be undone (R55).
    """
    newest, count = standing.eras[-1]
    if count is None and standing.expired != ENTRY:
        standing = replace(standing, eras=(*standing.eras[:-1], (newest, max(standing.closed_era, 0))))
    attempts = tuple(
        replace(attempt, status="done", results=results if attempt.status == "running" else attempt.results)
        for attempt in standing.attempts
    )
    return replace(standing, attempts=attempts, expiry=None, is_expiring=False, ends_as=outcome)


def expiry_of(
    says: Progressing,
    standing: Attempts,
    progress: Progress,
    kept: Iterable[Contribution],
    begins_at: datetime,
    zone: str,
) -> Expiry | None:
    """When the first period ends short that has not been dealt with; None where none does, or all is done.

    Of calendar periods these are the one of the entry, and those in which something counts.
    """
    window = says.target.window
    if is_done(standing, says):
        return None
    if window.is_from_entry and window.length is not None:
        return Expiry(ENTRY, later(later(begins_at, window.length, zone), says.grace, zone))
    if window.calendar is None:
        return None
    complete = {
        period_of(window.calendar, attempt.contributions[0].occurred_at, zone) for attempt in progress.completed
    }
    for at in sorted((begins_at, *(contribution.occurred_at for contribution in kept))):
        period, end = period_of(window.calendar, at, zone), period_end(window.calendar, at, zone)
        ends_at = later(end, says.grace, zone) if end is not None else None
        is_news = ends_at is not None and (standing.expired_at is None or ends_at > standing.expired_at)
        if period not in complete and ends_at is not None and is_news:
            return Expiry(period, ends_at)
    return None


def first_standing(says: Progressing, revision: int, begins_at: datetime, zone: str) -> Attempts:
    """Where a passage stands that has just begun."""
    standing = Attempts(((revision, None),))
    return replace(standing, expiry=expiry_of(says, standing, Progress((), None), (), begins_at, zone))


def limit_of(standing: Attempts, says: Progressing) -> int | None:
    """How many attempts there can be in all; None: any number."""
    _revision, last = standing.eras[-1]
    if last is not None:
        return sum(count or 0 for _revision, count in standing.eras)
    return says.target.repeat


def is_done(standing: Attempts, says: Progressing) -> bool:
    """Whether no attempt is left to be completed, or none will be."""
    if standing.ends_as not in (None, "completed"):
        return True
    limit = limit_of(standing, says)
    return (limit is not None and len(standing.attempts) >= limit) or standing.expired == ENTRY


def counts_until(says: Progressing, occurred_at: datetime, begins_at: datetime, zone: str) -> datetime | None:
    """Until when what occurred then may be reported: its period's end and the grace; None: that is beyond all time."""
    window, streak = says.target.window, says.target.streak
    every = streak.every if streak is not None else window.calendar
    if every is not None:
        end = period_end(every, occurred_at, zone)
    elif window.length is None:
        end = occurred_at
    else:
        end = later(begins_at if window.is_from_entry else occurred_at, window.length, zone)
    return later(end, says.grace, zone) if end is not None else None

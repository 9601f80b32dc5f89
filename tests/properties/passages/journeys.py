"""Steps of a passage, one after another, and what its waits hear: by the rules' words, one instant after another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from passages.progress import Kept, hours
from passages.stories import HOUR, Json


@dataclass(frozen=True)
class Campaign:
    """What it says, and its place among those that are due at one instant."""

    id: str
    says: Json
    priority: int

    @property
    def counts(self) -> Json | None:
        """What it counts, if it is a challenge."""
        return self.says.get("progress")


@dataclass(frozen=True)
class Heard:
    """An event as campaigns hear it; of a payment its amount, of points the campaign that gave them."""

    type: str
    at: datetime
    occurred_at: datetime
    payment: str | None = None
    amount: int | None = None
    given_by: str | None = None


@dataclass
class Gave:
    """Points that a step gave, and may take back."""

    step: str
    points: int
    is_back: bool = False


@dataclass
class Attempt:
    """One attempt of a challenge: it waits for its steps, is at them, or has taken them."""

    status: str = "waiting"
    gave: list[Gave] = field(default_factory=list)


@dataclass
class Goal:
    """An event that reached the goal, and whether its payment was given back whole."""

    occurred_at: datetime
    payment: str | None
    is_refunded: bool = False


@dataclass
class Passage:
    """One passage, as the rules say it goes. `step`: None, it is over; "progress", it rests between attempts."""

    of: Campaign
    entered_at: datetime
    since: datetime
    step: str | None
    payment: str | None = None
    due_at: datetime | None = None
    waits_since: datetime | None = None
    heard: dict[str, list[int]] = field(default_factory=dict)
    won: dict[str, int] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    gave: list[Gave] = field(default_factory=list)
    log: list[tuple[Any, ...]] = field(default_factory=list)
    outcome: str | None = None
    over_at: datetime | None = None
    is_held_out: bool = False
    goals: list[Goal] = field(default_factory=list)
    converted: Goal | None = None
    kept: dict[str, Kept] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    ends_as: str = "completed"
    is_expired: bool = False
    is_expiring: bool = False
    spare_until: datetime | None = None

    @property
    def running(self) -> Attempt | None:
        """The attempt whose steps are taken."""
        return next((one for one in self.attempts if one.status == "running"), None)

    def begin(self, step: str) -> None:
        """Steps of an attempt, or of a period that ended short, are next; nothing is left of those before."""
        self.step, self.waits_since = step, None
        self.heard, self.won, self.done, self.gave = {}, {}, {}, []


def drawn(campaign: str, key: str, customer: str) -> int:
    """The draw of a customer, out of ten thousand."""
    digest = hashlib.sha256(f"{campaign}/{key}/{customer}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * 10_000 // 2**64


def meets(trigger: Json, heard: Heard) -> bool:
    """Whether the event is of the type, and its payment large enough."""
    least = trigger.get("conditions", {}).get("min_amount", 0)
    return trigger["type"] == heard.type and (heard.amount or 0) >= least


def wait_ends(step: Json, at: datetime) -> datetime:
    """When a wait is over that begins then: the first such time of day after so long."""
    end = at + hours(step.get("for") or step["timeout"])
    if clock := step.get("at"):
        shown = end.replace(hour=int(clock[:2]), minute=0, second=0)
        end = shown if shown >= end else shown + 24 * HOUR
    return end


def opening(window: Json | None, at: datetime) -> datetime:
    """The first minute from then on that lies in the window for messages."""
    if window:
        first, last = int(window["from"][:2]), int(window["to"][:2])
        while not ((at.hour - first) % 24 < (last - first) % 24):
            at = at.replace(minute=0, second=0, microsecond=0) + HOUR
    return at


def is_capped(caps: Sequence[Json], of: str, met: Sequence[tuple[str, datetime]], campaign: str, at: datetime) -> bool:
    """Whether a cap keeps an entry or a message back; exactly `within` ago no longer counts."""
    for cap in caps:
        times = [time for place, time in met if cap["scope"] == "program" or place == campaign]
        if cap["of"] == of and sum(at - time < hours(cap["within"]) for time in times) >= cap["max"]:
            return True
    return False


def count_heard(passage: Passage, heard: Heard) -> None:
    """Each wait that is not over has counted the event; the wait at which the passage stands may be over by it."""
    for id, step in passage.of.says["steps"].items():
        if "events" not in step or id in passage.done or id in passage.won:
            continue
        is_here = passage.step == id and passage.waits_since is not None
        since = passage.since if step["since"] == "entry" else passage.waits_since if is_here else None
        is_too_late = is_here and passage.due_at is not None and passage.due_at <= heard.at
        if since is None or heard.occurred_at < since or is_too_late:
            continue
        counts = passage.heard.setdefault(id, [0] * len(step["events"]))
        for n, awaited in enumerate(step["events"]):
            if meets(awaited, heard):
                counts[n] += 1
                if counts[n] >= awaited.get("count", 1):
                    passage.won.setdefault(id, n)
        if id in passage.won and is_here:
            passage.due_at = heard.at

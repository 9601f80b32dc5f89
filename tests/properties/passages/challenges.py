"""What counts in a challenge, and until when: the ages and windows of R54."""

from __future__ import annotations

from datetime import datetime

from passages.journeys import Heard, Passage
from passages.progress import Kept, complete, hours, period_ends
from passages.stories import BEGINS, Json


def may_count(says: Json, heard: Heard, begins_at: datetime) -> bool:
    """Whether the event counts: it is of the kind, occurred since the publication, in the window, and is in time."""
    asked = {"type": says["of"]["event"], "conditions": says["of"]["conditions"]}
    least = asked["conditions"].get("min_amount", 0)
    if heard.type != asked["type"] or (heard.amount or 0) < least or heard.occurred_at < BEGINS:
        return False
    window = says.get("window") or {}
    if window.get("from") == "entry":
        ends_at = begins_at + hours(window["for"])
        return begins_at <= heard.occurred_at < ends_at and heard.at < ends_at + hours(says["grace"])
    every = says["streak"]["every"] if says["measure"] == "streak" else window.get("calendar")
    if every is not None:
        return heard.at < period_ends(every, heard.occurred_at) + hours(says["grace"])
    return heard.at <= heard.occurred_at + hours(window.get("for", "0h")) + hours(says["grace"])


def spare_until(says: Json, over_at: datetime) -> datetime:
    """Until when events are kept that may take the place of refunded ones, once all attempts are complete."""
    window = says.get("window") or {}
    every = says["streak"]["every"] if says["measure"] == "streak" else window.get("calendar")
    end = period_ends(every, over_at) if every is not None else over_at + hours(window.get("for", "0h"))
    return end + hours(says["grace"])


def expires_at(passage: Passage) -> datetime | None:
    """When a window from the entry ends short, and no late report can change that; None where all is complete."""
    says = passage.of.counts or {}
    window = says.get("window") or {}
    if window.get("from") != "entry" or is_done(passage):
        return None
    return passage.since + hours(window["for"]) + hours(says["grace"])


def is_done(passage: Passage) -> bool:
    """Whether no attempt is left to be completed."""
    most = (passage.of.counts or {})["repeat"]
    return passage.is_expired or (most is not None and len(passage.attempts) >= most)


def worth(says: Json, amount: int | None) -> int:
    """What an event is worth by what is kept of its payment: nothing below the least amount."""
    least = says["of"]["conditions"].get("min_amount", 0)
    if (amount or 0) < least:
        return 0
    return (amount or 0) if says["measure"] == "sum" else 1


def note(passage: Passage, source: str, heard: Heard) -> None:
    """The event counts from now on."""
    says = passage.of.counts or {}
    passage.kept[source] = Kept(heard.occurred_at, len(passage.kept) + 1, worth(says, heard.amount))


def attempts_complete(passage: Passage) -> int:
    """How many attempts what is kept comes to by now."""
    says = passage.of.counts or {}
    return complete(says, [*passage.kept.values()], begins_at=passage.since, most=says["repeat"])

"""What a scenario expects of the events of a step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scenario_language import Words, instant, listed, points_at

from vinr_server.core.events.rows import Event

# What was expected and what was seen, in the same terms.
Compared = tuple[Any, Any]


def events(view: Any, words: Words) -> Compared:
    return sorted(listed(words)), sorted(event.type for event in view.new_events())


def in_order(view: Any, words: Words) -> Compared:
    """As `events`, in the order in which they came to be: ids of one realm grow."""
    return listed(words), [event.type for event in sorted(view.new_events(), key=lambda event: event.id)]


def reminded(view: Any, words: Words) -> Compared:
    """`30 days 100@2027-01-15T10:00Z + 7 days …`: what the account's new reminders say, in the order they were sent."""
    return _reminders(view, words, view.new_events())


def reminded_so_far(view: Any, words: Words) -> Compared:
    """As `reminded`, of all steps up to here: of a late step nobody knows in which one the worker comes."""
    return _reminders(view, words, view.world.driver.rows(Event))


def _reminders(view: Any, words: Words, rows: list[Any]) -> Compared:
    wanted = []
    for part in listed(words):
        days, _days, lot = part.split()
        wanted.append((int(days), *points_at((lot,))[0]))
    events = sorted(rows, key=lambda event: event.id)
    sent = [event.data for event in events if event.type == "loyalty.points.expiring"]
    assert all(data["at"] == data["expires_at"] - data["days"] * 86_400 for data in sent), sent
    return wanted, [
        (data["days"], data["points"], datetime.fromtimestamp(data["expires_at"], UTC))
        for data in sent
        if data["account"] == view.account_id
    ]


def happened(view: Any, words: Words) -> Compared:
    """When the step's events and entries, of whomever, came to be: all at one instant."""
    rows = [*view.new_entries(), *view.new_events()]
    return {instant(words[0])}, {row.created_at for row in rows}


def deliverable(view: Any, words: Words) -> Compared:
    return {words[0] == "yes"}, {event.is_deliverable for event in view.new_events()}

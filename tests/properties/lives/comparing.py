"""What two opinions of a life have in common, or do not: the first difference is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lives.points import Told


def compare_states(got: dict[Any, Any], want: dict[Any, Any]) -> None:
    """The same owners with the same figures; the message names the first that differs."""
    assert got.keys() == want.keys(), (got.keys(), want.keys())
    for owner, figures in want.items():
        if got[owner] == figures:
            continue
        if isinstance(figures, dict):
            names = [name for name in figures if got[owner][name] != figures[name]]
            lines = [f"{name}:\n  want {figures[name]}\n  got  {got[owner][name]}" for name in names]
            raise AssertionError("\n".join([str(owner), *lines]))
        raise AssertionError(f"{owner}:\n  want {figures}\n  got  {got[owner]}")


# What is not the same where a worker comes late: the places of expiries among the entries, and what follows from them.
DATED = ("balance_after", "number", "about", "source", "sequence")


def undated(state: dict[Any, Any]) -> dict[Any, Any]:
    """Every figure; entries without their places, in an order that does not depend on them."""
    found: dict[Any, Any] = {}
    for owner, figures in state.items():
        if isinstance(figures, dict):
            entries = sorted(
                (kind, points, pending, at) for kind, points, pending, _after, at, _about in figures["entries"]
            )
            lots = [{name: value for name, value in lot.items() if name != "number"} for lot in figures["lots"]]
            figures = figures | {"entries": entries, "lots": lots}
        found[owner] = figures
    return found


def unexpired(events: Sequence[Told]) -> list[Told]:
    """The events in their order, but expiries last, by their instants."""
    places = {place: event for place, event in enumerate(events) if event.type.endswith(".expired")}
    expired = [event for event in places.values() if "occurred_at" in event.figures]
    others = [event for event in events if event not in expired]
    ordered = [*others, *sorted(expired, key=lambda event: (event.figures["occurred_at"], event.figures["points"]))]
    return [
        Told(event.owner, event.type, {name: value for name, value in event.figures.items() if name not in DATED})
        for event in ordered
    ]


def compare_events(got: Sequence[Told], want: Sequence[Told]) -> None:
    """Each owner has the same events with the same figures, in the same order."""
    mine, theirs = by_owner(list(want)), by_owner(list(got))
    for owner in {**mine, **theirs}:
        for place, event in enumerate(mine[owner]):
            found = theirs[owner][place] if place < len(theirs[owner]) else None
            assert found == event, f"event {place} of {owner}:\n  want {event}\n  got  {found}"
        assert len(theirs[owner]) == len(mine[owner]), f"more of {owner}: {theirs[owner][len(mine[owner]) :]}"


def compare_order(got: Sequence[Told], want: Sequence[Told]) -> None:
    """The events of one command come in the same order; among tiers of several members there is none."""
    orders = [
        [(event.type, None if "tier" in event.type else event.owner) for event in events] for events in (want, got)
    ]
    assert orders[0] == orders[1], f"order:\n  want {orders[0]}\n  got  {orders[1]}"


def by_owner(told: list[Told]) -> dict[Any, list[Told]]:
    """The events of each owner, in their order."""
    found: dict[Any, list[Told]] = defaultdict(list)
    for event in told:
        found[event.owner].append(event)
    return found

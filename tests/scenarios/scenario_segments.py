"""Steps about segments: made with conditions or without, changed, and their members."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scenario_conditions import node_of
from scenario_drivers import Answer
from scenario_language import Clauses, Words, instant, listed, minor, pairs, wire_instant
from scenario_world import World

from vinr_server.core.events.rows import Event
from vinr_server.core.segments.rows import Segment

Json = dict[str, Any]
BOUNDS = {">=": "gte", "<=": "lte"}


def segment(world: World, words: Words, clauses: Clauses) -> Answer:
    """A segment; with conditions it is dynamic."""
    (name,) = words
    conditions = conditions_of(clauses)
    kind = {"type": "dynamic", "conditions": conditions} if conditions else {"type": "static"}
    return world.call("create_segment", {"id": name, "name": name, **kind})


def edit(world: World, name: str, clauses: Clauses) -> Answer:
    """Other conditions, from now on."""
    return world.call("update_segment", {"conditions": conditions_of(clauses)}, id=name)


def join(world: World, words: Words, clauses: Clauses) -> Answer:
    """Members are put into a static segment; whom there is none of is `nobody`."""
    return _move(world, words, "add_segment_members")


def leave(world: World, words: Words, clauses: Clauses) -> Answer:
    """Members are taken out of a static segment."""
    return _move(world, words, "remove_segment_members")


def _move(world: World, words: Words, operation: str) -> Answer:
    name, *members = words
    ids = [world.member(one).id if one in world.members else "loy_nobody" for one in members]
    return world.call(operation, {"accounts": ids}, id=name)


def conditions_of(clauses: Clauses) -> Json:
    """What the clauses ask, all of it; any of it, if they say so."""
    is_any = clauses.has("any")
    parts: list[Json] = []
    for kind, *rest in clauses.every("purchased"):
        if kind in ("never", "ever"):
            parts.append({"never_purchased": kind == "never"})
        else:
            parts.append({"days_since_last_purchase": {BOUNDS[kind]: int(rest[0])}})
    for bound, count, *window in clauses.every("payments"):
        parts.append({"payments": {BOUNDS[bound]: int(count), **_window(window)}})
    for bound, amount, currency, *window in clauses.every("spend"):
        spend = {BOUNDS[bound]: minor(amount, currency), "currency": currency, **_window(window)}
        parts.append({"spend": spend})
    parts += [{"balance": {BOUNDS[bound]: int(points)}} for bound, points in clauses.every("balance")]
    parts += [{"tier": list(tiers)} for tiers in clauses.every("tier")]
    parts += [{"metadata": pairs(metadata)} for metadata in clauses.every("metadata")]
    for kind, *rest in clauses.every("enrolled"):
        if kind in BOUNDS:
            parts.append({"days_since_enrolled": {BOUNDS[kind]: int(rest[0])}})
        else:
            parts.append({f"enrolled_{'before' if kind == 'before' else 'after'}": wire_instant(rest[0])})
    if words := clauses.one("where"):
        parts.append(node_of(words))
    if not parts:
        return {}
    return parts[0] if len(parts) == 1 else {"any" if is_any else "all": parts}


def _window(words: list[str]) -> Json:
    return {"days": int(words[1])} if words else {}


def is_of_dynamic(world: World, event: Any) -> bool:
    """Whether an event announces a move between dynamic segments."""
    if not event.type.startswith("segment."):
        return False
    segments = {segment.id: segment.type for segment in world.driver.rows(Segment)}
    return segments[event.data["segment"]] == "dynamic"


def announced(view: Any, words: Words) -> tuple[Any, Any]:
    """`entered lapsed 2026-04-01 + left lapsed 2026-04-05`: the account's moves between dynamic segments so far."""
    view.world.driver.judge()
    wanted = [(f"segment.{kind}", name, instant(at)) for kind, name, at in (part.split() for part in listed(words))]
    events = sorted(view.world.driver.rows(Event), key=lambda event: event.id)
    moves = [event for event in events if is_of_dynamic(view.world, event)]
    return wanted, [
        (event.type, event.data["segment"], datetime.fromtimestamp(event.data["at"], UTC))
        for event in moves
        if event.data["account"] == view.account_id
    ]

"""Campaigns, and what happens to members who are in them, drawn at random: plain data, which nobody has judged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Json = dict[str, Any]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGINS = datetime(2026, 1, 15, 12, tzinfo=UTC)
PAID, EARNED, COMPLETED = "payment.completed", "loyalty.points.earned", "campaign.completed"
# What members report; payments count as often as all of these, and points that another campaign gives are heard, too.
REPORTED = ("a.a", "b.b", "c.c")
HEARD = (*REPORTED, PAID, PAID, EARNED, COMPLETED)
AMOUNTS = (100, 150, 400, 700)
WINDOWS: tuple[Json, ...] = (
    *({"window": {"for": "72h"}}, {"window": {"for": "480h"}}, {"window": {"for": "96h", "from": "entry"}}),
    *({"window": {"calendar": "week"}}, {"window": {"calendar": "month"}}, {}),
)
# Codes in the pool that steps give from; a crowd has enough, as nobody promises who of it is the first.
CODES = 2


@dataclass(frozen=True)
class Move:
    """Something happens to a customer at an instant."""

    at: datetime
    customer: str


@dataclass(frozen=True)
class Told(Move):
    """An event is reported that occurred then or before."""

    type: str
    occurred_at: datetime


@dataclass(frozen=True)
class Bought(Move):
    """A payment is reported, in minor units of EUR."""

    id: str
    occurred_at: datetime
    amount: int


@dataclass(frozen=True)
class Returned(Move):
    """A part of a payment is refunded, or all that is left."""

    id: str
    of: str
    amount: int


@dataclass(frozen=True)
class Undone(Move):
    """A refund is canceled."""

    of: str
    payment: str
    amount: int


@dataclass(frozen=True)
class World:
    """Two campaigns of one program, their priorities, and what happens; at the end a long time passes."""

    journey: Json
    challenge: Json
    priorities: tuple[int, int]
    customers: tuple[str, ...]
    moves: tuple[Move, ...]

    @property
    def ends_at(self) -> datetime:
        """When nobody asks any more."""
        return self.moves[-1].at + 12 * DAY

    @property
    def codes(self) -> int:
        """How many codes are in the pool."""
        return CODES if len(self.customers) == 1 else 1_000


def draw_world(random: Random, *, members: int) -> World:
    """Both campaigns and a story of so many members."""
    customers = tuple(f"cust_{number}" for number in random.sample(range(1, 99), members))
    priorities = (random.randint(0, 2), random.randint(0, 2))
    moves = story(random, customers, random.randint(4, 16))
    return World(journey(random, is_alone=members == 1), challenge(random), priorities, customers, tuple(moves))


def story(random: Random, customers: Sequence[str], count: int) -> list[Move]:
    """Reports in the order of their instants, some of them late, some at one instant; refunds, and refunds undone."""
    moves: list[Move] = []
    left: dict[str, int] = {}
    refunds: list[Returned] = []
    at = BEGINS
    # Some only buy, late and early, which is what challenges make the most of.
    reports = random.choice((0.3, 0.3, 0.05))
    gap = random.choice(((0, 0, 1, 1, 5, 6, 24), (0, 1, 6, 24, 24, 72, 168)))
    for number in range(count):
        at += random.choice(gap) * HOUR
        customer = random.choice(customers)
        occurred_at = at - random.choice((0, 0, 0, 1, 4, 30, 70, 100)) * HOUR
        mine = [move for move in moves if isinstance(move, Bought) and move.customer == customer and left[move.id]]
        undoable = [refund for refund in refunds if refund.customer == customer]
        kind = random.random()
        if kind < 0.2 and mine:
            of = random.choice(mine).id
            amount = left[of] if random.random() < 0.6 else random.randint(1, left[of])
            left[of] -= amount
            refunds.append(Returned(at, customer, f"re_{number}", of, amount))
            moves.append(refunds[-1])
        elif kind < 0.3 and undoable:
            refund = random.choice(undoable)
            refunds.remove(refund)
            left[refund.of] += refund.amount
            moves.append(Undone(at, customer, refund.id, refund.of, refund.amount))
        elif kind < 1 - reports:
            amount = random.choice(AMOUNTS)
            left[f"pay_{number}"] = amount
            moves.append(Bought(at, customer, f"pay_{number}", occurred_at, amount))
        else:
            moves.append(Told(at, customer, random.choice(REPORTED), occurred_at))
    return moves


# ---- challenges


def challenge(random: Random) -> Json:
    """A definition of any measure and window; each attempt gives points, and may take its time."""
    measure = random.choice(("count", "count", "sum", "sum", "days", "streak"))
    counts = PAID if measure == "sum" or random.random() < 0.7 else random.choice(REPORTED)
    conditions = {"currency": "EUR", "min_amount": 100} if counts == PAID else {}
    least, most = {"count": (1, 3), "sum": (300, 1_200), "days": (1, 3), "streak": (2, 3)}[measure]
    progress: Json = {"of": {"event": counts, "conditions": conditions}, "measure": measure}
    progress |= {"target": random.randint(least, most), "repeat": random.choice((1, 2, None))}
    progress["grace"] = random.choice(("12h", "24h", "240h", "240h"))
    if measure == "streak":
        freezes = random.choice((0, 1))
        progress["streak"] = {
            "every": random.choice(("day", "week")),
            "min": random.choice((1, 1, 2)),
            "freezes": freezes,
        }
    else:
        progress |= random.choice(WINDOWS)
    if measure in ("count", "sum"):
        progress |= random.choice(({}, {"max_per_day": 1}, {"max_per_day": 2}))
    steps: Json = {"gift": {"kind": "award_points", "points": 30, "clawback": "contributions", "next": "tell"}}
    steps["tell"] = {"kind": "send_event", "name": "done", "data": {"points": {"$ref": "steps.gift.points"}}}
    start = "gift"
    if random.random() < 0.4:
        start, steps["calm"] = "calm", {"kind": "wait", "for": random.choice(("1h", "30h")), "next": "gift"}
    if random.random() < 0.3:
        steps["tell"]["next"] = "thanks"
        steps["thanks"] = {"kind": "award_points", "points": 5, "clawback": "none"}
    if "from" in progress.get("window", {}) and random.random() < 0.6:
        progress["on_expire"] = "sorry"
        steps["sorry"] = {"kind": "send_event", "name": "missed"}
    said = {"entry": {"contribution": True}, "progress": progress, "start": start, "steps": steps}
    said["holdout"] = random.choice((0, 0, 0, 3_000))
    return said | _announce(random, ("entered", "exited", "progressed"))


def _announce(random: Random, names: Sequence[str]) -> Json:
    announced = [name for name in names if random.random() < 0.5]
    return {"announce": announced} if announced else {}


# ---- journeys


def journey(random: Random, *, is_alone: bool) -> Json:
    """A definition of up to eight steps, each leading to a later one."""
    ids = [f"s{n}" for n in range(random.randint(2, 8))]
    steps: Json = {}
    for n, id in enumerate(ids):
        later = [*ids[n + 1 :], *ids[n + 1 : n + 2], None]
        step = _step(random, [random.choice(later) for _ in range(4)], ids[:n])
        steps[id] = {name: value for name, value in step.items() if value is not None}
    reached = _reached(steps)
    again = random.choice(({"mode": "once"}, {"mode": "after_exit"}, {"mode": "after_exit", "cooldown": "3h"}))
    entry = {"event": _trigger(random), "max_age": random.choice(("1h", "72h"))}
    said: Json = {"entry": entry, "reentry": again, "start": "s0"}
    said["steps"] = {id: _known(step, reached) for id, step in steps.items() if id in reached}
    if random.random() < 0.4:
        budget = {"points": random.choice((60, 120)), "period": "none"}
        said["budget"] = budget if is_alone else budget | {"per_member": True}
    if random.random() < 0.2:
        said["exit_when"] = [{"event": _trigger(random)}]
    if random.random() < 0.2:
        said["exit_on_refund"] = False
    return said | _measures(random) | _announce(random, ("entered", "exited"))


def _trigger(random: Random) -> Json:
    type = random.choice(HEARD)
    if type == PAID and random.random() < 0.5:
        return {"type": type, "conditions": {"min_amount": 150, "currency": "EUR"}}
    return {"type": type}


def _step(random: Random, onward: Sequence[str | None], before: Sequence[str]) -> Json:
    """A step of any kind, that leads on to these."""
    kinds = ("wait", "events", "events", "award", "award", "code", "branch", "split", "send", "send", "exit")
    kind = random.choice(kinds)
    if kind == "wait":
        clock = random.choice((None, None, "09:00"))
        return {"kind": "wait", "for": f"{random.choice((0, 1, 5, 24)) * 60 or 1}m", "at": clock, "next": onward[0]}
    if kind == "events":
        awaited = [{**_trigger(random), "next": onward[n]} for n in range(random.randint(1, 2))]
        awaited = [{name: value for name, value in one.items() if value is not None} for one in awaited]
        awaited[0]["count"] = random.choice((1, 1, 2))
        wait = {"kind": "wait", "events": awaited, "timeout": f"{random.choice((1, 6, 30, 90))}h"}
        return wait | {"timeout_next": onward[2], "since": random.choice(("entry", "step"))}
    if kind == "award":
        back = random.choice((None, "none"))
        refused = random.choice((None, onward[1]))
        return {"kind": "award_points", "points": random.choice((1, 50)), "clawback": back,
                "on_refused": refused, "next": onward[0]}  # fmt: skip
    if kind == "send":
        data = {"of": {"$ref": f"steps.{random.choice(before)}.points"}} if before else None
        capped = random.choice((None, onward[1]))
        return {"kind": "send_event", "name": "hi", "data": data, "next": onward[0], "on_capped": capped}
    if kind == "code":
        return {"kind": "issue_code", "batch": "cbt_few", "expires_in": "1d", "next": onward[0]}
    if kind == "branch":
        asked: Json = {"balance": {"gte": random.choice((1, 50, 100))}}
        if before and random.random() < 0.5:
            asked = {"step": {"id": random.choice(before), "outcome": random.choice(("done", "waited", "heard"))}}
        case = {"if": asked, "next": onward[0]}
        cases = [{name: value for name, value in case.items() if value is not None}]
        return {"kind": "branch", "when": cases, "else": onward[1]}
    if kind == "split":
        share = random.choice((1_000, 5_000, 9_000))
        ways = [
            {"name": "one", "share": share, "next": onward[0]},
            {"name": "two", "share": 10_000 - share, "next": onward[1]},
        ]
        ways = [{name: value for name, value in way.items() if value is not None} for way in ways]
        return {"kind": "split", "key": random.choice((None, "test")), "ways": ways}
    return {"kind": "exit", "outcome": "out"}


def _measures(random: Random) -> Json:
    """Now and then a holdout, a goal, caps and hours for messages."""
    measures: Json = {"holdout": random.choice((0, 0, 2_500, 5_000))}
    if random.random() < 0.7:
        within, is_exit = random.choice(("1h", "12h", "48h", "240h")), random.random() < 0.3
        measures["goal"] = {"event": _trigger(random), "within": within, "exit": is_exit}
    caps = [
        {"of": of, "max": random.choice((1, 1, 2)), "within": random.choice(("5h", "24h")), "scope": scope}
        for of, share, scope in (
            ("entries", 0.3, "campaign"),
            ("messages", 0.7, random.choice(("campaign", "program"))),
        )
        if random.random() < share
    ]
    if caps:
        measures["caps"] = caps
    if random.random() < 0.4:
        first = random.randint(0, 23)
        last = (first + random.randint(1, 23)) % 24
        measures["send_window"] = {"from": f"{first:02}:00", "to": f"{last:02}:00"}
    return measures


def _known(step: Json, reached: set[str]) -> Json:
    """The step, which asks of the first one where it would ask of one that nothing reaches."""
    text = json.dumps(step)
    for id in re.findall(r'"id": "(s\d+)"|steps\.(s\d+)', text):
        name = "".join(id)
        if name not in reached:
            text = text.replace(f'"id": "{name}"', '"id": "s0"').replace(f"steps.{name}.", "steps.s0.")
    return dict(json.loads(text))


def _reached(steps: Json) -> set[str]:
    reached, waiting = set[str](), ["s0"]
    while waiting:
        id = waiting.pop()
        if id not in reached:
            reached.add(id)
            waiting += _targets(steps[id])
    return reached


def _targets(step: Json) -> list[str]:
    found = [step.get(name) for name in ("next", "timeout_next", "else", "on_capped", "on_refused")]
    found += [one.get("next") for name in ("events", "when", "ways") for one in step.get(name, ())]
    return [target for target in found if target is not None]

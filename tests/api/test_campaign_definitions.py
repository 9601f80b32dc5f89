"""What a definition must be: each fault is found with its path, and all of them at once (R40)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns.checking import cycle_in, longest_way, problems_of
from vinr_server.core.campaigns.definition import Step, Wait, reached_from
from vinr_server.core.campaigns.rows import DefinitionProblem
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.programs.rows import Program

Json = dict[str, Any]
WAIT: Json = {"kind": "wait", "for": "7d"}
AWAITED: Json = {"kind": "wait", "events": [{"type": "payment.completed"}], "timeout": "7d"}
BRANCH: Json = {"kind": "branch", "when": [{"if": {"tier": "gold"}, "next": "end"}]}
SPLIT: Json = {"kind": "split", "ways": [{"name": "a", "share": 5000}, {"name": "b", "share": 5000}]}
END: Json = {"kind": "exit", "outcome": "over"}


def paths(definition: Json) -> list[str]:
    """Where the reader finds something wrong."""
    return [problem.path for problem in read_definition(definition, zone="UTC").problems]


def with_step(step: Any) -> Json:
    """A definition that is right but for one step."""
    return {"entry": {}, "start": "it", "steps": {"it": step, "end": END}}


def test_more_steps_than_there_may_be_are_counted_and_not_walked_through() -> None:
    steps = {f"s{n}": {"kind": "wait", "next": f"s{n + 1}"} for n in range(1_500)}
    drafted = read_definition({"entry": {}, "start": "s0", "steps": steps | {"s1500": END}}, zone="UTC")
    program = Program("prog_a", "Shop", "points", None, "none", "UTC", (), "active", None, {}, datetime.now(UTC))

    found = problems_of(Layer(), drafted.definition, program)

    assert DefinitionProblem("steps", "There are 1501 steps; a campaign has 1 to 50.") in found


@pytest.mark.parametrize("step", [WAIT, AWAITED, BRANCH, SPLIT, END])
def test_what_is_right_has_no_problem(step: Json) -> None:
    assert paths(with_step(step)) == []


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (3, "steps.it"),
        ({}, "steps.it.kind"),
        ({"kind": "dance"}, "steps.it.kind"),
        (WAIT | {"for": "7 days"}, "steps.it.for"),
        (WAIT | {"for": "0d"}, "steps.it.for"),
        (WAIT | {"for": 7}, "steps.it.for"),
        (WAIT | {"until": "2026-01-01"}, "steps.it"),
        (WAIT | {"until": "soon", "for": None}, "steps.it.until"),
        (WAIT | {"at": "9:00"}, "steps.it.at"),
        (WAIT | {"at": "24:00"}, "steps.it.at"),
        (WAIT | {"at": "09:00", "days": ["someday"]}, "steps.it.days[0]"),
        (WAIT | {"days": ["mon"]}, "steps.it.days"),
        (WAIT | {"timeout": "1d"}, "steps.it.timeout"),
        (WAIT | {"next": "Not A Step"}, "steps.it.next"),
        (WAIT | {"colour": "red"}, "steps.it.colour"),
        (AWAITED | {"timeout": None}, "steps.it.timeout"),
        (AWAITED | {"events": []}, "steps.it.events"),
        (AWAITED | {"events": [{}]}, "steps.it.events[0].type"),
        (AWAITED | {"events": [{"type": "a", "count": 0}]}, "steps.it.events[0].count"),
        (AWAITED | {"events": [{"type": "a", "conditions": {"min_amount": -1}}]},
         "steps.it.events[0].conditions.min_amount"),
        (AWAITED | {"events": [{"type": "a", "conditions": 1}]}, "steps.it.events[0].conditions"),
        (AWAITED | {"since": "ever"}, "steps.it.since"),
        ({"kind": "branch"}, "steps.it.when"),
        ({"kind": "branch", "when": [{"next": "end"}]}, "steps.it.when[0].if"),
        ({"kind": "branch", "when": [{"if": {"tear": "gold"}}]}, "steps.it.when[0].if.tear"),
        ({"kind": "branch", "when": [{"if": {"step": {"id": "it"}}}]}, "steps.it.when[0].if.step.outcome"),
        (SPLIT | {"ways": SPLIT["ways"][:1]}, "steps.it.ways"),
        (SPLIT | {"ways": [{"name": "a", "share": 5000}, {"name": "a", "share": 5000}]}, "steps.it.ways"),
        ({"kind": "exit"}, "steps.it.outcome"),
        ({"kind": "award_points"}, "steps.it.points"),
        ({"kind": "award_points", "points": 1.5}, "steps.it.points"),
        ({"kind": "award_points", "points": 5, "clawback": "always"}, "steps.it.clawback"),
        ({"kind": "send_event"}, "steps.it.name"),
        ({"kind": "send_event", "name": "hi", "on_capped": "No Step"}, "steps.it.on_capped"),
        ({"kind": "award_points", "points": 5, "on_capped": "end"}, "steps.it.on_capped"),
        ({"kind": "send_event", "name": "hi", "data": {"x": [{"$ref": "member.name"}]}}, "steps.it.data.x[0]"),
        ({"kind": "set_metadata"}, "steps.it"),
        ({"kind": "set_metadata", "account": {"k": [1]}}, "steps.it.account.k"),
        ({"kind": "issue_reward"}, "steps.it.reward"),
        ({"kind": "issue_reward", "reward": "mug"}, "steps.it.reward"),
    ],
)  # fmt: skip
def test_a_wrong_step_is_found_where_it_is(step: Any, path: str) -> None:
    assert path in paths(with_step(step))


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ({}, "entry"),
        ({}, "start"),
        ({}, "steps"),
        ({"steps": {"Über": END}}, "steps.Über"),
        ({"entry": {"event": {}}}, "entry.event.type"),
        ({"entry": {"member": {"tier": "gold"}}}, "entry.member"),
        ({"entry": {"segment": "vip", "event": {"type": "a.b"}}}, "entry"),
        ({"entry": {"schedule": {"every": "day"}}}, "entry.schedule.at"),
        ({"entry": {"schedule": {"every": "week", "at": "9:00"}}}, "entry.schedule.at"),
        ({"entry": {"schedule": {"every": "week", "at": "09:00"}}}, "entry.schedule.days"),
        ({"entry": {"schedule": {"every": "month", "at": "09:00", "day": 32}}}, "entry.schedule.day"),
        ({"entry": {"schedule": {"every": "once", "at": "09:00", "on": "soon"}}}, "entry.schedule.on"),
        ({"entry": {"schedule": {"every": "day", "at": "09:00", "day": 3}}}, "entry.schedule.day"),
        ({"exit_when": [{}]}, "exit_when[0].event"),
        ({"exit_on_refund": 1}, "exit_on_refund"),
        ({"reentry": {"mode": "often"}}, "reentry.mode"),
        ({"reentry": {"mode": "per_key"}}, "reentry.key_from"),
        ({"reentry": {"cooldown": "1d"}}, "reentry.cooldown"),
        ({"announce": ["everything"]}, "announce[0]"),
        ({"holdout": 5001}, "holdout"),
        ({"holdout": -1}, "holdout"),
        ({"holdout": 12.5}, "holdout"),
        ({"goal": {}}, "goal.event"),
        ({"goal": {}}, "goal.within"),
        ({"goal": {"event": {"type": "a.b"}, "within": "30 days"}}, "goal.within"),
        ({"goal": {"event": {"type": "a.b", "colour": 1}, "within": "30d"}}, "goal.event.colour"),
        ({"goal": {"event": {"type": "a.b"}, "within": "30d", "exit": 1}}, "goal.exit"),
        (
            {"goal": {"event": {"type": "a.b", "conditions": {"min_amount": -1}}, "within": "30d"}},
            "goal.event.conditions.min_amount",
        ),
        ({"caps": []}, "caps"),
        ({"caps": [{}]}, "caps[0].of"),
        ({"caps": [{"of": "mails", "max": 1, "within": "7d"}]}, "caps[0].of"),
        ({"caps": [{"of": "entries", "max": 0, "within": "7d"}]}, "caps[0].max"),
        ({"caps": [{"of": "entries", "max": 1}]}, "caps[0].within"),
        ({"caps": [{"of": "entries", "max": 1, "within": "7d", "scope": "realm"}]}, "caps[0].scope"),
        ({"send_window": {"from": "08:00"}}, "send_window.to"),
        ({"send_window": {"from": "8:00", "to": "21:00"}}, "send_window.from"),
        ({"send_window": {"from": "08:00", "to": "08:00"}}, "send_window.to"),
        ({"send_window": {"from": "08:00", "to": "21:00", "zone": "UTC"}}, "send_window.zone"),
    ],
)
def test_what_stands_beside_the_steps_is_read_as_strictly(definition: Json, path: str) -> None:
    assert path in paths({"entry": {}, "start": "it", "steps": {"it": END}} | definition if definition else {})


COUNT: Json = {"of": {"event": "payment.completed"}, "measure": "count", "target": 3}
EUR: Json = {"event": "payment.completed", "conditions": {"currency": "EUR"}}
WEEKS: Json = {**COUNT, "measure": "streak", "streak": {"every": "week"}}


@pytest.mark.parametrize(
    ("progress", "path"),
    [
        ({}, "progress.of"),
        ({}, "progress.measure"),
        ({}, "progress.target"),
        (COUNT | {"measure": "points"}, "progress.measure"),
        (COUNT | {"target": 0}, "progress.target"),
        (COUNT | {"target": 1.5}, "progress.target"),
        (COUNT | {"of": {}}, "progress.of.event"),
        (COUNT | {"of": EUR | {"amount_from": "data.steps"}}, "progress.of.amount_from"),
        (COUNT | {"of": {"event": "a.b", "conditions": {"never": 1}}}, "progress.of.conditions.never"),
        (COUNT | {"measure": "sum"}, "progress.of.conditions.currency"),
        (COUNT | {"measure": "days", "max_per_day": 2}, "progress.max_per_day"),
        (COUNT | {"repeat": 0}, "progress.repeat"),
        (COUNT | {"grace": "soon"}, "progress.grace"),
        (COUNT | {"window": {}}, "progress.window"),
        (COUNT | {"window": {"for": "30d", "calendar": "month"}}, "progress.window"),
        (COUNT | {"window": {"calendar": "month", "from": "entry"}}, "progress.window.from"),
        (COUNT | {"window": {"calendar": "quarter"}}, "progress.window.calendar"),
        (COUNT | {"window": {"for": "30d"}, "on_expire": "it"}, "progress.on_expire"),
        (COUNT | {"streak": {"every": "week"}}, "progress.streak"),
        (COUNT | {"measure": "streak"}, "progress.streak"),
        (WEEKS | {"streak": {}}, "progress.streak.every"),
        (WEEKS | {"streak": {"every": "week", "freezes": -1}}, "progress.streak.freezes"),
        (WEEKS | {"window": {"for": "30d"}}, "progress.window"),
        (COUNT | {"goal": 3}, "progress.goal"),
    ],
)
def test_wrong_progress_is_found_where_it_is(progress: Json, path: str) -> None:
    assert path in paths({"entry": {}, "progress": progress, "start": "it", "steps": {"it": END}})


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"contribution": "yes"}, "entry.contribution"),
        ({"contribution": True, "event": {"type": "a.b"}}, "entry.contribution"),
        ({"contribution": True, "max_age": "1h"}, "entry.max_age"),
        ({"contribution": False, "member": {"tier": "gold"}}, "entry.member"),
    ],
)
def test_a_challenge_is_entered_by_one_thing(entry: Json, path: str) -> None:
    assert path in paths({"entry": entry, "progress": COUNT, "start": "it", "steps": {"it": END}})


def test_a_challenge_repeats_once_unless_it_says_more() -> None:
    def repeat(**more: Any) -> int | None:
        given = {"entry": {}, "progress": COUNT | more, "start": "it", "steps": {"it": END}}
        drafted = read_definition(given, zone="UTC")
        assert drafted.problems == () and drafted.definition.progress is not None
        assert drafted.definition.entry.contribution
        return drafted.definition.progress.target.repeat

    assert (repeat(), repeat(repeat=None), repeat(repeat=12)) == (1, None, 12)


def test_names_are_read_in_either_casing() -> None:
    drafted = read_definition(with_step(AWAITED | {"timeoutNext": "end"}), zone="UTC")

    assert drafted.problems == () and drafted.definition.steps["it"].wait.timeout_next == "end"  # type: ignore[union-attr]


def test_it_has_at_most_64_kib() -> None:
    with pytest.raises(Problem, match="65536 bytes"):
        read_definition({"entry": {"note": "x" * 65_536}}, zone="UTC")


def _wait(days: int, *ways: str) -> Step:
    return Step("wait", next=ways[0] if ways else None, wait=Wait(wait_for=Duration(seconds=days * 86_400)))


class TestGraph:
    steps = {"a": _wait(1, "b"), "b": _wait(2, "c"), "c": _wait(4), "d": _wait(8, "b")}

    def test_a_circle_is_found_once(self) -> None:
        assert cycle_in(self.steps) == []
        assert cycle_in(self.steps | {"c": _wait(4, "a")}) == ["a", "b", "c"]

    def test_what_nothing_leads_to_is_not_reached(self) -> None:
        assert reached_from(self.steps, "a") == {"a", "b", "c"}

    def test_the_longest_way_counts_each_wait_on_it(self) -> None:
        assert longest_way(self.steps, "a").days == 7
        assert longest_way(self.steps, "d").days == 14

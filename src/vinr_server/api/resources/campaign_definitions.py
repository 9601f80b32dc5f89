"""Definitions of campaigns, from free JSON to what core takes, with all that is wrong in them (R40)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.api.contract.budgets import BudgetInput, read_budget
from vinr_server.api.contract.conditions import ConditionsInput, read_conditions
from vinr_server.api.contract.definition_places import STEP_ID, Place
from vinr_server.api.contract.schedules import WEEKDAYS, read_schedule
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.contract.where import OF_EVENT
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.campaign_pacing import read_caps, read_send_window
from vinr_server.api.resources.campaign_progress import read_progress
from vinr_server.api.resources.segment_conditions import SegmentConditionsInput, read_member_conditions
from vinr_server.core.budgets.rows import Budget
from vinr_server.core.campaigns import definition as core
from vinr_server.core.campaigns.rows import DefinitionProblem, Drafted
from vinr_server.core.conditions import tree
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.segments.conditions import SegmentConditions
from vinr_server.storage.batch.tables import encode_json

BYTES_MAX = 64 * 1024
KINDS = core.StepKind.__args__  # type: ignore[attr-defined]
ANNOUNCED = ("entered", "exited", "progressed")
# More points than anybody gives in one step.
POINTS_MAX = 1_000_000_000
# Of 10,000 members, at most so many are held out.
HOLDOUT_MAX = 5_000
# A pace that bounds nothing is none.
ENTRY_RATE_MAX = 1_000_000
# What a branch asks beside what segments ask.
_OF_BRANCH = ("segment", "entry", "step", "offer")


def read_definition(given: Mapping[str, Any], *, zone: str) -> Drafted:
    """The definition as far as it can be read, and what is wrong with the rest. Refuses one of more than 64 KiB."""
    if len(encode_json(given)) > BYTES_MAX:
        message = f"definition: it has more than {BYTES_MAX} bytes. Split the campaign."
        raise Problem("parameter_invalid", message, param="definition")
    problems: list[DefinitionProblem] = []
    place = Place(dict(given), "", zone, problems)
    entry, progress = place.place("entry"), place.place("progress")
    if entry is None:
        place.say("entry", "It is required. Send {} where only your own calls let members enter.")
    start = place.required("start", place.step("start")) or ""
    definition = core.Definition(
        entry=_entry(entry, is_challenge=progress is not None) if entry is not None else core.Entry(),
        start=start,
        steps=_steps(place),
        reentry=_reentry(place.place("reentry")),
        group=place.text("group", longest=100),
        announce=place.texts("announce", choices=ANNOUNCED),
        exit_when=tuple(_exit_rule(each) for each in place.places("exit_when", most=10)),
        exit_on_refund=place.flag("exit_on_refund", default=True),
        progress=read_progress(progress, _events) if progress is not None else None,
        holdout=place.whole("holdout", least=0, most=HOLDOUT_MAX) or 0,
        goal=_goal(place.place("goal")),
        caps=read_caps(place),
        send_window=read_send_window(place.place("send_window")),
        budget=place.read("budget", _budget),
        entry_rate=place.whole("entry_rate", least=1, most=ENTRY_RATE_MAX),
    )
    place.end()
    return Drafted(given, definition, tuple(problems))


def _entry(place: Place, *, is_challenge: bool) -> core.Entry:
    event, segment, schedule = place.place("event"), place.text("segment", longest=100), place.place("schedule")
    others = [event, segment, schedule]
    if others.count(None) < 2:
        place.say("", "Members enter by an event, by a segment or by a schedule. Send one of them.")
    # What counts lets members into a challenge, unless something else does.
    contribution = place.flag("contribution", default=is_challenge and others.count(None) == 3)
    if contribution and others.count(None) < 3:
        place.say("contribution", "Members enter by what counts, or by something else. Send one of them.")
    if contribution and place.value("max_age") is not None:
        place.say("max_age", "How old a contribution may be, progress says: its window and grace. Leave it out.")
    read = core.Entry(
        event=_trigger(event) if event is not None else _of_segment("segment.entered", segment),
        schedule=read_schedule(schedule) if schedule is not None else None,
        segment_id=segment if event is None else None,
        member=place.read("member", _members(place.zone)),
        max_age=place.duration("max_age") or core.Entry().max_age,
        contribution=contribution,
    )
    if read.event is None and read.schedule is None and not contribution and read.member is not None:
        place.say("member", "It is asked of members who enter by an event or a schedule. Name one, or leave it out.")
    if event is not None:
        event.end()
    place.end()
    return read


def _of_segment(type: str, segment_id: str | None) -> core.Trigger | None:
    """The event that a member has come into a segment, or left it."""
    if segment_id is None:
        return None
    asked = tree.Predicate("data.segment", equals=segment_id)
    return core.Trigger(type, Conditions(where=tree.Condition(predicate=asked)))


def _exit_rule(place: Place) -> core.Trigger:
    event, left = place.place("event"), _of_segment("segment.left", place.text("left_segment", longest=100))
    if (event is None) == (left is None):
        place.say("event", "Send an event or left_segment.")
    place.end()
    if left is not None:
        return left
    read = _trigger(event) if event is not None else core.Trigger("")
    if event is not None:
        event.end()
    return read


def _goal(place: Place | None) -> core.Goal | None:
    if place is None:
        return None
    event = place.required("event", place.place("event"))
    within = place.required("within", place.duration("within"))
    is_exit = place.flag("exit", default=False)
    trigger = _trigger(event) if event is not None else None
    if event is not None:
        event.end()
    place.end()
    return core.Goal(trigger, within, is_exit) if trigger is not None and within is not None else None


def _budget(value: Any, at: str) -> Budget:
    """How much the steps give in a period, in points or in uses."""
    read = read_budget(read_struct(BudgetInput, _object(value, at), path=f"{at}."))
    if read is None or read.measure == "amount":
        raise Problem("parameter_invalid", "Steps of campaigns give no amounts. Send points or uses.", param=at)
    return read


def _trigger(place: Place) -> core.Trigger:
    """The type and the conditions of an event; what else stands there is read by the caller."""
    type = place.required("type", place.text("type", longest=100)) or ""
    return core.Trigger(type, place.read("conditions", _events(place.zone)) or Conditions())


def _events(zone: str) -> Any:
    def read(value: Any, at: str) -> Conditions:
        read = read_struct(ConditionsInput, _object(value, at), path=f"{at}.")
        return read_conditions(read, zone=zone, of=OF_EVENT, param=at)

    return read


def _members(zone: str) -> Any:
    def read(value: Any, at: str) -> SegmentConditions:
        given = read_struct(SegmentConditionsInput, _object(value, at), path=f"{at}.")
        return read_member_conditions(given, param=at, zone=zone)

    return read


def _object(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Problem("parameter_invalid", "Send an object.", param=at)
    return value


def _reentry(place: Place | None) -> core.Reentry:
    if place is None:
        return core.Reentry()
    mode: core.ReentryMode = place.choice("mode", core.ReentryMode.__args__) or "once"  # type: ignore[attr-defined]
    read = core.Reentry(mode, place.duration("cooldown"), place.text("key_from", longest=100))
    if read.cooldown is not None and mode != "after_exit":
        place.say("cooldown", "It belongs to mode after_exit.")
    if (read.key_from is not None) != (mode == "per_key"):
        place.say("key_from", "Mode per_key takes it, and no other mode.")
    place.end()
    return read


# ---- steps


def _steps(place: Place) -> Mapping[str, core.Step]:
    given = place.value("steps")
    if not isinstance(given, dict):
        place.say("steps", "Send an object of steps, each under its id.")
        return {}
    steps: dict[str, core.Step] = {}
    for id, value in given.items():
        if not STEP_ID.match(id):
            place.say(f"steps.{id[:40]}", "The id of a step has 1 to 40 characters: a to z, 0 to 9 and _.")
            continue
        inner = Place(value, f"steps.{id}", place.zone, place.problems)
        steps[id] = _step(inner, id)
        if inner.value("kind") in KINDS:  # of another kind nobody knows what belongs to it
            inner.end()
    return steps


def _step(place: Place, id: str) -> core.Step:
    kind = place.required("kind", place.choice("kind", KINDS))
    read = _READERS.get(kind or "")
    own: dict[str, Any] = read(place, id) if read is not None else {}
    is_action = kind not in ("wait", "branch", "split", "exit")
    if kind not in ("branch", "split", "exit"):
        own["next"] = place.step("next")
    if is_action:
        own["on_refused"] = place.step("on_refused")
    if kind == "send_event":
        own["on_capped"] = place.step("on_capped")
    return core.Step(kind or "exit", **own)


def _wait(place: Place, _id: str) -> dict[str, Any]:
    events = tuple(_awaited(each) for each in place.places("events", most=10))
    wait = core.Wait(
        wait_for=place.duration("for"),
        at_minutes=place.minutes("at"),
        days=tuple(WEEKDAYS.index(day) for day in place.texts("days", choices=WEEKDAYS)),
        until=place.instant("until"),
        zone_from=place.text("zone_from", longest=40),
        events=events,
        timeout=place.duration("timeout"),
        timeout_next=place.step("timeout_next"),
        since=place.choice("since", core.Since.__args__) or "entry",  # type: ignore[attr-defined]
    )
    _check_wait(place, wait)
    return {"wait": wait}


def _check_wait(place: Place, wait: core.Wait) -> None:
    """A wait waits for one thing: for events, until an instant, or for a length of time."""
    by_time = wait.wait_for is not None or wait.at_minutes is not None
    if [bool(wait.events), wait.until is not None, by_time].count(True) != 1:
        place.say("", "A wait takes one of events, until, or for with at. Send one of them.")
    if wait.days and wait.at_minutes is None:
        place.say("days", "They say on which days the time `at` counts. Send at, too.")
    if wait.events and wait.timeout is None:
        place.say("timeout", "It is required with events: nobody waits for ever.")
    if not wait.events and (wait.timeout is not None or wait.timeout_next is not None):
        place.say("timeout", "It belongs to a wait for events.")


def _awaited(place: Place) -> core.Awaited:
    trigger = _trigger(place)
    count = place.whole("count", least=1, most=1000) or 1
    read = core.Awaited(trigger, place.texts("same"), count, place.step("next"))
    place.end()
    return read


def _branch(place: Place, _id: str) -> dict[str, Any]:
    cases = tuple(_case(each) for each in place.places("when", most=9))
    if not cases:
        place.say("when", "A branch takes at least one case.")
    return {"branch": core.Branch(cases, place.step("else"))}


def _case(place: Place) -> core.Case:
    asked = place.value("if")
    inner = asked if isinstance(asked, dict) else {}
    own = Place({name: inner[name] for name in _OF_BRANCH if name in inner}, place.at("if"), place.zone, place.problems)
    rest = {name: value for name, value in inner.items() if name not in _OF_BRANCH}
    if not inner:
        place.say("if", "Send an object that asks something.")
    of_members = Place({"if": rest}, place.path, place.zone, place.problems)
    taken, offer = own.place("step"), own.place("offer")
    read = core.Case(
        next=place.step("next"),
        member=of_members.read("if", _members(place.zone)) if rest else None,
        segments=own.texts("segment"),
        entry=own.read("entry", _events(place.zone)),
        taken=_taken(taken) if taken is not None else None,
        offer=_asked_offer(offer) if offer is not None else None,
    )
    place.end()
    return read


def _taken(place: Place) -> core.Taken:
    read = core.Taken(
        place.required("id", place.step("id")) or "", place.required("outcome", place.text("outcome")) or ""
    )
    place.end()
    return read


def _asked_offer(place: Place) -> core.AskedOffer:
    id = place.required("id", place.id("id", "ofr_")) or ""
    states = core.OfferState.__args__  # type: ignore[attr-defined]
    read = core.AskedOffer(id, place.required("state", place.choice("state", states)) or "redeemed")
    place.end()
    return read


def _split(place: Place, id: str) -> dict[str, Any]:
    ways = tuple(_way(each) for each in place.places("ways", most=9))
    if sum(way.share for way in ways) != core.SHARES:
        place.say("ways", f"The shares come to {sum(way.share for way in ways)}; they must come to {core.SHARES}.")
    if len({way.name for way in ways}) != len(ways):
        place.say("ways", "Two ways have one name.")
    return {"split": core.Split(place.text("key", longest=40) or id, ways)}


def _way(place: Place) -> core.Way:
    name = place.required("name", place.text("name", longest=40)) or ""
    share = place.required("share", place.whole("share", least=1, most=core.SHARES)) or 0
    read = core.Way(name, share, place.step("next"))
    place.end()
    return read


def _exit(place: Place, _id: str) -> dict[str, Any]:
    return {"outcome": place.required("outcome", place.text("outcome", longest=40)) or "completed"}


def _award(place: Place, _id: str) -> dict[str, Any]:
    points = place.required("points", place.whole("points", least=1, most=POINTS_MAX)) or 1
    clawback = place.choice("clawback", core.ClawbackBy.__args__)  # type: ignore[attr-defined]
    return {"award": core.Award(points, place.text("reason"), clawback)}


def _message(place: Place, _id: str) -> dict[str, Any]:
    name = place.required("name", place.text("name", longest=100)) or ""
    data = place.value("data")
    if data is not None and not isinstance(data, dict):
        place.say("data", "Send an object.")
    data = data if isinstance(data, dict) else {}
    for path, reference in references_in(data, "data"):
        if not isinstance(reference, str) or reference.split(".")[0] not in ("steps", "entry"):
            place.say(path, "A $ref is steps.<id>.<field> or entry.<field>.")
    return {"message": core.Message(name, data)}


def references_in(value: Any, path: str) -> list[tuple[str, Any]]:
    """Every $ref in the data of a message, with its path."""
    if isinstance(value, dict):
        if "$ref" in value:
            return [(path, value["$ref"])]
        return [found for key, inner in value.items() for found in references_in(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for n, inner in enumerate(value) for found in references_in(inner, f"{path}[{n}]")]
    return []


def _marks(place: Place, _id: str) -> dict[str, Any]:
    account = place.read("account", lambda value, at: read_metadata(_object(value, at), param=at, allows_null=True))
    segments = place.place("segments")
    add = segments.texts("add") if segments is not None else ()
    remove = segments.texts("remove") if segments is not None else ()
    if segments is not None:
        segments.end()
    if not account and not add and not remove:
        place.say("", "Send what to set: account, segments or both.")
    return {"marks": core.Marks(account or {}, add, remove)}


def _reward(place: Place, _id: str) -> dict[str, Any]:
    return {"reward_id": place.required("reward", place.id("reward", "rwd_"))}


def _grant(place: Place, _id: str) -> dict[str, Any]:
    offer_id = place.required("offer", place.id("offer", "ofr_")) or ""
    return {"grant": core.Granted(offer_id, place.duration("valid_for"))}


def _issue(place: Place, _id: str) -> dict[str, Any]:
    batch_id = place.required("batch", place.id("batch", "cbt_")) or ""
    return {"issue": core.Issued(batch_id, place.duration("expires_in"))}


_READERS: Mapping[str, Any] = {
    "wait": _wait,
    "branch": _branch,
    "split": _split,
    "exit": _exit,
    "award_points": _award,
    "send_event": _message,
    "set_metadata": _marks,
    "issue_reward": _reward,
    "grant_offer": _grant,
    "issue_code": _issue,
}

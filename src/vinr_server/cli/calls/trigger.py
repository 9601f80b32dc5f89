"""`vinr trigger`: makes an event happen, and shows its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from vinr_server.cli.calls.calling import Place, calling, print_json, require_test_key
from vinr_server.cli.calls.recipes import RECIPES, Making, NotPossible, Wish, report_event
from vinr_server.cli.control_characters import visible
from vinr_server.cli.exits import FAILED, USAGE, fail
from vinr_server.core.earning.reports import RESERVED
from vinr_server.core.events.engine_events import EVENT_TYPES

WHAT = "trigger"
# Business events that a shop may have; any other name works as well.
SAMPLES = ("subscription.created", "review.posted")
EVENTS_LOOKED_AT = 100


def list_triggers(*, as_json: bool) -> None:
    """Every type that can be triggered, and how."""
    ways = {type: how for type, (how, _make) in RECIPES.items()}
    ways |= dict.fromkeys(SAMPLES, "report it as a business event; any name works")
    if as_json:
        print_json([{"type": type, "how": how} for type, how in ways.items()])
        return
    for type, how in ways.items():
        print(f"{type:<32}{how}")


# What a worker goes on with after the call that made it.
MADE = ("loyalty_account", "code_batch")


def trigger(type: str, wish: Wish, place: Place) -> None:
    """The event has happened; its calls and all events that they caused are printed."""
    make = _recipe(type)
    with calling(place, WHAT) as api:
        require_test_key(api, WHAT)
        making = Making(api, wish)
        try:
            make(making)
        except NotPossible as error:
            fail(WHAT, str(error), code=FAILED)
        ids = {answer.request_id for answer in making.answers}
        page = api.get("/v1/events", limit=EVENTS_LOOKED_AT)["data"]
        made = {answer.body["id"] for answer in making.answers if answer.body.get("object") in MADE}
        events = [event for event in reversed(page) if event["request"]["id"] in ids or _is_of(event, made)]
        if not place.as_json:
            _print(making, events, type)
    if place.as_json:
        calls = [
            {
                "method": answer.method,
                "path": answer.path,
                "status": answer.status,
                "request_id": answer.request_id,
                "answer": answer.body,
            }
            for answer in making.answers
        ]
        print_json({"type": type, "calls": calls, "events": events})


def _recipe(type: str) -> Callable[[Making], object]:
    if type.startswith(RESERVED) and type not in RECIPES:
        near = get_close_matches(type, RECIPES, n=1)
        meant = f" Did you mean {near[0]}?" if near and type not in EVENT_TYPES else ""
        fail(WHAT, f"{type} can't be triggered.{meant} See `vinr trigger --list`.", code=USAGE)
    return RECIPES[type][1] if type in RECIPES else lambda making: report_event(making, type)


def _is_of(event: dict[str, Any], made: set[str]) -> bool:
    """Whether the event is about something made here; due work has no request."""
    about = {event["data"].get("account"), event["data"].get("id")}
    return event["request"]["id"] is None and not about.isdisjoint(made)


def _print(making: Making, events: list[dict[str, Any]], type: str) -> None:
    for answer in making.answers:
        line = f"{answer.method} {answer.path}  {answer.status} {answer.body.get('id', '')}  {answer.request_id}"
        print(visible(line))
    for event in events:
        print(visible(f"  → {event['type']:<28}{event['id']}  {figures(event['data'])}".rstrip()))
    for line in _why_nothing(making, type):
        print(f"  ✗ {line}")


def _why_nothing(making: Making, type: str) -> Iterator[str]:
    """Why no rule gave points, if the last answer says so."""
    last = making.answers[-1].body
    if last.get("object") == "referral" and last["status"] != "converted":
        return
    is_enrolled = True
    for skipped in last.get("skipped", ()):
        is_enrolled &= all(unmet["condition"] != "not_enrolled" for unmet in skipped["unmet"])
        by = next((f"{kind} {skipped[kind]}" for kind in ("rule", "offer") if kind in skipped), "no points")
        yield f"{by}: {'; '.join(unmet['message'] for unmet in skipped['unmet'])}"
    if last.get("awards") != [] or (is_enrolled and last.get("skipped")):
        return
    customer = making.customer()
    if is_enrolled and making.api.get("/v1/loyalty/accounts", customer=customer, limit=1)["data"]:
        yield f"no points: no earning rule of {customer}'s programs has the trigger {type}."
    else:
        yield f"Enroll {customer}: vinr trigger loyalty.account.created --customer {customer}"


def figures(data: dict[str, Any]) -> str:
    """What an event is about, in a few words."""
    if "points" in data and "balance_after" in data:
        return f"{data['points']:+,} points, balance {data['balance_after']:,}"
    if "amount" in data and "currency" in data:
        return f"{data['amount']:,} {data['currency']} (minor units)"
    return ""

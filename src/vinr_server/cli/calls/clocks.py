"""`vinr clock`: test clocks from the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant
from vinr_server.cli.calls.calling import Api, Place, calling, print_json, say
from vinr_server.cli.calls.durations import later
from vinr_server.cli.control_characters import visible
from vinr_server.cli.exits import FAILED, USAGE, fail
from vinr_server.cli.sandbox.seed import SANDBOX_CLOCK

WHAT = "clock"
PATH = "/v1/test_helpers/test_clocks"
POLL_SECONDS = 0.1


def create_clock(place: Place, *, at: str | None, name: str | None) -> None:
    """A clock stands still at the instant, or now."""
    instant = _instant(at, "--at") if at else datetime.now(UTC).replace(microsecond=0)
    body = {"frozen_time": instant.isoformat()} | ({"name": name} if name else {})
    with calling(place, WHAT) as api:
        clock = api.post(PATH, body).body
    _print_one(clock, as_json=place.as_json)
    if not place.as_json:
        print("To put a program on this clock, create it with POST /v1/loyalty/programs and")
        print(f'  {{"name": "Trial", "currency": {{"expiry_months": 12}}, "test_clock": "{clock["id"]}"}}')


def list_clocks(place: Place) -> None:
    """Every clock, newest first."""
    with calling(place, WHAT) as api:
        clocks = list(_all(api))
    if place.as_json:
        print_json(clocks)
    elif not clocks:
        print("There is no test clock. Create one: vinr clock create")
    else:
        for clock in clocks:
            _print_one(clock, as_json=False)


def advance_clock(place: Place, *, by: str | None, to: str | None, clock_id: str | None) -> None:
    """The clock shows the later time, and all work due by then is done."""
    if (by is None) == (to is None):
        fail(WHAT, "give a duration such as 13mo, or --to with a date.", code=USAGE)
    with calling(place, WHAT) as api:
        clock = api.get(f"{PATH}/{quote(clock_id, safe='')}") if clock_id else _only(api)
        instant = _later(clock, by) if by is not None else _instant(str(to), "--to")
        url = f"{PATH}/{clock['id']}"
        started_at = time.monotonic()
        clock = api.post(f"{url}/advance", {"frozen_time": instant.isoformat()}).body
        with _progress(f"{clock['id']} is advancing to {_shown(clock)}; Ctrl-C only stops the waiting"):
            while clock["status"] != "ready":
                time.sleep(POLL_SECONDS)
                clock = api.get(url)
    if place.as_json:
        print_json(clock)
    else:
        print(f"{clock['id']} is at {_shown(clock)} after {time.monotonic() - started_at:.1f} s.")


def delete_clock(place: Place, *, clock_id: str) -> None:
    """The clock is gone; time stands still for the programs on it."""
    with calling(place, WHAT) as api:
        gone = api.delete(f"{PATH}/{quote(clock_id, safe='')}").body
    if place.as_json:
        print_json(gone)
    else:
        print(f"{clock_id} is deleted; time stands still for the programs on it.")


def _all(api: Api) -> Iterator[dict[str, Any]]:
    page = api.get(PATH, limit=100)
    while True:
        yield from page["data"]
        if not page["has_more"]:
            return
        page = api.get(PATH, limit=100, starting_after=page["data"][-1]["id"])


def _only(api: Api) -> dict[str, Any]:
    """The clock that is meant where none is named: the caller's own; the sandbox's only where that is alone."""
    every = list(_all(api))
    clocks = [clock for clock in every if clock["id"] != SANDBOX_CLOCK] or every
    if not clocks:
        fail(WHAT, "there is no test clock. Create one with `vinr clock create`, then a program on it.", code=FAILED)
    if len(clocks) > 1:
        names = ", ".join(clock["id"] for clock in clocks[:5])
        fail(WHAT, f"there are {len(clocks)} test clocks. Choose one with --clock: {names}.", code=USAGE)
    return clocks[0]


def _later(clock: dict[str, Any], by: str) -> datetime:
    try:
        return later(datetime.fromtimestamp(clock["frozen_time"], UTC), by)
    except ValueError as error:
        fail(WHAT, str(error), code=USAGE)


def _instant(text: str, option: str) -> datetime:
    try:
        return read_instant(int(text) if text.isdecimal() else text, param=option)
    except Problem as problem:
        fail(WHAT, problem.message, code=USAGE)


def _shown(clock: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(clock['frozen_time'], UTC):%Y-%m-%d %H:%M:%S} UTC"


def _print_one(clock: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(clock)
    else:
        print(f"{clock['id']}  {_shown(clock)}  {clock['status']}  {visible(clock['name'] or '')}".rstrip())


@contextmanager
def _progress(text: str) -> Iterator[None]:
    """Show the line on standard error: animated at a terminal, once in a file."""
    if not sys.stderr.isatty():
        say(text)
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield

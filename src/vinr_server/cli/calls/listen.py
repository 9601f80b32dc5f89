"""`vinr listen`: shows events as they happen, and forwards them to a receiver on this machine."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import httpx2

from vinr_server.cli.calls.calling import Api, Place, Refused, Unreachable, calling, print_json, say
from vinr_server.cli.calls.forwarding import Forwarded, Forwarder
from vinr_server.cli.calls.trigger import figures
from vinr_server.cli.control_characters import visible
from vinr_server.cli.exits import FAILED, USAGE, fail
from vinr_server.cli.sandbox.seed import start_of_sandbox

WHAT = "listen"
ENDPOINTS = "/v1/webhook_endpoints"
DESCRIPTION = "vinr listen"
POLL_SECONDS = 1.0


def listen(place: Place, *, target: str | None, events: Sequence[str]) -> None:
    """Show every event until Ctrl-C or SIGTERM; then remove the endpoint that was made for it."""
    patterns = [part.strip() for option in events for part in option.split(",") if part.strip()]
    if target is not None:
        target = _checked(target)
    with calling(place, WHAT) as api:
        if _is_here(api):
            _listen_here(api, place, target, patterns or ["*"])
        elif target is not None:
            fail(WHAT, f"{api.base_url} can't reach this machine, and sends only to https. {_elsewhere()}", code=USAGE)
        else:
            _watch(api, patterns or ["*"], as_json=place.as_json)


def _checked(target: str) -> str:
    """The URL; a port or a bare address is completed."""
    if target.isdigit():
        target = f"http://127.0.0.1:{target}"
    if "://" not in target:
        target = f"http://{target}"
    try:
        url = httpx2.URL(target)
    except httpx2.InvalidURL as error:
        fail(WHAT, f"--forward-to {target!r} is not a URL: {error}.", code=USAGE)
    if url.scheme not in ("http", "https") or not url.host:
        fail(WHAT, f"--forward-to {target!r} is not a URL. Use one such as http://localhost:3000/webhooks.", code=USAGE)
    return target


def _is_here(api: Api) -> bool:
    """Whether the server runs on this machine, so that it can reach our loopback."""
    return httpx2.URL(api.base_url).host in ("127.0.0.1", "localhost", "::1", "0.0.0.0")


def _elsewhere() -> str:
    return (
        "Create a webhook endpoint with a public https URL (POST /v1/webhook_endpoints), or omit --forward-to to watch"
        " its events here."
    )


# ---- a sandbox on this machine: our own endpoint


def _listen_here(api: Api, place: Place, target: str | None, patterns: list[str]) -> None:
    printer = Printer(place.as_json)
    with Forwarder(target, printer.show) as forwarder:
        _forget_dead(api)
        endpoint = _make(api, forwarder.url, patterns)
        try:
            printer.begin(endpoint, target)
            for _start in _later_starts(place):  # after a reset the endpoint is gone
                if not _is_there(api, endpoint["id"]):
                    endpoint = _make(api, forwarder.url, patterns)
                    say("The sandbox was reset; the endpoint and its secret are new:")
                    printer.begin(endpoint, target)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            _remove(api, endpoint["id"])


def _later_starts(place: Place) -> Iterator[int]:
    """Each time the sandbox has started again, for as long as the caller reads."""
    seen = start_of_sandbox(place.data_dir)
    while True:
        time.sleep(POLL_SECONDS)
        now = start_of_sandbox(place.data_dir)
        if now is not None and now != seen:
            seen = now
            yield now


def _make(api: Api, url: str, patterns: list[str]) -> dict[str, Any]:
    try:
        return api.post(ENDPOINTS, {"url": url, "events": patterns, "description": DESCRIPTION}).body
    except Refused as refused:
        if refused.error.get("param") == "url":
            why = f"{api.base_url} sends only to the public internet; only `vinr dev` sends to this machine."
            fail(WHAT, f"{why} {_elsewhere()}", code=FAILED)
        raise


def _remove(api: Api, endpoint: str) -> None:
    """The endpoint is gone, unless its sandbox stopped first."""
    try:
        api.delete(f"{ENDPOINTS}/{endpoint}")
    except (Refused, Unreachable):
        say(f"vinr listen: {endpoint} could not be removed; the next `vinr listen` will remove it.")


def _is_there(api: Api, endpoint: str) -> bool:
    try:
        api.get(f"{ENDPOINTS}/{endpoint}")
    except Refused:
        return False
    return True


def _forget_dead(api: Api) -> None:
    """Endpoints of killed listeners are gone: nothing listens on their port."""
    for endpoint in api.get(ENDPOINTS, limit=100)["data"]:
        if endpoint["description"] == DESCRIPTION and not _has_listener(httpx2.URL(endpoint["url"]).port):
            _remove(api, endpoint["id"])


def _has_listener(port: int | None) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port or 80)) == 0


# ---- a server elsewhere: its list of events


def _watch(api: Api, patterns: list[str], *, as_json: bool) -> None:
    newest = api.get("/v1/events", limit=1)["data"]
    say(f"Watching the events of {api.base_url}. Press Ctrl-C to stop.")
    for event in _coming(api, newest[0]["id"] if newest else None):
        if not any(_matches(pattern, event["type"]) for pattern in patterns):
            continue
        if as_json:
            print_json({"event": event})
        else:
            line = f"{_clock()} {event['type']:<28} {event['id']}  {figures(event['data'])}"
            print(visible(line.rstrip()), flush=True)


def _coming(api: Api, cursor: str | None) -> Iterator[dict[str, Any]]:
    """Events newer than the cursor, oldest first, for as long as the caller reads."""
    while True:
        query = {"ending_before": cursor} if cursor else {}
        page = api.get("/v1/events", limit=100, **query)["data"]
        if page:
            cursor = page[0]["id"]
            yield from reversed(page)
        if len(page) < 100:
            time.sleep(POLL_SECONDS)


def _matches(pattern: str, type: str) -> bool:
    return pattern in ("*", type) or (pattern.endswith(".*") and type.startswith(pattern[:-1]))


def _clock() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


class Printer:
    """Prints the signing secret first, then a line for each event with the receiver's answer."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def begin(self, endpoint: dict[str, Any], target: str | None) -> None:
        """Print the new endpoint."""
        if self._as_json:
            fields = {name: endpoint[name] for name in ("id", "url", "events", "secret")}
            print_json({"endpoint": fields, "forward_to": target})
            return
        print(f"Signing secret  {endpoint['secret']}")
        print(f"Events          {', '.join(endpoint['events'])}")
        print(f"Forwarding to   {target or 'nowhere; to forward, pass --forward-to URL'}")
        print("Ready. Press Ctrl-C to stop.\n", flush=True)

    def show(self, forwarded: Forwarded) -> None:
        """Print an event that has come and was forwarded."""
        event = forwarded.event
        if self._as_json:
            answer = {"status": forwarded.status, "error": forwarded.error, "milliseconds": forwarded.milliseconds}
            body = forwarded.body.decode(errors="replace")
            print_json({"event": event, "headers": forwarded.headers, "body": body, "answer": answer})
            return
        what = f"{event.get('type', 'not an event'):<28} {event.get('id', '')}  {figures(event.get('data', {}))}"
        print(visible(f"{_clock()} {what.rstrip()}{_outcome(forwarded)}"), flush=True)


def _outcome(forwarded: Forwarded) -> str:
    if forwarded.error is not None:
        return f"  ✗ {forwarded.error}; it will be sent again"
    if forwarded.status is None:
        return ""
    mark = "→" if 200 <= forwarded.status < 300 else "✗"
    again = "" if mark == "→" else "; it will be sent again"
    return f"  {mark} {forwarded.status} in {forwarded.milliseconds} ms{again}"

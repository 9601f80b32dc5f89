"""`vinr logs`: the requests of a sandbox, chosen and shown."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vinr_server.cli.calls.calling import print_json
from vinr_server.cli.control_characters import visible
from vinr_server.cli.exits import USAGE, fail
from vinr_server.cli.sandbox.journal import Entry, as_json, follow_entries, paths_in, read_entries

WHAT = "logs"
_STATUS = re.compile(r"[1-5](?:xx|\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which requests are asked for; None matches any."""

    request_id: str | None = None
    status: str | None = None
    method: str | None = None
    path: str | None = None
    code: str | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether the request is one of them."""
        return (
            (self.request_id is None or entry.request_id == self.request_id)
            and (self.status is None or self._has_status(entry.status))
            and (self.method is None or entry.method == self.method.upper())
            and (self.path is None or fnmatchcase(entry.path, self._pattern()))
            and (self.code is None or entry.code == self.code)
        )

    def _has_status(self, status: int) -> bool:
        wanted = str(self.status).lower()
        return (
            status >= 400 if wanted == "error" else all(a in ("x", b) for a, b in zip(wanted, str(status), strict=True))
        )

    def _pattern(self) -> str:
        """A path without a * is looked for anywhere."""
        path = str(self.path)
        return path if "*" in path else f"*{path}*"


def show_requests(data_dir: Path, choice: Choice, *, limit: int, is_following: bool, in_json: bool) -> None:
    """Print the newest matching requests, oldest first; then, when following, new ones as they come."""
    if choice.status and choice.status.lower() != "error" and not _STATUS.fullmatch(choice.status.lower()):
        fail(WHAT, f"--status {choice.status!r} is not valid: use 409, 4xx or error.", code=USAGE)
    if not data_dir.is_dir():
        fail(WHAT, f"there is no sandbox in {data_dir}. Start one with `vinr dev`.")
    show = _show_json if in_json else _Lines(with_bodies=choice.request_id is not None).show
    coming = follow_entries(data_dir) if is_following else iter(())
    found = deque(_chosen(read_entries(data_dir), choice), maxlen=limit)
    for entry in found:
        show(entry)
    if not found and not is_following and not in_json:
        asked = f"request {choice.request_id}" if choice.request_id else "matching request"
        fail(WHAT, f"no {asked} in {paths_in(data_dir)[0]}.")
    for entry in _chosen(coming, choice):
        show(entry)


def _chosen(entries: Iterator[Entry], choice: Choice) -> Iterator[Entry]:
    return (entry for entry in entries if choice.takes(entry))


def _show_json(entry: Entry) -> None:
    print_json(as_json(entry))


class _Lines:
    """A line for each request; its bodies too where one request was asked for."""

    def __init__(self, *, with_bodies: bool) -> None:
        self._with_bodies = with_bodies
        self._console = Console(highlight=False, soft_wrap=True)

    def show(self, entry: Entry) -> None:
        """Print the request."""
        at = datetime.fromisoformat(entry.at).astimezone()
        style = "green" if entry.status < 400 else "yellow" if entry.status < 500 else "bold red"
        line = Text(f"{at:%H:%M:%S} ")
        line.append(str(entry.status), style=style)
        query = f"?{entry.query}" if entry.query else ""
        asked = f"{entry.method:<6} {entry.path}{query}"
        line.append(f" {visible(asked)}  {entry.milliseconds} ms  {visible(entry.request_id)}")
        if entry.replayed:
            line.append("  replayed")
        self._console.print(line)
        if entry.code:
            self._console.print(Text(f"         {entry.code}: {visible(str(entry.message))}"))
        if self._with_bodies:
            for name in ("idempotency_key", "request", "answer"):
                if (value := getattr(entry, name)) is not None:
                    self._console.print(Text(f"         {name.replace('_', ' ')}: {visible(value)}"))

"""`vinr export`: streams what the public API lists, page by page, and goes on where it was stopped.

Through the API and not the database: a merchant needs a key and nothing else, sees what the key may see, and the server
may be anywhere. Each object is whole and of one instant; objects that come into being meanwhile stand before the first
page, and are not missed but not there.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

import msgspec
import uvloop
from msgspec import Struct

from vinr_server.cli.exports.forms import KINDS, Kind, header_of, row_of
from vinr_server.cli.imports.refusals import ImportRefused as Refused
from vinr_server.cli.imports.sending import Interruption, Server, failure_of, secret_key

PAGE = 100
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """The command line."""

    kind: str
    base_url: str
    form: str = "csv"
    output: Path | None = None
    resumes: bool = False
    starting_after: str | None = None
    filters: Mapping[str, str] = field(default_factory=dict)


class Page(Struct):
    """A page of a list; its objects are passed through."""

    has_more: bool
    data: list[msgspec.Raw]


class Named(Struct):
    """The part of an object that the next page starts after."""

    id: str


def run_export(options: ExportOptions) -> int:
    """Export, and say what came of it. 0: all; 1: it couldn't run, or was stopped; 130: Ctrl-C."""
    kind, interruption = KINDS[options.kind], Interruption()
    try:
        key = secret_key()
        with ExitStack() as at_end:
            file, after = _open(options, kind, at_end)
            export = Export(options, kind, file, after, interruption)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(export.all(key))
            file.flush()
    except Refused as refusal:
        print(f"vinr export {options.kind}: {refusal}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if interruption.signal:
        print(
            f"vinr export {options.kind}: stopped after {export.after}. {_how_to_go_on(options, export)}",
            file=sys.stderr,
        )
        return 128 + interruption.signal
    print(f"Exported {export.count:,} {options.kind} in {export.seconds:.1f} s.", file=sys.stderr)
    return 0


def _how_to_go_on(options: ExportOptions, export: Export) -> str:
    if options.output is not None:
        return "Go on with the same command and --resume."
    return f"Go on with --starting-after {export.after}." if export.after else "Nothing was written."


def _open(options: ExportOptions, kind: Kind, at_end: ExitStack) -> tuple[IO[str], str | None]:
    """Where to write, behind what is there already, and the id after which to go on. A header stands at the top."""
    has_header = options.form == "csv"
    if options.output is None:
        if options.resumes:
            raise Refused("--resume needs --output: the file to go on with.")
        if has_header and options.starting_after is None:
            sys.stdout.write(header_of(kind))
        return sys.stdout, options.starting_after
    if options.starting_after is not None:
        raise Refused("--starting-after is for standard output; a file knows where it ends: --resume.")
    path = options.output
    if path.exists() and not options.resumes:
        raise Refused(f"{path} is there already. Go on with it with --resume, or name another file.")
    try:
        after, length = _end_of(path, options.form) if path.exists() else (None, 0)
        file = at_end.enter_context(path.open("a", encoding="utf-8", newline=""))
        file.truncate(length)
    except OSError as error:
        raise Refused(f"{path} can't be written: {error.strerror}.") from None
    if has_header and length == 0:
        file.write(header_of(kind))
    return file, after


def _end_of(path: Path, form: str) -> tuple[str | None, int]:
    """The id of the last whole object in the file, and how many bytes stand up to its end."""
    after, length, taken = None, 0, 0
    with path.open("rb") as file:

        def whole_lines() -> str:  # a line that was cut is not whole
            nonlocal taken
            line = file.readline()
            taken += len(line)
            return line.decode(errors="replace") if line.endswith(b"\n") else ""

        lines = iter(whole_lines, "")
        if form == "jsonl":
            for line in lines:
                after, length = msgspec.json.decode(line, type=Named).id, taken
            return after, length
        try:
            for number, cells in enumerate(csv.reader(lines, strict=True)):
                after, length = cells[0] if number else None, taken
        except csv.Error:
            pass  # the last one was cut within quotes
    return after, length


class Export:
    """The pages of a list, one after the other, from the server to a file."""

    def __init__(
        self, options: ExportOptions, kind: Kind, file: IO[str], after: str | None, interruption: Interruption
    ) -> None:
        self._options, self._kind, self._file, self._interruption = options, kind, file, interruption
        self.after, self.count = after, 0
        self._started = self._shown = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    async def all(self, key: str) -> None:
        """Every object is written, or those of whole pages up to an interruption."""
        self._interruption.listen()
        server = Server(self._options.base_url, key, self._interruption)
        try:
            if "program" in self._options.filters:
                await server.find_program(self._options.filters["program"])
            coming = asyncio.ensure_future(self._page(server, self.after))
            while not self._interruption.signal:
                page = await coming
                if page.data:
                    self.after = msgspec.json.decode(page.data[-1], type=Named).id
                if page.has_more:  # it is on its way while this one is written
                    coming = asyncio.ensure_future(self._page(server, self.after))
                self._write(page)
                if not page.has_more:
                    return
            coming.cancel()
        except asyncio.CancelledError:
            pass  # Ctrl-C twice
        finally:
            await server.close()

    async def _page(self, server: Server, after: str | None) -> Page:
        query = {"limit": str(PAGE), **self._options.filters, **({"starting_after": after} if after else {})}
        response = await server.ask("GET", f"{self._kind.path}?{urlencode(query)}")
        if response.status_code != 200:
            raise Refused(f"the server answers {response.status_code}: {failure_of(response).message}")
        return msgspec.json.decode(response.content, type=Page)

    def _write(self, page: Page) -> None:
        if self._options.form == "csv":
            lines = [row_of(self._kind, bytes(shown)) for shown in page.data]
        else:
            lines = [f"{bytes(shown).decode()}\n" for shown in page.data]
        self._file.write("".join(lines))
        self.count += len(lines)
        now = time.monotonic()
        if now - self._shown >= PROGRESS_SECONDS:
            self._shown = now
            self._file.flush()
            print(
                f"{self.count:,} {self._options.kind}, {self.count / self.seconds:,.0f}/s", file=sys.stderr, flush=True
            )

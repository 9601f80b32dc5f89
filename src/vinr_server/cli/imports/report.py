"""What an import says of itself: progress on standard error, failed rows in a file, a summary at the end."""

from __future__ import annotations

import csv
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec
from msgspec import Struct

from vinr_server.cli.cells import defused
from vinr_server.cli.control_characters import visible_cell
from vinr_server.cli.imports.reading.rows import BadRow, Skipped
from vinr_server.cli.imports.refusals import ImportRefused

PLAIN_PROGRESS_SECONDS = 5.0


class Summary(Struct):
    """What --json prints. `rows` are those with an outcome; `stopped` says why there are no more."""

    file: str
    program: str
    dry_run: bool
    rows: int
    created: int
    existing: int
    failed: int
    skipped: int
    refunded: int
    seconds: float
    rows_per_second: int
    complete: bool
    stopped: str | None
    errors_file: str | None


class ErrorFile:
    """Failed rows as CSV, in the order in which they failed. The file is made with the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> ErrorFile:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: int, line: str, code: str, message: str) -> None:
        """One more failed row."""
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(("row", "line", "code", "message"))
            csv.writer(self._file).writerow((row, *map(as_text_cell, (line, code, message))))
        except OSError as error:
            raise ImportRefused(f"{self.path} can't be written: {error.strerror}.") from None


def as_text_cell(text: str) -> str:
    """The text, such that no spreadsheet takes it for a formula and no terminal for a command."""
    return defused(visible_cell(text))


class Progress(Protocol):
    """Shows how far the import is."""

    def show(self, rows: int) -> None:
        """`rows` have an outcome."""


class Report:
    """What became of each row: counted, shown, and written down where it failed."""

    def __init__(self, progress: Progress, errors: ErrorFile) -> None:
        self._progress, self.errors = progress, errors
        self.created = self.existing = self.failed = self.skipped = self.refunded = 0

    @property
    def rows(self) -> int:
        """How many have an outcome."""
        return self.created + self.existing + self.failed + self.skipped

    def add_failed(self, row: int, line: str, code: str, message: str) -> None:
        """One more failed row."""
        self.failed += 1
        self.errors.add(row, line, code, message)

    def add_unsent(self, row: BadRow | Skipped) -> None:
        """One more row that is not sent."""
        if isinstance(row, Skipped):
            self.skipped += 1
        else:
            self.add_failed(row.row, row.line, row.code, row.message)

    def show(self) -> None:
        """The progress is up to date."""
        self._progress.show(self.rows)


def progress_of(file: IO[Any], at_end: ExitStack) -> Progress:
    """A bar where standard error is a terminal, else a line every few seconds. Measured in bytes read."""
    status = os.fstat(file.fileno())
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    position: Callable[[], int] = partial(os.lseek, file.fileno(), 0, os.SEEK_CUR) if size else lambda: 0
    return at_end.enter_context(ProgressBar(position, size)) if sys.stderr.isatty() else PlainProgress(position, size)


class PlainProgress:
    """A line every few seconds."""

    def __init__(self, position: Callable[[], int], size: int) -> None:
        self._position, self._size = position, size
        self._started = self._shown = time.monotonic()

    def show(self, rows: int) -> None:
        """`rows` have an outcome."""
        now = time.monotonic()
        if now - self._shown < PLAIN_PROGRESS_SECONDS:
            return
        self._shown = now
        share = f" ({100 * self._position() // self._size}% of the file)" if self._size else ""
        print(f"{rows:,} rows{share}, {rows / (now - self._started):,.0f} rows/s", file=sys.stderr, flush=True)


class ProgressBar:
    """A bar that shows the share of the file, the rows and the pace."""

    def __init__(self, position: Callable[[], int], size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        # Four times a second: drawing takes time from what it shows.
        self._bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=4)
        self._task = self._bar.add_task("0 rows", total=size or None)
        self._position, self._started = position, time.monotonic()

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def show(self, rows: int) -> None:
        """`rows` have an outcome."""
        pace = rows / (time.monotonic() - self._started)
        self._bar.update(self._task, completed=self._position(), description=f"{rows:,} rows, {pace:,.0f} rows/s")


def errors_path(asked: Path | None, file: Path) -> Path:
    """Where failed rows go."""
    path = asked or Path(f"{file.name}.errors.csv")
    if not path.parent.is_dir():
        raise ImportRefused(f"--errors: there is no directory {path.parent}.")
    if path.is_dir():
        raise ImportRefused(f"--errors: {path} is a directory.")
    if path.exists() and file.exists() and path.samefile(file):
        raise ImportRefused(f"--errors: {path} is the file to import.")
    return path


def print_summary(summary: Summary, *, as_json: bool, command: str) -> None:
    """The summary is on standard output; what to do about failures, on standard error."""
    if as_json:
        print(msgspec.json.encode(summary).decode())
    else:
        verb, would = ("Checked", "would be ") if summary.dry_run else ("Imported", "")
        more = f", {summary.skipped:,} left out" if summary.skipped else ""
        more += f"; {summary.refunded:,} refunds" if summary.refunded else ""
        print(
            f"{verb} {summary.rows:,} rows in {summary.seconds:.1f} s ({summary.rows_per_second:,} rows/s):"
            f" {summary.created:,} {would}created, {summary.existing:,} there already, {summary.failed:,} failed{more}."
        )
        if summary.dry_run:
            print("It was a dry run: nothing was written.")
    if summary.errors_file:
        print(f"The failed rows are in {summary.errors_file}.", file=sys.stderr)
    if summary.stopped:
        print(
            f"vinr import {command}: stopped: {summary.stopped.rstrip('.')}. Run the same command again to complete it:"
            " what is there already is not added twice.",
            file=sys.stderr,
        )

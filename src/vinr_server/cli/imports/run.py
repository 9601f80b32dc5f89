"""One import, whatever its rows are: from the file to the summary, by way of what was understood of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack

import uvloop

from vinr_server.cli.imports.presets import Preset, find_preset
from vinr_server.cli.imports.preview import may_go_on
from vinr_server.cli.imports.reading.columns import Fields
from vinr_server.cli.imports.reading.table import FileOptions, Table, open_table
from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.report import ErrorFile, Report, Summary, errors_path, print_summary, progress_of
from vinr_server.cli.imports.sending import Interruption, Program, Server, secret_key

# What each kind of import does: send its rows to the server, and count them in the report.
Import = Callable[[Server, Report, Interruption], Awaitable[None]]


class Run:
    """One import, from the first request to the summary."""

    def __init__(self, options: FileOptions, report: Report) -> None:
        self._options, self._report = options, report
        self._started = time.monotonic()
        self._stopped: str | None = None
        self.is_declined = False
        self.interruption = Interruption()

    async def all(self, key: str, prepare: Callable[[Program], Import]) -> None:
        """Every row has an outcome, or `summary` says why not. Raises ImportRefused where nothing was begun."""
        self.interruption.listen()
        server = Server(self._options.base_url, key, self.interruption)
        try:
            send_all = prepare(await server.find_program(self._options.program))
            if not may_go_on(is_asked=self._options.asks_first and not self._options.is_dry_run):
                self.is_declined = True
                return
            self._started = time.monotonic()
            try:
                await send_all(server, self._report, self.interruption)
            except ImportRefused as refusal:
                self._stopped = str(refusal)
        except asyncio.CancelledError:
            pass  # Ctrl-C twice, or answers that did not come in time
        finally:
            await server.close()

    def summary(self) -> Summary:
        """The counts so far."""
        report, seconds = self._report, time.monotonic() - self._started
        stopped = "interrupted" if self.interruption.signal else self._stopped
        return Summary(
            file=str(self._options.file),
            program=self._options.program,
            dry_run=self._options.is_dry_run,
            rows=report.rows,
            created=report.created,
            existing=report.existing,
            failed=report.failed,
            skipped=report.skipped,
            refunded=report.refunded,
            seconds=round(seconds, 3),
            rows_per_second=round(report.rows / seconds) if seconds else 0,
            complete=stopped is None,
            stopped=stopped,
            errors_file=str(report.errors.path) if report.failed else None,
        )


def run_file(
    command: str,
    options: FileOptions,
    prepare: Callable[[Table, Program], Import],
    *,
    fields: Fields,
    presets: Mapping[str, Preset],
) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""
    try:
        key = secret_key()
        with ExitStack() as at_end:
            errors = errors_path(options.errors, options.file)
            preset = find_preset(options.preset, presets)
            table = open_table(options, at_end, fields, preset.as_columns() if preset is not None else None)
            report = Report(progress_of(table.file, at_end), at_end.enter_context(ErrorFile(errors)))
            run = Run(options, report)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run.all(key, lambda program: prepare(table, program)))
    except ImportRefused as refusal:
        print(f"vinr import {command}: {refusal}", file=sys.stderr)
        return 1
    if run.is_declined:
        print(f"vinr import {command}: nothing was written.", file=sys.stderr)
        return 1
    summary = run.summary()
    print_summary(summary, as_json=options.as_json, command=command)
    if run.interruption.signal:
        return 128 + run.interruption.signal
    return 1 if summary.stopped else 2 if summary.failed else 0

"""`vinr import segment-members`: the accounts of a CSV file join a static segment, a thousand in a request.

Running it again adds nothing: an account that is there already stays. Rows that can't be read, and
accounts that do not exist, go to a separate file.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import msgspec
import uvloop

from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.report import ErrorFile, Report, errors_path, progress_of
from vinr_server.cli.imports.sending import Interruption, Server, failure_of, secret_key

ACCOUNTS_MAX = 1000
ID_LENGTH_MAX = 255


class Addition(msgspec.Struct):
    """What the server answers to a batch."""

    added: int
    already_members: int
    unknown: list[str]


@dataclass(frozen=True)
class SegmentOptions:
    """What the command line says."""

    file: Path
    segment: str
    column: str
    errors: Path | None
    base_url: str


@dataclass(frozen=True)
class Row:
    """A row of the file with its account; "" where it names none."""

    number: int
    line: str
    account: str


def run_import_segment_members(options: SegmentOptions) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""
    interruption = Interruption()
    try:
        key = secret_key()
        errors = errors_path(options.errors, options.file)
        with ExitStack() as at_end:
            file = at_end.enter_context(options.file.open(encoding="utf-8-sig", newline=""))
            report = Report(progress_of(file, at_end), at_end.enter_context(ErrorFile(errors)))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_add_all(options, key, rows_of(csv.reader(file), options.column), report, interruption))
    except OSError as error:
        return _refused(f"{options.file} can't be read: {error.strerror}.")
    except (ImportRefused, UnicodeDecodeError, csv.Error) as error:
        return _refused(str(error))
    print(
        f"Read {report.rows:,} rows: {report.created:,} joined {options.segment},"
        f" {report.existing:,} were there already, {report.failed:,} failed."
    )
    if report.failed:
        print(f"The failed rows are in {errors}.", file=sys.stderr)
    return 128 + interruption.signal if interruption.signal else 2 if report.failed else 0


def _refused(message: str) -> int:
    print(f"vinr import segment-members: {message}", file=sys.stderr)
    return 1


def rows_of(lines: Iterator[list[str]], column: str) -> Iterator[Row]:
    """The rows below the header, each with what its column says; empty lines are left out."""
    header = [cell.strip() for cell in next(lines, [])]
    if column not in header:
        raise ImportRefused(f"the header has no column {column!r}. It reads: {', '.join(header)[:300]}")
    place = header.index(column)
    for number, cells in enumerate(lines, start=1):
        if cells:
            account = cells[place].strip() if len(cells) > place else ""
            yield Row(number, ",".join(cells), account)


async def _add_all(
    options: SegmentOptions, key: str, rows: Iterator[Row], report: Report, interruption: Interruption
) -> None:
    """Every row has an outcome, unless it is interrupted: then the current batch is the last."""
    interruption.listen()
    server = Server(options.base_url, key, interruption)
    path = f"/v1/engagement/segments/{quote(options.segment, safe='')}/members"
    try:
        while not interruption.signal and (some := list(islice(rows, ACCOUNTS_MAX))):
            await _add(server, path, _readable(some, report), report)
            report.show()
    finally:
        await server.close()


def _readable(rows: list[Row], report: Report) -> list[Row]:
    """The rows that name an account; the others are reported."""
    good = []
    for row in rows:
        if row.account.startswith("loy_") and len(row.account) <= ID_LENGTH_MAX and row.account.isprintable():
            good.append(row)
        else:
            report.add_failed(row.number, row.line, "parameter_invalid", "An account's id starts with loy_.")
    return good


async def _add(server: Server, path: str, rows: list[Row], report: Report) -> None:
    if not rows:
        return
    response = await server.ask("POST", path, msgspec.json.encode({"accounts": [row.account for row in rows]}))
    if response.status_code != 200:
        raise ImportRefused(f"the server answers {response.status_code}: {failure_of(response).message}")
    answer = msgspec.json.decode(response.content, type=Addition)
    unknown = set(answer.unknown)
    for row in rows:
        if row.account in unknown:
            report.add_failed(row.number, row.line, "resource_missing", f"No such account: {row.account!r}.")
    known = sum(row.account not in unknown for row in rows)
    report.created += answer.added
    report.existing += known - answer.added

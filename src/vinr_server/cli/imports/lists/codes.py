"""`vinr import codes`: the codes of a CSV file become codes of a batch, a thousand in a request.

Running it again adds nothing: a code that is there already stays. Rows that can be no code, and codes that others
have, go to a separate file.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import uvloop

from vinr_server.cli.imports.preview import first, may_go_on, show
from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.report import ErrorFile, Report, errors_path, progress_of
from vinr_server.cli.imports.sending import Failure, Interruption, Server, failure_of, secret_key

ROWS_MAX = 1_000
COLUMNS = ("code", "account", "max_redemptions", "expires_at")


class Outcome(msgspec.Struct):
    """What became of a row."""

    status: int
    error: Failure | None = None


class Imported(msgspec.Struct):
    """What the server answers to a request."""

    data: list[Outcome]


@dataclass(frozen=True)
class CodeOptions:
    """What the command line says."""

    file: Path
    batch: str
    errors: Path | None
    base_url: str
    is_dry_run: bool = False
    asks_first: bool = True


@dataclass(frozen=True)
class Row:
    """A row of the file, and the code in it as the API takes it."""

    number: int
    line: str
    item: dict[str, Any]


def run_import_codes(options: CodeOptions) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""
    interruption = Interruption()
    try:
        key = secret_key()
        errors = errors_path(options.errors, options.file)
        with ExitStack() as at_end:
            file = at_end.enter_context(options.file.open(encoding="utf-8-sig", newline=""))
            rows = rows_of(csv.reader(file))
            shown = first(rows)
            show(
                str(options.file), [("batch", options.batch)], [msgspec.json.encode(row.item).decode() for row in shown]
            )
            if not may_go_on(is_asked=options.asks_first and not options.is_dry_run):
                return _refused("nothing was written.")
            report = Report(progress_of(file, at_end), at_end.enter_context(ErrorFile(errors)))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_import_all(options, key, chain(shown, rows), report, interruption))
    except OSError as error:
        return _refused(f"{options.file} can't be read: {error.strerror}.")
    except (ImportRefused, UnicodeDecodeError, csv.Error) as error:
        return _refused(str(error))
    would = "would be added" if options.is_dry_run else "added"
    print(
        f"Read {report.rows:,} rows: {report.created:,} {would} to {options.batch},"
        f" {report.existing:,} were there already, {report.failed:,} failed."
    )
    if report.failed:
        print(f"The failed rows are in {errors}.", file=sys.stderr)
    return 128 + interruption.signal if interruption.signal else 2 if report.failed else 0


def _refused(message: str) -> int:
    print(f"vinr import codes: {message}", file=sys.stderr)
    return 1


def rows_of(lines: Iterator[list[str]]) -> Iterator[Row]:
    """The rows, by the header's names; without a header that names `code`, the first cell of each is the code.

    A code is text as it stands: zeros stay, and what a spreadsheet has made a number of is refused by the server.
    """
    top = next(lines, [])
    header = [cell.strip().lower() for cell in top]
    if "code" not in header:
        header, lines = ["code"], chain([top], lines)
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        raise ImportRefused(f"the header has a column {unknown[0]!r}. Columns are {', '.join(COLUMNS)}.")
    for number, cells in enumerate(lines, start=1):
        if not any(cell.strip() for cell in cells):
            continue
        named = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
        item: dict[str, Any] = {name: cell if name == "code" else cell.strip() for name, cell in named.items()}
        if item.get("max_redemptions", "").isdecimal():
            item["max_redemptions"] = int(item["max_redemptions"])
        yield Row(number, ",".join(cells), item)


async def _import_all(
    options: CodeOptions, key: str, rows: Iterable[Row], report: Report, interruption: Interruption
) -> None:
    """Every row has an outcome, unless it is interrupted: then the current request is the last."""
    interruption.listen()
    server = Server(options.base_url, key, interruption)
    query = "?dry_run=true" if options.is_dry_run else ""
    path = f"/v1/engagement/code_batches/{quote(options.batch, safe='')}/import{query}"
    left = iter(rows)
    try:
        while not interruption.signal and (some := list(islice(left, ROWS_MAX))):
            await _import_some(server, path, some, report)
            report.show()
    finally:
        await server.close()


async def _import_some(server: Server, path: str, rows: list[Row], report: Report) -> None:
    response = await server.ask("POST", path, msgspec.json.encode({"codes": [row.item for row in rows]}))
    if response.status_code != 200:
        raise ImportRefused(f"the server answers {response.status_code}: {failure_of(response).message}")
    for row, outcome in zip(rows, msgspec.json.decode(response.content, type=Imported).data, strict=True):
        if outcome.error is None:
            report.created += outcome.status == 201
            report.existing += outcome.status == 200
        else:
            report.add_failed(row.number, row.line, outcome.error.code, outcome.error.message)

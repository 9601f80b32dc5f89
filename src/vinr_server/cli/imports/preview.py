"""What an import has understood of its file, shown before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from vinr_server.cli.control_characters import visible, visible_lines
from vinr_server.cli.imports.reading.dates import ORDERS
from vinr_server.cli.imports.reading.decimals import SIGNS
from vinr_server.cli.imports.reading.records import NAMED
from vinr_server.cli.imports.reading.table import Table, Writing
from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.sending import Program
from vinr_server.core.kernel.calendar import is_zone

ROWS_SHOWN = 5
WIDTH_MAX = 160


def zone_of(asked: str | None, program: Program) -> str:
    """The zone of dates without one: the one asked for, or the program's."""
    zone = asked or program.timezone
    if not is_zone(zone):
        raise ImportRefused(f"--timezone: {zone!r} is not an IANA time zone such as Europe/Berlin.")
    return zone


def facts_of(table: Table, writing: Writing, *, zone: str, program: Program) -> list[tuple[str, str]]:
    """What was found in the file, each with its word."""
    header = table.header()
    named = [f"{field}={header[place].strip()}" for field, place in table.columns.positions.items() if header]
    placed = [f"{field} is column {place + 1}" for field, place in table.columns.positions.items() if not header]
    separated = f"{table.encoding}, separated by {NAMED[table.separator]}"
    order = table.options.date_format or (ORDERS[writing.date_order] if writing.date_order else "2026-06-30")
    whose = " (the program's)" if table.options.timezone is None and zone == program.timezone else ""
    return [
        ("file", f"{separated}, {'under' if table.has_header else 'without'} a header"),
        ("columns", ", ".join(named or placed)),
        ("numbers", f"decimal {SIGNS[writing.decimal_sign]}" if writing.decimal_sign else "whole"),
        ("dates", f"{order}; those without a zone are meant in {zone}{whose}"),
    ]


def show(name: str, facts: Iterable[tuple[str, str]], rows: Sequence[str]) -> None:
    """A few lines on standard error: what was found, and the first rows as they were read."""
    lines = [f"{name}:", *(f"  {what:<10} {found}" for what, found in facts if found), "  first rows as read:"]
    lines += [f"    {visible(row)[:WIDTH_MAX]}" for row in rows] or ["    none"]
    print(visible_lines("\n".join(lines)), file=sys.stderr, flush=True)


def may_go_on(*, is_asked: bool) -> bool:
    """Whether the person at the terminal agrees; where there is none, the options have said it."""
    if not is_asked or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    import typer

    return typer.confirm("Import it like this?", default=True, err=True)


def first(rows: Iterable[Any]) -> list[Any]:
    """The rows that are shown."""
    return list(islice(rows, ROWS_SHOWN))

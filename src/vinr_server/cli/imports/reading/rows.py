"""What all rows of a file share: cells by the name of their column, and the rows that become nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from vinr_server.cli.cells import restored
from vinr_server.cli.imports.reading.columns import Columns
from vinr_server.cli.imports.reading.records import Record
from vinr_server.cli.imports.refusals import RowRefused, invalid


class BadRow(Struct, frozen=True, gc=False):
    """A row that can't be imported, and why."""

    row: int
    line: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row} fails: {self.message}"


class Skipped(Struct, frozen=True, gc=False):
    """A row that is left out as it was asked for."""

    row: int
    line: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row} is left out: {self.reason}"


OutcomeT = TypeVar("OutcomeT")


def read_rows(
    records: Iterable[Record], cells: RowCells, read: Callable[[int, Sequence[str], str], OutcomeT]
) -> Iterator[OutcomeT | BadRow]:
    """What becomes of every row below the header, numbered from 1: lazily, one at a time is in memory."""
    for row, (found, line) in enumerate(records, start=1):
        try:
            yield read(row, cells.checked(found), line)
        except RowRefused as refusal:
            yield BadRow(row, line, refusal.code, refusal.message)


class RowCells:
    """The cells of a row, by the names of their columns."""

    def __init__(self, columns: Columns) -> None:
        self.columns, self._at = columns, columns.positions

    def __contains__(self, name: str) -> bool:
        return name in self._at

    def checked(self, cells: Sequence[str] | None) -> Sequence[str]:
        """The cells, if there are as many as columns; raises RowRefused otherwise."""
        if cells is None:
            raise invalid("The row can't be read as CSV; perhaps a quote is not closed.")
        if len(cells) != self.columns.width:
            raise invalid(f"The row has {len(cells)} columns; {self.columns.width} are expected.")
        return cells

    def cell(self, cells: Sequence[str], name: str) -> str:
        """What the column says; "" where the file has no such column."""
        place = self._at.get(name)
        return "" if place is None else restored(cells[place].strip())

    def text(self, cells: Sequence[str], name: str) -> str:
        """As cell, refusing an empty one."""
        text = self.cell(cells, name)
        if not text:
            raise RowRefused("parameter_missing", f"{name} is empty.")
        return text


def prefixed(prefix: str | None, kind: str, text: str) -> str:
    """The id: behind the prefix asked for; without one, behind the kind's own where it is lacking."""
    if prefix is None:
        return text if text.startswith(kind) else kind + text
    return prefix + text

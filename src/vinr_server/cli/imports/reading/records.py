"""Lines become records: the separator that fits, the header, and quotes that span lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from vinr_server.cli.imports.reading.columns import Columns
from vinr_server.cli.imports.refusals import ImportRefused

WHITESPACE = None
# The order decides between separators that fit equally well; a comma also stands in numbers and names. (csv.Sniffer
# doesn't know which columns are wanted, and takes the decimal comma of a short file for a separator.)
SEPARATORS = (";", "\t", "|", ",")
SAMPLED_LINES = 50
NAMED = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", WHITESPACE: "white space"}

Record = tuple[list[str] | None, str]


def find_separator(sample: Sequence[str], columns: Columns, *, form: str = "auto") -> str | None:
    """The separator under which most sampled lines have the columns asked for; None for white space."""
    candidates = {"auto": (*SEPARATORS, WHITESPACE), "csv": SEPARATORS, "whitespace": (WHITESPACE,)}[form]
    fitting = {candidate: _fitting_records(sample, candidate, columns) for candidate in candidates}
    best = max(candidates, key=fitting.__getitem__)
    if sample and not fitting[best]:
        _refuse_misfit(sample, columns, candidates)
    return best


def _fitting_records(sample: Sequence[str], separator: str | None, columns: Columns) -> int:
    records = [cells for cells, _line in read_records(iter(sample), separator) if cells is not None]
    if not columns.has_names:
        return sum(1 for cells in records if len(cells) == columns.width)
    if not records or not columns.fits(records[0]):
        return 0
    return sum(1 for cells in records if len(cells) == len(records[0]))


def _refuse_misfit(sample: Sequence[str], columns: Columns, candidates: Sequence[str | None]) -> None:
    """Say what is amiss; a line further down that would do as the header is named with the option that reaches it."""
    if not columns.has_names:
        raise ImportRefused(
            f"--columns names {columns.width} columns, but no row among the first {len(sample)} has that many"
            " when split at ; tab | , or white space. Write - for each column to ignore."
        )
    for separator in candidates:
        for number, line in enumerate(sample):
            cells = next(read_records(iter([line]), separator), (None, ""))[0]
            if number and cells is not None and columns.fits(cells):
                raise ImportRefused(
                    f"the header is in line {number + 1}, below {number} other lines: add --skip-rows {number}."
                )
    best = max(candidates, key=lambda separator: len(next(read_records(iter(sample), separator), ([], ""))[0] or []))
    columns.located_in(next(read_records(iter(sample), best), ([], ""))[0] or [])


def read_records(lines: Iterator[str], separator: str | None) -> Iterator[Record]:
    """Each record's cells, None where it is broken, with its text as the file has it. Blank lines are left out."""
    if separator is WHITESPACE:
        return ((cells, line.rstrip("\r\n")) for line in lines if (cells := line.split()))
    return _read_csv(lines, separator)


def _read_csv(lines: Iterator[str], separator: str) -> Iterator[Record]:
    taken: list[str] = []  # the lines of the current record: a quoted cell may hold line breaks

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(taking(), delimiter=separator, skipinitialspace=True)
    while True:
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        text = "".join(taken).rstrip("\r\n")
        taken.clear()
        if cells is None or text.strip():
            yield cells, text


def looks_like_header(cells: Sequence[str] | None, places: Sequence[int]) -> bool:
    """Whether the cells where numbers and dates are expected hold words."""
    found = [cells[place] for place in places if place < len(cells)] if cells is not None else []
    return bool(found) and all(cell.strip() and not any(map(str.isdigit, cell)) for cell in found)

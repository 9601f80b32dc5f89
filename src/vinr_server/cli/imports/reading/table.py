"""A file that has been looked at: its dialect, and how it writes numbers and dates. Nothing is sent from here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from vinr_server.cli.imports.reading.columns import Columns, Fields, own_names, parse_columns
from vinr_server.cli.imports.reading.dates import DateEvidence
from vinr_server.cli.imports.reading.decimals import DecimalEvidence
from vinr_server.cli.imports.reading.encodings import Encoding, find_encoding, lines_of, open_bytes, open_text
from vinr_server.cli.imports.reading.records import (
    SAMPLED_LINES,
    Record,
    find_separator,
    looks_like_header,
    read_records,
)
from vinr_server.cli.imports.refusals import ImportRefused

# Once this many rows have been looked at and none leaves a question open, the rest is not looked at beforehand.
SURVEYED_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """What the command line says of any file to import."""

    file: Path
    program: str
    base_url: str
    columns: str | None = None
    preset: str | None = None
    skip_rows: int = 0
    has_header: bool | None = None
    form: str = "auto"
    encoding: str | None = None
    decimal: str | None = None
    date_order: str | None = None
    date_format: str | None = None
    time_of_day: str = "00:00"
    timezone: str | None = None
    errors: Path | None = None
    batch_size: int = 500
    concurrency: int = 4
    is_dry_run: bool = False
    as_json: bool = False
    asks_first: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A file that has been looked at: how to read it, as often as one likes."""

    options: FileOptions
    file: BinaryIO
    encoding: Encoding
    separator: str | None
    columns: Columns
    has_header: bool

    def records(self) -> Iterator[Record]:
        """The records below the header, from the first."""
        return islice(read_records(self._lines(), self.separator), int(self.has_header), None)

    def header(self) -> list[str]:
        """The header's cells; none where the file has no header."""
        records = read_records(self._lines(), self.separator)
        return (next(records, (None, ""))[0] or []) if self.has_header else []

    def _lines(self) -> Iterator[str]:
        source = open_text(self.file, self.encoding)
        lines = lines_of(source, name=str(self.options.file), encoding=self.encoding)
        yield from islice(lines, self.options.skip_rows, None)


def open_table(options: FileOptions, at_end: ExitStack, fields: Fields, preset: Columns | None) -> Table:
    """The file with its encoding, separator and columns. Refuses one that does not fit its columns."""
    if options.columns is not None and preset is not None:
        raise ImportRefused("--columns and --preset both say what the columns are. Give one of them.")
    columns = parse_columns(options.columns, fields) if options.columns is not None else preset
    file = at_end.enter_context(open_bytes(options.file))
    encoding = find_encoding(file, name=str(options.file), asked=options.encoding)
    sample = _sample(options, file, encoding)
    columns = columns or _columns_of_header(sample, fields, form=options.form)
    separator = find_separator(sample, columns, form=options.form)
    first = next(read_records(iter(sample), separator), (None, ""))[0]
    if columns.has_names:
        return Table(options, file, encoding, separator, columns.located_in(first or []), has_header=True)
    numbers = [columns.positions[field] for field in ("date", "amount", "points") if field in columns.positions]
    has_header = options.has_header if options.has_header is not None else looks_like_header(first, numbers)
    return Table(options, file, encoding, separator, columns, has_header)


def _sample(options: FileOptions, file: BinaryIO, encoding: Encoding) -> list[str]:
    source = open_text(file, encoding)
    lines = lines_of(source, name=str(options.file), encoding=encoding)
    return list(islice(lines, options.skip_rows, options.skip_rows + SAMPLED_LINES))


def _columns_of_header(sample: Sequence[str], fields: Fields, *, form: str) -> Columns:
    """The columns of a header that uses the fields' own names, whichever sign separates them."""
    best: list[str] = []
    for separator in ("\t", ";", "|", ","):
        header = next(read_records(iter(sample), separator), ([], ""))[0] or []
        if sum(fields.knows(cell.strip()) for cell in header) > sum(fields.knows(cell.strip()) for cell in best):
            best = header
    return own_names(fields, best or (next(read_records(iter(sample), ","), ([], ""))[0] or []))


@dataclass(frozen=True, slots=True)
class Writing:
    """How the file writes numbers and dates; None where no cell needs an answer."""

    decimal_sign: str | None
    date_order: str | None


def survey(table: Table, *, numbers: Iterable[str], dates: Iterable[str]) -> Writing:
    """How numbers and dates are written, by looking until no question is open. Refuses what stays ambiguous."""
    options, at = table.options, table.columns.positions
    number_places = [at[field] for field in numbers if field in at] if options.decimal is None else []
    has_said_dates = options.date_order is not None or options.date_format is not None
    date_places = [] if has_said_dates else [at[field] for field in dates if field in at]
    decimal_evidence, date_evidence = DecimalEvidence({}), DateEvidence({})
    for row, (cells, _line) in enumerate(table.records() if number_places or date_places else (), start=1):
        if cells is None or len(cells) != table.columns.width:
            continue
        for place in number_places:
            decimal_evidence.see(row, cells[place])
        for place in date_places:
            date_evidence.see(row, cells[place])
        if row >= SURVEYED_ROWS and decimal_evidence.is_settled and date_evidence.is_settled:
            break
    return Writing(options.decimal or decimal_evidence.sign(), options.date_order or date_evidence.order())

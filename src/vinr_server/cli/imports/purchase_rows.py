"""Purchases as a file tells them: rows become payments one by one, or are refused with a reason. No network here."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from zoneinfo import ZoneInfo

from msgspec import Struct

from vinr_server.api.contract.currencies import minor_per_unit
from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.core.kernel.calendar import is_zone

REQUIRED = ("customer", "date", "amount")
FIELDS = (*REQUIRED, "currency", "payment")
IGNORED = "-"
WHITESPACE = None
# The order decides between delimiters that fit equally well; a comma also stands in numbers and names.
CSV_DELIMITERS = (";", "\t", ",")
SAMPLED_LINES = 50

_AMOUNT = re.compile(r"[0-9]{1,16}(?:\.([0-9]{1,9}))?\Z", re.ASCII)
_TIME_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}\Z", re.ASCII)
# What makes a strptime format tell a time besides a day.
_TIME_DIRECTIVES = ("%H", "%I", "%X", "%c")


class ImportRefused(Exception):
    """The import can't run; the message is a sentence for whoever started it."""


class RowRefused(Exception):
    """One row can't become a payment."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Payment(Struct, frozen=True, gc=False):
    """A payment as it goes over the wire. A time with a fraction of a second goes as text, others as Unix seconds."""

    id: str
    amount: int
    currency: str
    customer: str
    occurred_at: int | str


class Purchase(Struct, frozen=True, gc=False):
    """A payment with the row it comes from, for reporting."""

    row: int
    line: str
    payment: Payment


class BadRow(Struct, frozen=True, gc=False):
    """A row that is no purchase, and why."""

    row: int
    line: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the fields stand: by position, or, with `has_header`, under names that the file's header locates."""

    names: Mapping[str, str]
    positions: Mapping[str, int]
    width: int
    has_header: bool

    def located_in(self, header: Sequence[str]) -> Columns:
        """The same fields by position; refused where the header lacks a name or has it twice."""
        cells = [cell.strip() for cell in header]
        if not cells:
            raise ImportRefused("--columns names a header, but the file has no line for it.")
        for name in self.names.values():
            if cells.count(name) != 1:
                found = "has no column" if name not in cells else "has more than one column"
                raise ImportRefused(f"--columns: the header {found} {name!r}. It reads: {', '.join(cells)[:300]}")
        positions = {field: cells.index(name) for field, name in self.names.items()}
        return Columns(self.names, positions, len(cells), has_header=True)


def parse_columns(text: str) -> Columns:
    """What --columns says: `customer,date,-,amount` by position, `customer=Kunde,date=Datum` by the header's names."""
    items = [item.strip() for item in next(csv.reader([text]), [])]
    has_header = any("=" in item for item in items)
    names: dict[str, str] = {}
    positions: dict[str, int] = {}
    for position, item in enumerate(items):
        field, equals, name = item.partition("=")
        if item == IGNORED and not has_header:
            continue
        if field not in FIELDS or has_header != bool(equals) or (has_header and not name):
            raise ImportRefused(
                f"--columns: {item!r} is not understood. Name the columns in order, out of {', '.join(FIELDS)} and -"
                " for one to ignore; or by the file's header: customer=Kunde,date=Datum,amount=Betrag."
            )
        if field in positions:
            raise ImportRefused(f"--columns names {field} twice.")
        names[field], positions[field] = name, position
    lacking = [field for field in REQUIRED if field not in positions]
    if lacking:
        raise ImportRefused(f"--columns lacks {' and '.join(lacking)}. It needs customer, date and amount.")
    return Columns(names, positions, len(items), has_header)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the cells of a file mean, as the options say."""

    columns: Columns
    currency: str | None = None
    date_format: str | None = None
    time_of_day: str = "00:00"
    timezone: str = "UTC"
    customer_prefix: str | None = None
    payment_prefix: str | None = None

    def __post_init__(self) -> None:
        """Refuse options that contradict each other or can't be right for any row."""
        if (self.currency is None) == ("currency" not in self.columns.positions):
            raise ImportRefused("Say the currency once: with --currency for all rows, or as a column in --columns.")
        if self.currency is not None and minor_per_unit(self.currency.upper()) is None:
            raise ImportRefused(f"--currency: {self.currency!r} is not an ISO 4217 currency such as EUR.")
        if not is_zone(self.timezone):
            raise ImportRefused(f"--timezone: {self.timezone!r} is not an IANA time zone such as Europe/Berlin.")
        if self.payment_prefix is None and "payment" not in self.columns.positions:
            raise ImportRefused(
                "Give --payment-prefix, such as pay_shop_: payment ids are made of it and the row's number,"
                " so that a second run adds nothing. Or name a payment column in --columns."
            )
        for option, prefix, kind in (
            ("--customer-prefix", self.customer_prefix, "cust_"),
            ("--payment-prefix", self.payment_prefix, "pay_"),
        ):
            if prefix is not None and not prefix.startswith(kind):
                raise ImportRefused(f"{option}: {prefix!r} must start with {kind}, as all such ids do.")


def read_purchases(lines: Iterator[str], *, form: str, skip_rows: int, reading: Reading) -> Iterator[Purchase | BadRow]:
    """Every row of the file after `skip_rows` lines, numbered from 1; blank lines are no rows.

    Shape: lazy, one row at a time is in memory; a header that --columns names is not a row.
    Refuses: at once, a file that no delimiter makes fit --columns, a header that lacks a column, options of no use.
    """
    for _skipped in islice(lines, skip_rows):
        pass
    sample = list(islice(lines, SAMPLED_LINES))
    delimiter = find_delimiter(sample, reading.columns, form=form)
    records = read_records(chain(sample, lines), delimiter)
    columns = reading.columns
    if columns.has_header:
        header, _line = next(records, (None, ""))
        columns = columns.located_in(header or [])
    return _each(records, payment_reader(reading, columns))


def _each(
    records: Iterator[tuple[list[str] | None, str]], read_payment: Callable[[int, Sequence[str] | None], Payment]
) -> Iterator[Purchase | BadRow]:
    for row, (cells, line) in enumerate(records, start=1):
        try:
            yield Purchase(row, line, read_payment(row, cells))
        except RowRefused as refusal:
            yield BadRow(row, line, refusal.code, refusal.message)


def find_delimiter(sample: Sequence[str], columns: Columns, *, form: str = "auto") -> str | None:
    """The delimiter under which most sampled lines have the columns asked for; None for white space."""
    candidates = {"auto": (*CSV_DELIMITERS, WHITESPACE), "csv": CSV_DELIMITERS, "whitespace": (WHITESPACE,)}[form]
    fitting = {candidate: _fitting_records(sample, candidate, columns) for candidate in candidates}
    best = max(candidates, key=fitting.__getitem__)
    if sample and not fitting[best] and not columns.has_header:
        raise ImportRefused(
            f"--columns names {columns.width} columns, but no row among the first {len(sample)} has that many"
            " when split at ; tab , or white space. Write - for each column to ignore."
        )
    return best


def _fitting_records(sample: Sequence[str], delimiter: str | None, columns: Columns) -> int:
    records = [cells for cells, _line in read_records(iter(sample), delimiter) if cells is not None]
    if not columns.has_header:
        return sum(1 for cells in records if len(cells) == columns.width)
    header = [cell.strip() for cell in records[0]] if records else []
    if not all(name in header for name in columns.names.values()):
        return 0
    return sum(1 for cells in records if len(cells) == len(header))


def read_records(lines: Iterator[str], delimiter: str | None) -> Iterator[tuple[list[str] | None, str]]:
    """Each record's cells, None where it is broken, with its text as the file has it. Blank lines are left out."""
    if delimiter is WHITESPACE:
        return ((cells, line.rstrip("\r\n")) for line in lines if (cells := line.split()))
    return _read_csv(lines, delimiter)


def _read_csv(lines: Iterator[str], delimiter: str) -> Iterator[tuple[list[str] | None, str]]:
    taken: list[str] = []  # the lines of the current record: a quoted cell may hold line breaks

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(taking(), delimiter=delimiter, skipinitialspace=True)
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


def payment_reader(reading: Reading, columns: Columns) -> Callable[[int, Sequence[str] | None], Payment]:
    """A function from a row's number and cells to its payment; raises RowRefused."""
    at = columns.positions
    customer_at, date_at, amount_at = (at[field] for field in REQUIRED)
    currency_at, payment_at = at.get("currency"), at.get("payment")
    fixed_currency = (reading.currency or "").upper()
    customer_prefix, payment_prefix, width = reading.customer_prefix, reading.payment_prefix, columns.width
    read_instant = instant_reader(reading)

    def read_payment(row: int, cells: Sequence[str] | None) -> Payment:
        if cells is None:
            raise RowRefused("parameter_invalid", "The row can't be read as CSV; perhaps a quote is not closed.")
        if len(cells) != width:
            raise RowRefused("parameter_invalid", f"The row has {len(cells)} columns; {width} are expected.")
        customer = _text(cells[customer_at], "customer")
        if payment_at is None:
            id = f"{payment_prefix}{row}"
        else:
            id = _prefixed(payment_prefix, "pay_", _text(cells[payment_at], "payment"))
        currency = fixed_currency if currency_at is None else _text(cells[currency_at], "currency").upper()
        return Payment(
            id,
            read_amount(_text(cells[amount_at], "amount"), currency),
            currency,
            _prefixed(customer_prefix, "cust_", customer),
            read_instant(_text(cells[date_at], "date")),
        )

    return read_payment


def _text(cell: str, field: str) -> str:
    text = cell.strip()
    if not text:
        raise RowRefused("parameter_missing", f"{field} is empty.")
    return text


def _prefixed(prefix: str | None, kind: str, text: str) -> str:
    """The id: behind the prefix asked for; without one, behind the kind's own where it is lacking."""
    if prefix is None:
        return text if text.startswith(kind) else kind + text
    return prefix + text


def read_amount(text: str, currency: str) -> int:
    """The exact minor units of a decimal in currency units. Refuses what the currency can't express, and negatives."""
    units = minor_per_unit(currency)
    if units is None:
        raise RowRefused("parameter_invalid", f"currency: {currency[:20]!r} is not an ISO 4217 currency such as EUR.")
    match = _AMOUNT.match(text)
    if match is None:
        raise RowRefused("parameter_invalid", _why_no_amount(text))
    decimals = len(match[1] or "")
    if 10**decimals > units:
        raise RowRefused("parameter_invalid", f"amount {text} has {decimals} decimals; {currency} has {_log10(units)}.")
    # Exact: at most 16 + 4 digits, where Decimal keeps 28.
    minor = int(Decimal(text) * units)
    if minor > INTEGER_MAX:
        raise RowRefused("parameter_invalid", f"amount {text} is more than can be held ({INTEGER_MAX} minor units).")
    return minor


def _log10(power_of_ten: int) -> int:
    return len(str(power_of_ten)) - 1


def _why_no_amount(text: str) -> str:
    if text.startswith(("-", "\N{MINUS SIGN}", "(")):
        return f"amount {text[:40]} is negative; purchases are 0 or more, and refunds are not imported."
    return f"amount {text[:40]!r} is not a decimal number such as 1234.50: digits and one point, no other signs."


def instant_reader(reading: Reading) -> Callable[[str], int | str]:
    """A function from a date cell to the instant the API takes; raises RowRefused. Remembers recent dates.

    A local time in a gap moves later by the gap, one that happens twice is the first (R23): what fold=0 means.
    """
    zone = ZoneInfo(reading.timezone)
    default_time = _parse_time_of_day(reading.time_of_day)
    date_format = reading.date_format
    parse = _format_parser(date_format) if date_format else _parse_iso
    wanted = (
        f"the format {date_format}"
        if date_format
        else "ISO 8601 (2026-06-30); say how it is written with --date-format"
    )

    @lru_cache(maxsize=4096)
    def read_instant(text: str) -> int | str:
        try:
            moment, has_time = parse(text)
        except (ValueError, OverflowError):
            raise RowRefused("parameter_invalid", f"date {text[:40]!r} does not match {wanted}.") from None
        if not has_time:
            moment = datetime.combine(moment.date(), default_time, tzinfo=moment.tzinfo)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        if moment.timestamp() < 0:
            raise RowRefused("parameter_invalid", f"date {text[:40]} lies before 1970.")
        return moment.isoformat() if moment.microsecond else int(moment.timestamp())

    return read_instant


def _parse_iso(text: str) -> tuple[datetime, bool]:
    return datetime.fromisoformat(text), len(text) > len("2026-06-30")


def _format_parser(date_format: str) -> Callable[[str], tuple[datetime, bool]]:
    """A parser for a strptime format; refuses one that can't tell a day."""
    probe = datetime(2001, 12, 30, 10, 20, 30, tzinfo=UTC)
    try:
        is_day = _strptime(probe.strftime(date_format), date_format).date() == probe.date()
    except ValueError as error:
        raise ImportRefused(f"--date-format {date_format!r} is not a strptime format: {error}.") from None
    if not is_day:
        raise ImportRefused(f"--date-format {date_format!r} does not say day, month and year; %Y-%m-%d does.")
    has_time = any(directive in date_format.replace("%%", "") for directive in _TIME_DIRECTIVES)
    return lambda text: (_strptime(text, date_format), has_time)


def _strptime(text: str, date_format: str) -> datetime:
    return datetime.strptime(text, date_format)  # noqa: DTZ007 -- the caller adds --timezone where the format has none


def _parse_time_of_day(text: str) -> time:
    try:
        if not _TIME_OF_DAY.match(text):
            raise ValueError(text)
        return time.fromisoformat(text)
    except ValueError:
        raise ImportRefused(f"--time: {text!r} is not a time of day such as 12:00.") from None


def lines_of(source: Iterable[str], *, name: str, encoding: str) -> Iterator[str]:
    """The lines of an open file; refused where the bytes are not text in this encoding."""
    count = 0
    try:
        for line in source:
            count += 1
            yield line
    except UnicodeDecodeError as error:
        raise ImportRefused(
            f"{name} is not {encoding.upper()} (byte 0x{error.object[error.start]:02x} after line {count})."
            " Name its encoding with --encoding, for example --encoding cp1252."
        ) from None

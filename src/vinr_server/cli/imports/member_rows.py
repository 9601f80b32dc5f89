"""Members as a file has them: rows become accounts with what they bring, or are refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.cli.imports.presets import folded_status
from vinr_server.cli.imports.reading.columns import METADATA, Columns
from vinr_server.cli.imports.reading.dates import DateStyle, instant_reader, wire_instant
from vinr_server.cli.imports.reading.decimals import decimal_reader
from vinr_server.cli.imports.reading.records import Record
from vinr_server.cli.imports.reading.rows import BadRow, RowCells, Skipped, prefixed, read_rows
from vinr_server.cli.imports.refusals import ImportRefused, RowRefused, invalid

# A lot in a cell: points@from/to, as an interval of ISO 8601; `..` is no end.
_LOT = re.compile(r"([0-9]{1,16})@(\S+)/(\S+)\Z", re.ASCII)
NO_END = ".."


class OpeningLot(Struct, frozen=True, gc=False, omit_defaults=True):
    """A lot as it goes over the wire."""

    points: int
    expires_at: int | str | None = None
    available_at: int | str | None = None


class OpeningAccount(Struct, frozen=True, gc=False, omit_defaults=True):
    """An account as it goes over the wire."""

    customer: str
    email: str | None = None
    joined_at: int | str | None = None
    points: int | None = None
    lots: tuple[OpeningLot, ...] = ()
    lifetime_points: int | None = None
    tier: str | None = None
    metadata: Mapping[str, Any] = {}


class Member(Struct, frozen=True, gc=False):
    """An account with the row it comes from, for reporting."""

    row: int
    line: str
    account: OpeningAccount

    @property
    def member(self) -> str:
        """Whose it is."""
        return self.account.customer


Outcome = Member | BadRow | Skipped


@dataclass(frozen=True, slots=True)
class MemberReading:
    """What the cells of a file mean, as the options say and the file shows."""

    columns: Columns
    decimal_sign: str = "."
    dates: DateStyle = field(default_factory=DateStyle)
    customer_prefix: str | None = None
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse options that contradict each other or can't be right for any row."""
        has = self.columns.positions.keys()
        if not {"customer", "email"} & has:
            raise ImportRefused("no column names the members: name customer or email in --columns.")
        if "lots" in has and "expires_at" in has:
            raise ImportRefused("lots hold their own ends: leave out the column expires_at.")
        if self.only and "status" not in has:
            raise ImportRefused("--only needs a column status; name it in --columns.")
        if self.customer_prefix is not None and not self.customer_prefix.startswith("cust_"):
            message = f"--customer-prefix: {self.customer_prefix!r} must start with cust_, as all such ids do."
            raise ImportRefused(message)


def read_members(records: Iterable[Record], reading: MemberReading) -> Iterator[Outcome]:
    """What becomes of every row below the header."""
    reader = _RowReader(reading)
    return read_rows(records, reader.cells, reader.read)


class _RowReader:
    """A row's cells on their way to an account; raises RowRefused."""

    def __init__(self, reading: MemberReading) -> None:
        self._reading, self.cells = reading, RowCells(reading.columns)
        self._read_decimal = decimal_reader(reading.decimal_sign)
        names = reading.columns.positions
        self._metadata = [(name.removeprefix(METADATA), name) for name in names if name.startswith(METADATA)]
        self._read_joined = instant_reader(reading.dates, field="joined_at")
        self._read_end = instant_reader(reading.dates, field="expires_at", is_end=True)

    def read(self, row: int, cells: Sequence[str], line: str) -> Outcome:
        """What becomes of the row."""
        status = folded_status(self.cells.cell(cells, "status"))
        if status == "closed":
            return Skipped(row, line, "its account is closed")
        if self._reading.only and status not in self._reading.only:
            return Skipped(row, line, f"its status is {status or 'empty'}")
        earned_points = self._number(cells, "points")
        points = self._left(cells, earned_points)
        lots, joined = self._lots(cells, points), self.cells.cell(cells, "joined_at")
        lifetime_points = earned_points if "spent" in self.cells else self._number(cells, "lifetime_points")
        account = OpeningAccount(
            self._customer(cells),
            email=self.cells.cell(cells, "email") or None,
            joined_at=wire_instant(self._read_joined(joined)) if joined else None,
            points=None if lots else points,
            lots=lots,
            lifetime_points=lifetime_points,
            tier=self.cells.cell(cells, "tier") or None,
            metadata=self._read_metadata(cells),
        )
        return Member(row, line, account)

    def _customer(self, cells: Sequence[str]) -> str:
        """The customer; where no column names it, it is known by its e-mail."""
        name = self.cells.cell(cells, "customer") or self.cells.cell(cells, "email").casefold()
        if not name:
            raise RowRefused("parameter_missing", "The row names no member: customer and email are empty.")
        return prefixed(self._reading.customer_prefix, "cust_", name)

    def _left(self, cells: Sequence[str], points: int | None) -> int | None:
        """The points that are there; of a file that counts all that were ever earned, less those that were spent."""
        if "spent" in self.cells and points is not None:
            return points - abs(self._number(cells, "spent") or 0)
        return points

    def _lots(self, cells: Sequence[str], points: int | None) -> tuple[OpeningLot, ...]:
        """The lots of a cell, or one of all points where their end stands in a column."""
        if "lots" in self.cells:
            lots = tuple(_lot(text) for text in self.cells.cell(cells, "lots").split())
            held_points = sum(lot.points for lot in lots)
            if lots and points is not None and held_points != points:
                raise invalid(f"points is {points}, but the lots hold {held_points}.")
            return lots
        if "expires_at" not in self.cells or points is None or points <= 0:
            return ()
        text = self.cells.cell(cells, "expires_at")
        return (OpeningLot(points, wire_instant(self._read_end(text)) if text else None),)

    def _read_metadata(self, cells: Sequence[str]) -> Mapping[str, Any]:
        """What the columns metadata.KEY hold, over what a JSON object in the column metadata holds."""
        text = self.cells.cell(cells, "metadata")
        found: dict[str, Any] = {}
        if text:
            try:
                found = msgspec.json.decode(text, type=dict[str, Any])
            except msgspec.DecodeError:
                raise invalid(f"metadata {text[:60]!r} is not a JSON object.") from None
        return found | {key: value for key, name in self._metadata if (value := self.cells.cell(cells, name))}

    def _number(self, cells: Sequence[str], name: str) -> int | None:
        """A whole number; None where the cell is empty."""
        text = self.cells.cell(cells, name)
        if not text:
            return None
        value = self._read_decimal(text)
        if value != int(value) or abs(value) > INTEGER_MAX:
            raise invalid(f"{name} {text[:40]} is not a whole number of points.")
        return int(value)


def _lot(text: str) -> OpeningLot:
    match = _LOT.match(text)
    if match is None:
        example = "100@2026-01-31T00:00:00Z/2027-01-31T00:00:00Z"
        raise invalid(f"lots: {text[:60]!r} is not points@from/to, such as {example}.")
    return OpeningLot(int(match[1]), expires_at=None if match[3] == NO_END else match[3], available_at=match[2])

"""Purchases as a file has them: rows become payments one by one, or are refused with a reason. No network here."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from vinr_server.api.contract.currencies import minor_per_unit
from vinr_server.cli.imports.presets import folded_status
from vinr_server.cli.imports.reading.columns import Columns
from vinr_server.cli.imports.reading.dates import DateStyle, instant_reader, wire_instant
from vinr_server.cli.imports.reading.decimals import decimal_reader, minor_units
from vinr_server.cli.imports.reading.records import Record
from vinr_server.cli.imports.reading.rows import BadRow, RowCells, Skipped, prefixed, read_rows
from vinr_server.cli.imports.refusals import ImportRefused, invalid

# What of a row can change from one export to the next: it is no part of what the row is known by.
CHANGING = ("status", "refunded")
TENDERS = ("card", "cash", "bank_transfer", "wallet", "gift_card", "store_credit", "points", "other")
NEGATIVE, COLUMN = "negative", "column"


class Payment(Struct, frozen=True, gc=False, omit_defaults=True):
    """A payment as it goes over the wire. A time with a fraction of a second goes as text, others as Unix seconds."""

    id: str
    amount: int
    currency: str
    customer: str
    occurred_at: int | str
    tax: int = 0
    shipping: int = 0
    tenders: tuple[Mapping[str, str | int], ...] = ()
    order: str | None = None


class Purchase(Struct, frozen=True, gc=False):
    """A payment with the row it comes from, for reporting, and how much of it the row says was given back."""

    row: int
    line: str
    payment: Payment
    refunded_minor: int = 0

    @property
    def member(self) -> str:
        """Whose it is: one member's go their way in the file's order."""
        return self.payment.customer


class Refund(Struct, frozen=True, gc=False):
    """A row with a negative amount: part of the payment, or of the order, that it names is given back."""

    row: int
    line: str
    id: str
    amount: int
    payment_id: str | None
    order: str | None


Outcome = Purchase | Refund | BadRow | Skipped


@dataclass(frozen=True, slots=True)
class Reading:
    """What the cells of a file mean, as the options say and the file shows."""

    columns: Columns
    currency: str | None = None
    decimal_sign: str = "."
    dates: DateStyle = field(default_factory=DateStyle)
    customer_prefix: str | None = None
    payment_prefix: str | None = None
    only: tuple[str, ...] = ()
    refunded: tuple[str, ...] = ()
    refunds: str | None = None
    is_by_line: bool = False
    folds_emails: bool = False

    def __post_init__(self) -> None:
        """Refuse options that contradict each other or can't be right for any row."""
        has = self.columns.positions.keys()
        if self.currency is None and "currency" not in has:
            raise ImportRefused("Say the currency: with --currency for all rows, or as a column in --columns.")
        if self.currency is not None and minor_per_unit(self.currency.upper()) is None:
            raise ImportRefused(f"--currency: {self.currency!r} is not an ISO 4217 currency such as EUR.")
        if "status" in has and not (self.only or self.refunded):
            raise ImportRefused("a column holds the status: say which ones count, such as --only paid,completed.")
        if (self.only or self.refunded) and "status" not in has:
            raise ImportRefused("--only and --refunded need a column status; name it in --columns.")
        if self.refunds == NEGATIVE and not ({"payment", "order"} & has):
            raise ImportRefused("--refunds negative needs a column payment or order that names what is given back.")
        for option, prefix, kind in (
            ("--customer-prefix", self.customer_prefix, "cust_"),
            ("--payment-prefix", self.payment_prefix, "pay_"),
        ):
            if prefix is not None and not prefix.startswith(kind):
                raise ImportRefused(f"{option}: {prefix!r} must start with {kind}, as all such ids do.")


def read_purchases(records: Iterable[Record], reading: Reading) -> Iterator[Outcome]:
    """What becomes of every row below the header."""
    reader = _RowReader(reading)
    return read_rows(records, reader.cells, reader.read)


class Identities:
    """Ids by content: what a row says, and how many rows before it said the very same. Its place doesn't count."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._seen: Counter[bytes] = Counter()

    def of(self, cells: Iterable[str]) -> str:
        """The id of a row with these cells."""
        text = "\x1f".join(" ".join(cell.split()) for cell in cells)
        digest = hashlib.blake2b(text.encode(), digest_size=12).digest()
        self._seen[digest] += 1
        ordinal = self._seen[digest]
        return f"{self._prefix}{digest.hex()}" + (f"_{ordinal}" if ordinal > 1 else "")


class _RowReader:
    """A row's cells on their way to a payment; raises RowRefused."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self.cells = reading, RowCells(reading.columns)
        self._known_by = [place for field, place in reading.columns.positions.items() if field not in CHANGING]
        self._payment_ids = Identities(reading.payment_prefix or "pay_")
        self._refund_ids = Identities(f"re_{(reading.payment_prefix or 'pay_').removeprefix('pay_')}")
        self._read_decimal = decimal_reader(reading.decimal_sign)
        self._read_instant = instant_reader(reading.dates)
        self._fixed_currency = (reading.currency or "").upper()
        self._only = {*reading.only, *reading.refunded}

    def read(self, row: int, cells: Sequence[str], line: str) -> Outcome:
        """What becomes of the row."""
        status = folded_status(self.cells.cell(cells, "status"))
        if self._reading.is_by_line and not self.cells.cell(cells, "amount") and not status:
            return Skipped(row, line, "it goes on with the order above")
        if "status" in self.cells and status not in self._only:
            return Skipped(row, line, f"its status is {status or 'empty'}")
        currency = self._fixed_currency if "currency" not in self.cells else self.cells.text(cells, "currency").upper()
        amount = self._money(cells, "amount", currency)
        if amount < 0:
            return self._refund(row, cells, line, -amount)
        payment = self._payment(cells, currency, amount)
        refunded_minor = abs(self._money(cells, "refunded", currency)) if self.cells.cell(cells, "refunded") else 0
        if not refunded_minor and status in self._reading.refunded:
            refunded_minor = amount
        return Purchase(row, line, payment, refunded_minor)

    def _payment(self, cells: Sequence[str], currency: str, amount: int) -> Payment:
        customer = self.cells.text(cells, "customer")
        if self._reading.folds_emails and "@" in customer:
            customer = customer.casefold()
        tender, order = self.cells.cell(cells, "tender"), self.cells.cell(cells, "order")
        occurred_at = wire_instant(self._read_instant(self.cells.text(cells, "date")))
        if "payment" in self.cells:
            id = prefixed(self._reading.payment_prefix, "pay_", self.cells.text(cells, "payment"))
        else:
            id = self._payment_ids.of(cells[place] for place in self._known_by)
        return Payment(
            id,
            amount,
            currency,
            prefixed(self._reading.customer_prefix, "cust_", customer),
            occurred_at,
            tax=self._part(cells, "tax", currency),
            shipping=self._part(cells, "shipping", currency),
            tenders=({"type": _tender(tender), "amount": amount},) if tender else (),
            order=order or None,
        )

    def _refund(self, row: int, cells: Sequence[str], line: str, amount: int) -> Refund:
        if self._reading.refunds != NEGATIVE:
            text = self.cells.cell(cells, "amount")
            raise invalid(
                f"amount {text[:40]} is negative; purchases are 0 or more. Refunds come with --refunds negative."
            )
        payment_id = None
        if "payment" in self.cells and self.cells.cell(cells, "payment"):
            payment_id = prefixed(self._reading.payment_prefix, "pay_", self.cells.cell(cells, "payment"))
        id = self._refund_ids.of(cells[place] for place in self._known_by)
        return Refund(row, line, id, amount, payment_id, self.cells.cell(cells, "order") or None)

    def _money(self, cells: Sequence[str], field: str, currency: str) -> int:
        text = self.cells.text(cells, field)
        value: Decimal = self._read_decimal(text)
        return minor_units(value, currency, text=text, field=field)

    def _part(self, cells: Sequence[str], field: str, currency: str) -> int:
        """A part of the amount: tax or shipping; an empty cell is none."""
        if not self.cells.cell(cells, field):
            return 0
        minor = self._money(cells, field, currency)
        if minor < 0:
            raise invalid(f"{field} {self.cells.cell(cells, field)[:40]} is negative; it is a part of the amount.")
        return minor


def _tender(text: str) -> str:
    folded = folded_status(text)
    return folded if folded in TENDERS else "other"

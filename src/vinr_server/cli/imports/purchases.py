"""`vinr import purchases`: sends a file of purchases in bulk, in lanes; a second run adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import quote

from msgspec import Struct

from vinr_server.api.contract.currencies import minor_per_unit
from vinr_server.cli.cells import shown_instant
from vinr_server.cli.imports.presets import OF_PURCHASES, PURCHASES, Preset, find_preset, statuses
from vinr_server.cli.imports.preview import facts_of, first, show, zone_of
from vinr_server.cli.imports.purchase_rows import (
    COLUMN,
    NEGATIVE,
    Outcome,
    Payment,
    Purchase,
    Reading,
    Refund,
    read_purchases,
)
from vinr_server.cli.imports.reading.dates import DateStyle
from vinr_server.cli.imports.reading.table import FileOptions, Table, Writing, survey
from vinr_server.cli.imports.refusals import ImportRefused
from vinr_server.cli.imports.report import Report
from vinr_server.cli.imports.run import Import, run_file
from vinr_server.cli.imports.sending import (
    Failure,
    Interruption,
    Lanes,
    Program,
    Result,
    Sender,
    Server,
    encode,
    failure_of,
)

MONEY = ("amount", "tax", "shipping", "refunded")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOptions(FileOptions):
    """The command line."""

    currency: str | None = None
    customer_prefix: str | None = None
    payment_prefix: str | None = None
    only: str | None = None
    refunded: str | None = None
    refunds: str | None = None


class Bulk(Struct):
    """A bulk request."""

    program: str
    payments: list[Payment]


def run_import(options: PurchaseOptions) -> int:
    """Import the file and say what came of it. 0: all rows; 1: it couldn't run; 2: some rows failed; 130: Ctrl-C."""

    def prepare(table: Table, program: Program) -> Import:
        return _prepare(options, table, program)

    return run_file("purchases", options, prepare, fields=PURCHASES, presets=OF_PURCHASES)


def _prepare(options: PurchaseOptions, table: Table, program: Program) -> Import:
    """The import, after what it will do has been shown."""
    preset = find_preset(options.preset, OF_PURCHASES)
    table = _with_refund_column(options, table)
    writing = survey(table, numbers=MONEY, dates=("date",))
    reading = _reading(options, preset, table, program, writing)
    _show(table, reading, writing, program)

    async def send_all(server: Server, report: Report, interruption: Interruption) -> None:
        await Purchases(options, server, report, interruption).send(read_purchases(table.records(), reading))

    return send_all


def _with_refund_column(options: PurchaseOptions, table: Table) -> Table:
    """`--refunds "column NAME"` adds a column to those that are named; `--refunds negative` adds none."""
    word, _space, name = (options.refunds or NEGATIVE).strip().partition(" ")
    if word == NEGATIVE and not name:
        return table
    if word != COLUMN or not name:
        raise ImportRefused(f'--refunds: {options.refunds!r} is not understood. Say negative, or "column NAME".')
    columns = table.columns
    if not columns.has_names:
        raise ImportRefused('--refunds "column NAME" needs columns by the header\'s names, in --columns or a --preset.')
    named = replace(
        columns, names={**columns.names, "refunded": (name.strip(),)}, optional=columns.optional - {"refunded"}
    )
    return replace(table, columns=named.located_in(table.header()))


def _reading(
    options: PurchaseOptions, preset: Preset | None, table: Table, program: Program, writing: Writing
) -> Reading:
    zone = zone_of(options.timezone or (preset.timezone if preset is not None else None), program)
    has_status = "status" in table.columns.positions
    only = statuses(options.only) if options.only is not None else preset.only if preset and has_status else ()
    refunded = preset.refunded if preset and has_status else ()
    return Reading(
        columns=table.columns,
        currency=options.currency,
        decimal_sign=writing.decimal_sign or ".",
        dates=DateStyle(writing.date_order, options.date_format, options.time_of_day, zone),
        customer_prefix=options.customer_prefix,
        payment_prefix=options.payment_prefix,
        only=only,
        refunded=statuses(options.refunded) if options.refunded is not None else refunded,
        refunds=NEGATIVE if options.refunds and options.refunds.strip() == NEGATIVE else None,
        is_by_line=preset is not None and preset.is_by_line,
        folds_emails=preset is not None,
    )


def _show(table: Table, reading: Reading, writing: Writing, program: Program) -> None:
    facts = facts_of(table, writing, zone=reading.dates.timezone, program=program)
    counted = ", ".join(dict.fromkeys((*reading.only, *reading.refunded)))
    facts.append(("statuses", f"{counted} count; other rows are left out" if counted else ""))
    has_ids = "payment" in table.columns.positions
    facts.append(("ids", "" if has_ids else "made of what each row says, never of its place"))
    show(str(table.options.file), facts, [_shown(row) for row in first(read_purchases(table.records(), reading))])


def _shown(row: Outcome) -> str:
    """The row as it was understood."""
    if isinstance(row, Refund):
        return f"row {row.row} gives back {row.amount} minor units of {row.payment_id or row.order}"
    if not isinstance(row, Purchase):
        return str(row)
    payment = row.payment
    at = shown_instant(payment.occurred_at)
    parts = [payment.customer, at, _money(payment.amount, payment.currency), payment.id]
    for word, minor in (("tax", payment.tax), ("shipping", payment.shipping), ("refunded", row.refunded_minor)):
        parts += [f"{word} {_money(minor, payment.currency)}"] if minor else []
    return "  ".join(parts)


def _money(minor: int, currency: str) -> str:
    units = minor_per_unit(currency) or 1
    return f"{Decimal(minor) / units:.{len(str(units)) - 1}f} {currency}"


class Purchases:
    """Purchases and what was given back of them, on their way to the server."""

    def __init__(self, options: PurchaseOptions, server: Server, report: Report, interruption: Interruption) -> None:
        self._options, self._server, self._report, self._interruption = options, server, report, interruption
        self._waiting: list[Refund] = []
        self._payments_of: dict[str, str] = {}

    async def send(self, rows: Iterator[Outcome]) -> None:
        """Every row has an outcome: first the payments, each followed by what its row says was given back of it."""
        options = self._options
        path = "/v1/payments/bulk?dry_run=true" if options.is_dry_run else "/v1/payments/bulk"
        sender = Sender[Purchase](self._server, self._report, path, self._body, after=self._give_back)
        lanes = Lanes[Purchase](
            sender.send, count=options.concurrency, size=options.batch_size, interruption=self._interruption
        )
        await lanes.run(self._purchases(rows))
        for refund in self._waiting:
            if self._interruption.signal:
                return
            await self._refund(refund)
            self._report.show()

    def _body(self, purchases: Sequence[Purchase]) -> Bulk:
        return Bulk(self._options.program, [purchase.payment for purchase in purchases])

    def _purchases(self, rows: Iterator[Outcome]) -> Iterator[Purchase | None]:
        """The rows that are purchases; None for each of the others, which are reported or wait."""
        knows_orders = self._options.refunds is not None
        for row in rows:
            if isinstance(row, Purchase):
                if knows_orders and (order := row.payment.order):
                    self._payments_of.setdefault(order, row.payment.id)
                yield row
                continue
            if isinstance(row, Refund):
                self._waiting.append(row)
            else:
                self._report.add_unsent(row)
            yield None

    async def _give_back(self, purchase: Purchase, result: Result) -> Failure | None:
        """As much of the payment is refunded as its row says, whatever was refunded before."""
        known_minor = result.payment.amount_refunded if result.payment is not None else 0
        if self._options.is_dry_run or purchase.refunded_minor <= known_minor:
            return None
        id = f"re_{purchase.payment.id.removeprefix('pay_')}_{purchase.refunded_minor}"
        answer = await self._ask(purchase.payment.id, id, purchase.refunded_minor - known_minor)
        return answer if isinstance(answer, Failure) else None

    async def _refund(self, refund: Refund) -> None:
        """A row with a negative amount is given back of the payment, or of the order's."""
        payment_id = refund.payment_id or self._payments_of.get(refund.order or "")
        if payment_id is None:
            message = f"No row of the file is a payment of order {refund.order!r}; name the payment it is of."
            answer: Failure | int = Failure("resource_missing", message)
        else:
            answer = 201 if self._options.is_dry_run else await self._ask(payment_id, refund.id, refund.amount)
        if isinstance(answer, Failure):
            self._report.add_failed(refund.row, refund.line, answer.code, answer.message)
        elif answer == 201:
            self._report.created += 1
        else:
            self._report.existing += 1

    async def _ask(self, payment_id: str, refund_id: str, amount: int) -> Failure | int:
        """The status of a refund that was made now or is there already, or why it can't be made."""
        path = f"/v1/payments/{quote(payment_id, safe='')}/refund"
        response = await self._server.ask("POST", path, encode({"id": refund_id, "amount": amount}))
        if response.status_code not in (200, 201):
            return failure_of(response)
        self._report.refunded += response.status_code == 201
        return response.status_code

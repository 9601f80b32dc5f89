"""`vinr import` and `vinr export`: options and their help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import_app = typer.Typer(help="Bring in what a merchant already has.", no_args_is_help=True)
export_app = typer.Typer(help="Write out what the engine holds, as CSV or JSON lines.", no_args_is_help=True)


class FileForm(StrEnum):
    """How a file to import separates its columns."""

    auto = "auto"
    csv = "csv"
    whitespace = "whitespace"


class DateOrder(StrEnum):
    """In which order a date has its parts."""

    dmy = "dmy"
    mdy = "mdy"
    ymd = "ymd"


class DecimalSign(StrEnum):
    """What stands before the decimals."""

    point = "."
    comma = ","


class PurchasePreset(StrEnum):
    """Exports of orders and payments."""

    shopify = "shopify-orders"
    woocommerce = "woocommerce-orders"
    stripe = "stripe-payments"


class MemberPreset(StrEnum):
    """Exports of members."""

    smile = "smile"
    loyaltylion = "loyaltylion"


class ExportForm(StrEnum):
    """How an export is written."""

    csv = "csv"
    jsonl = "jsonl"


class Exported(StrEnum):
    """What can be exported."""

    members = "members"
    ledger = "ledger"
    redemptions = "redemptions"
    payments = "payments"
    codes = "codes"


File = Annotated[Path, typer.Argument(help="CSV, or columns separated by white space.")]
ProgramId = Annotated[str, typer.Option(help="Where the members are enrolled, prog_….")]
PurchaseColumns = Annotated[
    str | None,
    typer.Option(
        help="What the columns are, in order: customer, date, amount, currency, payment (an id), order, tax, shipping,"
        " tender, status, refunded, and - for each to ignore. Or by the header's names: customer=Kunde,date=Datum."
        " Default: the header uses these names."
    ),
]
MemberColumns = Annotated[
    str | None,
    typer.Option(
        help="What the columns are, in order or by the header's names: customer, email, points, spent, expires_at,"
        " lots, lifetime_points, tier, joined_at, status, metadata, metadata.KEY. Default: the header uses these names."
    ),
]
SkipRows = Annotated[int, typer.Option(help="Lines to leave out above the header.", min=0)]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether the first line is a header. Default: as it looks.")
]
Decimal = Annotated[DecimalSign | None, typer.Option(help="What stands before decimals. Default: as the file shows.")]
Order = Annotated[DateOrder | None, typer.Option(help="Day or month first. Default: as the file shows.")]
DateFormat = Annotated[str | None, typer.Option(help="As for strptime: %d. %B %Y. Default: as the file shows.")]
TimeOfDay = Annotated[str, typer.Option("--time", help="HH:MM, for dates without a time.")]
Timezone = Annotated[str | None, typer.Option(help="For dates without a zone. Default: the program's.")]
CustomerPrefix = Annotated[str | None, typer.Option(help="Put before every customer. Default: cust_ where lacking.")]
PaymentPrefix = Annotated[str | None, typer.Option(help="Put before every payment's id. Default: pay_ where lacking.")]
Form = Annotated[FileForm, typer.Option("--format", help="How the file separates columns.")]
Encoding = Annotated[str | None, typer.Option(help="Of the file, such as cp1252. Default: as it looks.")]
Only = Annotated[str | None, typer.Option(help="The statuses that count: paid,completed. Other rows are left out.")]
Refunded = Annotated[str | None, typer.Option(help="Statuses of rows whose whole amount was given back: refunded.")]
Refunds = Annotated[
    str | None,
    typer.Option(help='How the file shows refunds: negative (separate rows), or "column NAME" (what was given back).'),
]
Errors = Annotated[Path | None, typer.Option(help="Where failed rows go. Default: FILE.errors.csv here.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Have every row checked, write nothing.")]
BatchSize = Annotated[int, typer.Option(help="Rows in a request.", min=1, max=1000)]
Concurrency = Annotated[int, typer.Option(help="Requests at a time.", min=1, max=64)]
BaseUrl = Annotated[str, typer.Option(envvar="VINR_BASE_URL", help="The server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask before writing.")]
LOCAL = "http://127.0.0.1:8484"


@import_app.command(name="purchases")
def import_purchases(
    file: File,
    program: ProgramId,
    columns: PurchaseColumns = None,
    preset: Annotated[PurchasePreset | None, typer.Option(help="Whose export it is.")] = None,
    skip_rows: SkipRows = 0,
    header: Header = None,
    decimal: Decimal = None,
    date_order: Order = None,
    date_format: DateFormat = None,
    time_of_day: TimeOfDay = "00:00",
    timezone: Timezone = None,
    currency: Annotated[str | None, typer.Option(help="Of all amounts, where no column says it.")] = None,
    only: Only = None,
    refunded: Refunded = None,
    refunds: Refunds = None,
    customer_prefix: CustomerPrefix = None,
    payment_prefix: PaymentPrefix = None,
    form: Form = FileForm.auto,
    encoding: Encoding = None,
    errors: Errors = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    batch_size: BatchSize = 500,
    concurrency: Concurrency = 4,
    base_url: BaseUrl = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Report past purchases as payments, with their points; the key is read from VINR_SECRET_KEY.

    Shows how the file was understood and its first rows before it writes. What
    can be read in two ways is refused: an option settles it. Running it again,
    or a newer export on top, adds what is new: a payment's id is its column, or
    made of what the row says. Exit codes: 0 all rows, 1 it couldn't run, 2 some
    rows failed or a wrong option, 130 Ctrl-C.

    Examples:
      vinr import purchases orders.csv --program prog_default --preset woocommerce-orders --currency EUR --dry-run
      vinr import purchases history.csv --program prog_default --columns customer,date,amount --currency EUR
    """
    from vinr_server.cli.imports.purchases import PurchaseOptions, run_import

    options = PurchaseOptions(
        file=file, program=program, base_url=base_url, columns=columns, preset=preset.value if preset else None,
        skip_rows=skip_rows, has_header=header, form=form.value, encoding=encoding,
        decimal=decimal.value if decimal else None, date_order=date_order.value if date_order else None,
        date_format=date_format, time_of_day=time_of_day, timezone=timezone, errors=errors, batch_size=batch_size,
        concurrency=concurrency, is_dry_run=dry_run, as_json=as_json, asks_first=not yes, currency=currency,
        customer_prefix=customer_prefix, payment_prefix=payment_prefix, only=only, refunded=refunded, refunds=refunds,
    )  # fmt: skip
    raise typer.Exit(run_import(options))


@import_app.command(name="members")
def import_members(
    file: File,
    program: Annotated[str | None, typer.Option(help="Where the members are enrolled, prog_….")] = None,
    columns: MemberColumns = None,
    preset: Annotated[MemberPreset | None, typer.Option(help="Whose export it is.")] = None,
    skip_rows: SkipRows = 0,
    header: Header = None,
    decimal: Decimal = None,
    date_order: Order = None,
    date_format: DateFormat = None,
    timezone: Timezone = None,
    only: Only = None,
    customer_prefix: CustomerPrefix = None,
    form: Form = FileForm.auto,
    encoding: Encoding = None,
    errors: Errors = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    batch_size: BatchSize = 500,
    concurrency: Concurrency = 4,
    base_url: BaseUrl = LOCAL,
    as_json: AsJson = False,
    segment: Annotated[str | None, typer.Option(help="See `vinr import segment-members`.", hidden=True)] = None,
    column: Annotated[str, typer.Option(hidden=True)] = "account",
) -> None:
    """Enroll members with the points, ends, lifetime and tier they bring; the key is read from VINR_SECRET_KEY.

    Shows how the file was understood and its first rows before it writes.
    Running it again moves nothing: a member's balance is brought once. It reads
    what `vinr export members` writes. Exit codes: 0 all rows, 1 it couldn't run,
    2 some rows failed or a wrong option, 130 Ctrl-C.

    Examples:
      vinr import members smile.csv --program prog_default --preset smile
      vinr import members members.csv --program prog_default --columns email=E-Mail,points=Punkte,tier=Status
    """
    if segment is not None:
        import_segment_members(file, segment, column, errors, base_url)
    if program is None:
        raise typer.BadParameter("Missing option '--program'.")
    from vinr_server.cli.imports.members import MemberOptions, run_import_members

    options = MemberOptions(
        file=file, program=program, base_url=base_url, columns=columns, preset=preset.value if preset else None,
        skip_rows=skip_rows, has_header=header, form=form.value, encoding=encoding,
        decimal=decimal.value if decimal else None, date_order=date_order.value if date_order else None,
        date_format=date_format, timezone=timezone, errors=errors, batch_size=batch_size, concurrency=concurrency,
        is_dry_run=dry_run, as_json=as_json, asks_first=not yes, customer_prefix=customer_prefix, only=only,
    )  # fmt: skip
    raise typer.Exit(run_import_members(options))


@import_app.command(name="segment-members")
def import_segment_members(
    file: Annotated[Path, typer.Argument(help="CSV with a header.")],
    segment: Annotated[str, typer.Option(help="The static segment that the accounts join.")],
    column: Annotated[str, typer.Option(help="The header of the accounts' ids.")] = "account",
    errors: Errors = None,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Add the accounts of a file to a static segment; the key is read from VINR_SECRET_KEY.

    Running it again adds nothing. Exit codes: 0 all rows, 1 it couldn't run,
    2 some rows failed, 130 Ctrl-C.

    Example:
      vinr import segment-members vips.csv --segment vip
    """
    from vinr_server.cli.imports.lists.segment_members import SegmentOptions, run_import_segment_members

    raise typer.Exit(run_import_segment_members(SegmentOptions(file, segment, column, errors, base_url)))


@import_app.command(name="codes")
def import_codes(
    file: Annotated[Path, typer.Argument(help="CSV: code, account, max_redemptions, expires_at; or a code a line.")],
    batch: Annotated[str, typer.Option(help="The batch that the codes join, cbt_….")],
    errors: Errors = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Add the codes of a file to a batch; the key is read from VINR_SECRET_KEY.

    Shows the first rows before it writes. Running it again adds nothing. Codes
    are text as it stands: what a spreadsheet has made a number of is refused.
    Exit codes: 0 all rows, 1 it couldn't run, 2 some rows failed, 130 Ctrl-C.

    Example:
      vinr import codes printed.csv --batch cbt_0197a3
    """
    from vinr_server.cli.imports.lists.codes import CodeOptions, run_import_codes

    raise typer.Exit(run_import_codes(CodeOptions(file, batch, errors, base_url, dry_run, not yes)))


Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: standard output.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the output file ends.")]
StartingAfter = Annotated[str | None, typer.Option(help="Go on after this id, on standard output.")]


def _export(
    kind: str,
    form: ExportForm,
    output: Path | None,
    resume: bool,
    after: str | None,
    base_url: str,
    **filters: str | None,
) -> None:
    from vinr_server.cli.exports.exporting import ExportOptions, run_export

    given = {name: value for name, value in filters.items() if value is not None}
    options = ExportOptions(
        kind=kind,
        base_url=base_url,
        form=form.value,
        output=output,
        resumes=resume,
        starting_after=after,
        filters=given,
    )
    raise typer.Exit(run_export(options))


@export_app.command(name="members")
def export_members(
    program: Annotated[str, typer.Option(help="Whose members, prog_….")],
    form: Annotated[ExportForm, typer.Option("--format", help="CSV, or an object a line.")] = ExportForm.csv,
    output: Output = None,
    resume: Resume = False,
    starting_after: StartingAfter = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed accounts too.")] = False,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Write the members with points, lots, lifetime and tier; the key is read from VINR_SECRET_KEY.

    `vinr import members` reads the file into another realm, with the same
    balances, ends and tiers. Newest first; who joins meanwhile is not in it.

    Example:
      vinr export members --program prog_default -o members.csv
    """
    status = None if closed else "active"
    _export("members", form, output, resume, starting_after, base_url, program=program, status=status)


@export_app.command(name="ledger")
def export_ledger(
    form: Annotated[ExportForm, typer.Option("--format", help="CSV, or an object a line.")] = ExportForm.csv,
    output: Output = None,
    resume: Resume = False,
    starting_after: StartingAfter = None,
    account: Annotated[str | None, typer.Option(help="Of this account alone, loy_….")] = None,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Write every movement of points; the key is read from VINR_SECRET_KEY.

    Example:
      vinr export ledger --format jsonl | gzip > ledger.jsonl.gz
    """
    _export("ledger", form, output, resume, starting_after, base_url, account=account)


@export_app.command(name="redemptions")
def export_redemptions(
    form: Annotated[ExportForm, typer.Option("--format", help="CSV, or an object a line.")] = ExportForm.csv,
    output: Output = None,
    resume: Resume = False,
    starting_after: StartingAfter = None,
    account: Annotated[str | None, typer.Option(help="Of this account alone, loy_….")] = None,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Write the redemptions of rewards; the key is read from VINR_SECRET_KEY.

    Example:
      vinr export redemptions -o redemptions.csv
    """
    _export("redemptions", form, output, resume, starting_after, base_url, account=account)


@export_app.command(name="payments")
def export_payments(
    form: Annotated[ExportForm, typer.Option("--format", help="CSV, or an object a line.")] = ExportForm.csv,
    output: Output = None,
    resume: Resume = False,
    starting_after: StartingAfter = None,
    customer: Annotated[str | None, typer.Option(help="Of this customer alone, cust_….")] = None,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Write the payments; the key is read from VINR_SECRET_KEY. `vinr import purchases` reads the CSV.

    Example:
      vinr export payments -o payments.csv
    """
    _export("payments", form, output, resume, starting_after, base_url, customer=customer)


@export_app.command(name="codes")
def export_codes(
    batch: Annotated[str, typer.Option(help="The batch of the codes, cbt_….")],
    form: Annotated[ExportForm, typer.Option("--format", help="CSV, or an object a line.")] = ExportForm.csv,
    output: Output = None,
    resume: Resume = False,
    starting_after: StartingAfter = None,
    base_url: BaseUrl = LOCAL,
) -> None:
    """Write the codes of a batch, the last that was made first; the key is read from VINR_SECRET_KEY.

    Codes are worth money: keep the file as you keep money.

    Example:
      vinr export codes --batch cbt_0197a3 -o codes.csv
    """
    _export("codes", form, output, resume, starting_after, base_url, batch=batch)

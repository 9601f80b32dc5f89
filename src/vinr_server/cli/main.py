"""The `vinr` command line: options and their help; each command loads what it needs when it is called."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from vinr_server.cli import day_one_app
from vinr_server.cli.exits import EXIT_CODES, INTERRUPTED, USAGE
from vinr_server.cli.operating.keys_app import keys_app, tenants_app
from vinr_server.cli.options import AsJson, DataDirectory

app = typer.Typer(
    name="vinr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
)
import_app = typer.Typer(help="Import what a merchant already has.", no_args_is_help=True)

OPERATING, BRINGING = "Operating", "Data"

DatabaseUrl = Annotated[
    str, typer.Option(envvar="VINR_DATABASE_URL", help="postgresql://user:password@host:port/database")
]


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"vinr {version('vinr-server')}")
        raise typer.Exit


@app.callback()
def vinr(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """VINR Engagement: a self-hosted loyalty engine. Start with `vinr dev`.

    Commands that call the API use --base-url and --key, else VINR_BASE_URL
    and VINR_SECRET_KEY, else the sandbox that runs on .vinr here. To complete
    commands and options in your shell, run `vinr --install-completion`.
    """


class StatusForm(StrEnum):
    """How `vinr status` prints."""

    text = "text"
    env = "env"
    json = "json"


class FileForm(StrEnum):
    """How a file to import separates its columns."""

    auto = "auto"
    csv = "csv"
    whitespace = "whitespace"


FileColumns = Annotated[
    str,
    typer.Option(
        help="The columns in order: customer, date, amount, currency, payment (an id), and - for a column to ignore."
        " Or by the header's names: customer=Kunde,date=Datum,amount=Betrag."
    ),
]
DateFormat = Annotated[str | None, typer.Option(help="A strptime format: %Y%m%d, %d.%m.%Y. Default: ISO 8601.")]
CustomerPrefix = Annotated[str | None, typer.Option(help="Prefix of every customer. Default: cust_ where missing.")]
PaymentPrefix = Annotated[
    str | None, typer.Option(help="Prefix of the payment column, or of the row's number: pay_shop_.")
]


@app.command(rich_help_panel=day_one_app.PANEL)
def dev(
    data: DataDirectory = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; 0 for any free one. Default: 8484 or the next free.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Run everything with an embedded PostgreSQL and a seeded sandbox.

    The data and the key stay in the data directory: the next start continues with both.

    Examples:
      vinr dev
      vinr dev --port 0 --data /tmp/trial --json
    """
    from vinr_server.cli.sandbox.dev import run_dev

    raise typer.Exit(run_dev(data=data, host=host, port=port, as_json=as_json))


@app.command(rich_help_panel=day_one_app.PANEL)
def status(
    data: DataDirectory = None,
    output: Annotated[StatusForm, typer.Option("--output", "-o", help="How to print it.")] = StatusForm.text,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Show where the sandbox of `vinr dev` runs. Exit code 4 if none answers.

    Examples:
      eval "$(vinr status -o env)"
      vinr status --json | jq -r .base_url
    """
    from vinr_server.cli.sandbox.status import print_status

    raise typer.Exit(print_status(data=data, form="json" if as_json else output.value))


@app.command(rich_help_panel=OPERATING)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 8484,
    workers: Annotated[int, typer.Option(help="Number of processes.", min=1, max=64)] = 1,
) -> None:
    """Serve the API on VINR_DATABASE_URL. It needs VINR_KEY_PEPPER, and a `vinr worker` running alongside.

    Logs are lines of JSON on standard error.

    Example:
      vinr serve --host 0.0.0.0 --workers 2
    """
    from vinr_server.cli.operating.checks import settings_of_a_start
    from vinr_server.cli.process.serving import run_server

    settings_of_a_start()
    raise typer.Exit(run_server(host=host, port=port, workers=workers))


@app.command(rich_help_panel=OPERATING)
def worker() -> None:
    """Do the work that falls due, such as expiries, and send webhooks. Any number of workers may run.

    Example:
      vinr worker
    """
    import uvloop

    from vinr_server.cli.operating.checks import settings_of_a_start
    from vinr_server.cli.process.working import run_worker

    uvloop.run(run_worker(settings_of_a_start()))


@app.command(rich_help_panel=OPERATING)
def migrate(database_url: DatabaseUrl, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema. Does nothing if it is already there.

    Example:
      vinr migrate
    """
    from vinr_server.cli.operating.checks import run_migrate

    before, after = run_migrate(database_url)
    if as_json:
        typer.echo(json.dumps({"before": before, "after": after}))
    else:
        typer.echo(f"The schema was at {before or 'nothing'} and is now at {after}.")


@app.command(rich_help_panel=OPERATING)
def verify(
    database_url: DatabaseUrl,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Derive every balance, lot, deficit and counter again from the ledger, and name what disagrees.

    Reads one snapshot and changes nothing; the server can keep running.
    Exit codes: 0 everything agrees, 1 something disagrees, 2 it couldn't run.

    Example:
      vinr verify --json
    """
    from vinr_server.cli.operating.verifying import run_verify

    raise typer.Exit(run_verify(database_url, as_json=as_json))


@app.command(rich_help_panel=OPERATING)
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """Check the settings and the database; say what is wrong and what to do. Exit code 1 if a check fails.

    Example:
      vinr doctor --json
    """
    from vinr_server.cli.operating.doctor import run_doctor

    raise typer.Exit(run_doctor(as_json=as_json))


@import_app.command(name="purchases")
def import_purchases(
    file: Annotated[Path, typer.Argument(help="CSV, or columns separated by white space.")],
    program: Annotated[str, typer.Option(help="The program the customers are enrolled in, prog_….")],
    columns: FileColumns,
    skip_rows: Annotated[int, typer.Option(help="Lines to skip at the top.", min=0)] = 0,
    date_format: DateFormat = None,
    time_of_day: Annotated[str, typer.Option("--time", help="HH:MM, for dates without a time.")] = "00:00",
    timezone: Annotated[str, typer.Option(help="For times without an offset, such as Europe/Berlin.")] = "UTC",
    currency: Annotated[str | None, typer.Option(help="Currency of all amounts, if no column has it.")] = None,
    customer_prefix: CustomerPrefix = None,
    payment_prefix: PaymentPrefix = None,
    form: Annotated[FileForm, typer.Option("--format", help="How the file separates columns.")] = FileForm.auto,
    encoding: Annotated[str, typer.Option(help="The file's encoding, such as cp1252.")] = "utf-8",
    errors: Annotated[Path | None, typer.Option(help="Where failed rows go. Default: FILE.errors.csv here.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, write nothing.")] = False,
    batch_size: Annotated[int, typer.Option(help="Payments per request.", min=1, max=1000)] = 500,
    concurrency: Annotated[int, typer.Option(help="Requests sent at the same time.", min=1, max=64)] = 4,
    base_url: Annotated[str, typer.Option(envvar="VINR_BASE_URL", help="The server.")] = "http://127.0.0.1:8484",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Report past purchases as payments, with their points; the key is read from VINR_SECRET_KEY.

    Running it again adds nothing: a payment's id comes from its row's number or
    its own column. Amounts are decimals in currency units. Exit codes: 0 all
    rows, 1 it couldn't run, 2 some rows failed or an option is wrong, 130 Ctrl-C.

    Example:
      vinr import purchases history.csv --program prog_default --columns customer,date,amount --currency EUR
    """
    from vinr_server.cli.imports.purchases import ImportOptions, run_import

    options = ImportOptions(
        file=file,
        program=program,
        base_url=base_url,
        columns=columns,
        currency=currency,
        date_format=date_format,
        time_of_day=time_of_day,
        timezone=timezone,
        customer_prefix=customer_prefix,
        payment_prefix=payment_prefix,
        skip_rows=skip_rows,
        form=form.value,
        encoding=encoding,
        errors=errors,
        batch_size=batch_size,
        concurrency=concurrency,
        is_dry_run=dry_run,
        as_json=as_json,
    )
    raise typer.Exit(run_import(options))


@import_app.command(name="members")
def import_members(
    file: Annotated[Path, typer.Argument(help="CSV with a header.")],
    segment: Annotated[str, typer.Option(help="The static segment that the accounts join.")],
    column: Annotated[str, typer.Option(help="The header of the accounts' ids.")] = "account",
    errors: Annotated[Path | None, typer.Option(help="Where failed rows go. Default: FILE.errors.csv here.")] = None,
    base_url: Annotated[str, typer.Option(envvar="VINR_BASE_URL", help="The server.")] = "http://127.0.0.1:8484",
) -> None:
    """Add the accounts of a file to a static segment; the key is read from VINR_SECRET_KEY.

    Running it again adds nothing. Exit codes: 0 all rows, 1 it couldn't run,
    2 some rows failed, 130 Ctrl-C.

    Example:
      vinr import members vips.csv --segment vip
    """
    from vinr_server.cli.imports.members import MembersOptions, run_import_members

    raise typer.Exit(run_import_members(MembersOptions(file, segment, column, errors, base_url)))


day_one_app.add_to(app)
app.add_typer(keys_app, name="keys", rich_help_panel=OPERATING)
app.add_typer(tenants_app, name="tenants", rich_help_panel=OPERATING)
app.add_typer(import_app, name="import", rich_help_panel=BRINGING)


def main() -> None:
    """Entry point of the `vinr` script."""
    signal.signal(signal.SIGTERM, partial(_end, 143))
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        code = _report("", "stopped.", INTERRUPTED)
    except TyperException as error:
        code = _report(*_usage(error), USAGE)
    raise SystemExit(code or 0)


def _usage(error: TyperException) -> tuple[str, str]:
    """The command that was misused and what is wrong with the call, on one line."""
    context = getattr(error, "ctx", None)
    names = context.command_path if context is not None else "vinr"
    why = " ".join(error.format_message().split())
    return names.partition(" ")[2], f"{why} See `{names} --help`."


def _report(what: str, why: str, code: int) -> int:
    print(f"vinr {what}: {why}" if what else f"vinr: {why}", file=sys.stderr)
    return code


def _end(code: int, *_signal: object) -> None:
    raise SystemExit(code)

"""The `vinr` command line: options and their help; each command loads what it needs when it is called."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from typer.exceptions import TyperException

from vinr_server.cli import day_one_app
from vinr_server.cli.exits import EXIT_CODES, INTERRUPTED, USAGE
from vinr_server.cli.files_app import export_app, import_app
from vinr_server.cli.operating.keys_app import keys_app, tenants_app
from vinr_server.cli.options import AsJson, DataDirectory

app = typer.Typer(
    name="vinr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
)

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


day_one_app.add_to(app)
app.add_typer(keys_app, name="keys", rich_help_panel=OPERATING)
app.add_typer(tenants_app, name="tenants", rich_help_panel=OPERATING)
app.add_typer(import_app, name="import", rich_help_panel=BRINGING)
app.add_typer(export_app, name="export", rich_help_panel=BRINGING)


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

"""How a command ends: its exit code, and one sentence on standard error if it failed."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from vinr_server.cli.control_characters import visible_lines

FAILED, USAGE, REFUSED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 130

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 a wrong option or argument, 3 the API refused, 4 the server can't be reached,"
    " 130 Ctrl-C, 143 SIGTERM. An error is one line on standard error; with --json, standard output holds only JSON."
)


def fail(what: str, why: str, *, code: int = FAILED) -> NoReturn:
    """The command ends with a sentence and an exit code."""
    print(visible_lines(f"vinr {what}: {why}" if what else f"vinr: {why}"), file=sys.stderr)
    raise typer.Exit(code)


def first_line(error: Exception) -> str:
    """What went wrong, without the traceback."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

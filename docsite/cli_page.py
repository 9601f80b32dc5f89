"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from inspect import cleandoc
from textwrap import dedent
from typing import Any

import typer

from vinr_server.cli.main import app

_HEAD = """# Command line

Everything `vinr` does. `vinr COMMAND --help` says the same. A setting such as `VINR_DATABASE_URL` can stand in the
environment instead of an option where the table names it.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of the help."""
    yield from _below("vinr", typer.main.get_command(app))


def cli_page() -> str:
    """A section for each command: usage, what it does, options."""
    return _HEAD + "".join(_section(name, command) for name, command in commands())


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for inner, one in command.commands.items():
        yield from _below(f"{name} {inner}", one)


def _section(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [
        one for one in command.params if one.param_type_name == "option" and one.name != "help" and not one.hidden
    ]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(one.name.upper() for one in arguments)])
    text = f"\n## {name}\n\n```text\n{usage}\n```\n\n{_prose(command.help or '')}\n"
    rows = [_row(one) for one in (*arguments, *options)]
    return text + ("\n| option | default | what it is |\n|---|---|---|\n" + "".join(rows) if rows else "")


def _prose(help: str) -> str:
    """The help as Markdown: what is indented under "Example:" is a block of code."""
    text = cleandoc(help).replace("\b\n", "")
    return re.sub(
        r"^Examples?:\n((?:  .*\n?)+)", lambda found: f"```sh\n{dedent(found[1]).strip()}\n```\n", text, flags=re.M
    )


def _row(one: Any) -> str:
    is_argument = one.param_type_name == "argument"
    spelled = one.name.upper() if is_argument else ", ".join((*one.opts, *one.secondary_opts))
    kind = one.type_descriptor.annotation
    choices = " \\| ".join(choice.value for choice in kind) if isinstance(kind, type(Enum)) else ""
    default = "required" if one.required else _default(one)
    help = (one.help or "").replace("|", "\\|")
    variable = f" (`{one.envvar}`)" if one.envvar else ""
    return f"| `{spelled}` {choices} | {default} | {help}{variable} |\n"


def _default(one: Any) -> str:
    value = one.default
    if value is None or value is False or callable(value) or str(value) in ("Sentinel.UNSET", "[]", "()"):
        return ""
    return f"`{getattr(value, 'value', value)}`"

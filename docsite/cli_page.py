"""The page of the command line, generated from the commands."""

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

Everything `vinr` does. `vinr COMMAND --help` shows the same. Where the table names a variable such as
`VINR_DATABASE_URL`, you can set it in the environment instead of passing the option.
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
    for inner, subcommand in command.commands.items():
        yield from _below(f"{name} {inner}", subcommand)


def _section(name: str, command: Any) -> str:
    arguments = [given for given in command.params if given.param_type_name == "argument"]
    options = [
        given
        for given in command.params
        if given.param_type_name == "option" and given.name != "help" and not given.hidden
    ]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(argument.name.upper() for argument in arguments)])
    text = f"\n## {name}\n\n```text\n{usage}\n```\n\n{_prose(command.help or '')}\n"
    rows = [_row(parameter) for parameter in (*arguments, *options)]
    return text + ("\n| option | default | what it is |\n|---|---|---|\n" + "".join(rows) if rows else "")


def _prose(help: str) -> str:
    """The help as Markdown: lines indented under "Example:" become a block of code."""
    text = cleandoc(help).replace("\b\n", "")
    return re.sub(
        r"^Examples?:\n((?:  .*\n?)+)", lambda found: f"```sh\n{dedent(found[1]).strip()}\n```\n", text, flags=re.M
    )


def _row(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    spelled = parameter.name.upper() if is_argument else ", ".join((*parameter.opts, *parameter.secondary_opts))
    kind = parameter.type_descriptor.annotation
    choices = " \\| ".join(choice.value for choice in kind) if isinstance(kind, type(Enum)) else ""
    default = "required" if parameter.required else _default(parameter)
    help = (parameter.help or "").replace("|", "\\|")
    variable = f" (`{parameter.envvar}`)" if parameter.envvar else ""
    return f"| `{spelled}` {choices} | {default} | {help}{variable} |\n"


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value is False or callable(value) or str(value) in ("Sentinel.UNSET", "[]", "()"):
        return ""
    return f"`{getattr(value, 'value', value)}`"

"""Every block of the pages runs, or this file says why not; every `vinr …` command in them exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pages import DOCS, blocks_of, root
from typer.exceptions import TyperException

from vinr_server.cli.main import app

PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(root() / name for name in ("README.md", "sdk/python/README.md", "sdk/typescript/README.md")),
    ]
)
# What test_shells.py, test_pages.py and test_typescript_pages.py run of the pages below docs, but for the reference.
RUN = {"sh", "console", "python", "ts"}
# By page or folder and language.
ELSEWHERE = {
    ("README.md", "python"): "tests/sdk/test_readme.py runs it",
    ("README.md", "sh"): "as in start.md and going-live.md, which are run; its commands are parsed here",
    ("sdk/python/README.md", "python"): "tests/sdk/test_readme.py runs the quick start and the receiver",
    ("sdk/python/README.md", "sh"): "installs from the network",
    ("sdk/typescript/README.md", "ts"): "tests/sdk/test_typescript.py runs all",
    ("sdk/typescript/README.md", "sh"): "installs from the network",
    (
        "docs/guides/webhooks-express.md",
        "js",
    ): "Express is no dependency; the SDK's part is that of the other receivers",
    ("docs/operating/postgresql.md", "sql"): "test_shells.py sets up a server by it",
    ("docs/concepts/lots.md", "text"): "a picture",
    ("docs/reference/api", "bash"): "generated: the operation's path, and its example, which test_coverage.py reads",
    ("docs/reference/api", "json"): "generated: the example of the OpenAPI document",
    ("docs/reference/errors.md", "json"): "a picture of the shape",
    ("docs/concepts/campaigns.md", "json"): "a part of a definition; guides/challenge.md runs a whole one",
    ("docs/reference/cli.md", "text"): "usage, generated from the commands",
    ("docs/reference/cli.md", "sh"): "the commands' own examples; parsed here",
}
_INLINE = re.compile(r"`((?:\.venv/bin/)?vinr(?: [^`]*)?)`")


def named(page: Path) -> str:
    """A page as the table above names it."""
    return str(page.relative_to(root()))


def vinr_commands(text: str) -> Iterator[str]:
    """What a page writes of the program: lines of blocks, and what stands between backticks."""
    for kind, code in blocks_of(text):
        if kind in ("sh", "console"):
            joined = code.replace("\\\n", " ")
            yield from re.findall(r"(?:^|\$ |\$\()((?:\.venv/bin/)?vinr [^|&;)\n]*)", joined, flags=re.MULTILINE)
    for found in _INLINE.findall(text):
        if not re.search(r"[·…]|(?<![A-Z_])[A-Z]+(?![A-Z_])", found):  # a list of commands, or a stand-in for one
            yield found.replace("\n", " ")


def parse(line: str) -> None:
    """Reads a command as the program would; raises what it would say."""
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    name = "vinr"
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"`{line}`: no command {name}"
        command = command.commands[name]
    if words and "--help" not in words and "--version" not in words:
        command.make_context(name, words)


class TestCommands:
    @pytest.mark.parametrize("page", PAGES, ids=named)
    def test_of_the_program_are_written_as_it_reads_them(self, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VINR_DATABASE_URL", "postgresql://nobody@127.0.0.1/nothing")
        wrong = []
        for line in vinr_commands(page.read_text()):
            try:
                parse(line)
            except (TyperException, AssertionError, ValueError) as error:
                wrong.append(f"`{line}`: {getattr(error, 'message', error)}")

        assert wrong == []

    def test_are_many(self) -> None:
        lines = [line for page in PAGES for line in vinr_commands(page.read_text())]

        assert len(lines) > 80

    @pytest.mark.parametrize(
        "line", ["vinr serv", "vinr serve --port many", "vinr keys create --lives", "vinr keys mak"]
    )
    def test_that_do_not_exist_are_found(self, line: str) -> None:
        with pytest.raises((TyperException, AssertionError)):
            parse(line)


class TestBlocks:
    def test_are_run_or_it_is_said_why_not(self) -> None:
        unrun = set()
        for page in PAGES:
            for kind, _code in blocks_of(page.read_text()):
                places = {(named(page), kind), (str(Path(named(page)).parent), kind)}
                is_run = kind in RUN and named(page).startswith("docs/") and "docs/reference" not in named(page)
                if not is_run and not places & ELSEWHERE.keys():
                    unrun.add((named(page), kind))

        assert unrun == set()

    def test_that_are_excused_are_there(self) -> None:
        there = {(place, kind) for page in PAGES for kind, _code in blocks_of(page.read_text())
            for place in (named(page), str(Path(named(page)).parent))}  # fmt: skip

        assert ELSEWHERE.keys() - there == set()

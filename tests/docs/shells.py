"""A reader's shell: the commands that the pages show, and the output below them.

A block `sh` is typed as it stands. A block `console` holds commands behind `$ `, each with what it prints: `…` stands
for anything within a line, a line of `…` alone for any lines, and a port of this machine for any port. A command below
which nothing is shown may print anything. All must succeed. A command of LASTING runs on, as in a shell of its own,
until the page ends and Ctrl-C ends it.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pages import DOCS, blocks_of

from conftest import PATIENCE_SECONDS, wait_until

LASTING = ("make run", "vinr listen", ".venv/bin/vinr listen", "VINR_WEBHOOK_SECRET=whsec_… uvicorn")
# Every call must succeed: a page's curl says so itself. Jobs have process groups of their own, as in a terminal.
STRICT = 'set -euo pipefail\nset -m\ncurl() { command curl --fail-with-body "$@"; echo; }\n'


@dataclass(frozen=True, slots=True)
class Typed:
    """One thing that is typed, and what the page shows below it."""

    command: str
    shown: tuple[str, ...] = ()

    @property
    def is_lasting(self) -> bool:
        """Whether it runs until somebody ends it."""
        return self.command.startswith(LASTING)


def typed(page: str) -> Iterator[Typed]:
    """What a reader types, from the page's top to its end."""
    for kind, code in blocks_of((DOCS / page).read_text()):
        if kind == "sh":
            yield Typed(code)
        elif kind == "console":
            yield from read_console(code)


def read_console(code: str) -> Iterator[Typed]:
    """The commands of a block, each with the lines below it."""
    assert code.startswith("$ "), f"a console block begins with `$ ` and a command; without, it is `sh`:\n{code}"
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        lines = part.rstrip("\n").split("\n")
        ending = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
        yield Typed("\n".join(lines[:ending]), tuple(lines[ending:]))


def pattern(shown: tuple[str, ...]) -> str:
    """A regular expression for what may be printed where this is shown."""
    made = ""
    for line in shown:
        if line.strip() == "…":
            made += r"(?:[^\n]*\n)*?"
            continue
        text = re.escape(line.rstrip()).replace("…", r"[^\n]*")
        made += re.sub(r"127\\\.0\\\.0\\\.1:\d+", r"127\\.0\\.0\\.1:\\d+", text) + r"[ ]*\n"
    return made


class Shell:
    """A bash in a folder, that keeps what was exported from one page to the next."""

    def __init__(self, folder: Path, env: Mapping[str, str], places: Mapping[str, str]) -> None:
        """`places` are the pages' examples of what each reader has another of: an address, a port."""
        self._folder, self._places = folder, places
        self._count = 0
        self._lasting: list[int] = []
        self._errors = (folder / "shell.log").open("wb")
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._answer(STRICT + "echo done\n")

    def type(self, one: Typed) -> str:
        """What the command printed; it has succeeded, or runs, and has printed what is shown."""
        command = one.command
        for example, own in self._places.items():
            command = command.replace(example, own)
        self._count += 1
        log = self._folder / f"typed_{self._count}.log"
        log.touch()
        if one.is_lasting:
            self._lasting.append(int(self._answer(f"{{ {command}\n}} >{log} 2>&1 </dev/null &\necho $!\n")))
            wait_until(
                lambda: re.match(pattern(one.shown), log.read_text()) is not None,
                what=f"`{command}` prints {one.shown}, and not what is in {log}",
            )
            return log.read_text()
        self._answer(f"{{ {command}\n}} >{log} 2>&1 </dev/null\necho done\n", log)
        printed = log.read_text()
        if one.shown:
            said = "\n".join(one.shown)
            assert re.fullmatch(pattern(one.shown), printed), f"`{command}` printed\n{printed}\nand not\n{said}"
        return printed

    def end(self) -> None:
        """What still runs was ended by Ctrl-C, in the reverse order of its start, without a traceback."""
        jobs = [] if self._bash.poll() is not None else [int(pid) for pid in self._answer("echo $(jobs -p)\n").split()]
        for group in reversed([*jobs]):
            os.killpg(group, signal.SIGINT)
            self._answer(f"wait {group} || true\necho done\n")
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(PATIENCE_SECONDS)
        self._errors.close()
        left = [log for log in self._folder.glob("typed_*.log") if "Traceback" in log.read_text()]
        assert left == [], left[0].read_text()

    def kill(self) -> None:
        """Nothing of it is left, whatever happened."""
        for group in (*self._lasting, self._bash.pid):
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _answer(self, text: str, log: Path | None = None) -> str:
        """The line that bash prints when it has done what was asked."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        self._bash.stdin.write(text.encode())
        self._bash.stdin.flush()
        ready, _, _ = select.select([self._bash.stdout], [], [], PATIENCE_SECONDS)
        printed = log.read_text() if log else ""
        assert ready, f"still running after {PATIENCE_SECONDS:g} s:\n{text}\n{printed}"
        line = self._bash.stdout.readline().decode()
        assert line, f"failed:\n{text}\n{printed}{(self._folder / 'shell.log').read_text()}"
        return line.strip()

"""A copy of the source in which bugs are planted one at a time, and the tests are run."""

from __future__ import annotations

import ast
import compileall
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutant import ROOT, SOURCE, Mutant
from planting import Source

# A test that is still silent by then has not said what is wrong.
PATIENCE_SECONDS = 150
FAILED = re.compile(r"^FAILED tests/(.+?)(?: - .*)?$", re.MULTILINE)
# The same chances at every run; a writer that died is noticed soon.
SAME_CHANCES = {
    "PYTHONHASHSEED": "0",
    "VINR_PROPERTY_SEED": "1",
    "VINR_TEST_PATIENCE_SECONDS": "30",
}


@dataclass(frozen=True)
class Verdict:
    """What came of a run: the test that went red, if one did, and how long it took."""

    is_green: bool
    red: str | None
    seconds: float
    output: str


class Workshop:
    """The copy. Directories are open to others: root's PostgreSQL runs as nobody."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.chmod(0o755)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        # Tests of signatures read what both SDKs are held to.
        shutil.copytree(ROOT / "sdk" / "vectors", directory / "sdk" / "vectors")
        shutil.copy(ROOT / "pyproject.toml", directory)
        self._environment = os.environ | SAME_CHANCES | {"PYTHONPATH": str(directory / "src")}
        self._source = Source(directory / SOURCE)
        # Bugs are written from syntax trees. So is all the rest: a test that minds is not green without a bug either.
        for path in self._source.root.rglob("*.py"):
            path.write_text(ast.unparse(ast.parse(path.read_text())))
        # Otherwise each run would compile all of it again.
        compileall.compile_dir(directory, quiet=1)
        self._require_the_copy()

    def _require_the_copy(self) -> None:
        """The tests see the copy, not the source that is installed."""
        asked = [sys.executable, "-c", "import vinr_server; print(vinr_server.__file__)"]
        told = subprocess.run(asked, env=self._environment, capture_output=True, text=True, check=True).stdout
        assert Path(told.strip()).is_relative_to(self.directory), told

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The bug is in the copy for as long as the block lasts."""
        fit = self._source.fit(mutant)
        text = fit.path.read_text()
        _replace(fit.path, fit.planted())
        try:
            yield
        finally:
            _replace(fit.path, text)

    def run(self, tests: Sequence[str], *, patience_seconds: float = PATIENCE_SECONDS) -> Verdict:
        """The tests up to the first red one. Red is a test that failed: an error before or after it proves nothing.

        One that failed late may be interrupted while its servers stop: it failed all the same.
        """
        command = [sys.executable, "-m", "pytest", "-x", "-rf", "--tb=short", "-p", "no:cacheprovider"]
        begin = time.monotonic()
        with subprocess.Popen(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            output = _read_to_the_end(process, patience_seconds)
        failed = FAILED.search(output)
        return Verdict(
            is_green=process.returncode == 0,
            red=failed[1] if failed and process.returncode in (1, 2) else None,
            seconds=time.monotonic() - begin,
            output=output,
        )


def _replace(path: Path, text: str) -> None:
    """The file has another text. Bytecode of the old one would be taken for it if both were of one second and size."""
    path.write_text(text)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


def _read_to_the_end(process: subprocess.Popen[str], patience_seconds: float) -> str:
    """What it printed. One that hangs is interrupted as by hand, so that it stops the servers it has started."""
    try:
        return process.communicate(timeout=patience_seconds)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


@contextmanager
def open_workshop() -> Iterator[Workshop]:
    """A workshop in a directory of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vinr-mutants-") as name:
        yield Workshop(Path(name).resolve())

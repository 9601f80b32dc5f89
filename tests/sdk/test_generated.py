"""The generated parts of the SDKs are what the table of operations says, and types catch what would be refused."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sdk.generate import python, typescript

from vinr_server.api.contract.openapi import openapi

ROOT = Path(__file__).parents[2]
SNIPPET = Path(__file__).parent / "typed_snippet.py.txt"


Write = Callable[[dict[str, Any], Path], None]
BOTH = pytest.mark.parametrize(
    ("write", "target"),
    [(python.write_python, python.TARGET), (typescript.write_typescript, typescript.TARGET)],
    ids=["python", "typescript"],
)


def texts(folder: Path) -> dict[str, str]:
    """Every module below a folder."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@BOTH
class TestGeneratedFiles:
    def test_are_what_the_generator_makes(self, tmp_path: Path, write: Write, target: Path) -> None:
        write(openapi(), tmp_path / "made")

        assert texts(tmp_path / "made") == texts(target), "run make sdk"
        assert sum(len(text) for text in texts(target).values()) > 30_000

    def test_leave_no_difference_when_made_twice(self, tmp_path: Path, write: Write, target: Path) -> None:
        for _ in range(2):
            write(openapi(), tmp_path / "made")

        assert texts(tmp_path / "made") == texts(target)


class TestTypes:
    def test_refuse_each_marked_mistake_and_nothing_else(self, tmp_path: Path) -> None:
        snippet = tmp_path / "snippet.py"
        snippet.write_text(SNIPPET.read_text())
        marked = {number for number, line in enumerate(SNIPPET.read_text().splitlines(), 1) if "# wrong" in line}

        command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", "--no-pretty"]
        run = subprocess.run([*command, snippet.name], cwd=tmp_path, capture_output=True, text=True, check=False)

        refused = {int(one) for one in re.findall(r"^snippet\.py:(\d+): error", run.stdout, re.MULTILINE)}
        assert len(marked) >= 15
        assert refused == marked, run.stdout + run.stderr


class TestWheel:
    def test_holds_the_package_and_its_types(self, tmp_path: Path) -> None:
        command = [str(ROOT / ".venv/bin/uv"), "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), "sdk/python"]
        subprocess.run(command, cwd=ROOT, check=True)

        [wheel] = tmp_path.glob("vinr-*.whl")
        names = zipfile.ZipFile(wheel).namelist()
        modules = {f"vinr/_generated/{name}" for name in texts(python.TARGET)}
        assert {"vinr/py.typed", "vinr/webhooks.py", *modules} <= set(names)
        assert [name for name in names if name.endswith("METADATA")]

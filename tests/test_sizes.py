"""The measures of the code itself: sizes, names, docstrings, and what the core must not know of."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import vinr_server
from trees import tree_of

ROOT = Path(vinr_server.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)
CORE = [path for path in MODULES if path.is_relative_to(ROOT / "core")]
# Folders of these floors are rooms: a newcomer sees all that is in one at a glance.
# Migrations are no room: there is one more with every change of the schema, and nobody need see them all.
HISTORY = ROOT / "storage" / "postgres" / "migrations" / "versions"
ROOMS = [folder for floor in ("core", "storage", "cli") for folder in (ROOT / floor).rglob("*/") if folder != HISTORY]

ROOM_FILES_MAX = 12
FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 60
FUNCTION_LINES_MEDIAN = 12

# Files are nouns for what they hold, not for where it was put (STYLE 17).
NO_NOUNS = (
    "utils",
    "helpers",
    "common",
    "manager",
    "service",
    "base",
    "types",
    "misc",
    "tools",
    "shared",
    "lib",
    "handlers",
)
# Clocks, chance, names of its own making, waiting and logging stay outside (STYLE 23).
NOT_IN_CORE = (
    "time",
    "random",
    "uuid",
    "secrets",
    "asyncio",
    "logging",
    "os",
    "sys",
    "socket",
    "asyncpg",
    "psycopg",
    "threading",
)
CLOCKS = ("now", "utcnow", "today", "time", "monotonic", "perf_counter", "fromtimestamp")


@cache
def functions() -> list[tuple[str, int]]:
    """Every function of the source with its number of lines, from its first decorator to its last statement."""
    return [*_functions()]


def _functions() -> Iterator[tuple[str, int]]:
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or first) - first + 1


class TestSizes:
    def test_of_files_stay_readable(self) -> None:
        lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}

        assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}

    def test_of_rooms_stay_in_view(self) -> None:
        # Migrations are a history, which grows with each.
        rooms = [room for room in ROOMS if room.name != "versions"]
        files = {str(room.relative_to(ROOT)): len([*room.glob("*.py")]) for room in rooms}

        assert len(files) > 20, "too few folders: the rooms are not where they are looked for"
        assert {name: count for name, count in files.items() if count > ROOM_FILES_MAX} == {}

    def test_of_functions_stay_readable(self) -> None:
        assert {name: count for name, count in functions() if count > FUNCTION_LINES_MAX} == {}

    def test_of_most_functions_are_small(self) -> None:
        counts = [count for _name, count in functions()]

        assert len(counts) > 300, "too few functions to speak of a median"
        assert statistics.median(counts) <= FUNCTION_LINES_MEDIAN


class TestNames:
    def test_of_files_are_nouns(self) -> None:
        parts = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(ROOT).parts}

        assert {part for part in parts for word in part.split("_") if word in NO_NOUNS} == set()


class TestDocstrings:
    def test_open_every_module(self) -> None:
        missing = [
            path.relative_to(ROOT)
            for path in MODULES
            if path.read_text().strip() and not ast.get_docstring(tree_of(path))
        ]

        assert missing == []

    def test_tell_what_is_true_after_a_public_function_of_the_core(self) -> None:
        missing = [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for path in CORE
            for node in tree_of(path).body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]

        assert missing == []

    def test_are_no_banners_or_notes_to_oneself(self) -> None:
        words = ("TODO", "FIXME", "XXX", "HACK")
        found = [
            f"{path.relative_to(ROOT)}:{number} {line.strip()}"
            for path in MODULES
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if any(word in line for word in words) and "#" in line and "(#" not in line
        ]

        assert found == []


def test_the_core_is_looked_at() -> None:
    rooms = {path.relative_to(ROOT / "core").parts[0] for path in CORE if path.parent != ROOT / "core"}

    assert len(rooms) > 10 and len(CORE) > 80, "what core must not know of would be checked of too little"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT / "core").with_suffix("")))
class TestCore:
    def test_imports_no_clock_chance_or_log(self, path: Path) -> None:
        found = set()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])

        assert found & set(NOT_IN_CORE) == set()

    def test_reads_no_clock(self, path: Path) -> None:
        found = []
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                is_context = name == "context.now"
                if name.rpartition(".")[2] in CLOCKS and not is_context:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}(…)")

        assert found == []

    def test_awaits_nothing_and_holds_no_float(self, path: Path) -> None:
        found = [
            f"{path.relative_to(ROOT)}:{node.lineno} {type(node).__name__}"
            for node in ast.walk(tree_of(path))
            if isinstance(node, (ast.AsyncFunctionDef, ast.Await))
            or (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.Name) and node.id == "float")
        ]

        assert found == []

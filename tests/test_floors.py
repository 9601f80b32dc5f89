"""What holds between files and floors beyond the contracts of import-linter: no circles, and no SQL above storage."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vinr_server
from trees import tree_of

ROOT = Path(vinr_server.__file__).parent
FILES = {
    ".".join(("vinr_server", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
# A column of the row `t`, or the beginning of a statement.
SQL = re.compile(
    r"\bt\.[a-z_]+\s*(=|<|>|is\b|in\b)|\b(select\b.*\bfrom|insert into|delete from|update \w+ set)\b", re.DOTALL
)


def imports_of(name: str) -> set[str]:
    """Every file of ours that a module imports: at its top, inside of a function, or for types alone."""
    found: set[str] = set()
    for node in ast.walk(tree_of(FILES[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one for one in members if one in FILES} or {node.module}
    return {one for one in found if one in FILES}


def texts_of(name: str) -> Iterator[str]:
    """Every text in a module that is no docstring."""
    tree = tree_of(FILES[name])
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def circle_from(name: str, graph: dict[str, set[str]]) -> list[str]:
    """The way from a module back to itself; empty where there is none."""
    came_from: dict[str, str] = {}
    waiting = [name]
    while waiting:
        here = waiting.pop()
        for other in graph[here]:
            if other == name:
                way = [here]
                while way[-1] != name:
                    way.append(came_from[way[-1]])
                return [*reversed(way), name]
            if other not in came_from:
                came_from[other] = here
                waiting.append(other)
    return []


class TestImports:
    def test_close_no_circle(self) -> None:
        graph = {name: imports_of(name) - {name} for name in FILES}

        assert sum(map(len, graph.values())) > 1000, "too few imports: they are not found"
        assert [circle for name in graph if (circle := circle_from(name, graph))] == []

    def test_that_close_a_circle_are_found(self) -> None:
        graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}}

        assert circle_from("a", graph) == []
        assert circle_from("b", graph) == ["b", "c", "b"]


class TestSql:
    def test_is_seen_in_storage(self) -> None:
        assert sum(bool(SQL.search(text)) for name in FILES if ".storage." in name for text in texts_of(name)) > 50

    @pytest.mark.parametrize("name", [one for one in FILES if one.split(".")[1:2] == ["api"]])
    def test_stands_nowhere_in_the_api(self, name: str) -> None:
        assert [text for text in texts_of(name) if SQL.search(text)] == []

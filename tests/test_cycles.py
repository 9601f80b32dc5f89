"""Imports run one way only: no module of the SDKs or of the server needs a module that needs it.

Every import statement counts, also one inside of a function or for type checkers alone: a reader has to follow it too.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from trees import tree_of

ROOT = Path(__file__).parents[1]
PYTHON_SDK = ROOT / "sdk/python/src/vinr"
TYPESCRIPT_SDK = ROOT / "sdk/typescript/src"
SERVER = ROOT / "src/vinr_server"
# How TypeScript names another file: `from './pages.js'`, `import './pages.js'`, `import('./pages.js')`.
_SPECIFIER = re.compile(r"""\b(?:from|import)\s*\(?\s*['"](\.{1,2}/[^'"]+)\.js['"]""")

Graph = dict[str, set[str]]


def python_graph(package: Path) -> Graph:
    """Each module of a package with the modules of the same package that it imports."""
    files = {
        ".".join((package.name, *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    graph: Graph = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names if alias.name in files}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno} imports relatively, which this test doesn't read"
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                graph[name] |= {one if one in files else str(node.module) for one in inner} & files.keys()
    return graph


def typescript_graph(folder: Path) -> Graph:
    """Each file of a folder with the files that it imports, types alone included."""
    return {
        str(path.relative_to(folder)): {
            str((path.parent / f"{named}.ts").resolve().relative_to(folder))
            for named in _SPECIFIER.findall(path.read_text())
        }
        for path in folder.rglob("*.ts")
    }


def cycle(graph: Graph) -> str:
    """A way from a module back to itself; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " imports ".join(reversed(error.args[1]))
    return ""


class TestPythonSdk:
    def test_has_no_cycle(self) -> None:
        graph = python_graph(PYTHON_SDK)

        assert cycle(graph) == ""
        assert len(graph) > 30 and sum(map(len, graph.values())) > 100, "too little was seen to say so"


class TestTypeScriptSdk:
    def test_has_no_cycle(self) -> None:
        graph = typescript_graph(TYPESCRIPT_SDK)

        assert cycle(graph) == ""
        assert len(graph) > 10 and sum(map(len, graph.values())) > 25, "too little was seen to say so"
        assert {name for named in graph.values() for name in named} <= graph.keys(), "an import of no file"


class TestServer:
    def test_has_no_cycle_outside_of_its_api(self) -> None:
        graph = python_graph(SERVER)
        outside = {name: named for name, named in graph.items() if not name.startswith("vinr_server.api.")}

        assert cycle({name: named & outside.keys() for name, named in outside.items()}) == ""
        assert len(outside) > 100 and "vinr_server.core.decide" in outside, "too little was seen to say so"


class TestCycle:
    def test_is_found_where_it_is_closed_for_types_or_late(self, tmp_path: Path) -> None:
        package = tmp_path / "house"
        package.mkdir()
        (package / "__init__.py").write_text("from house import cellar\n")
        (package / "attic.py").write_text("import house.cellar\n")
        (package / "cellar.py").write_text("def climb():\n    from house.attic import stairs\n")
        late = cycle(python_graph(package))
        typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import attic\n"
        (package / "cellar.py").write_text(typed)
        for_types = cycle(python_graph(package))
        (package / "cellar.py").write_text("")

        assert late == for_types != ""
        assert {"house.attic", "house.cellar"} == {*late.split(" imports ")}
        assert cycle(python_graph(package)) == ""

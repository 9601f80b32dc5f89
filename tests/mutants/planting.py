"""Where a bug is planted: its function, in whatever file that is, and the one place in it that the edit fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from edit import Edit, edits
from mutant import Mutant


class MisfitError(ValueError):
    """The edit has no place in the source, or more than one."""


@dataclass(frozen=True)
class Fit:
    """A place of an edit."""

    path: Path
    tree: ast.Module
    edit: Edit

    def planted(self) -> str:
        """The file's text with the bug in it. It is written from the tree, and has no comments."""
        self.edit.apply()
        return ast.unparse(self.tree)


class Source:
    """The Python files below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fit(self, mutant: Mutant) -> Fit:
        """The one place of the mutant's edit. That there is none or a second is an error: the table must not rot."""
        stem, _, name = mutant.function.rpartition(":")
        paths = [path for path in self._files_by_name.get(name, ()) if stem in ("", path.stem)]
        fits = [fit for path in paths for fit in _fits(path, name, mutant)]
        match fits:
            case [fit]:
                return fit
            case []:
                raise MisfitError(f"{mutant.name}: {self._why_nowhere(mutant, name, paths)}")
        places = ", ".join(f"{self._short(fit.path)}:{fit.edit.line}" for fit in fits)
        is_one_file = len({fit.path for fit in fits}) == 1
        advice = "Quote more code." if is_one_file else f"Name the file: {fits[0].path.stem}:{name}."
        raise MisfitError(
            f"{mutant.name}: {mutant.old!r} stands {len(fits)} times in {mutant.function}: {places}. {advice}"
        )

    @cached_property
    def _files_by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted(self.root.rglob("*.py")):
            for name in dict.fromkeys(name for name, _, _ in _definitions(_tree(path))):
                found.setdefault(name, []).append(path)
        return found

    def _why_nowhere(self, mutant: Mutant, name: str, paths: Sequence[Path]) -> str:
        if paths:
            why = f"{mutant.function} ({', '.join(map(self._short, paths))}) has no {mutant.old!r}."
        else:
            similar = get_close_matches(name, self._files_by_name, n=3)
            why = f"Nothing is called {mutant.function}; similar names: {', '.join(similar) or 'none'}."
        return f"{why} Where {mutant.old!r} stands: {', '.join(self._functions_with(mutant)) or 'nowhere'}."

    def _functions_with(self, mutant: Mutant) -> Iterator[str]:
        for path in sorted(self.root.rglob("*.py")):
            tree = _tree(path)
            for statement in tree.body:
                for edit in edits(tree, statement, old=mutant.old, new=mutant.new):
                    names = [name for name, node, _ in _definitions(tree) if edit.old[0] in ast.walk(node)]
                    yield f"{path.stem}:{names[-1]}" if names else self._short(path)

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _fits(path: Path, name: str, mutant: Mutant) -> Iterator[Fit]:
    tree = _tree(path)
    for known, node, parent in _definitions(tree):
        if known == name:
            for edit in edits(parent, node, old=mutant.old, new=mutant.new):
                yield Fit(path, tree, edit)


def _definitions(parent: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Functions, classes and constants by their dotted names, each with its parent; an outer one before its inner."""
    for child in ast.iter_child_nodes(parent):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield prefix + child.name, child, parent
                yield from _definitions(child, f"{prefix}{child.name}.")
            case ast.Assign() | ast.AnnAssign():
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                names = (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
                yield from ((prefix + name, child, parent) for name in names)
            case ast.stmt() | ast.excepthandler() | ast.match_case():
                yield from _definitions(child, prefix)

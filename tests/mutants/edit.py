"""Edits of a syntax tree: where code of one structure stands in it, and what takes its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from textwrap import dedent

Family = tuple[ast.AST, str, list[ast.AST]]
BLOCKS = ("body", "orelse", "handlers", "finalbody")


@dataclass(frozen=True)
class Edit:
    """The run `old` stands among the children of `owner`; `new` can take its place."""

    owner: ast.AST
    field: str
    old: Sequence[ast.AST]
    new: Sequence[ast.AST]

    @property
    def line(self) -> int:
        """Where the old code begins."""
        return int(getattr(self.old[0], "lineno", 0))

    def apply(self) -> None:
        """The tree has the new code. A block that has nothing left passes."""
        children = getattr(self.owner, self.field)
        if not isinstance(children, list):
            setattr(self.owner, self.field, self.new[0])
            return
        start = next(at for at, child in enumerate(children) if child is self.old[0])
        children[start : start + len(self.old)] = self.new
        if self.field == "body" and not children:
            children.append(ast.Pass())


def edits(parent: ast.AST, scope: ast.AST, *, old: str, new: str) -> list[Edit]:
    """Every place in the scope, a child of `parent`, where the old code stands or is a part of a string."""
    families = list(_families(parent, scope))
    found: dict[int, Edit] = {}
    for read in (_items, _statements):
        with suppress(SyntaxError):
            for edit in _of_code(families, read(old), read(new)):
                # An expression that is a statement is found as both.
                first = edit.old[0]
                found.setdefault(id(first.value if isinstance(first, ast.Expr) else first), edit)
    return [*found.values(), *_of_strings(families, old, new)]


def _items(code: str) -> list[ast.AST]:
    """Expressions and keyword arguments as they stand between the brackets of a call."""
    call = ast.parse(f"_({dedent(code)}\n)", mode="eval").body
    assert isinstance(call, ast.Call)
    return [*call.args, *call.keywords]


def _statements(code: str) -> list[ast.AST]:
    """Statements. A head alone has the body `...`, which stands for any."""
    lines = dedent(code).strip()
    return [*ast.parse(f"{lines} ..." if lines.endswith(":") else lines).body]


def _of_code(families: Sequence[Family], old: Sequence[ast.AST], new: Sequence[ast.AST]) -> Iterator[Edit]:
    for owner, field, children in families:
        for start in range(len(children) - len(old) + 1):
            run = children[start : start + len(old)]
            has_room = len(new) == 1 or isinstance(getattr(owner, field), list)
            if has_room and all(_is_alike(node, code) for node, code in zip(run, old, strict=True)):
                yield Edit(owner, field, run, [_with_blocks(code, run[-1]) for code in new])


def _families(parent: ast.AST, scope: ast.AST) -> Iterator[Family]:
    """The scope as a child, and every parent in it with the children of each of its fields."""
    yield from ((parent, field, [scope]) for field, value in ast.iter_fields(parent) if scope in _listed(value))
    for owner in ast.walk(scope):
        for field, value in ast.iter_fields(owner):
            children = [child for child in _listed(value) if isinstance(child, ast.AST)]
            if children:
                yield owner, field, children


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_alike(node: ast.AST | None, code: ast.AST) -> bool:
    return type(node) is type(code) and ast.dump(node) == ast.dump(_with_blocks(code, node))


def _with_blocks(code: ast.AST, found: ast.AST) -> ast.AST:
    """The code; if it is a head alone, then with the blocks of the statement that was found."""
    match getattr(code, "body", None):
        case [ast.Expr(ast.Constant(value=value))] if value is ...:
            blocks = {name: value for name, value in ast.iter_fields(found) if name in BLOCKS and name in code._fields}
            return ast.copy_location(type(code)(**dict(ast.iter_fields(code)) | blocks), code)
    return code


def _of_strings(families: Sequence[Family], old: str, new: str) -> Iterator[Edit]:
    for owner, field, children in families:
        # No bug can be in a docstring; and what an f-string is made of is searched with all of it.
        if not isinstance(owner, (ast.Expr, ast.JoinedStr)):
            for child in children:
                match child:
                    case ast.JoinedStr() | ast.Constant(value=str()):
                        for changed in _with_part_changed(child, old, new):
                            yield Edit(owner, field, [child], [changed])


def _with_part_changed(string: ast.JoinedStr | ast.Constant, old: str, new: str) -> Iterator[ast.expr]:
    """The string with the new part for each time that it has the old. A hole is one character meanwhile."""
    parts = string.values if isinstance(string, ast.JoinedStr) else [string]
    holes = {_text(part): part for part in parts if isinstance(part, ast.FormattedValue)}
    marks = {hole: chr(0xE000 + number) for number, hole in enumerate(holes)}

    def marked(text: str) -> str:
        for hole, mark in marks.items():
            text = text.replace(hole, mark)
        return text

    def joined(text: str) -> ast.expr:
        if not holes:
            return ast.Constant(text)
        by_mark = dict(zip(marks.values(), holes.values(), strict=True))
        pieces = re.split(f"([{''.join(by_mark)}])", text)
        return ast.JoinedStr([by_mark.get(piece) or ast.Constant(piece) for piece in pieces if piece])

    text = "".join(_text(part) if isinstance(part, ast.Constant) else marks[_text(part)] for part in parts)
    for place in re.finditer(re.escape(marked(old)), text):
        yield joined(text[: place.start()] + marked(new) + text[place.end() :])


def _text(part: ast.expr) -> str:
    """The part of a string as it stands in the source: a constant, or a hole with its braces."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    return ast.unparse(ast.JoinedStr([part])).removeprefix("f").strip("'\"")

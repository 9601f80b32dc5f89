"""A planted bug: one edit of the source, and the test that must go red on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path("src/vinr_server")


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in the function, and becomes `new`; `test` is a pytest id below tests.

    `function` is the dotted name of a function, a class or a constant in whatever file of src/vinr_server: `Layer.put`.
    Where two files have it and `old` fits in both, the file's stem comes first: `lots:use_order`.

    `old` and `new` are code, compared by structure: layout, comments and quotes make no difference. Code is
    - expressions, as they stand between commas: `lot.expires_at <= now`, `key=use_order`, `first, *others`;
    - statements, of which `new` may be none;
    - the head of a statement, which keeps its body: `if found.is_revoked:`;
    - or a part of a string: `for no key update`, with holes of an f-string as they stand: `order by {column}`.
    """

    name: str
    function: str
    old: str
    new: str
    test: str


def scenario(title: str, way: str = "core") -> str:
    """The id of a scenario, `topic: title`, run one way."""
    return f"scenarios/test_scenarios.py::test_scenario[{title} [{way}]]"

"""A planted bug: one edit of the source, and the test that must go red on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path("src/vinr_server")


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in the file below src/vinr_server; `test` is a pytest id below tests."""

    name: str
    file: str
    old: str
    new: str
    test: str

    def planted(self, text: str) -> str:
        """The file's text with the bug in it. An edit that no longer fits is an error: the table must not rot."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def scenario(title: str, way: str = "core") -> str:
    """The id of a scenario, `topic: title`, run one way."""
    return f"scenarios/test_scenarios.py::test_scenario[{title} [{way}]]"

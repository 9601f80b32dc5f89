"""The planted bugs still fit the source they are planted in; whether they are caught is `python tests/mutants`."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from catalogue_of_mutants import MUTANTS, PUBLISHED
from mutant import ROOT, SOURCE, Mutant
from planting import MisfitError, Source

from trees import tree_of

VINR = Source(ROOT / SOURCE)


@cache
def unplanted(path: Path) -> str:
    """The file's code in the form that a planted one has."""
    return ast.unparse(tree_of(path))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
class TestMutants:
    def test_are_one_edit_of_the_source(self, mutant: Mutant) -> None:
        fit = VINR.fit(mutant)

        planted = fit.planted()

        assert planted != unplanted(fit.path)
        assert ast.parse(planted)

    def test_name_a_test_that_is_there(self, mutant: Mutant) -> None:
        path, *names = re.sub(r"\[.*", "", mutant.test).split("::")
        tests = ROOT / "tests" / path

        assert all(re.search(rf"(def|class) {name}\b", tests.read_text()) for name in names)

    def test_are_published(self, mutant: Mutant) -> None:
        assert f"| {mutant.name} | `{mutant.function}` |" in PUBLISHED.read_text()


def test_names_are_used_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


LOTS = '''
LIMIT = 3
FIND = f"select {LIMIT + 1} from lots order by {LIMIT} for update"


class Lots:
    def first(self, lots, *, now):
        """The first lot that is not over."""
        for lot in lots:  # in their order
            if lot.is_over(now):
                continue
            return lot
        self.log("none of", len(lots))
        return None


def first(lots):
    return sorted(lots, key=len)[0]
'''


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Two files: the same `first` stands in both."""
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "lots.py").write_text(LOTS)
    (tmp_path / "rows.py").write_text("def first(rows):\n    return sorted(rows, key=len)[0]\n")
    return Source(tmp_path)


def edited(function: str, old: str, new: str) -> Mutant:
    """A bug without a test."""
    return Mutant("a bug", function, old, new, "")


class TestEdits:
    @pytest.mark.parametrize(
        ("function", "old", "new", "expected"),
        [
            ("Lots.first", "lot . is_over( now )", "False", "if False:\n                continue"),
            ("Lots.first", "if lot.is_over(now):", "while True:", "while True:\n                continue"),
            ("Lots.first", "for lot in lots:", "lots = []\nfor lot in lots:", "lots = []\n        for lot in lots:"),
            ("Lots.first", "self.log('none of', len(lots))\nreturn None", "return 0", "return lot\n        return 0"),
            ("Lots.first", "continue", "", "if lot.is_over(now):\n                pass"),
            ("Lots.first", "none of", "all of", "self.log('all of', len(lots))"),
            ("Lots.first", "len(lots)", "", "self.log('none of')"),
            ("lots:first", "key=len", "key=len, reverse=True", "sorted(lots, key=len, reverse=True)"),
            ("LIMIT", "3", "4", "LIMIT = 4"),
            ("LIMIT", "LIMIT = 3", "LIMIT = {}", "LIMIT = {}"),
            ("FIND", "LIMIT + 1", "LIMIT", "{LIMIT} from lots order by {LIMIT} for"),
            ("FIND", "order by {LIMIT} for update", "{LIMIT}", "select {LIMIT + 1} from lots {LIMIT}"),
        ],
    )
    def test_are_found_by_structure(self, source: Source, function: str, old: str, new: str, expected: str) -> None:
        assert expected in source.fit(edited(function, old, new)).planted()

    @pytest.mark.parametrize(
        ("function", "old", "why"),
        [
            ("first", "key=len", "stands 2 times in first: ledger/lots.py:18, rows.py:2. Name the file: lots:first."),
            ("Lots.first", "lots", "stands 2 times in Lots.first: ledger/lots.py:9, ledger/lots.py:13. Quote"),
            (
                "Lots.first",
                "key=len",
                "Lots.first (ledger/lots.py) has no 'key=len'. Where 'key=len' stands: lots:first, rows:first.",
            ),
            (
                "Lots.first",
                "lot is over",
                "Lots.first (ledger/lots.py) has no 'lot is over'. Where 'lot is over' stands: nowhere.",
            ),
            ("Lots.frist", "len(lots)", "Nothing is called Lots.frist; similar names: Lots.first."),
            ("Lots.frist", "len(lots)", "Where 'len(lots)' stands: lots:Lots.first."),
        ],
    )
    def test_that_fit_nowhere_or_twice_say_so(self, source: Source, function: str, old: str, why: str) -> None:
        with pytest.raises(MisfitError) as error:
            source.fit(edited(function, old, "0"))

        assert why in str(error.value)

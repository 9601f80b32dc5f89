"""The planted bugs still fit the source they are planted in; whether they are caught is `python tests/mutants`."""

from __future__ import annotations

import ast
import re

import pytest
from catalogue_of_mutants import MUTANTS, PUBLISHED
from mutant import ROOT, SOURCE, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
class TestMutants:
    def test_are_one_edit_of_the_source(self, mutant: Mutant) -> None:
        text = (ROOT / SOURCE / mutant.file).read_text()

        planted = mutant.planted(text)

        assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(text))

    def test_name_a_test_that_is_there(self, mutant: Mutant) -> None:
        path, *names = re.sub(r"\[.*", "", mutant.test).split("::")
        tests = ROOT / "tests" / path

        assert all(re.search(rf"(def|class) {name}\b", tests.read_text()) for name in names)

    def test_are_published(self, mutant: Mutant) -> None:
        assert f"| {mutant.name} | `{mutant.file}` |" in PUBLISHED.read_text()


def test_names_are_used_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)

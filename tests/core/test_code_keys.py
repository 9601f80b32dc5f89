"""What a code is compared by (R60): many spellings, one key; and texts that can be none."""

from __future__ import annotations

import unicodedata

import pytest

from vinr_server.core.codes.keys import fold, key_problem

ALIKE = [
    ("save-10", " SAVE10 ", "Ｓａｖｅ１０", "SAVE–10", "sa\u200bve\u221210", "save\u00ad10\t"),
    ("dankefür100", "DANKEFÜR100", unicodedata.normalize("NFD", "DankeFür100")),
    ("İNDİRİM", "INDIRIM", "ındırım", "indirim"),
    ("straße", "STRASSE", "Strasse", "STRAẞE"),
    ("cat bird", "catbird", "CAT-BIRD"),
]


class TestFold:
    @pytest.mark.parametrize("texts", ALIKE)
    def test_makes_one_key_of_every_spelling(self, texts: tuple[str, ...]) -> None:
        assert len({fold(text) for text in texts}) == 1

    def test_keeps_different_characters_apart(self) -> None:
        assert len({fold(text) for text in ("B00", "BOO", "BO0", "8OO", "007", "7", "1l", "11")}) == 8

    def test_folds_ascii_as_all_other_text(self) -> None:
        for number in range(128):
            text = f"a{chr(number)}B"
            slow = fold(f"{text}é").removesuffix("é")
            assert fold(text) == slow, repr(text)

    @pytest.mark.parametrize("text", ["save10", "dankefür100", "a_b.c+d*e%f$g@h&i!", "7", "x" * 64, "код10"])
    def test_leaves_keys_that_anybody_can_have(self, text: str) -> None:
        assert fold(text) == text
        assert key_problem(text) is None

    @pytest.mark.parametrize("text", ["", " - ", "=cmd()", "_x", "%5", "a;b", "x" * 65, "a\x00b", "a/b", "é" * 65])
    def test_finds_what_can_be_no_key(self, text: str) -> None:
        assert key_problem(fold(text)) is not None

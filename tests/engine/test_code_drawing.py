"""Codes are drawn without bias, from the system's generator (R64)."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from vinr_server.core.codes.keys import fold, key_problem
from vinr_server.engine.code_drawing import ALPHABET, PATTERN, draw_codes


class TestDrawing:
    def test_draws_each_character_as_often_as_any_other(self) -> None:
        drawn = Counter("".join(draw_codes(100_000, pattern="#" * 10)))

        share = 1 / len(ALPHABET)
        deviation = sqrt(1_000_000 * share * (1 - share))
        assert set(drawn) == set(ALPHABET)
        # CAMPAIGNS scenario 26. Of 28 characters one is beyond 5 deviations once in 60,000 runs.
        assert all(abs(count - 1_000_000 * share) < 5 * deviation for count in drawn.values())

    def test_puts_characters_in_place_of_signs_and_leaves_the_rest(self) -> None:
        for text in draw_codes(100, pattern="VIP-##-x#"):
            assert text.startswith("VIP-")
            assert text[6:8] == "-x"
            assert {*text[4:6], text[8]} <= set(ALPHABET)

    @pytest.mark.parametrize("alphabet", ["AB", "0123456789", "xyz"])
    def test_takes_any_alphabet(self, alphabet: str) -> None:
        assert set("".join(draw_codes(500, pattern="####", alphabet=alphabet))) == set(alphabet)

    def test_draws_keys(self) -> None:
        texts = draw_codes(1_000)

        assert len({fold(text) for text in texts}) == 1_000
        assert all(key_problem(fold(text)) is None and len(text) == len(PATTERN) for text in texts)

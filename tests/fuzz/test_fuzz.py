"""The short form of the fuzz run, the same at each run; `make fuzz` is the long one, with other cases each time."""

from __future__ import annotations

from fuzz_rig import Fuzz

from conftest import RunningServer

SEED = 20261101


class TestEveryOperation:
    def test_answers_what_is_documented_whatever_it_is_sent(self, shared_server: RunningServer) -> None:
        figures = Fuzz(shared_server, seed=SEED).run(examples=4)

        assert not figures.wrong, "\n\n".join(figures.wrong[:10])
        assert figures.never_succeeded == [], "give an example or a sample that works"
        assert figures.cases >= 500 and figures.seen["negative", 4] >= 100, figures.told()
        assert figures.positive_share >= 0.2, figures.told()

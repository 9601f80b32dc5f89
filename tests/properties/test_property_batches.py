"""The first law, decisions alone: a batch of n equals any split of it, in answers and in state."""

from __future__ import annotations

from collections import Counter

from engines import normalised
from examples import expect, hold
from histories import FLOORS, History, histories, occurrences, splits
from steps import batches
from worlds import core_run

counted: Counter[str] = Counter()


def test_a_batch_equals_any_split_of_it() -> None:
    def law(history: History, sizes: list[int]) -> None:
        run = core_run(history.variant)
        for batch in batches(history.steps, sizes):
            run.submit(batch)
            counted["batches"] += len(batch) > 1
        counted.update(occurrences(history))

        if not run.has_become(history.run):
            one_by_one = normalised(history.run.outcomes, history.run.rows())
            assert normalised(run.outcomes, run.rows()) == one_by_one, sizes

    hold(law, examples=500, history=histories, sizes=splits)

    expect(counted, {**FLOORS, "batches": 1_000})

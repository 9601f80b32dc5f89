"""The first law, decisions alone: a batch of n equals any split of it, in answers and in state."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from engines import normalised
from examples import expect, hold
from histories import FLOORS, History, histories, occurrences, splits
from steps import batches
from worlds import core_run

counted: Counter[str] = Counter()
A_YEAR = timedelta(days=366)


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

    more = hold(law, examples=500, history=histories, sizes=splits)

    expect(counted, {**FLOORS, "batches": 1_000}, more)


def test_what_is_due_is_done_in_an_order_of_its_own() -> None:
    def law(history: History) -> None:
        for realm in (0, 1):
            forwards, backwards = (
                [repr(row) for row in history.run.settled(realm, after=A_YEAR, named_backwards=way).all_written()]
                for way in (False, True)
            )
            assert backwards == forwards, "in whichever order a command names the accounts"
            due["accounts"] += sum(row.startswith("Account(") for row in forwards)
        due["histories"] += 1

    due: Counter[str] = Counter()
    more = hold(law, examples=100, history=histories)

    expect(due, {"accounts": 1_000}, more)

"""The engine and a naive second reading of the rules agree after every step: answers, balances, lots, tiers."""

from __future__ import annotations

from collections import Counter

from examples import expect, hold
from figures import Judge
from histories import FLOORS, History, histories, occurrences
from worlds import core_run, setup

counted: Counter[str] = Counter()


def test_the_engine_does_what_the_rules_say() -> None:
    def law(history: History) -> None:
        run = core_run(history.variant)
        judge = Judge(run)
        for realm in (0, 1):
            for step in (step for batch in setup(history.variant, realm) for step in batch):
                judge.judge(step, run.outcomes[step.number])

        for step in history.steps:
            (outcome,) = run.submit([step])
            judge.judge(step, outcome)
            judge.compare_core(run, step.realm)
        counted.update(occurrences(history))

    more = hold(law, examples=400, history=histories)

    expect(counted, FLOORS, more)

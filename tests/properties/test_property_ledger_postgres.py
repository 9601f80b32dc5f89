"""After random histories through the Writer the tables keep every invariant, and hold what the oracle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from databases import Database, open_database
from examples import expect, hold
from figures import Judge
from histories import History, histories, occurrences, splits
from invariants import violations
from steps import batches
from worlds import setup

from conftest import make_database
from vinr_server.storage.laws.verify import verify
from vinr_server.storage.postgres.embedded import EmbeddedServer

counted: Counter[str] = Counter()


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


def test_the_tables_keep_every_invariant(database: Database) -> None:
    def law(history: History, sizes: list[int]) -> None:
        run = database.writer_run(history.variant, has_two_realms=history.has_two_realms)
        judge = Judge(run)
        for realm in range(len(run.realms)):
            for step in (step for batch in setup(history.variant, realm) for step in batch):
                judge.judge(step, run.outcomes[step.number])

        for batch in batches(history.steps, sizes):
            for step, outcome in zip(batch, run.submit(batch), strict=True):
                judge.judge(step, outcome)
        counted.update(occurrences(history))
        counted["batches"] = sum(count for size, count in database.writer.batch_sizes.items() if size > 1)

        judge.compare_tables(database, run)
        assert violations(database, run.realms) == {}

    more = hold(law, examples=80, history=histories, sizes=splits)

    verdict = verify(database.url)
    assert verdict.disagreements == [], "`vinr verify` agrees with the tests' own queries"
    assert verdict.entries > 1_000
    expect(counted, {"batches": 1_000, "deficits": 60, "replays": 40, "entries: expiry": 400}, more)

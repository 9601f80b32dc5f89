"""The first law on PostgreSQL: one batch, any split of it and one by one leave the same rows and give the same answers.

They also give the answers of the run in memory, where every row is at hand: so the loader forgets nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from databases import Database, open_database
from engines import normalised
from examples import expect, hold
from histories import History, histories, splits
from hypothesis import strategies as st
from steps import batches

from conftest import make_database
from vinr_server.storage.batch import kinds
from vinr_server.storage.postgres.embedded import EmbeddedServer

counted: Counter[str] = Counter()


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def few_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few lots are read at first that decisions often need more, as those of members with thousands do."""
    monkeypatch.setattr(kinds, "LOTS_MAX", 2)


def test_a_batch_equals_any_split_of_it_in_every_row(database: Database) -> None:
    def law(history: History, sizes: list[int], is_distributed: bool) -> None:
        ways = []
        for way, groups in (([1], False), ([16], is_distributed), (sizes, not is_distributed)):
            run = database.postgres_run(history.variant, has_two_realms=history.has_two_realms, is_distributed=groups)
            for batch in batches(history.steps, way):
                run.submit(batch)
                counted["batches"] += len(batch) > 1
            ways.append(normalised(run.outcomes, database.rows(run)))
            in_memory = {number: history.run.outcomes[number] for number in run.outcomes}
            assert normalised(run.outcomes, []) == normalised(in_memory, [])
        counted["histories"] += 1

        assert ways[1] == ways[0], "all at once against one by one"
        assert ways[2] == ways[0], f"split into {sizes} against one by one"

    more = hold(law, examples=60, history=histories, sizes=splits, is_distributed=st.booleans())

    expect(counted, {"batches": 1_000}, more)

"""Random lives of members over two years, held against a second, plain statement of all their rules at once.

Every history runs twice: learning of time at once, and in random parts or with a worker that seldom comes. So whatever
splits time, all that is shown is the same (R24).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from databases import Database, open_database
from engines import CoreRun, PostgresRun
from examples import expect, hold
from hypothesis import strategies as st
from lives.member import Terms
from lives.money_moves import Play
from lives.sides import TABLES, Side
from lives.worlds import draw_terms
from psycopg.rows import namedtuple_row

from conftest import make_database
from vinr_server.core.kernel.rows import HOME, Home
from vinr_server.storage.postgres.embedded import EmbeddedServer

# Of each at least so many in 1,000 histories, or a quarter of it.
FLOORS = {
    "moves": 40_000, "events": 150_000, "loyalty.points.pending": 4_000, "loyalty.points.reinstated": 300,
    "loyalty.redemption.expired": 1_000, "loyalty.redemption.canceled": 300, "loyalty.reward.redeemed": 1_000,
    "tier activated": 300, "tier expired": 400, "tier grace_ended": 400, "tier landed": 400, "tier reversal": 100,
    "tier set": 500, "tier lock_ended": 20, "referral.converted": 300, "referral.reversed": 50, "referral.expired": 500,
    "store_credit.spent": 1_000, "store_credit.returned": 500, "store_credit.expired": 2_000,
    "payment.refund_canceled": 500, "refused credit_spent": 200, "refused not_pending": 200,
}  # fmt: skip


OPINION = ("book", "tiers", "member", "purchases", "points", "rewards", "club")


def memory_side(zone: str, *, is_late: bool = False) -> Side:
    """A run in memory of a tenant in this zone."""
    run = CoreRun()
    run.layers[run.realms[0]].put(Home(HOME, zone))
    return Side(run, is_late=is_late)


def sides_of(chance: Random, terms: Terms) -> list[Side]:
    """One that learns of time at once; one that learns of it in parts, or to which the worker seldom comes."""
    zone = terms.credit.zone
    return [memory_side(zone), memory_side(zone, is_late=chance.random() < 0.5)]


def test_the_second_opinion_asks_nobody() -> None:
    texts = [(Path(__file__).parent / "lives" / f"{name}.py").read_text() for name in OPINION]

    assert not any("vinr_server" in text for text in texts)


def test_members_live_as_the_rules_say() -> None:
    counted: Counter[str] = Counter()

    def law(seed: int) -> None:
        chance = Random(seed)
        terms = draw_terms(chance)
        Play(chance, terms, sides_of(chance, terms), counted).play()

    more = hold(law, examples=16, seed=st.integers(0, 2**64))
    expect(counted, FLOORS, more)


class TableSide(Side):
    """A run on PostgreSQL."""

    def __init__(self, database: Database, zone: str) -> None:
        self._reads, realm = database.reads, database.realm()
        set_zone = "update tenants set timezone = %s where id = (select tenant_id from realms where id = %s)"
        self._reads.execute(set_zone, (zone, realm))
        super().__init__(PostgresRun(database.runner, database.connection, [realm]))

    def rows(self) -> Mapping[Any, list[Any]]:
        """All rows that matter, as they stand in the tables."""
        found: dict[Any, list[Any]] = defaultdict(list)
        with self._reads.cursor(row_factory=namedtuple_row) as cursor:
            for row_type, table in TABLES.items():
                statement = f"select * from {table} where realm = %s".encode()
                found[row_type] = cursor.execute(statement, self.run.realms).fetchall()
        return found


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


def test_the_tables_hold_the_same_lives(database: Database) -> None:
    counted: Counter[str] = Counter()

    def law(seed: int) -> None:
        chance = Random(seed)
        terms = draw_terms(chance)
        sides = [memory_side(terms.credit.zone), TableSide(database, terms.credit.zone)]
        Play(chance, terms, sides, counted).play()

    hold(law, examples=1, seed=st.integers(0, 2**64))
    assert counted["events"] > 0

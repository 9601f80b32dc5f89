"""Derive every balance, lot, deficit and counter again from the ledger, and report what disagrees.

All laws are checked within one snapshot, so that a commit meanwhile is seen whole or not at all. The connection only
reads, as the application's role. Memory: here, one slice of disagreements; in PostgreSQL, work_mem for each hash.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from vinr_server.storage.laws.ledger import LAWS

# So many disagreements of each law are kept; the others are only counted.
SHOWN_MAX = 100
SLICE = 10_000
# A cursor is planned for its first tenth, and newly filled tables have no statistics: both would cause nested loops.
SETTINGS = {
    "role": "vinr_app",
    "statement_timeout": "0",
    "cursor_tuple_fraction": "1",
    "enable_nestloop": "off",
    "jit": "off",
    "work_mem": "64MB",
}

COUNT_ROWS = "select (select count(*) from accounts), (select count(*) from entries), (select count(*) from lot_uses)"
TENANT_OF = "select r.id, r.tenant_id || case when r.livemode then '/live' else '/test' end from realms r"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row that differs from the ledger: `realm` as tenant/live or tenant/test, `row` its id or name."""

    law: str
    realm: str | None
    account: str | None
    row: str
    expected: str
    found: str


@dataclass(slots=True)
class Verdict:
    """What a verification found; `broken` counts the disagreements of each broken law."""

    laws: int = 0
    accounts: int = 0
    entries: int = 0
    lot_uses: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    disagreements: list[Disagreement] = field(default_factory=list)

    @property
    def is_consistent(self) -> bool:
        """Whether everything agrees."""
        return not self.broken


@contextmanager
def snapshot(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that sees the database as of one instant, and can change nothing."""
    options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
    with psycopg.connect(database_url, options=options, application_name="vinr verify") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def verify(database_url: str, *, on_law: Callable[[str], None] = lambda law: None) -> Verdict:
    """Check every law in one snapshot. `on_law` is called with each law's name before its check."""
    with snapshot(database_url) as connection:
        return verify_within(connection, on_law=on_law)


def verify_within(
    connection: psycopg.Connection[Any], *, on_law: Callable[[str], None], laws: Collection[str] = LAWS
) -> Verdict:
    """Check these laws, or all, within the connection's transaction."""
    verdict = Verdict()
    counted = connection.execute(COUNT_ROWS).fetchone()
    assert counted is not None
    verdict.accounts, verdict.entries, verdict.lot_uses = counted
    realms = dict(connection.execute(TENANT_OF).fetchall())
    for law in laws:
        query = LAWS[law]
        on_law(law)
        verdict.laws += 1
        _ask(connection, law, query if isinstance(query, str) else query(connection), realms, verdict)
    return verdict


def _ask(connection: Any, law: str, query: str, realms: dict[int, str], verdict: Verdict) -> None:
    """The verdict has the law's disagreements. They are read in slices: a broken table may have millions."""
    found = 0
    with connection.cursor(name="disagreements") as cursor:
        cursor.itersize = SLICE
        cursor.execute(query.encode())
        for realm, account, row, expected, stands in cursor:
            found += 1
            if found <= SHOWN_MAX:
                where = None if realm is None else realms.get(realm, str(realm))
                verdict.disagreements.append(Disagreement(law, where, account, str(row), str(expected), str(stands)))
    if found:
        verdict.broken[law] = found

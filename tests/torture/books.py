"""What the clients know against what the database holds: every call is there completely or not at all, only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg
from calls import Call
from clients import Crowd, send_all
from ledger_invariants import broken_invariants

# The ids that the objects of an operation are found under.
MADE = {
    "award": "select id from entries where kind = 'award' and rule_id is null and not id = any(%s)",
    "adjust": "select id from entries where kind = 'adjustment' and not id = any(%s)",
    "redeem": "select id from redemptions where not id = any(%s)",
    "pay": "select id from payments where not id = any(%s)",
}
EVERY_ENTRY = "select id from entries where not id = any(%s)"
# Refunds are named by the caller; cancellations and reversals are states of what was there before.
REFUNDS = "select id from refunds"
CANCELED = "select id from redemptions where status = 'canceled'"
KEYS = "select key from idempotency_keys where not key = any(%s)"


async def settle(crowd: Crowd, calls: Sequence[Call]) -> int:
    """Every call that may have been done or not is sent again until it is known; answers how many there were."""
    opened = [call for call in calls if call.is_open]
    await send_all(crowd, opened)
    return len(opened)


async def replayed(crowd: Crowd, calls: Sequence[Call]) -> list[str]:
    """What does not answer the same bytes again."""
    done = [call for call in calls if call.done is not None]
    wrong: list[str] = []
    for call, answer in zip(done, await send_all(crowd, done), strict=True):
        assert call.done is not None
        if not answer.is_replay or (answer.status, answer.body) != call.done[:2]:
            wrong.append(f"{call.key}: {call.operation} answered {call.done}, then {answer}")
    return wrong


def wrong_books(database_url: str, calls: Sequence[Call], *, before: frozenset[str]) -> list[str]:
    """Where the database and the calls disagree. `before`: ids and keys that were there when the clients began."""
    wrong = [f"{name}: {found}" for name, found in broken_invariants(database_url).items()]
    known = sorted(before)
    with psycopg.connect(database_url) as connection:

        def found(query: str) -> set[str]:
            parameters = (known,) if "%s" in query else None
            return {str(row[0]) for row in connection.execute(query.encode(), parameters)}

        for operation, query in MADE.items():
            wrong += _difference(operation, found(query), (call.object["id"] for call in _done(calls, operation)))
        wrong += _difference("refund", found(REFUNDS), (call.body["id"] for call in _done(calls, "refund")))
        wrong += _difference("cancel", found(CANCELED), (call.object["id"] for call in _done(calls, "cancel")))
        wrong += _difference("key", found(KEYS), (call.key for call in calls if call.done is not None))
    return wrong


def _done(calls: Sequence[Call], operation: str) -> list[Call]:
    return [call for call in calls if call.operation == operation and call.done is not None]


def _difference(what: str, there: set[str], told: Iterable[str]) -> list[str]:
    acknowledged = set(told)
    lost, unasked = sorted(acknowledged - there)[:3], sorted(there - acknowledged)[:3]
    return [f"{what}: {word} {names}" for word, names in (("lost", lost), ("nobody was told of", unasked)) if names]


def known_before(database_url: str) -> frozenset[str]:
    """Ids and keys of what the setup, or a run before, has made."""
    nothing: list[str] = []
    with psycopg.connect(database_url) as connection:
        found = [
            connection.execute(query.encode(), (nothing,)).fetchall() for query in (EVERY_ENTRY, *MADE.values(), KEYS)
        ]
    return frozenset(str(row[0]) for rows in found for row in rows)


def batches(database_url: str) -> int:
    """How many batches were committed."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from batches").fetchone()
    assert row is not None
    return int(row[0])


def deadlocks(database_url: str) -> int:
    """How many deadlocks PostgreSQL has seen in the database."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])

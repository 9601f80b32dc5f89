"""Save what a batch decided: one insert and one update per table, for any number of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.codes.rows import Code
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Claim, Counter, Row
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer, OfferRedemption
from vinr_server.core.referrals.rows import Referral
from vinr_server.core.rewards.rows import Redemption, Reward
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.bulk import BulkWrite, Statement
from vinr_server.storage.batch.load import Superseded
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.reads.caps import Owner, hold_uncounted

# Rows that two batches may insert at once are inserted sorted: the batches queue up instead of deadlocking.
SORTED: dict[type[Row], Any] = {
    Claim: lambda pair: (pair[0], pair[1].id),
    Account: lambda pair: (pair[0], pair[1].customer_id, pair[1].program_id),
    Wallet: lambda pair: (pair[0], pair[1].customer_id, pair[1].currency),
    Counter: lambda pair: (pair[0], pair[1].id),
    Code: lambda pair: (pair[0], pair[1].folded),
    Referral: lambda pair: (pair[0], pair[1].customer_id, pair[1].program_id),
    Enrolment: lambda pair: (pair[0], pair[1].account_id, pair[1].campaign_id, pair[1].entry_key),
}

# After a lost answer, this row shows that the commit happened.
INSERT_BATCH = "insert into batches (id) values ($1)"
BUMP_CATALOGUES = "update realms set catalogue_revision = catalogue_revision + 1 where id = any($1)"

KEY_TYPES = {
    "bucket": "int2",
    "realm": "int4",
    "operation": "text",
    "key": "text",
    "fingerprint": "bytea",
    "status": "int2",
    "event_id": "text",
    "reply": "json",
    "is_kept": "bool",
    "created_at": "timestamptz",
}


def _insert_keys(expressions: Mapping[str, str], source: str) -> str:
    names, values = ", ".join(expressions), ", ".join(expressions.values())
    return f"insert into idempotency_keys ({names}) select {values} from {source}"


INSERT_KEYS = BulkWrite(KEY_TYPES, arrays=("bucket", "key"), compose=_insert_keys)

_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What an idempotency key answers from now on: the payload of an event, or a separate reply."""

    realm: int
    operation: str
    key: str
    fingerprint: bytes
    status: int
    event_id: str | None
    reply: str | None
    is_kept: bool
    created_at: datetime


async def save(
    connection: Any,
    batch_id: UUID,
    written: Mapping[int, Layer],
    loaded: Mapping[int, Layer],
    kept: Sequence[KeptAnswer],
    *,
    encoded: Mapping[int, str],
    is_distributed: bool = False,
) -> None:
    """All rows of the batch are written, with its id and what its keys answer, in the one order of tables.

    PostgreSQL runs a statement's writes from the last to the first: keys, then tables from the end of TABLES.
    A changed catalogue has a new revision. `encoded`: JSON texts made already, by the id() of their value.
    """
    inserts, updates = _sort_out(written, loaded)
    uses = [
        pair for kind in (OfferRedemption, Redemption) for place in (inserts, updates) for pair in place.get(kind, ())
    ]
    uncounted = _uncounted(uses, loaded)
    if uncounted and not await hold_uncounted(connection, uncounted):
        raise Superseded("an offer or a reward got its first cap")
    writes: list[Statement] = []
    for row_type, table in TABLES.items():
        if row_type in inserts:
            rows = sorted(inserts[row_type], key=SORTED[row_type]) if row_type in SORTED else inserts[row_type]
            writes.append(table.insert(rows, encoded))
        if row_type in updates:
            writes.append(table.update(updates[row_type], is_distributed=is_distributed))
    written_rows = [*inserts.items(), *updates.items()]
    changed = {realm for kind, pairs in written_rows if kind.is_catalogue for realm, _row in pairs}
    if changed:
        writes.append((BUMP_CATALOGUES, [sorted(changed)]))
    if kept:
        in_order = sorted(kept, key=lambda answer: (answer.realm, answer.key, answer.operation))
        writes.append(INSERT_KEYS.statement(_key_columns(in_order)))
    if writes:
        await _execute(connection, [(INSERT_BATCH, [batch_id]), *writes])


async def _execute(connection: Any, writes: Sequence[Statement]) -> None:
    """All writes go in one statement: at 64 connections a batch waited longer for five answers than it computed."""
    sql = _in_one_statement(tuple(sql for sql, _arguments in writes))
    await connection.execute(sql, *(argument for _sql, arguments in writes for argument in arguments))


@cache
def _in_one_statement(statements: tuple[str, ...]) -> str:
    """The statements as data-modifying CTEs of one statement, with parameters renumbered."""
    if len(statements) == 1:
        return statements[0]
    parts: list[str] = []
    taken = 0
    for position, statement in enumerate(statements):
        numbers = [int(number) for number in _PARAMETER.findall(statement)]
        shifted = _PARAMETER.sub(lambda match, by=taken: f"${int(match.group(1)) + by}", statement)  # type: ignore[misc]
        parts.append(f"w{position} as ({shifted})")
        taken += max(numbers)
    return f"with {', '.join(parts)} select"


def _uncounted(uses: Sequence[tuple[int, Row]], loaded: Mapping[int, Layer]) -> set[Owner]:
    """What these uses were not counted for, since it never had a global limit; checkout offers never get one later."""
    found: set[Owner] = set()
    for realm, use in uses:
        capped: Offer | Reward | None = None
        if isinstance(use, OfferRedemption):
            capped = loaded[realm].get(Offer, use.offer_id)
        elif isinstance(use, Redemption):
            capped = loaded[realm].get(Reward, use.reward_id)
        is_of_carts = isinstance(capped, Offer) and capped.kind == "checkout"
        if capped is not None and not capped.is_counted and not is_of_carts:
            found.add((realm, capped.counted_as, capped.id))
    return found


Sorted = dict[type[Row], list[tuple[int, Row]]]


def _sort_out(written: Mapping[int, Layer], loaded: Mapping[int, Layer]) -> tuple[Sorted, Sorted]:
    """The written rows by type: those that are new, and those that have changed. Raises ImmutableEdit."""
    inserts: Sorted = {}
    updates: Sorted = {}
    for realm, layer in written.items():
        before = loaded[realm]
        for row in layer.all_written():
            old = before.find(type(row), row.key)
            if old is None:
                inserts.setdefault(type(row), []).append((realm, row))
            elif old != row or repr(old) != repr(row):  # metadata of 1 and of true are == to each other
                updates.setdefault(type(row), []).append((realm, row))
                if type(row) in TABLES:
                    TABLES[type(row)].require_mutable(old, row)
    return inserts, updates


def _key_columns(kept: Sequence[KeptAnswer]) -> list[list[Any]]:
    return [
        [bucket_of(answer.realm, answer.key) for answer in kept],
        [answer.realm for answer in kept],
        [answer.operation for answer in kept],
        [answer.key for answer in kept],
        [answer.fingerprint for answer in kept],
        [answer.status for answer in kept],
        [answer.event_id for answer in kept],
        [answer.reply for answer in kept],
        [answer.is_kept for answer in kept],
        [answer.created_at for answer in kept],
    ]

"""What a batch asks of PostgreSQL besides its rows: its own id, catalogues, kept answers, and whether a commit
happened."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vinr_server.core.rows import EarningRule, Program, Reward
from vinr_server.core.state import Layer
from vinr_server.storage.buckets import bucket_of
from vinr_server.storage.tables import TABLES, rows_of

LOCK_CATALOGUES = "select id from realms where id = any($1) order by id for no key update"

# Plan: one row in, a primary key each out.
OPEN_BATCH = """
with opened as (insert into batches (id) values ($1))
select id, catalogue_revision from realms where id = any($2)
"""

FIND_KEYS = """
select k.realm, k.operation, k.key, k.fingerprint, k.status, k.event_id, k.reply
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, key, operation)
join idempotency_keys k using (realm, bucket, key, operation)
where k.bucket = any($2)
"""

# The payloads that kept answers point to.
FIND_PAYLOADS = """
select e.id, e.data from unnest($1::int4[], $2::text[]) as w (realm, id) join events e using (realm, id)
"""

# Committed, or still at it: a backend that lost its client goes on with the COMMIT it has read.
HAPPENED = """
select exists (select from batches where id = $1) as is_committed,
  exists (select from pg_stat_activity where pid = $2) as is_running
"""

# Realm, operation and key.
KeyName = tuple[int, str, str]


async def open_batch(
    connection: Any, batch_id: Any, realms: Collection[int], *, changing: Collection[int]
) -> dict[int, int]:
    """The batch has its id; answers the catalogue revision of each realm, locked where the catalogue will change."""
    if changing:
        await connection.fetch(LOCK_CATALOGUES, sorted(changing))
    records = await connection.fetch(OPEN_BATCH, batch_id, list(realms))
    return {record[0]: record[1] for record in records}


async def happened(connection: Any, batch_id: Any, *, backend_pid: int) -> bool | None:
    """Whether the batch was committed; None while its backend is still running."""
    is_committed, is_running = await connection.fetchrow(HAPPENED, batch_id, backend_pid)
    return True if is_committed else (None if is_running else False)


async def read_catalogue(connection: Any, realm: int) -> Layer:
    """All programs, live rules and rewards of a realm."""
    layer = Layer()
    for row_type, where in ((Program, ""), (EarningRule, " and t.deleted_at is null"), (Reward, "")):
        table = TABLES[row_type]
        sql = f"select {table.select_list} from {table.name} t where t.realm = $1{where} order by t.created_at, t.id"
        for _realm, row in rows_of(table, await connection.fetch(sql, realm)):
            layer.put(row)
    return layer


async def find_kept(connection: Any, names: Collection[KeyName]) -> dict[KeyName, tuple[bytes, int, str]]:
    """The kept answer of each key that has one: fingerprint, status, body."""
    wanted = [(realm, bucket_of(realm, key), key, operation) for realm, operation, key in names]
    records = await connection.fetch(FIND_KEYS, *(list(column) for column in zip(*wanted, strict=True)))
    told = [(record["realm"], record["event_id"]) for record in records if record["event_id"] is not None]
    payloads: dict[str, str] = {}
    if told:
        columns = [list(column) for column in zip(*told, strict=True)]
        payloads = dict(await connection.fetch(FIND_PAYLOADS, *columns))
    return {
        (record["realm"], record["operation"], record["key"]): (
            record["fingerprint"],
            record["status"],
            record["reply"] if record["event_id"] is None else payloads[record["event_id"]],
        )
        for record in records
    }

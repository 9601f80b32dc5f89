"""What a batch asks of PostgreSQL in addition to its rows: catalogues, kept answers, and whether a commit happened."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from vinr_server.core.campaigns.listeners import listeners_of, stops_of
from vinr_server.core.conditions.membership import uses_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import HOME, Home, Row
from vinr_server.core.offers.promotions import OfferShelf
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.tables import CATALOGUE

LOCK_CATALOGUES = "select id from realms where id = any($1) order by id for no key update"
FIND_REVISION = """
select r.catalogue_revision, t.timezone from realms r join tenants t on t.id = r.tenant_id where r.id = $1
"""

# A row for each realm, and one for each existing key. Plan: a primary key for each row.
FIND_KEPT = """
select id as realm, catalogue_revision, null as operation, null as key, null::bytea as fingerprint,
  null::int2 as status, null as event_id, null as reply
from realms where id = any($1)
union all
select k.realm, null, k.operation, k.key, k.fingerprint, k.status, k.event_id, k.reply::text
from unnest($2::int4[], $3::int2[], $4::text[], $5::text[]) as w (realm, bucket, key, operation)
join idempotency_keys k using (realm, bucket, key, operation)
where k.bucket = any($3)
"""

# The payloads that kept answers point to.
FIND_PAYLOADS = """
select e.id, e.data from unnest($1::int4[], $2::text[]) as w (realm, id) join events e using (realm, id)
"""

# Committed or still running: a backend that lost its client continues with the COMMIT it has read.
HAPPENED = """
select exists (select from batches where id = $1) as is_committed,
  exists (select from pg_stat_activity where pid = $2) as is_running
"""

# Realm, operation and key.
KeyName = tuple[int, str, str]
# A table's name and an id -> the record and the row made of it.
Seen = dict[tuple[str, str], tuple[Sequence[Any], Row]]


async def lock_catalogues(connection: Any, realms: Collection[int]) -> None:
    """Nobody else changes these catalogues until the batch is over."""
    if realms:
        await connection.fetch(LOCK_CATALOGUES, sorted(realms))


async def happened(connection: Any, batch_id: Any, *, backend_pid: int) -> bool | None:
    """Whether the batch was committed; None while its backend is still running."""
    is_committed, is_running = await connection.fetchrow(HAPPENED, batch_id, backend_pid)
    return True if is_committed else (None if is_running else False)


async def read_catalogue(connection: Any, realm: int, seen: Seen) -> tuple[int, Layer]:
    """The realm's revision and all its configuration, of that revision or a later one, without deleted objects.

    `seen` is what was read of the realm before, and then what is read now: a record that has not changed need not be
    decoded again, which takes most of the time.
    """
    revision, zone = await connection.fetchrow(FIND_REVISION, realm)
    layer = Layer()
    layer.put(Home(HOME, zone))
    met: Seen = {}
    for table in CATALOGUE:
        where = " and t.deleted_at is null" if "deleted_at" in table.columns else ""
        sql = f"select {table.select_list} from {table.name} t where t.realm = $1{where} order by t.created_at, t.id"
        for record in await connection.fetch(sql, realm):
            name = (table.name, record["id"])
            pair = seen.get(name)
            if pair is None or pair[0] != record:
                pair = (record, table.row(record))
            met[name] = pair
            layer.put(pair[1])
    seen.clear()
    seen.update(met)
    layer.put(uses_of(layer))
    layer.put(OfferShelf(layer))
    layer.put(listeners_of(layer))
    layer.put(stops_of(layer))
    return revision, layer


async def find_kept(
    connection: Any, realms: Collection[int], names: Collection[KeyName]
) -> tuple[dict[int, int], dict[KeyName, tuple[bytes, int, bytes]]]:
    """The catalogue revision of each realm, and the kept answer of each key that has one: fingerprint, status, body."""
    wanted = [(realm, bucket_of(realm, key), key, operation) for realm, operation, key in names]
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], [], []]
    records = await connection.fetch(FIND_KEPT, list(realms), *columns)
    kept = [record for record in records if record["key"] is not None]
    pointers = [(record["realm"], record["event_id"]) for record in kept if record["event_id"] is not None]
    payloads: dict[str, str] = {}
    if pointers:
        columns = [list(column) for column in zip(*pointers, strict=True)]
        payloads = dict(await connection.fetch(FIND_PAYLOADS, *columns))
    revisions = {record["realm"]: record["catalogue_revision"] for record in records if record["key"] is None}
    return revisions, {
        (record["realm"], record["operation"], record["key"]): (
            record["fingerprint"],
            record["status"],
            (record["reply"] if record["event_id"] is None else payloads[record["event_id"]]).encode(),
        )
        for record in kept
    }

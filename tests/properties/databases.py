"""A database for properties: a loop and connections to run on, realms to run in, and what stands in the tables.

What is read here is read by plain SQL of the tests' own.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from engines import WALL, PostgresRun, Run, WriterRun
from psycopg import sql
from worlds import FIRST_ID, REALM_IDS, setup

from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.tenants import ensure_realm

# Tables of a realm, by the schema itself: a new one is compared from its first day.
TABLES_OF_A_REALM = """
select c.table_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
where c.table_schema = 'public' and c.column_name = 'realm' and t.table_type = 'BASE TABLE' order by 1
"""


@dataclass
class Database:
    """One database: `runner` runs what is asynchronous, `connection` is for batches, `reads` for the checks."""

    url: str
    runner: asyncio.Runner
    connection: Any
    writer: Writer
    reads: psycopg.Connection[Any]
    tables: list[str]

    def realm(self) -> int:
        """A realm that nobody has used."""
        tenant = f"tnt_{uuid.uuid4().hex}"
        return ensure_realm(self.reads, tenant, tenant, livemode=False)

    def postgres_run(self, variant: int, *, has_two_realms: bool, is_distributed: bool = False) -> PostgresRun:
        """A run over batches of its own, with its worlds ready."""
        realms = [self.realm() for _realm in range(1 + has_two_realms)]
        run = PostgresRun(self.runner, self.connection, realms, is_distributed=is_distributed)
        for realm in range(len(realms)):
            run.ids.start_at(REALM_IDS[realm])
            for batch in setup(variant, realm):
                run.submit(batch)
        run.ids.start_at(FIRST_ID)
        return run

    def writer_run(self, variant: int, *, has_two_realms: bool) -> WriterRun:
        """A run through the Writer, with its worlds ready."""
        realms = [self.realm() for _realm in range(1 + has_two_realms)]
        run = WriterRun(self.runner, self.writer, realms)
        for realm in range(len(realms)):
            for batch in setup(variant, realm):
                run.submit(batch)
        return run

    def rows(self, run: Run) -> list[str]:
        """Every row of the run's realms, without what differs between realms by nature: the realm and its buckets."""
        one = sql.SQL(
            "select {name}::text, (to_jsonb(t) - 'realm' - 'bucket' - 'owner_bucket')::text"
            " from {table} t where realm = %(realm)s"
        )
        union = sql.SQL(" union all ").join(
            one.format(name=sql.Literal(table), table=sql.Identifier(table)) for table in self.tables
        )
        found: list[str] = []
        for place, realm in enumerate(run.realms):
            records = self.reads.execute(union, {"realm": realm}).fetchall()
            found += sorted(f"{place} {table} {text}" for table, text in records)
        return found


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """The database, with its loop and connections, closed in the end."""
    with asyncio.Runner() as runner, psycopg.connect(url, autocommit=True) as reads:
        connection = runner.run(connect_writer(url))
        writer = Writer(partial(connect_writer, url), clock=lambda: WALL)
        runner.run(writer.start())
        tables = [record[0] for record in reads.execute(TABLES_OF_A_REALM)]
        try:
            yield Database(url, runner, connection, writer, reads, tables)
        finally:
            runner.run(writer.stop())
            runner.run(connection.close())

"""The schema is the one described in schema.sql, fits the row types, and keeps the ledger from being rewritten.

Renew the description after a migration: .venv/bin/python tests/storage/test_schema.py
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

import vinr_server.storage
from vinr_server.storage.batch.tables import TABLES
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer, binary, start_embedded
from vinr_server.storage.postgres.migrate import current_revision, migrate, require_current
from vinr_server.storage.postgres.revision import VERSIONS, newest_revision

SCHEMA = Path(vinr_server.storage.__file__).parent / "postgres" / "schema.sql"
RENEW = ".venv/bin/python tests/storage/test_schema.py"
HEADER = f"-- What the migrations lead to, for reading; a test compares. Renew: {RENEW}\n"
# What pg_dump says of itself and of the session it is loaded in.
NOISE = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict")

APPEND_ONLY = (
    *("entries", "lot_uses", "openings", "events", "earning_rule_revisions", "refunds", "directory", "api_key_acts"),
    *("offer_revisions", "offer_claims"),
)


def describe(database_url: str) -> str:
    """The schema as pg_dump writes it, without comments and settings."""
    command = [str(binary("pg_dump")), "--schema-only", "--no-owner", "--schema=public", f"--dbname={database_url}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    dumped = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment | {"LC_ALL": "C"}
    ).stdout
    lines = [line for line in dumped.splitlines() if not NOISE.match(line)]
    return HEADER + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def renew() -> None:
    """schema.sql describes what the migrations lead to now."""
    directory = Path(tempfile.mkdtemp(prefix="vinr-schema-", dir="/tmp"))
    directory.chmod(0o755)
    server = start_embedded(directory)
    try:
        migrate(server.url)
        SCHEMA.write_text(describe(server.url))
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"wrote {SCHEMA}", file=sys.stderr)


def empty_database(postgres: EmbeddedServer, name: str) -> str:
    """The URL of a new database that was never migrated."""
    base = postgres.url.rsplit("/", 1)[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return f"{base}/{name}"


def migrate_at_once(urls: list[str]) -> list[str]:
    """What `vinr migrate` says in a process for each URL, all at the same time."""
    command = [sys.executable, "-m", "vinr_server.cli", "migrate"]
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | {"VINR_DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for url in urls
    ]
    return [process.communicate(timeout=120)[0].strip() for process in processes]


class TestMigrations:
    def test_lead_to_the_described_schema(self, postgres: EmbeddedServer) -> None:
        database_url = empty_database(postgres, "schema_described")
        migrate(database_url)

        found = describe(database_url)

        difference = difflib.unified_diff(
            SCHEMA.read_text().splitlines(), found.splitlines(), "schema.sql", "the migrated database", lineterm=""
        )
        assert not list(difference), f"Renew it with: {RENEW}\n" + "\n".join(difference)

    def test_are_numbered_up_to_the_newest(self) -> None:
        scripts = ScriptDirectory(str(VERSIONS.parent))

        assert newest_revision() == scripts.get_current_head()

    def test_are_not_loaded_by_who_serves(self) -> None:
        program = "import sys, vinr_server.cli.process.serving; sys.exit('alembic' in sys.modules)"

        assert subprocess.run([sys.executable, "-c", program]).returncode == 0

    def test_twice_change_nothing(self, postgres: EmbeddedServer) -> None:
        database_url = empty_database(postgres, "schema_twice")

        assert current_revision(database_url) is None
        assert migrate(database_url) == (None, newest_revision())
        first = describe(database_url)
        assert migrate(database_url) == (newest_revision(), newest_revision())
        assert describe(database_url) == first
        require_current(database_url)

    def test_at_once_are_done_by_one(self, postgres: EmbeddedServer, template: str) -> None:
        database_url = empty_database(postgres, "schema_at_once")

        said = migrate_at_once([database_url] * 2)

        newest = newest_revision()
        first, again = f"was at nothing and is now at {newest}", f"was at {newest} and is now at {newest}"
        assert sorted(said) == sorted([f"The schema {first}.", f"The schema {again}."])
        assert describe(database_url) == describe(postgres.url)

    def test_of_two_databases_at_once_do_not_collide_on_the_role(self) -> None:
        """The role is the cluster's: on a new cluster two first migrations may both find that it is missing."""
        # not at the top: this file also runs as a script
        from conftest import wait_until
        from scratch import open_directory

        with open_directory("schema") as directory:
            server = start_embedded(directory, settings={"fsync": "off"})
            try:
                mine, theirs = (empty_database(server, f"schema_{number}") for number in range(2))
                with ThreadPoolExecutor(1) as pool, psycopg.connect(theirs) as other:
                    other.execute("create role vinr_app nologin")  # another migration, not yet committed
                    migrating = pool.submit(migrate, mine)
                    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                    with psycopg.connect(server.url, autocommit=True) as watcher:
                        wait_until(
                            lambda: migrating.done() or watcher.execute(waiting).fetchone() != (0,),
                            what="the migration waits for the role",
                        )
                    other.commit()
                    assert migrating.result(120) == (None, newest_revision())
            finally:
                server.stop()


COLUMNS = """
  select column_name, udt_name, is_nullable = 'YES' from information_schema.columns
  where table_schema = 'public' and table_name = %s"""
# The column types a field's type may have.
PG_TYPES: dict[Any, set[str]] = {int: {"int8", "int2"}, str: {"text"}, bool: {"bool"}, datetime: {"timestamptz"}}


def plain(hint: Any) -> tuple[Any, bool]:
    """A type without its None, and whether it had one."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return plain(options[0])[0], len(options) < len(typing.get_args(hint))
    return (str, False) if typing.get_origin(hint) is typing.Literal else (hint, False)


class TestRows:
    @pytest.mark.parametrize("row_type", TABLES, ids=lambda row_type: row_type.__name__)
    def test_are_the_columns_of_their_table(self, postgres: EmbeddedServer, template: str, row_type: type[Any]) -> None:
        table = TABLES[row_type]
        with psycopg.connect(postgres.url) as connection:
            columns = {row[0]: (row[1], row[2]) for row in connection.execute(COLUMNS, [table.name])}
        fields = {name: plain(hint) for name, hint in typing.get_type_hints(row_type).items() if name in table.fields}

        assert set(columns) == {"realm", *fields}
        assert columns.pop("realm") == ("int4", False)
        nullable = {name for name, (_type, is_nullable) in columns.items() if is_nullable}
        assert nullable == {name for name, (_type, is_nullable) in fields.items() if is_nullable}
        for name, (kind, _is_nullable) in fields.items():
            expected = {"bytea"} if kind is bytes else PG_TYPES.get(kind, {"json"})
            assert columns[name][0] in expected, f"{table.name}.{name} is {columns[name][0]}, its field {kind}"

    @pytest.mark.parametrize("row_type", TABLES, ids=lambda row_type: row_type.__name__)
    def test_have_the_realm_and_their_key_in_the_primary_key(
        self, postgres: EmbeddedServer, template: str, row_type: type[Any]
    ) -> None:
        query = """
          select array_agg(a.attname::text) from pg_index i
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
          where i.indrelid = %s::regclass and i.indisprimary"""
        with psycopg.connect(postgres.url) as connection:
            row = connection.execute(query, [TABLES[row_type].name]).fetchone()

        assert row is not None
        assert set(row[0]) == set(TABLES[row_type].key)

    def test_are_all_there_is_beside_tenants_and_batches(self, postgres: EmbeddedServer, template: str) -> None:
        with psycopg.connect(postgres.url) as connection:
            names = connection.execute(
                "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
            found = {str(row[0]) for row in names}

        others = {"tenants", "realms", "idempotency_keys", "batches", "alembic_version", "endpoint_health"}
        others.add("code_failures")
        assert found == {table.name for table in TABLES.values()} | others

    def test_hold_no_binary_floats(self, postgres: EmbeddedServer, template: str) -> None:
        query = """
          select table_name || '.' || column_name from information_schema.columns
          where table_schema = 'public' and udt_name in ('float4', 'float8', 'numeric', 'money', 'timestamp', 'jsonb')
            and table_name <> 'postings'"""
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute(query).fetchall() == []


class TestRole:
    """vinr_app writes the ledger once and never changes it."""

    @pytest.mark.parametrize("table", APPEND_ONLY)
    def test_of_the_application_only_adds_to_the_ledger(self, database: str, table: str) -> None:
        name = sql.Identifier(table)
        statements = [
            sql.SQL("update {} set realm = realm").format(name),
            sql.SQL("delete from {}").format(name),
            sql.SQL("truncate {}").format(name),
            sql.SQL("alter table {} add column more text").format(name),
            sql.SQL("drop table {}").format(name),
            sql.SQL("alter table {} disable trigger all").format(name),
            sql.SQL("create rule nothing as on insert to {} do instead nothing").format(name),
        ]

        for statement in statements:
            with psycopg.connect(database) as connection:
                connection.execute("set role vinr_app")
                connection.execute(sql.SQL("select count(*) from {}").format(name))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)

    def test_reads_the_schemas_version_alone(self, database: str) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("set role vinr_app")
            assert connection.execute("select version_num from alembic_version").fetchone() == (newest_revision(),)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("insert into alembic_version values ('9999')")

    def test_may_delete_nothing_but_keys_batches_and_old_deliveries(self, database: str) -> None:
        with psycopg.connect(database) as connection:
            query = """
              select table_name::text from information_schema.table_privileges
              where grantee = 'vinr_app' and privilege_type in ('DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')"""
            found = {str(row[0]) for row in connection.execute(query)}

        assert found == {"idempotency_keys", "batches", "code_failures", "deliveries", "delivery_attempts"}

    def test_is_no_owner_of_anything_and_no_superuser(self, database: str) -> None:
        with psycopg.connect(database) as connection:
            role = connection.execute(
                "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolcanlogin from pg_roles"
                " where rolname = 'vinr_app'"
            ).fetchone()
            owned = connection.execute(
                "select count(*) from pg_class where relowner = (select oid from pg_roles where rolname = 'vinr_app')"
            ).fetchone()

        assert (role, owned) == ((False,) * 5, (0,))

    async def test_is_the_one_every_connection_has(self, database: str) -> None:
        writer, pool = await connect_writer(database), await connect_readers(database, size=1)

        roles = [await one.fetchval("select current_user::text") for one in (writer, pool)]
        limits = [await writer.fetchval(f"show {name}") for name in ("statement_timeout", "lock_timeout")]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute("update entries set points = 1")
        await writer.close()
        await pool.close()

        assert roles == ["vinr_app", "vinr_app"]
        assert limits == ["3s", "1s"]


if __name__ == "__main__":
    renew()

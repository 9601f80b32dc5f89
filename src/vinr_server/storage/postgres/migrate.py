"""Bring a database to the newest schema, once, even if several processes try at the same moment."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from vinr_server.storage.postgres.revision import newest_revision

# Any number works as long as all our processes use the same one: "vinr" in ASCII.
MIGRATION_LOCK = 0x76696E72


class SchemaOutdated(Exception):
    """The database is not at the schema this version works with."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _engine(database_url: str) -> sqlalchemy.Engine:
    scheme, _, rest = database_url.partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise SchemaOutdated(f"The database URL must start with postgresql://, not {scheme}://.")
    return sqlalchemy.create_engine(f"postgresql+psycopg://{rest}", poolclass=sqlalchemy.NullPool)


def current_revision(database_url: str) -> str | None:
    """The revision a database is at, None if it was never migrated."""
    with _engine(database_url).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(database_url: str) -> tuple[str | None, str]:
    """The database is at the newest revision. Returns the revision before and after."""
    with _engine(database_url).connect() as connection:
        connection.execute(sqlalchemy.text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
        try:
            before = MigrationContext.configure(connection).get_current_revision()
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.execute(sqlalchemy.text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
    return before, newest_revision()


def require_current(database_url: str) -> None:
    """The schema is the one this version needs; raises SchemaOutdated, which says how to get there, otherwise."""
    current, newest = current_revision(database_url), newest_revision()
    if current != newest:
        raise SchemaOutdated(
            f"The database is at schema {current or 'nothing'}; this version needs {newest}. Run `vinr migrate`."
        )

"""What an operator does: check the settings, migrate. Every failure is a sentence and exit code 1."""

from __future__ import annotations

import asyncio

import psycopg
from pydantic import ValidationError

from vinr_server.cli.database_faults import database_fault
from vinr_server.cli.exits import fail
from vinr_server.cli.process.database_wait import wait_for_database
from vinr_server.cli.process.logs import log_json
from vinr_server.engine.settings import Settings
from vinr_server.storage.postgres.migrate import SchemaOutdated, migrate, require_current
from vinr_server.storage.reads.health import durability


def checked_settings() -> Settings:
    """The settings of the environment, over a database that is reachable and at this version's schema."""
    settings = _settings()
    _require_schema(settings.database_url)
    if not settings.allow_unsafe_database:
        _require_durability(settings.database_url)
    return settings


def settings_of_a_start() -> Settings:
    """The same for a process that stays up: it waits for a database that does not answer yet."""
    settings = _settings()
    log_json()
    try:
        asyncio.run(wait_for_database(settings.database_url, seconds=settings.database_wait_seconds))
    except Exception as error:  # a sentence of asyncpg, asyncio or the operating system
        fail("", f"database: can't be reached: {database_fault(error, settings.database_url)}")
    return checked_settings()


def run_migrate(database_url: str) -> tuple[str | None, str]:
    """The database is at the newest schema; returns the schema before and after."""
    try:
        return migrate(database_url)
    except Exception as error:  # the operator may see whatever the database says
        fail("migrate", database_fault(error, database_url))


def _settings() -> Settings:
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        fail("", f"settings: {'; '.join(wrong_settings(error))}")


def wrong_settings(error: ValidationError) -> list[str]:
    """A sentence for each wrong setting, with its variable and without its value, which may be a secret."""
    return [f"VINR_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors(include_input=False)]


def _require_durability(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        unsafe = [finding for finding in durability(connection) if finding.level == "fail"]
    if unsafe:
        fail("", "database: " + " ".join(f"{finding.what} is {finding.found}. {finding.todo}" for finding in unsafe))


def _require_schema(database_url: str) -> None:
    try:
        require_current(database_url)
    except SchemaOutdated as error:
        fail("", f"database: {error}")
    except Exception as error:  # SQLAlchemy wraps whatever the driver raised
        fail("", f"database: can't be reached: {database_fault(error, database_url)}")

"""Connections to PostgreSQL: one writer for each process, a small pool of readers."""

from __future__ import annotations

from typing import Any

import asyncpg

# The writer reaches rows by their keys alone. A generic plan made while a table was small must not scan it after it
# has grown: before these settings, a new database kept sequential scans until its first autovacuum.
KEYS_ONLY = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
LIMITS = {"statement_timeout": "3000", "lock_timeout": "1000", "idle_in_transaction_session_timeout": "30000"}
# All connections use the role that may not change a ledger row (migration 0001, grants).
ROLE = {"role": "vinr_app"}


# What connecting raises while the database is away, restarting or out of connections.
AWAY: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
# And what a read raises then, on a connection that may be half lost.
UNREACHABLE = (*AWAY, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def reach(database_url: str) -> None:
    """The database answers; raises one of AWAY if it does not. A refusal is an answer too."""
    try:
        connection = await asyncpg.connect(database_url, timeout=10)
    except AWAY:
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError):
        return
    await connection.close()


async def connect_writer(database_url: str) -> Any:
    """The connection of a process' one writer."""
    settings = {**ROLE, **LIMITS, **KEYS_ONLY, "application_name": "vinr writer", "jit": "off"}
    return await asyncpg.connect(database_url, server_settings=settings, statement_cache_size=500)


async def connect_readers(database_url: str, *, size: int = 4) -> Any:
    """A pool for the reads of the API and the workers."""
    settings = {**ROLE, **LIMITS, "application_name": "vinr reader", "jit": "off"}
    return await asyncpg.create_pool(
        database_url, min_size=1, max_size=size, server_settings=settings, command_timeout=10, reset=_reset
    )


async def _reset(_connection: Any) -> None:
    """Nothing to undo: reads leave no setting, cursor, listener or lock behind. (asyncpg asks for a round trip.)"""

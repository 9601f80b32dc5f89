"""Tenants, their two realms, and their keys; written by the command line, not by the engine."""

from __future__ import annotations

from typing import Any

ENSURE_TENANT = "insert into tenants (id, name) values (%s, %s) on conflict do nothing"
ENSURE_REALM = "insert into realms (tenant_id, livemode) values (%s, %s) on conflict do nothing"
FIND_REALM = "select id from realms where tenant_id = %s and livemode = %s"
INSERT_KEY = """
insert into api_keys (realm, id, key_hash, name) values (%s, %s, %s, %s) on conflict (key_hash) do nothing
"""


def ensure_realm(connection: Any, tenant_id: str, name: str, *, livemode: bool) -> int:
    """The tenant's realm of that mode; both are made where they are missing. Takes a psycopg connection."""
    connection.execute(ENSURE_TENANT, (tenant_id, name))
    connection.execute(ENSURE_REALM, (tenant_id, livemode))
    return int(connection.execute(FIND_REALM, (tenant_id, livemode)).fetchone()[0])


def add_key(connection: Any, realm: int, *, key_id: str, key_hash: bytes, name: str) -> None:
    """The key opens the realm; adding the same key again changes nothing."""
    connection.execute(INSERT_KEY, (realm, key_id, key_hash, name))

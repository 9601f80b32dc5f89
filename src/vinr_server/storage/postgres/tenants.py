"""Tenants, their two realms, and their first keys; written by the command line, not by the engine."""

from __future__ import annotations

from typing import Any

ENSURE_TENANT = "insert into tenants (id, name) values (%s, %s) on conflict do nothing"
# What is held in memory of the tenant's realms is read again: it knows the zone.
SET_ZONE = """
with seen as (update realms set catalogue_revision = catalogue_revision + 1 where tenant_id = %(tenant)s)
update tenants set timezone = %(zone)s where id = %(tenant)s
"""
ZONE_OF_TENANT = "select timezone from tenants where id = %s"
ENSURE_REALM = "insert into realms (tenant_id, livemode) values (%s, %s) on conflict do nothing"
FIND_REALM = "select id from realms where tenant_id = %s and livemode = %s"
# The key and, if it is new, the first line of its audit.
INSERT_KEY = """
with made as (
  insert into api_keys (realm, id, key_hash, name, kind, hint, permissions)
  values (%s, %s, %s, %s, 'secret', '', '{}') on conflict (key_hash) do nothing returning realm, id
)
insert into api_key_acts (realm, id, key_id, action, actor, details, created_at)
select realm, 'act_' || replace(gen_random_uuid()::text, '-', ''), id, 'created', 'cli', '{}', now() from made
"""
LIST_TENANTS = """
select t.id, t.name, t.timezone, count(k.id) filter (where not r.livemode), count(k.id) filter (where r.livemode)
from tenants t
left join realms r on r.tenant_id = t.id
left join api_keys k on k.realm = r.id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
group by t.id order by t.id
"""
FIND_KEY_REALMS = """
select k.realm, r.livemode, k.kind from api_keys k join realms r on r.id = k.realm where k.id = %s order by k.realm
"""
LIST_KEYS = """
select r.tenant_id, r.livemode, k.id, k.kind, coalesce(k.name, ''), k.hint,
  case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired' else 'active' end,
  k.expires_at, k.last_used_at, k.permissions
from api_keys k join realms r on r.id = k.realm
where (%(tenant)s::text is null or r.tenant_id = %(tenant)s)
order by r.tenant_id, r.livemode, k.created_at, k.id
"""


def ensure_realm(connection: Any, tenant_id: str, name: str, *, livemode: bool) -> int:
    """The tenant's realm of that mode; both are created if missing. Takes a psycopg connection."""
    connection.execute(ENSURE_TENANT, (tenant_id, name))
    connection.execute(ENSURE_REALM, (tenant_id, livemode))
    return int(connection.execute(FIND_REALM, (tenant_id, livemode)).fetchone()[0])


def set_zone(connection: Any, tenant_id: str, zone: str) -> bool:
    """The tenant's bare dates mean days of that time zone; whether there is such a tenant."""
    return bool(connection.execute(SET_ZONE, {"zone": zone, "tenant": tenant_id}).rowcount)


def zone_of_tenant(connection: Any, tenant_id: str) -> str | None:
    """The time zone of a tenant; None if there is no such tenant."""
    row = connection.execute(ZONE_OF_TENANT, (tenant_id,)).fetchone()
    return None if row is None else str(row[0])


def add_key(connection: Any, realm: int, *, key_id: str, key_hash: bytes, name: str) -> None:
    """The secret key opens the realm; adding the same key again changes nothing."""
    connection.execute(INSERT_KEY, (realm, key_id, key_hash, name))


def list_tenants(connection: Any) -> list[tuple[str, str, str, int, int]]:
    """Every tenant: id, name, time zone, and how many active keys open its test and its live data."""
    return list(connection.execute(LIST_TENANTS).fetchall())


def list_keys(connection: Any, *, tenant_id: str | None) -> list[tuple[Any, ...]]:
    """Every key, oldest first: tenant, livemode, id, kind, name, hint, status, expiry, last use, permissions."""
    return list(connection.execute(LIST_KEYS, {"tenant": tenant_id}).fetchall())


def find_key_realms(connection: Any, key_id: str) -> list[tuple[int, bool, str]]:
    """Realm, mode and kind of the keys with this id: ids are unique only within a realm."""
    return list(connection.execute(FIND_KEY_REALMS, (key_id,)).fetchall())

"""What an operator does with tenants and keys: the engine's own commands, straight on the database."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import psycopg

from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.permissions import grantable, read_permissions
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.secrets import hash_key, hint_of, make_key
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.cli.control_characters import visible
from vinr_server.cli.exits import fail
from vinr_server.cli.operating.checks import checked_settings
from vinr_server.core.access.commands import Actor, CreateApiKey, RevokeApiKey, RollApiKey
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.calendar import is_zone
from vinr_server.core.kernel.commands import Command
from vinr_server.engine.settings import Settings
from vinr_server.engine.submission import Outcome, Submission, system_submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.tenants import (
    ensure_realm,
    find_key_realms,
    list_keys,
    list_tenants,
    set_zone,
    zone_of_tenant,
)

COMMAND_LINE = Actor()


def create_key(
    *, tenant: str, livemode: bool, name: str | None, kind: str, allow: list[str], expires_at: str | None
) -> str:
    """A new key of the tenant, which is created if it does not exist. Only the key's hash is stored."""
    settings = checked_settings()
    try:
        given = dict(right.rpartition(":")[::2] for right in allow)
        permissions = read_permissions(kind, given, grantable=grantable(OPERATIONS))
        expires = read_instant_or_none(expires_at, param="expires_at")
    except Problem as problem:
        fail("keys", problem.message)
    key = make_key(kind=kind, livemode=livemode)
    with psycopg.connect(settings.database_url) as connection:
        realm = ensure_realm(connection, tenant, _name_of(tenant), livemode=livemode)
    digest = hash_key(key, settings.key_pepper)
    made = CreateApiKey(COMMAND_LINE, kind, digest, hint_of(key), name or None, permissions, expires)
    _submit(settings, realm, livemode, made)
    return key


def roll_key(key_id: str, *, overlap_seconds: int, expires_at: str | None) -> str:
    """A new key replaces the old one, which stays valid for the overlap."""
    settings = checked_settings()
    realm, livemode, kind = _find(settings, key_id)
    try:
        expires = read_instant_or_none(expires_at, param="expires_at")
    except Problem as problem:
        fail("keys", problem.message)
    key = make_key(kind=kind, livemode=livemode)
    digest = hash_key(key, settings.key_pepper)
    rolled = RollApiKey(COMMAND_LINE, key_id, digest, hint_of(key), overlap_seconds, expires)
    _submit(settings, realm, livemode, rolled)
    return key


def revoke_key(key_id: str) -> None:
    """The key no longer opens anything."""
    settings = checked_settings()
    realm, livemode, _kind = _find(settings, key_id)
    _submit(settings, realm, livemode, RevokeApiKey(COMMAND_LINE, key_id))


def print_keys(*, tenant: str | None, as_json: bool) -> None:
    """Every key, of one tenant or of all."""
    with psycopg.connect(checked_settings().database_url) as connection:
        rows = list_keys(connection, tenant_id=tenant)
    shown = [
        {
            "tenant": owner,
            "mode": "live" if livemode else "test",
            "id": id,
            "kind": kind,
            "name": name,
            "hint": hint,
            "status": status,
            "expires_at": expires_at.isoformat(timespec="seconds") if expires_at else None,
            "last_used_at": used_at.isoformat(timespec="minutes") if used_at else None,
            "permissions": permissions,
        }
        for owner, livemode, id, kind, name, hint, status, expires_at, used_at, permissions in rows
    ]
    _print(shown, as_json=as_json)


def create_tenant(tenant: str, *, name: str | None, zone: str | None) -> str:
    """The tenant exists, with both its realms; its time zone, which one that existed before keeps."""
    if zone is not None:
        _check_zone(zone)
    if not tenant.startswith("tnt_") or len(tenant) == len("tnt_"):
        fail("tenants", f"The tenant's id {tenant!r} must start with tnt_, such as tnt_shop.")
    with psycopg.connect(checked_settings().database_url) as connection:
        known = zone_of_tenant(connection, tenant)
        for livemode in (False, True):
            ensure_realm(connection, tenant, name or _name_of(tenant), livemode=livemode)
        if known is None and zone is not None:
            set_zone(connection, tenant, zone)
        return zone_of_tenant(connection, tenant) or "UTC"


def update_tenant(tenant: str, *, zone: str) -> None:
    """The tenant's bare dates mean days of that time zone; what was sent before keeps its instants."""
    _check_zone(zone)
    with psycopg.connect(checked_settings().database_url) as connection:
        if not set_zone(connection, tenant, zone):
            fail("tenants", f"There is no tenant {tenant}. Create it: vinr tenants create {tenant} --timezone {zone}")


def _check_zone(zone: str) -> None:
    if not is_zone(zone):
        fail("tenants", f"--timezone: {zone!r} is not an IANA time zone such as Europe/Berlin.")


def print_tenants(*, as_json: bool) -> None:
    """Every tenant."""
    with psycopg.connect(checked_settings().database_url) as connection:
        rows = list_tenants(connection)
    names = ("id", "name", "timezone", "test_keys", "live_keys")
    shown = [dict(zip(names, row, strict=True)) for row in rows]
    _print(shown, as_json=as_json)


def _name_of(tenant: str) -> str:
    return tenant.removeprefix("tnt_")


def _find(settings: Settings, key_id: str) -> tuple[int, bool, str]:
    """Where the key is: realm, mode and kind."""
    with psycopg.connect(settings.database_url) as connection:
        found = find_key_realms(connection, key_id)
    if len(found) != 1:
        fail("keys", f"No such API key: {key_id!r}. See `vinr keys list`." if not found else f"{key_id!r} is not one.")
    return found[0]


def _submit(settings: Settings, realm: int, livemode: bool, command: Command) -> None:
    """A separate writer has committed the command; a refusal ends the process."""
    outcome = asyncio.run(_commit(settings, system_submission(realm, command, livemode=livemode)))
    if isinstance(outcome, Rejected):
        fail("keys", outcome.message)


async def _commit(settings: Settings, submission: Submission) -> Outcome:
    writer = Writer(partial(connect_writer, settings.database_url), is_distributed=settings.is_distributed)
    await writer.start()
    try:
        return await writer.submit(submission)
    finally:
        await writer.stop()


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """JSON, or a table whose ids can be copied whatever the terminal's width."""
    if as_json:
        print(json.dumps(rows))
        return
    cells = [list(rows[0] if rows else ["None found."]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}:{right}" for name, right in value.items())
    return "" if value is None else visible(str(value))

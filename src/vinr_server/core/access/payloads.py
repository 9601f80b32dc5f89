"""API keys and the acts on them as the wire shows them."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.access.rows import ApiKey, ApiKeyAct
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none


def api_key_payload(key: ApiKey, *, now: datetime, livemode: bool) -> Wire:
    """The api_key object; it never holds the secret."""
    status = "active"
    if key.revoked_at is not None:
        status = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        status = "expired"
    return {
        "id": key.id,
        "object": "api_key",
        "kind": key.kind,
        "name": key.name,
        "hint": key.hint,
        "permissions": key.permissions,
        "status": status,
        "expires_at": unix_or_none(key.expires_at),
        "revoked_at": unix_or_none(key.revoked_at),
        "replaced_by": key.replaced_by,
        "last_used_at": unix_or_none(key.last_used_at),
        "created": unix(key.created_at),
        "livemode": livemode,
    }


def api_key_act_payload(act: ApiKeyAct, *, livemode: bool) -> Wire:
    """The api_key_act object: one line of the audit log."""
    return {
        "id": act.id,
        "object": "api_key_act",
        "api_key": act.key_id,
        "action": act.action,
        "actor": act.actor,
        "address": act.address,
        "request": act.request_id,
        "details": act.details,
        "created": unix(act.created_at),
        "livemode": livemode,
    }

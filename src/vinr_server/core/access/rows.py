"""API keys and the acts upon them, as they are stored."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# ---- who may call


@dataclass(frozen=True, slots=True)
class ApiKey(Row):
    """A key to the realm, by its hash: what it may do (`permissions` of a restricted one) and until when.

    `last_used_at` is coarse, and kept by whoever looks keys up; the engine writes it never.
    """

    # last_used_at is kept by those who look keys up (TOUCH_KEY), not by the engine.
    immutable_fields = ("key_hash", "kind", "hint", "name", "permissions", "last_used_at")
    id: str
    key_hash: bytes
    kind: str
    hint: str
    name: str | None
    permissions: Json
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKeyAct(Row):
    """One act upon a key, for good: who (a key's id or `cli`) did what, when, and from which address."""

    is_append_only = True
    id: str
    key_id: str
    action: str
    actor: str
    address: str | None
    request_id: str | None
    details: Json
    created_at: datetime

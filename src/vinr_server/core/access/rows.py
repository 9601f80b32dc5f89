"""API keys and the acts on them, as they are stored."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# ---- who may call


@dataclass(frozen=True, slots=True)
class ApiKey(Row):
    """A key to the realm, by its hash: what it may do (`permissions` of a restricted key) and until when.

    `last_used_at` is coarse. The look-up of keys writes it; the engine never does.
    """

    # The look-up of keys writes last_used_at (TOUCH_KEY); the engine does not.
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
    """One act on a key, kept forever: who (a key's id or `cli`) did what, when, and from which address."""

    is_append_only = True
    id: str
    key_id: str
    action: str
    actor: str
    address: str | None
    request_id: str | None
    details: Json
    created_at: datetime

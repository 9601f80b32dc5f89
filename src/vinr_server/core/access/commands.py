"""Commands on API keys."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on API keys: a key, from an address; the command line if `key_id` is None."""

    key_id: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class CreateApiKey(Command):
    """`hint`: the part of the secret that may be shown again. `permissions` of a restricted key: resource -> right."""

    actor: Actor
    kind: str
    key_hash: bytes
    hint: str
    name: str | None = None
    permissions: Json = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RollApiKey(Command):
    """`expires_at` is the new key's (None: as the old key); the old key lives on for `overlap_seconds`."""

    actor: Actor
    key_id: str
    key_hash: bytes
    hint: str
    overlap_seconds: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevokeApiKey(Command):
    actor: Actor
    key_id: str

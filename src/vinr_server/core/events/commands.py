"""Commands on webhook endpoints, as frozen values in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vinr_server.core.events.rows import DisabledReason
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateWebhookEndpoint(Command):
    url: str
    events: tuple[str, ...]
    sealed_secret: bytes
    description: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateWebhookEndpoint(Command):
    """`changes` maps WebhookEndpoint fields to their new values."""

    endpoint_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class RotateWebhookEndpoint(Command):
    """Set a new secret; the old one also signs for `overlap_seconds`."""

    endpoint_id: str
    sealed_secret: bytes
    overlap_seconds: int


@dataclass(frozen=True, slots=True)
class DeleteWebhookEndpoint(Command):
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class DisableWebhookEndpoint(Command):
    """Sent by the delivery worker when the receiver has failed for days, or said that it is gone."""

    endpoint_id: str
    url: str
    reason: DisabledReason


@dataclass(frozen=True, slots=True)
class ResendEvent(Command):
    """Deliver one event to one endpoint again, whether or not the endpoint subscribes to its type."""

    endpoint_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ReplayEvents(Command):
    """Deliver events to one endpoint again: (bucket, id, type) of each, in the order they were found."""

    endpoint_id: str
    events: tuple[tuple[int, str, str], ...]
    has_more: bool

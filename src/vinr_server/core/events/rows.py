"""Events and webhooks as they are stored: endpoints, deliveries, and the attempts at each."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Event(Row):
    """Something that happened, recorded once. `data` is the payload as the wire shows it.

    `sequence` is that of its account's last entry at that time; None if it belongs to no account, or to several.
    `outcome` holds what a reported event earned.
    """

    is_append_only = True
    bucket: int
    id: str
    type: str
    account_id: str | None
    data: Any
    sequence: int | None
    created_at: datetime
    outcome: Json | None
    is_deliverable: bool
    request_id: str | None
    idempotency_key: str | None


EndpointStatus = Literal["enabled", "disabled"]
DisabledReason = Literal["by_request", "gone", "failing"]
DeliveryStatus = Literal["pending", "succeeded", "failed"]

# The parent of every endpoint that gets events.
ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class WebhookEndpoint(Row):
    """A receiver of events. Its secrets are sealed before they get here.

    `events` are names, `prefix.*` or `*`. `sealed_old_secret` also signs until `old_secret_until`.
    """

    is_catalogue = True
    id: str
    url: str
    events: tuple[str, ...]
    description: str | None
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    sealed_secret: bytes
    sealed_old_secret: bytes | None
    old_secret_until: datetime | None
    metadata: Json
    created_at: datetime
    deleted_at: datetime | None = None

    @property
    def parent(self) -> Hashable:
        """All endpoints that get events are listed together."""
        return ENABLED if self.status == "enabled" and self.deleted_at is None else None

    def wants(self, event_type: str) -> bool:
        """Whether one of its patterns matches the type."""
        return any(
            pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
            for pattern in self.events
        )


@dataclass(frozen=True, slots=True)
class Delivery(Row):
    """One event on its way to one endpoint, in the event's bucket.

    `next_attempt_at` is None when no attempt will follow. The worker that attempts it holds the `lease` and has moved
    `next_attempt_at` to the lease's end; the engine itself only creates deliveries (workers/deliver.py).
    """

    # The engine creates deliveries; the workers that attempt them write the outcome (deliveries.py).
    is_append_only = True
    bucket: int
    id: str
    event_id: str
    event_type: str
    endpoint_id: str
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: datetime | None
    lease: str | None
    created_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAttempt(Row):
    """One attempt at a delivery, for the record: what was sent and what came back."""

    parent_field = "delivery_id"
    is_append_only = True
    bucket: int
    delivery_id: str
    number: int
    attempted_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    request_headers: Json
    response_headers: Json
    response_body: str

    @property
    def key(self) -> Hashable:
        """Delivery and number."""
        return (self.delivery_id, self.number)

"""Events and webhooks as they are stored: endpoints, deliveries, and the attempts at each."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Event(Row):
    """Something that happened, told once. `data` is the payload as the wire shows it.

    `sequence` is that of the last entry of its account by then; None where it is of no account, or of several.
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

# The one parent of every endpoint that is to be told of events.
ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class WebhookEndpoint(Row):
    """Where events are sent to. Secrets are sealed before they get here.

    `events` are names, `prefix.*` or `*`. `sealed_old_secret` signs beside the new one until `old_secret_until`.
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
        """All that are to be told are listed together."""
        return ENABLED if self.status == "enabled" and self.deleted_at is None else None

    def wants(self, event_type: str) -> bool:
        """Whether one of its patterns names the type."""
        return any(
            pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
            for pattern in self.events
        )


@dataclass(frozen=True, slots=True)
class Delivery(Row):
    """One event on its way to one endpoint, in the event's bucket.

    `next_attempt_at` is None when there will be no further one. Whoever attempts it holds the `lease` and has put
    `next_attempt_at` off until the lease is over; the engine itself only makes deliveries (workers/deliver.py).
    """

    # The engine makes deliveries; how they fare is written by those who attempt them (deliveries.py).
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
    """One attempt of a delivery, for the record: what was sent and what came back."""

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

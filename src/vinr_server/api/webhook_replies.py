"""What callers are answered about webhook endpoints, field by field."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.core.events.rows import DeliveryStatus, DisabledReason, EndpointStatus


class WebhookEndpoint(Reply):
    id: str
    object: Literal["webhook_endpoint"]
    url: str
    events: list[str]
    description: str | None
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    old_secret_until: int | None
    metadata: Json
    created: int
    livemode: bool
    # In the answer that made or rotated it alone.
    secret: str | UnsetType | None = UNSET


class DeliveryAttempt(Reply):
    number: int
    attempted_at: int
    duration_ms: int
    status_code: int | None
    error: str | None
    request_headers: Json
    response_headers: Json
    response_body: str


class WebhookDelivery(Reply):
    id: str
    object: Literal["webhook_delivery"]
    endpoint: Reference
    event: Reference
    event_type: str
    status: DeliveryStatus
    attempts: list[DeliveryAttempt]
    next_attempt_at: int | None
    created: int
    livemode: bool


class WebhookReplay(Reply):
    object: Literal["webhook_replay"]
    endpoint: Reference
    events: int
    last_event: str | None
    has_more: bool


WEBHOOK_OBJECTS: dict[str, type[Reply]] = {
    "webhook_endpoint": WebhookEndpoint,
    "webhook_delivery": WebhookDelivery,
    "webhook_replay": WebhookReplay,
}

"""Events, webhook endpoints and deliveries as the wire shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.events.rows import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none


def event_envelope(
    *,
    id: str,
    type: str,
    created_at: datetime,
    livemode: bool,
    sequence: int | None,
    data: Any,
    request_id: str | None,
    idempotency_key: str | None,
) -> Wire:
    """The event object, the same in the API and in webhooks; `data` is the payload itself."""
    return {
        "id": id,
        "object": "event",
        "type": type,
        "created": unix(created_at),
        "livemode": livemode,
        "sequence": sequence,
        "data": data,
        "request": {"id": request_id, "idempotency_key": idempotency_key},
    }


def event_payload(event: Event, *, livemode: bool) -> Wire:
    """The event object as the API shows it; a reported event includes what it earned."""
    payload = event_envelope(
        id=event.id,
        type=event.type,
        created_at=event.created_at,
        livemode=livemode,
        sequence=event.sequence,
        data=event.data,
        request_id=event.request_id,
        idempotency_key=event.idempotency_key,
    )
    return payload if event.outcome is None else {**payload, **event.outcome}


def endpoint_payload(endpoint: WebhookEndpoint, *, livemode: bool) -> Wire:
    """The webhook_endpoint object, without its secret."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
        "old_secret_until": unix_or_none(endpoint.old_secret_until),
        "metadata": endpoint.metadata,
        "created": unix(endpoint.created_at),
        "livemode": livemode,
    }


def delivery_payload(delivery: Delivery, *, attempts: Sequence[DeliveryAttempt], livemode: bool) -> Wire:
    """The webhook_delivery object with its attempts, oldest first."""
    return {
        "id": delivery.id,
        "object": "webhook_delivery",
        "endpoint": delivery.endpoint_id,
        "event": delivery.event_id,
        "event_type": delivery.event_type,
        "status": delivery.status,
        "attempts": [_attempt(attempt) for attempt in attempts],
        "next_attempt_at": unix_or_none(delivery.next_attempt_at),
        "created": unix(delivery.created_at),
        "livemode": livemode,
    }


def _attempt(attempt: DeliveryAttempt) -> Wire:
    return {
        "number": attempt.number,
        "attempted_at": unix(attempt.attempted_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "request_headers": attempt.request_headers,
        "response_headers": attempt.response_headers,
        "response_body": attempt.response_body,
    }

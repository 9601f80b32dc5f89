"""Webhook endpoints: created, updated, rotated, disabled, deleted; events sent to them again."""

from __future__ import annotations

from datetime import timedelta

from vinr_server.core.events.announcements import announce, deliver
from vinr_server.core.events.commands import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    DisableWebhookEndpoint,
    ReplayEvents,
    ResendEvent,
    RotateWebhookEndpoint,
    UpdateWebhookEndpoint,
)
from vinr_server.core.events.payloads import delivery_payload, endpoint_payload
from vinr_server.core.events.rows import Event, WebhookEndpoint
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace


def needs_create_webhook_endpoint(_command: CreateWebhookEndpoint, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_create_webhook_endpoint(draft: Layer, command: CreateWebhookEndpoint, context: Context) -> Accepted:
    """From now on the endpoint gets every event it subscribes to."""
    endpoint = WebhookEndpoint(
        id=context.make_id("we", 0),
        url=command.url,
        events=command.events,
        description=command.description,
        status="enabled",
        disabled_reason=None,
        sealed_secret=command.sealed_secret,
        sealed_old_secret=None,
        old_secret_until=None,
        metadata=command.metadata,
        created_at=context.wall_now,
    )
    draft.put(endpoint)
    return _accepted(endpoint, context, is_new=True)


def needs_update_webhook_endpoint(_command: UpdateWebhookEndpoint, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_update_webhook_endpoint(
    draft: Layer, command: UpdateWebhookEndpoint, context: Context
) -> Accepted | Rejected:
    """The endpoint has its new values from now on. While it is disabled, its undelivered events wait."""
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    merged = merge_metadata(endpoint.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    before = endpoint.status
    endpoint = replace(endpoint, metadata=merged, **command.changes)
    if endpoint.status != before:
        endpoint = replace(endpoint, disabled_reason="by_request" if endpoint.status == "disabled" else None)
    draft.put(endpoint)
    if endpoint.status == "disabled" and before == "enabled":
        return _announce_disabled(draft, endpoint, context)
    return _accepted(endpoint, context)


def needs_rotate_webhook_endpoint(_command: RotateWebhookEndpoint, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_rotate_webhook_endpoint(
    draft: Layer, command: RotateWebhookEndpoint, context: Context
) -> Accepted | Rejected:
    """The new secret signs; the previous one also signs until the overlap ends. Older secrets no longer sign."""
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    has_overlap = command.overlap_seconds > 0
    over_at = whole_second(context.wall_now + timedelta(seconds=command.overlap_seconds))
    endpoint = replace(
        endpoint,
        sealed_secret=command.sealed_secret,
        sealed_old_secret=endpoint.sealed_secret if has_overlap else None,
        old_secret_until=over_at if has_overlap else None,
    )
    draft.put(endpoint)
    return _accepted(endpoint, context)


def needs_delete_webhook_endpoint(_command: DeleteWebhookEndpoint, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_delete_webhook_endpoint(
    draft: Layer, command: DeleteWebhookEndpoint, context: Context
) -> Accepted | Rejected:
    """The endpoint no longer gets events, and its pending deliveries stay undelivered."""
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    draft.put(replace(endpoint, deleted_at=context.wall_now))
    return Accepted({"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}, is_new=False)


def needs_disable_webhook_endpoint(_command: DisableWebhookEndpoint, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_disable_webhook_endpoint(
    draft: Layer, command: DisableWebhookEndpoint, context: Context
) -> Accepted | Rejected:
    """The endpoint gets no events until somebody enables it; the other endpoints get an event about it.

    An endpoint that was already disabled, or has a new URL since, stays as it is: the failures were not its own.
    """
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    if endpoint.status == "disabled" or endpoint.url != command.url:
        return _accepted(endpoint, context)
    endpoint = replace(endpoint, status="disabled", disabled_reason=command.reason)
    draft.put(endpoint)
    return _announce_disabled(draft, endpoint, context)


def needs_resend_event(command: ResendEvent, needs: Needs) -> None:
    """Needs the event."""
    needs.row(Event, command.event_id)


def decide_resend_event(draft: Layer, command: ResendEvent, context: Context) -> Accepted | Rejected:
    """Deliver the event to the endpoint again, with the same webhook-id."""
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    event = draft.get(Event, command.event_id)
    if event is None:
        return missing("event", command.event_id, param="event")
    if endpoint.status == "disabled":
        return _not_enabled(endpoint)
    delivery = deliver(draft, context, endpoint, bucket=event.bucket, event_id=event.id, event_type=event.type)
    return Accepted(delivery_payload(delivery, attempts=(), livemode=context.livemode))


def needs_replay_events(_command: ReplayEvents, _needs: Needs) -> None:
    """Needs nothing: the caller has found the events, and they never change."""


def decide_replay_events(draft: Layer, command: ReplayEvents, context: Context) -> Accepted | Rejected:
    """Deliver all these events to the endpoint again."""
    endpoint = _endpoint(draft, command.endpoint_id)
    if isinstance(endpoint, Rejected):
        return endpoint
    if endpoint.status == "disabled":
        return _not_enabled(endpoint)
    for bucket, event_id, event_type in command.events:
        deliver(draft, context, endpoint, bucket=bucket, event_id=event_id, event_type=event_type)
    answer = {
        "object": "webhook_replay",
        "endpoint": endpoint.id,
        "events": len(command.events),
        "last_event": command.events[-1][1] if command.events else None,
        "has_more": command.has_more,
    }
    return Accepted(answer, is_new=False)


def _endpoint(draft: Layer, endpoint_id: str) -> WebhookEndpoint | Rejected:
    endpoint = draft.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.deleted_at is not None:
        return missing("webhook endpoint", endpoint_id, param="id")
    return endpoint


def _announce_disabled(draft: Layer, endpoint: WebhookEndpoint, context: Context) -> Accepted:
    """Announce to the other endpoints that this one no longer gets events, and why."""
    payload = endpoint_payload(endpoint, livemode=context.livemode)
    announce(draft, context, type="webhook_endpoint.disabled", data=payload, now=context.wall_now)
    return Accepted(payload, is_new=False)


def _not_enabled(endpoint: WebhookEndpoint) -> Rejected:
    message = f"Webhook endpoint {endpoint.id} is disabled. Set its status to enabled first."
    return Rejected("webhook_endpoint_disabled", message, param="id", details={"reason": endpoint.disabled_reason})


def _accepted(endpoint: WebhookEndpoint, context: Context, *, is_new: bool = False) -> Accepted:
    return Accepted(endpoint_payload(endpoint, livemode=context.livemode), is_new=is_new)


COMMANDS: Commands = {
    CreateWebhookEndpoint: (needs_create_webhook_endpoint, decide_create_webhook_endpoint),
    UpdateWebhookEndpoint: (needs_update_webhook_endpoint, decide_update_webhook_endpoint),
    RotateWebhookEndpoint: (needs_rotate_webhook_endpoint, decide_rotate_webhook_endpoint),
    DeleteWebhookEndpoint: (needs_delete_webhook_endpoint, decide_delete_webhook_endpoint),
    DisableWebhookEndpoint: (needs_disable_webhook_endpoint, decide_disable_webhook_endpoint),
    ResendEvent: (needs_resend_event, decide_resend_event),
    ReplayEvents: (needs_replay_events, decide_replay_events),
}

"""Operations on webhook endpoints: who is told of what, what became of it, and telling it once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from vinr_server.api import webhook_inputs
from vinr_server.api.contract.event_patterns import pattern_fault
from vinr_server.api.contract.operation import FIND, MADE, Operation, list_page, retrieve_one
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant, read_instant_or_none
from vinr_server.api.reads import find, list_of, shown_by
from vinr_server.api.values import read_metadata
from vinr_server.core.events.commands import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    ReplayEvents,
    ResendEvent,
    RotateWebhookEndpoint,
    UpdateWebhookEndpoint,
)
from vinr_server.core.events.payloads import delivery_payload, endpoint_payload
from vinr_server.core.events.rows import Delivery, DeliveryStatus, EndpointStatus, WebhookEndpoint
from vinr_server.core.kernel.answers import invalid, missing
from vinr_server.engine.outbound import Forbidden, check_target
from vinr_server.engine.sealing import make_secret
from vinr_server.storage.reads.reader import CursorMissing

ENDPOINTS = "/v1/webhook_endpoints"
EXAMPLE_URL = "https://example.com/hooks/vinr"

show_webhook_endpoints = shown_by(endpoint_payload)


async def create_webhook_endpoint(call: Call) -> CreateWebhookEndpoint:
    body: webhook_inputs.CreateWebhookEndpointInput = call.body
    metadata = read_metadata(body.metadata)
    events = _patterns(body.events)
    await _check_url(call, body.url)
    return CreateWebhookEndpoint(body.url, events, _new_secret(call), body.description, metadata)


async def update_webhook_endpoint(call: Call) -> UpdateWebhookEndpoint:
    body: webhook_inputs.UpdateWebhookEndpointInput = call.body
    changes: dict[str, Any] = {}
    if body.events is not UNSET:
        changes["events"] = _patterns(body.events)
    if body.description is not UNSET:
        changes["description"] = body.description
    if body.status is not UNSET:
        changes["status"] = body.status
    metadata = None if body.metadata is UNSET else read_metadata(body.metadata, allows_null=True)
    if body.url is not UNSET:
        await _check_url(call, body.url)
        changes["url"] = body.url
    return UpdateWebhookEndpoint(call.id, changes, metadata)


def rotate_webhook_endpoint(call: Call) -> RotateWebhookEndpoint:
    body: webhook_inputs.RotateWebhookEndpointInput = call.body
    return RotateWebhookEndpoint(call.id, _new_secret(call), body.overlap_seconds)


def delete_webhook_endpoint(call: Call) -> DeleteWebhookEndpoint:
    return DeleteWebhookEndpoint(call.id)


def resend_event(call: Call) -> ResendEvent:
    return ResendEvent(call.id, call.body.event)


async def replay_events(call: Call) -> ReplayEvents:
    """The events are found here, in the order in which they happened: a page of at most 1,000."""
    body: webhook_inputs.ReplayEventsInput = call.body
    starts_at = read_instant(body.starts_at, param="starts_at")
    ends_at = read_instant_or_none(body.ends_at, param="ends_at", is_end=True)
    if ends_at is not None and ends_at <= starts_at:
        raise Problem.of(invalid("ends_at must lie after starts_at.", param="ends_at"))
    # A name that the endpoint does not ask for is sent where it is named here.
    patterns = _patterns(body.events) if body.events else (await find(call, WebhookEndpoint, "webhook endpoint")).events
    try:
        events, has_more = await call.reader.events_between(
            call.caller.realm,
            starts_at,
            ends_at,
            patterns=patterns,
            after=body.starting_after,
            limit=body.limit,
        )
    except CursorMissing as error:
        raise Problem.of(missing("event", str(error), param="starting_after")) from None
    return ReplayEvents(call.id, tuple(events), has_more)


def _patterns(given: Sequence[str]) -> tuple[str, ...]:
    """The patterns, each once; refused where no event can match."""
    for place, pattern in enumerate(given):
        fault = pattern_fault(pattern)
        if fault is not None:
            param = f"events[{place}]"
            raise Problem("parameter_invalid", f"{param}: {fault}", param=param)
    return tuple(dict.fromkeys(given))


async def _check_url(call: Call, url: str) -> None:
    try:
        await check_target(url, is_loopback_allowed=call.is_loopback_allowed)
    except Forbidden as forbidden:
        raise Problem("parameter_invalid", f"url: {forbidden.reason}", param="url") from None


def _new_secret(call: Call) -> bytes:
    """A secret made for this call, which alone will show it, sealed."""
    assert call.seal is not None, "endpoints are made with a seal at hand"
    call.secret = make_secret()
    return call.seal.close(call.secret)


async def show_webhook_deliveries(call: Call, deliveries: Sequence[Delivery]) -> list[Any]:
    """Deliveries, each with the log of its attempts."""
    attempts = await call.reader.delivery_attempts(call.caller.realm, deliveries)
    return [
        delivery_payload(one, attempts=attempts.get(one.id, ()), livemode=call.caller.livemode) for one in deliveries
    ]


ENDPOINTS_LISTING = Listing(
    WebhookEndpoint, {"status": ("status", one_of(EndpointStatus))}, where="t.deleted_at is null"
)
DELIVERIES_LISTING = Listing(
    Delivery, {"status": ("status", one_of(DeliveryStatus)), "event": ("event_id", text), "type": ("event_type", text)}
)


def _write(method: str, path: str, sdk: str, body: Any, summary: str, translate: Any, **more: Any) -> Operation:
    return Operation(translate.__name__, method, path, f"webhookEndpoints.{sdk}", summary, body, translate, **more)


WEBHOOK_ENDPOINTS = (
    _write(
        "POST",
        ENDPOINTS,
        "create",
        webhook_inputs.CreateWebhookEndpointInput,
        "Be told of events at a URL; the signing secret is in this answer and never again.",
        create_webhook_endpoint,
        reply="webhook_endpoint",
        answers=MADE,
        example={"url": EXAMPLE_URL, "events": ["loyalty.*", "payment.refunded"]},
    ),
    retrieve_one(
        f"{ENDPOINTS}/{{id}}",
        "webhookEndpoints.retrieve",
        "retrieve_webhook_endpoint",
        WebhookEndpoint,
        "webhook endpoint",
        show_webhook_endpoints,
    ),
    _write(
        "POST",
        f"{ENDPOINTS}/{{id}}",
        "update",
        webhook_inputs.UpdateWebhookEndpointInput,
        "Change an endpoint, or disable and enable it.",
        update_webhook_endpoint,
        reply="webhook_endpoint",
        refusals=(*FIND, "immutable_field"),
        immutable=("id",),
        example={"events": ["loyalty.points.earned"]},
    ),
    _write(
        "DELETE",
        f"{ENDPOINTS}/{{id}}",
        "delete",
        None,
        "Delete an endpoint: it is told nothing any more.",
        delete_webhook_endpoint,
        reply="deleted",
        refusals=FIND,
    ),
    list_page(
        ENDPOINTS,
        "webhookEndpoints.list",
        "list_webhook_endpoints",
        ENDPOINTS_LISTING,
        show_webhook_endpoints,
        "webhook endpoints",
    ),
    _write(
        "POST",
        f"{ENDPOINTS}/{{id}}/rotate",
        "rotate",
        webhook_inputs.RotateWebhookEndpointInput,
        "Make a new signing secret; the old one signs beside it for the overlap (a day by default).",
        rotate_webhook_endpoint,
        reply="webhook_endpoint",
        refusals=FIND,
        example={"overlap_seconds": 86_400},
    ),
    Operation(
        "list_webhook_deliveries",
        "GET",
        f"{ENDPOINTS}/{{id}}/deliveries",
        "webhookEndpoints.deliveries",
        "List what was sent to an endpoint, newest first, with the log of every attempt.",
        read=list_of(
            DELIVERIES_LISTING,
            f"{ENDPOINTS}/{{id}}/deliveries",
            show_webhook_deliveries,
            of=("endpoint_id", WebhookEndpoint, "webhook endpoint"),
        ),
        reply="list",
        refusals=FIND,
        listing=DELIVERIES_LISTING,
    ),
    _write(
        "POST",
        f"{ENDPOINTS}/{{id}}/resend",
        "resend",
        webhook_inputs.ResendEventInput,
        "Send one event to an endpoint once more, under the same webhook-id.",
        resend_event,
        reply="webhook_delivery",
        answers=MADE,
        example={"event": "evt_0197a3"},
        refusals=(*FIND, "webhook_endpoint_disabled"),
    ),
    _write(
        "POST",
        f"{ENDPOINTS}/{{id}}/replay",
        "replay",
        webhook_inputs.ReplayEventsInput,
        "Send the events of a span of time to an endpoint once more, up to 1,000 in a call.",
        replay_events,
        reply="webhook_replay",
        refusals=(*FIND, "webhook_endpoint_disabled"),
        example={"starts_at": "2026-06-01T00:00:00Z", "events": ["loyalty.*"]},
    ),
)

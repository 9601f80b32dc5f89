"""Webhook endpoints: where events are sent, what became of each, and sending them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.event_patterns import pattern_fault
from vinr_server.api.contract.input import EventId, Input, Instant, Metadata, Name, Text
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import find, list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Deleted, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant, read_instant_or_none
from vinr_server.core.events import rows
from vinr_server.core.events.commands import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    ReplayEvents,
    ResendEvent,
    RotateWebhookEndpoint,
    UpdateWebhookEndpoint,
)
from vinr_server.core.events.payloads import delivery_payload, endpoint_payload
from vinr_server.core.kernel.answers import invalid, missing
from vinr_server.engine.outbound import Forbidden, check_target
from vinr_server.engine.sealing import make_secret
from vinr_server.storage.reads.reader import CursorMissing
from vinr_server.storage.reads.scopes import NOT_DELETED

URL = "/v1/webhook_endpoints"
EXAMPLE_URL = "https://example.com/hooks/vinr"
Pattern = Annotated[str, Meta(min_length=1, max_length=100)]
Patterns = Annotated[list[Pattern], Meta(min_length=1, max_length=100)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]


class CreateWebhookEndpointInput(Input):
    url: Url
    events: Patterns
    description: Text | None = None
    metadata: Metadata = {}


class UpdateWebhookEndpointInput(Input):
    url: Url | UnsetType = UNSET
    events: Patterns | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    status: Literal["enabled", "disabled"] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class RotateWebhookEndpointInput(Input):
    overlap_seconds: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 86_400


class ResendEventInput(Input):
    event: EventId


class ReplayEventsInput(Input):
    starts_at: Instant
    ends_at: Instant | None = None
    events: Patterns | None = None
    starting_after: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class WebhookEndpoint(Reply):
    id: str
    object: Literal["webhook_endpoint"]
    url: str
    events: list[str]
    description: str | None
    status: rows.EndpointStatus
    disabled_reason: rows.DisabledReason | None
    old_secret_until: int | None
    metadata: Json
    created: int
    livemode: bool
    # Only in the answer that made or rotated the endpoint.
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
    status: rows.DeliveryStatus
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


async def create_webhook_endpoint(call: Call) -> CreateWebhookEndpoint:
    body: CreateWebhookEndpointInput = call.body
    metadata = read_metadata(body.metadata)
    events = _patterns(body.events)
    await _check_url(call, body.url)
    return CreateWebhookEndpoint(body.url, events, _new_secret(call), body.description, metadata)


async def update_webhook_endpoint(call: Call) -> UpdateWebhookEndpoint:
    body: UpdateWebhookEndpointInput = call.body
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
    body: RotateWebhookEndpointInput = call.body
    return RotateWebhookEndpoint(call.id, _new_secret(call), body.overlap_seconds)


def delete_webhook_endpoint(call: Call) -> DeleteWebhookEndpoint:
    return DeleteWebhookEndpoint(call.id)


def resend_event(call: Call) -> ResendEvent:
    return ResendEvent(call.id, call.body.event)


async def replay_events(call: Call) -> ReplayEvents:
    """The events are found here, in the order in which they happened: a page of at most 1,000."""
    body: ReplayEventsInput = call.body
    starts_at = read_instant(body.starts_at, param="starts_at")
    ends_at = read_instant_or_none(body.ends_at, param="ends_at", is_end=True)
    if ends_at is not None and ends_at <= starts_at:
        raise Problem.of(invalid("ends_at must be after starts_at.", param="ends_at"))
    # An event that is named here is sent even if the endpoint does not ask for it.
    patterns = (
        _patterns(body.events) if body.events else (await find(call, rows.WebhookEndpoint, "webhook endpoint")).events
    )
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
    """The patterns, each once; refused if no event can match one of them."""
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
    """A secret made for this call, sealed; only this call's answer shows it."""
    assert call.seal is not None, "endpoints are made where the seal is known"
    call.secret = make_secret()
    return call.seal.close(call.secret)


ENDPOINTS = Listing(rows.WebhookEndpoint, {"status": ("status", one_of(rows.EndpointStatus))}, within=NOT_DELETED)
DELIVERIES = Listing(
    rows.Delivery,
    {"status": ("status", one_of(rows.DeliveryStatus)), "event": ("event_id", text), "type": ("event_type", text)},
)
show_webhook_endpoints = shown_by(endpoint_payload)


async def show_webhook_deliveries(call: Call, deliveries: Sequence[rows.Delivery]) -> list[Any]:
    """Deliveries, each with the log of its attempts."""
    attempts = await call.reader.delivery_attempts(call.caller.realm, deliveries)
    return [
        delivery_payload(delivery, attempts=attempts.get(delivery.id, ()), livemode=call.caller.livemode)
        for delivery in deliveries
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_webhook_endpoint",
        method="POST",
        path=URL,
        sdk="webhookEndpoints.create",
        summary="Create an endpoint that receives events at a URL; only this answer shows the signing secret.",
        body=CreateWebhookEndpointInput,
        translate=create_webhook_endpoint,
        reply=WebhookEndpoint,
        answers=MADE,
        example={"url": EXAMPLE_URL, "events": ["loyalty.*", "payment.refunded"]},
    ),
    Operation(
        id="retrieve_webhook_endpoint",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="webhookEndpoints.retrieve",
        summary="Retrieve one webhook endpoint.",
        read=retrieve(rows.WebhookEndpoint, "webhook endpoint", show_webhook_endpoints),
        reply=WebhookEndpoint,
        refusals=FIND,
    ),
    Operation(
        id="update_webhook_endpoint",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="webhookEndpoints.update",
        summary="Change an endpoint, or disable or enable it.",
        body=UpdateWebhookEndpointInput,
        translate=update_webhook_endpoint,
        reply=WebhookEndpoint,
        immutable=("id",),
        refusals=(*FIND, "immutable_field"),
        example={"events": ["loyalty.points.earned"]},
    ),
    Operation(
        id="delete_webhook_endpoint",
        method="DELETE",
        path=f"{URL}/{{id}}",
        sdk="webhookEndpoints.delete",
        summary="Delete an endpoint: it no longer receives events.",
        translate=delete_webhook_endpoint,
        reply=Deleted,
        refusals=FIND,
    ),
    Operation(
        id="list_webhook_endpoints",
        method="GET",
        path=URL,
        sdk="webhookEndpoints.list",
        summary="List webhook endpoints, newest first.",
        read=list_of(ENDPOINTS, URL, show_webhook_endpoints),
        listing=ENDPOINTS,
        reply=ListOf(WebhookEndpoint),
    ),
    Operation(
        id="rotate_webhook_endpoint",
        method="POST",
        path=f"{URL}/{{id}}/rotate",
        sdk="webhookEndpoints.rotate",
        summary="Create a new signing secret; the old one signs alongside it for the overlap (a day by default).",
        body=RotateWebhookEndpointInput,
        translate=rotate_webhook_endpoint,
        reply=WebhookEndpoint,
        refusals=FIND,
        example={"overlap_seconds": 86_400},
    ),
    Operation(
        id="list_webhook_deliveries",
        method="GET",
        path=f"{URL}/{{id}}/deliveries",
        sdk="webhookEndpoints.deliveries",
        summary="List what was sent to an endpoint, newest first, with the log of every attempt.",
        read=list_of(
            DELIVERIES,
            f"{URL}/{{id}}/deliveries",
            show_webhook_deliveries,
            of=("endpoint_id", rows.WebhookEndpoint, "webhook endpoint"),
        ),
        listing=DELIVERIES,
        reply=ListOf(WebhookDelivery),
        refusals=FIND,
    ),
    Operation(
        id="resend_event",
        method="POST",
        path=f"{URL}/{{id}}/resend",
        sdk="webhookEndpoints.resend",
        summary="Send one event to an endpoint again, under the same webhook-id.",
        body=ResendEventInput,
        translate=resend_event,
        reply=WebhookDelivery,
        answers=MADE,
        refusals=(*FIND, "webhook_endpoint_disabled"),
        example={"event": "evt_0197a3"},
    ),
    Operation(
        id="replay_events",
        method="POST",
        path=f"{URL}/{{id}}/replay",
        sdk="webhookEndpoints.replay",
        summary="Send the events of a period to an endpoint again, up to 1,000 in a call.",
        body=ReplayEventsInput,
        translate=replay_events,
        reply=WebhookReplay,
        refusals=(*FIND, "webhook_endpoint_disabled"),
        example={"starts_at": "2026-06-01T00:00:00Z", "events": ["loyalty.*"]},
    ),
)

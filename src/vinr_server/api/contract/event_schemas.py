"""The data of the engine's events, for OpenAPI: one webhook for each type in the engine's list."""

from __future__ import annotations

from typing import Any

from vinr_server.api.contract.reply import Reply
from vinr_server.api.contract.table import OBJECTS
from vinr_server.core.events.engine_events import EVENT_TYPES

_REF = "#/components/schemas/{name}"


def data_of(event_type: str) -> type[Reply]:
    """The type of the event's `data`."""
    return OBJECTS[EVENT_TYPES[event_type]]


def webhooks() -> dict[str, Any]:
    """The `webhooks` of the OpenAPI document, by type: the event with its own `type` and `data`."""
    return {event_type: {"post": _describe(event_type)} for event_type in EVENT_TYPES}


def _describe(event_type: str) -> dict[str, Any]:
    own = {"type": {"const": event_type}, "data": {"$ref": _REF.format(name=data_of(event_type).__name__)}}
    schema = {"allOf": [{"$ref": _REF.format(name="Event")}, {"type": "object", "properties": own}]}
    return {
        "summary": f"Sent to webhook endpoints that ask for {event_type}.",
        "tags": ["webhooks"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "Received. The engine retries any other answer later."}},
    }

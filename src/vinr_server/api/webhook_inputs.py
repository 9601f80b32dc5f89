"""What callers may send about webhook endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.inputs import EventId, Input, Instant, Metadata, Name, Text

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

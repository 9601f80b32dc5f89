"""Events of the engine's own: each thing that happens is told once, in the transaction that made it happen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.context import Context
from vinr_server.core.events import EVENT_TYPES
from vinr_server.core.rows import Account, Event
from vinr_server.core.state import Layer

Json = Mapping[str, Any]


def announce(
    draft: Layer,
    context: Context,
    *,
    type: str,
    data: Json,
    now: datetime,
    account: Account | None = None,
    bucket: int = 0,
) -> Event:
    """An event stands in the draft, in the bucket of its account or the one given; `data` is its payload."""
    assert type in EVENT_TYPES, f"list {type} in core/events.py"
    bucket = account.bucket if account else bucket
    event = Event(
        bucket=bucket,
        id=context.make_id("evt", bucket),
        type=type,
        account_id=account.id if account else None,
        data=data,
        created_at=now,
        outcome=None,
        is_deliverable=context.is_deliverable,
        request_id=context.request_id,
        idempotency_key=context.idempotency_key,
    )
    draft.put(event)
    return event

"""Events: each is written once, with its deliveries, in the transaction that made it happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.events.engine_events import EVENT_TYPES
from vinr_server.core.events.rows import ENABLED, Delivery, Event, WebhookEndpoint
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account

Json = Mapping[str, Any]


def announce(
    draft: Layer,
    context: Context,
    *,
    type: str,
    data: Json,
    now: datetime,
    account: Account | Wallet | None = None,
    members: Sequence[Account] = (),
    bucket: int = 0,
) -> Event:
    """Put a new event with its deliveries into the draft; it lies in its account's bucket, or in `bucket`.

    `data`: the payload, as the wire shows it.
    `members`: the accounts that it changed, unless it belongs to a single `account`.
    """
    assert type in EVENT_TYPES, f"list {type} in core/events/engine_events.py"
    bucket = account.bucket if account else bucket
    event = Event(
        bucket=bucket,
        id=context.make_id("evt", bucket),
        type=type,
        account_id=account.id if account else None,
        data=data,
        sequence=sequence_of(draft, [account] if account else members),
        created_at=now,
        outcome=None,
        is_deliverable=context.is_deliverable,
        request_id=context.request_id,
        idempotency_key=context.idempotency_key,
    )
    emit(draft, context, event)
    return event


def sequence_of(draft: Layer, accounts: Sequence[Account | Wallet]) -> int | None:
    """Return the current sequence of a single account's or wallet's ledger; None for none, or for several."""
    if len(accounts) != 1:
        return None
    (account,) = accounts
    newest: Account | Wallet | None = draft.get(type(account), account.id)
    return (newest or account).sequence


def emit(draft: Layer, context: Context, event: Event) -> None:
    """Put the event into the draft, with a delivery to every endpoint that wants it."""
    draft.put(event)
    if not event.is_deliverable:
        return
    for endpoint in draft.children(WebhookEndpoint, ENABLED):
        if endpoint.parent == ENABLED and endpoint.wants(event.type):
            deliver(draft, context, endpoint, bucket=event.bucket, event_id=event.id, event_type=event.type)


def deliver(
    draft: Layer, context: Context, endpoint: WebhookEndpoint, *, bucket: int, event_id: str, event_type: str
) -> Delivery:
    """Put a delivery of the event to the endpoint into the draft, due at once: deliveries live by real time."""
    delivery = Delivery(
        bucket=bucket,
        id=context.make_id("dlv", bucket),
        event_id=event_id,
        event_type=event_type,
        endpoint_id=endpoint.id,
        status="pending",
        attempt_count=0,
        next_attempt_at=context.wall_now,
        lease=None,
        created_at=context.wall_now,
    )
    draft.put(delivery)
    return delivery

"""Events: what the engine has sent, and what merchants report themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.currencies import Currency, find_currency
from vinr_server.api.contract.input import INTEGER_MAX, EventId, Input, Instant
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Award, CampaignReaction, Data, Reply, Skipped
from vinr_server.api.contract.values import is_id, member_link
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.identity import cleaned
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.zones import read_occurred_at
from vinr_server.core.earning import commands
from vinr_server.core.events import payloads, rows

URL = "/v1/events"


class ReportEventInput(Input):
    type: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
    id: EventId | None = None
    data: dict[str, Any] = {}
    occurred_at: Instant = None


class EventRequest(Reply):
    id: str | None
    idempotency_key: str | None


class Event(Reply):
    id: str
    object: Literal["event"]
    type: str
    created: int
    livemode: bool
    sequence: int | None
    data: Data
    request: EventRequest
    awards: list[Award] | UnsetType = UNSET
    skipped: list[Skipped] | UnsetType = UNSET
    campaigns: list[CampaignReaction] | UnsetType = UNSET


async def report_event(call: Call) -> commands.ReportEvent:
    body: ReportEventInput = call.body
    customer_id, _unlinked = _event_customer(body.data.get("customer"))
    return event(body, occurred_at=await read_occurred_at(call, body.occurred_at, customer_id=customer_id))


def event(body: ReportEventInput, *, occurred_at: datetime | None) -> commands.ReportEvent:
    """The command for one event."""
    metadata = body.data.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise Problem("parameter_invalid", "data.metadata: send an object.", param="data.metadata")
    customer_id, unlinked = _event_customer(body.data.get("customer"))
    amount_minor, currency = _event_amount(body.data, occurred_at)
    return commands.ReportEvent(
        type=body.type,
        data=body.data,
        id=body.id,
        customer_id=customer_id,
        account_id=member_link(metadata or {}, param="data.metadata.loyalty_account"),
        currency=currency.code if currency else None,
        amount_minor=amount_minor,
        minor_per_unit=currency.minor_per_unit if currency else 1,
        occurred_at=occurred_at,
        unlinked=unlinked,
    )


def _event_customer(value: Any) -> tuple[str | None, str | None]:
    """The event's customer; or why `data.customer`, which holds whatever the reporting system has, names none."""
    if value is None:
        return None, None
    if is_id(value, prefix="cust_"):
        clean = cleaned(value)
        if clean == value:
            return value, None
        return None, f"data.customer is {value!a}, so this event is linked to nobody. Send {clean!r}."
    return None, "data.customer is not an id that starts with cust_, so this event is linked to nobody."


def _event_amount(data: Mapping[str, Any], occurred_at: datetime | None) -> tuple[int, Currency | None]:
    """Amount and currency, if an event carries both as a payment would; otherwise it earns flat points only."""
    amount, code = data.get("amount"), data.get("currency")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= INTEGER_MAX:
        return 0, None
    currency = find_currency(code.upper()) if isinstance(code, str) else None
    if currency is None or not currency.was_in_use_at(occurred_at):
        return 0, None
    return amount, currency


EVENTS = Listing(rows.Event, {"type": ("type", text), "account": ("account_id", text)})
show_events = shown_by(payloads.event_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="report_event",
        method="POST",
        path=URL,
        sdk="events.create",
        summary="Report a business event of your own; rules that name its type award points.",
        body=ReportEventInput,
        translate=report_event,
        reply=Event,
        answers=MADE_OR_FOUND,
        is_verbatim=True,
        refusals=(*CREATE, "reserved_event_type", "parameter_conflict"),
        example={"type": "review.posted", "data": {"customer": "cust_abc123", "stars": 5}},
    ),
    Operation(
        id="retrieve_event",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="events.retrieve",
        summary="Retrieve one event.",
        read=retrieve(rows.Event, "event", show_events),
        reply=Event,
        refusals=FIND,
    ),
    Operation(
        id="list_events",
        method="GET",
        path=URL,
        sdk="events.list",
        summary="List events, newest first.",
        read=list_of(EVENTS, URL, show_events),
        listing=EVENTS,
        reply=ListOf(Event),
    ),
)

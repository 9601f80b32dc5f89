"""What both kinds of offers have in common: how they stack, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from vinr_server.api.contract.budgets import Budget
from vinr_server.api.contract.input import Name, sent
from vinr_server.api.contract.reply import Json, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.core.budgets.counting import Left, left_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.offers import rows
from vinr_server.core.offers.payloads import offer_payload
from vinr_server.storage.reads.offers import Standing

Priority = Annotated[int, Meta(ge=-1000, le=1000)]
StackingMode = Literal["stack", "exclusive", "best"]
Segments = Annotated[list[Name], Meta(max_length=50)]


class AnyOffer(Reply):
    """The fields that both kinds of offers have."""

    id: str
    object: Literal["offer"]
    name: str
    revision: int
    budget: Budget | None
    starts_at: int | None
    ends_at: int | None
    stacking: StackingMode
    stacking_group: str | None
    priority: int
    metadata: Json
    created: int
    livemode: bool


async def show_offers(call: Call, offers: Sequence[rows.Offer]) -> list[Any]:
    """Offers of either kind, each with its status at its program's current time."""
    standings = await call.reader.offer_standings(call.caller.realm, offers, datetime.now(UTC)) if offers else {}
    lefts = await _lefts(call, offers, standings)
    return [
        offer_payload(
            offer,
            status=offer.status_at(standings[offer.id].now, used=standings[offer.id].counter.used),
            counter=standings[offer.id].counter,
            left=lefts.get(offer.id),
            livemode=call.caller.livemode,
        )
        for offer in offers
    ]


async def _lefts(call: Call, offers: Sequence[rows.Offer], standings: Mapping[str, Standing]) -> dict[str, Left]:
    """What the budget of each offer that has one has left in the running period."""
    running: dict[str, Left] = {}
    for offer in offers:
        if offer.terms.budget is not None:
            standing, seen = standings[offer.id], Layer()
            running[offer.id] = left_of(seen, offer.terms.budget, offer.id, at=standing.now, zone=standing.zone)
    ids = [left.counter_id for left in running.values() if left.counter_id is not None]
    counters = await call.reader.counters_of(call.caller.realm, ids) if ids else {}
    for id, left in running.items():
        counter = counters.get(left.counter_id or "")
        if counter is not None:
            running[id] = replace(left, used=counter.used, reserved=counter.reserved)
    return running


def sent_window(body: Any, *ends: str, zone: str) -> dict[str, Any]:
    """The ends of the window that were sent; a bare date as its end means the end of that day."""
    return {
        name: read_instant_or_none(value, param=name, zone=zone, is_end=name == "ends_at")
        for name, value in sent(body, *ends).items()
    }


def read_stacking(mode: StackingMode, group: str | None, priority: int) -> rows.Stacking:
    """How an offer combines with others."""
    return rows.Stacking(mode=mode, group=group, priority=priority)

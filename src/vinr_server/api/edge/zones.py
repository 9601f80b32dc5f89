"""Bare dates: the time zone that each refers to, looked up only if one is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from vinr_server.api.edge.call import Call
from vinr_server.api.edge.times import is_date, read_instant_or_none


async def read_occurred_at(call: Call, value: Any, *, customer_id: str | None) -> datetime | None:
    """The instant; a bare date is midnight in the zone of the customer's first program."""
    zone = "UTC"
    if is_date(value) and customer_id is not None:
        zone = await call.reader.zone_of_customer(call.caller.realm, customer_id)
    return read_instant_or_none(value, param="occurred_at", zone=zone)


async def read_credit_end(call: Call, value: Any, *, param: str) -> datetime | None:
    """The instant at which store credit ends; a bare date is the end of that day in the tenant's zone."""
    zone = await call.reader.zone_of_tenant(call.caller.realm) if is_date(value) else "UTC"
    return read_instant_or_none(value, param=param, zone=zone, is_end=True)


async def zone_of_account(call: Call, account_id: str, *values: Any) -> str:
    """The zone of the account's program, looked up only if one of the values is a bare date."""
    if not any(map(is_date, values)):
        return "UTC"
    return await call.reader.zone(call.caller.realm, "accounts", account_id)


async def zone_of_offer(call: Call, offer_id: str, *values: Any) -> str:
    """The zone of the offer's program, looked up only if one of the values is a bare date."""
    return await call.reader.zone(call.caller.realm, "offers", offer_id) if any(map(is_date, values)) else "UTC"


async def zone_if_needed(call: Call, body: Struct, *, program_id: str | None = None, table: str = "") -> str:
    """The program's zone, looked up only if a bare date depends on it."""
    if not any(is_date(value) for value in _leaves(msgspec.to_builtins(body))):
        return "UTC"
    if program_id is not None:
        return await call.zone_of_program(program_id)
    return await call.reader.zone(call.caller.realm, table, call.path.get("id", ""))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]

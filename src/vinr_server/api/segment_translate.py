"""From a body about segments to a command, and conditions as they are written to conditions as they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from vinr_server.api.currencies import read_any_currency
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.api.segment_inputs import (
    CreateSegmentInput,
    SegmentAccountsInput,
    SegmentConditionsInput,
    UpdateSegmentInput,
)
from vinr_server.api.values import read_metadata
from vinr_server.core.segments import commands
from vinr_server.core.segments.conditions import (
    CONDITIONS_MAX,
    DEPTH_MAX,
    Bounds,
    PaymentCount,
    SegmentConditions,
    Spend,
)

# Ids of other objects start with these; a segment's name must not take one from them.
PREFIXES = ("prog_", "rule_", "rwd_", "ofr_", "cmp_", "cust_", "loy_", "pay_", "re_", "evt_", "clock_", "key_")
ROUTES = ("preview",)


async def create_segment(call: Call) -> commands.CreateSegment:
    body: CreateSegmentInput = call.body
    if body.id is not None and (body.id.startswith(PREFIXES) or body.id in ROUTES):
        message = f"id: {body.id!r} reads as another object's. Use seg_… or a name such as lapsed_90d."
        raise Problem("parameter_invalid", message, param="id")
    if body.type == "static" and body.conditions is not None:
        message = "conditions: a static segment lists its members. Leave them out, or create a dynamic segment."
        raise Problem("parameter_invalid", message, param="conditions")
    if body.type == "dynamic" and body.conditions is None:
        raise Problem("parameter_missing", "conditions is required for a dynamic segment.", param="conditions")
    conditions = SegmentConditions() if body.conditions is None else await conditions_of(call, body.conditions)
    return commands.CreateSegment(body.name, body.type, conditions, body.id, read_metadata(body.metadata))


async def update_segment(call: Call) -> commands.UpdateSegment:
    body: UpdateSegmentInput = call.body
    changes: dict[str, Any] = {}
    if body.name is not UNSET:
        changes["name"] = body.name
    if body.conditions is not UNSET:
        changes["conditions"] = await conditions_of(call, body.conditions)
    return commands.UpdateSegment(call.id, changes, read_metadata(body.metadata, allows_null=True))


def delete_segment(call: Call) -> commands.DeleteSegment:
    return commands.DeleteSegment(call.id)


def add_segment_members(call: Call) -> commands.AddSegmentMembers:
    return commands.AddSegmentMembers(call.id, _accounts(call.body))


def remove_segment_members(call: Call) -> commands.RemoveSegmentMembers:
    return commands.RemoveSegmentMembers(call.id, _accounts(call.body))


def _accounts(body: SegmentAccountsInput) -> tuple[str, ...]:
    """Each account once, in the order given."""
    return tuple(dict.fromkeys(body.accounts))


async def conditions_of(call: Call, given: SegmentConditionsInput) -> SegmentConditions:
    """The conditions as they are judged; a bare date is midnight in the tenant's zone, a segment being of no program.

    Refuses: none at all, too many, or too deep in one another.
    """
    has_dates = any(is_date(date) for part in _parts(given) for date in (part.enrolled_before, part.enrolled_after))
    zone = await call.reader.zone_of_tenant(call.caller.realm) if has_dates else "UTC"
    conditions = _read(given, "conditions", zone, depth=1)
    count = sum(_count(part) for part in _parts(given))
    if count > CONDITIONS_MAX:
        message = f"conditions: {count} conditions are given, {CONDITIONS_MAX} allowed. Split the segment."
        raise Problem("parameter_invalid", message, param="conditions")
    return conditions


def _parts(given: SegmentConditionsInput) -> Iterator[SegmentConditionsInput]:
    yield given
    for part in (*given.all, *given.any):
        yield from _parts(part)


def _count(given: SegmentConditionsInput) -> int:
    """How many conditions stand here, each key of metadata for itself; those nested in it not counted."""
    names = (name for name in given.__struct_fields__ if name not in ("all", "any", "metadata"))
    return sum(getattr(given, name) is not None for name in names) + len(given.metadata or {})


def _read(given: SegmentConditionsInput, at: str, zone: str, *, depth: int) -> SegmentConditions:
    if depth > DEPTH_MAX:
        message = f"{at}: conditions stand more than {DEPTH_MAX} deep in one another. Flatten them."
        raise Problem("parameter_invalid", message, param=at)
    if not _count(given) and not given.all and not given.any:
        raise Problem("parameter_invalid", f"{at} asks nothing. Give a condition, such as balance.", param=at)
    days, enrolled = given.days_since_last_purchase, given.days_since_enrolled
    tier = given.tier
    return SegmentConditions(
        days_since_last_purchase=None if days is None else _bounds(days, f"{at}.days_since_last_purchase"),
        never_purchased=given.never_purchased,
        payments=_payments(given, at),
        spend=_spend(given, at),
        tiers=(tier,) if isinstance(tier, str) else tuple(tier or ()),
        balance=None if given.balance is None else _bounds(given.balance, f"{at}.balance"),
        metadata=None if given.metadata is None else read_metadata(given.metadata, param=f"{at}.metadata"),
        enrolled_before=read_instant_or_none(given.enrolled_before, param=f"{at}.enrolled_before", zone=zone),
        enrolled_after=read_instant_or_none(given.enrolled_after, param=f"{at}.enrolled_after", zone=zone),
        days_since_enrolled=None if enrolled is None else _bounds(enrolled, f"{at}.days_since_enrolled"),
        all_of=tuple(_read(one, f"{at}.all[{n}]", zone, depth=depth + 1) for n, one in enumerate(given.all)),
        any_of=tuple(_read(one, f"{at}.any[{n}]", zone, depth=depth + 1) for n, one in enumerate(given.any)),
    )


def _payments(given: SegmentConditionsInput, at: str) -> PaymentCount | None:
    if given.payments is None:
        return None
    return PaymentCount(_bounds(given.payments, f"{at}.payments"), given.payments.days)


def _spend(given: SegmentConditionsInput, at: str) -> Spend | None:
    if given.spend is None:
        return None
    currency = read_any_currency(given.spend.currency, param=f"{at}.spend.currency").code
    return Spend(currency, _bounds(given.spend, f"{at}.spend"), given.spend.days)


def _bounds(given: Any, at: str) -> Bounds:
    """From gte to lte. Refuses a pair that nothing can meet, and none at all."""
    if given.gte is None and given.lte is None:
        raise Problem("parameter_invalid", f"{at} has no bound. Give gte, lte or both.", param=at)
    if given.gte is not None and given.lte is not None and given.gte > given.lte:
        raise Problem(
            "parameter_invalid", f"{at}: nothing is both {given.gte} or more and {given.lte} or less.", param=at
        )
    return Bounds(given.gte, given.lte)

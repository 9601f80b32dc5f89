"""What a dynamic segment requires of its members: as it is sent, as it is judged, as it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from msgspec import field as called

from vinr_server.api.contract.currencies import read_any_currency
from vinr_server.api.contract.input import INTEGER_MAX, Count, Input, Instant, Key, Metadata, Minor
from vinr_server.api.contract.reply import Json, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.contract.where import (
    DAYS_MAX,
    OF_MEMBER,
    PredicateInput,
    ShownPredicate,
    WindowDays,
    read_predicate,
    require_depth,
)
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant_or_none
from vinr_server.core.conditions.tree import CONDITIONS_MAX, Predicate
from vinr_server.core.segments import conditions as judged

DayCount = Annotated[int, Meta(ge=0, le=DAYS_MAX)]
Points = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]


class DaysInput(Input):
    gte: DayCount | None = None
    lte: DayCount | None = None


class BalanceInput(Input):
    gte: Points | None = None
    lte: Points | None = None


class PaymentCountInput(Input):
    gte: Count | None = None
    lte: Minor | None = None
    days: WindowDays | None = None


class SpendInput(Input):
    currency: str
    gte: Count | None = None
    lte: Minor | None = None
    days: WindowDays | None = None


class SegmentConditionsInput(PredicateInput):
    """What segments ask in their own short forms, or about a field; or all, any and not of others."""

    days_since_last_purchase: DaysInput | None = None
    never_purchased: bool | None = None
    payments: PaymentCountInput | None = None
    spend: SpendInput | None = None
    tier: Key | Annotated[list[Key], Meta(min_length=1, max_length=50)] | None = None
    balance: BalanceInput | None = None
    metadata: Metadata | None = None
    enrolled_before: Instant = None
    enrolled_after: Instant = None
    days_since_enrolled: DaysInput | None = None
    all: Annotated[list[SegmentConditionsInput], Meta(max_length=CONDITIONS_MAX)] = []
    any: Annotated[list[SegmentConditionsInput], Meta(max_length=CONDITIONS_MAX)] = []
    not_: SegmentConditionsInput | None = called(name="not", default=None)


class SegmentBounds(Reply):
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET


class SegmentPayments(Reply):
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET
    days: int | UnsetType = UNSET


class SegmentSpend(Reply):
    currency: str
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET
    days: int | UnsetType = UNSET


class SegmentConditions(ShownPredicate):
    days_since_last_purchase: SegmentBounds | UnsetType = UNSET
    never_purchased: bool | UnsetType = UNSET
    payments: SegmentPayments | UnsetType = UNSET
    spend: SegmentSpend | UnsetType = UNSET
    tier: list[str] | UnsetType = UNSET
    balance: SegmentBounds | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET
    enrolled_before: int | UnsetType = UNSET
    enrolled_after: int | UnsetType = UNSET
    days_since_enrolled: SegmentBounds | UnsetType = UNSET
    all: list[SegmentConditions] | UnsetType = UNSET
    any: list[SegmentConditions] | UnsetType = UNSET
    not_: SegmentConditions | UnsetType = called(name="not", default=UNSET)


async def conditions_of(call: Call, given: SegmentConditionsInput) -> judged.SegmentConditions:
    """The conditions as they are judged; a bare date is midnight in the tenant's zone: a segment belongs to no program.

    Refuses: no conditions, too many of them, or too deep a nesting.
    """
    has_dates = any(is_date(date) for part in _parts(given) for date in _dates(part))
    zone = await call.reader.zone_of_tenant(call.caller.realm) if has_dates else "UTC"
    return read_member_conditions(given, param="conditions", zone=zone)


def read_member_conditions(given: SegmentConditionsInput, *, param: str, zone: str) -> judged.SegmentConditions:
    """What is asked of a member. Refuses the same as `conditions_of`."""
    conditions = _read(given, param, zone, depth=1)
    count = sum(_count(part) for part in _parts(given))
    if count > CONDITIONS_MAX:
        message = f"{param}: {count} conditions are given; at most {CONDITIONS_MAX} are allowed. Split the segment."
        raise Problem("parameter_invalid", message, param=param)
    return conditions


def _dates(given: SegmentConditionsInput) -> tuple[Any, ...]:
    return (given.enrolled_before, given.enrolled_after, given.gt, given.gte, given.lt, given.lte)


def _parts(given: SegmentConditionsInput) -> Iterator[SegmentConditionsInput]:
    yield given
    for part in (*given.all, *given.any, *((given.not_,) if given.not_ is not None else ())):
        yield from _parts(part)


# What is counted by itself, or belongs to a field.
_UNCOUNTED = frozenset(("all", "any", "not_", "metadata", *PredicateInput.__struct_fields__)) - {"field"}


def _count(given: SegmentConditionsInput) -> int:
    """How many conditions are here, each metadata key counted, and nested ones not."""
    names = (name for name in given.__struct_fields__ if name not in _UNCOUNTED)
    return sum(getattr(given, name) is not None for name in names) + len(given.metadata or {})


def _predicate(given: SegmentConditionsInput, at: str, zone: str) -> Predicate | None:
    """The question about a field, if there is one. A segment can't ask about segments: it might ask about itself."""
    if given.field is None:
        for name in (name for name in _OF_FIELD if getattr(given, name) is not None):
            message = f"{at}.{name.rstrip('_')} belongs to a field. Name it."
            raise Problem("parameter_missing", message, param=f"{at}.field")
        return None
    if given.field == "segment":
        message = f"{at}.field: a segment can't ask about segments. Join their conditions instead."
        raise Problem("parameter_invalid", message, param=f"{at}.field")
    return read_predicate(given, param=at, zone=zone, of=OF_MEMBER)


_OF_FIELD = tuple(name for name in PredicateInput.__struct_fields__ if name != "field")


def _read(given: SegmentConditionsInput, at: str, zone: str, *, depth: int) -> judged.SegmentConditions:
    require_depth(depth, at)
    if not _count(given) and not given.all and not given.any and given.not_ is None:
        raise Problem("parameter_invalid", f"{at} has no condition. Send one, such as balance.", param=at)
    days, enrolled = given.days_since_last_purchase, given.days_since_enrolled
    tier = given.tier
    return judged.SegmentConditions(
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
        all_of=tuple(_read(part, f"{at}.all[{n}]", zone, depth=depth + 1) for n, part in enumerate(given.all)),
        any_of=tuple(_read(part, f"{at}.any[{n}]", zone, depth=depth + 1) for n, part in enumerate(given.any)),
        not_of=_read(given.not_, f"{at}.not", zone, depth=depth + 1) if given.not_ is not None else None,
        predicate=_predicate(given, at, zone),
    )


def _payments(given: SegmentConditionsInput, at: str) -> judged.PaymentCount | None:
    if given.payments is None:
        return None
    return judged.PaymentCount(_bounds(given.payments, f"{at}.payments"), given.payments.days)


def _spend(given: SegmentConditionsInput, at: str) -> judged.Spend | None:
    if given.spend is None:
        return None
    currency = read_any_currency(given.spend.currency, param=f"{at}.spend.currency").code
    return judged.Spend(currency, _bounds(given.spend, f"{at}.spend"), given.spend.days)


def _bounds(given: Any, at: str) -> judged.Bounds:
    """The range from gte to lte. Refuses a range that no value meets, and one without a bound."""
    if given.gte is None and given.lte is None:
        raise Problem("parameter_invalid", f"{at} has no bound. Send gte, lte or both.", param=at)
    if given.gte is not None and given.lte is not None and given.gte > given.lte:
        message = f"{at}: no number is both at least {given.gte} and at most {given.lte}. Correct gte or lte."
        raise Problem("parameter_invalid", message, param=at)
    return judged.Bounds(given.gte, given.lte)

"""What a rule or an offer requires of an occasion: as it is sent, as it is judged, as it is shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.currencies import read_any_currency_or_none
from vinr_server.api.contract.input import Input, Instant, Metadata, Minor, Names
from vinr_server.api.contract.reply import Json, Reply
from vinr_server.api.contract.values import read_metadata, read_window
from vinr_server.api.contract.where import OF_RULE, Where, WhereInput, read_where
from vinr_server.api.edge.problems import Problem
from vinr_server.core.conditions.fields import Of
from vinr_server.core.earning import conditions


class WindowInput(Input):
    starts_at: Instant = None
    ends_at: Instant = None


class ConditionsInput(WhereInput):
    metadata: Metadata | None = None
    min_amount: Minor | None = None
    max_amount: Minor | UnsetType = UNSET
    currency: str | None = None
    skus: Names = []
    categories: Names = []
    exclude_skus: Names = []
    exclude_categories: Names = []
    first_payment: bool | None = None
    window: WindowInput | None = None


class Window(Reply):
    starts_at: int | UnsetType = UNSET
    ends_at: int | UnsetType = UNSET


class Conditions(Where):
    metadata: Json | UnsetType = UNSET
    min_amount: int | UnsetType = UNSET
    max_amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    skus: list[str] | UnsetType = UNSET
    categories: list[str] | UnsetType = UNSET
    exclude_skus: list[str] | UnsetType = UNSET
    exclude_categories: list[str] | UnsetType = UNSET
    first_payment: bool | UnsetType = UNSET
    window: Window | UnsetType = UNSET


def read_conditions(
    given: ConditionsInput | None, *, zone: str, of: Collection[Of] = OF_RULE, param: str = "conditions"
) -> conditions.Conditions:
    """What a rule or an offer requires; `of`: the fields that it may ask about."""
    if given is None:
        return conditions.Conditions()
    starts_at, ends_at = read_nested_window(given.window, param=f"{param}.window", zone=zone)
    max_amount = given.max_amount
    if max_amount is not UNSET and max_amount <= (given.min_amount or 0):
        least = f"above min_amount, {given.min_amount}" if given.min_amount else "above 0"
        message = f"{param}.max_amount: {max_amount} leaves no amount. Send one {least}, or leave it out."
        raise Problem("parameter_invalid", message, param=f"{param}.max_amount")
    refuse_both(given, param=param)
    return conditions.Conditions(
        metadata=None if given.metadata is None else read_metadata(given.metadata, param=f"{param}.metadata"),
        min_amount_minor=given.min_amount,
        max_amount_minor=None if max_amount is UNSET else max_amount,
        currency=read_any_currency_or_none(given.currency, param=f"{param}.currency"),
        skus=tuple(given.skus),
        categories=tuple(given.categories),
        exclude_skus=tuple(given.exclude_skus),
        exclude_categories=tuple(given.exclude_categories),
        first_payment=given.first_payment,
        starts_at=starts_at,
        ends_at=ends_at,
        where=read_where(given, param=param, zone=zone, of=of),
    )


def refuse_both(given: Any, *, param: str) -> None:
    """Refuse a sku or category that is both asked for and excluded: no line could ever count."""
    for name in ("skus", "categories"):
        both = sorted(set(getattr(given, name)) & set(getattr(given, f"exclude_{name}")))
        if both:
            message = f"{param}.exclude_{name}: {both[0]!r} is in {param}.{name}, too. Name it in one of them."
            raise Problem("parameter_conflict", message, param=f"{param}.exclude_{name}")


def read_nested_window(given: WindowInput | None, *, param: str, zone: str) -> tuple[Any, Any]:
    """The window inside another object; an end that was left out is open."""
    if given is None:
        return None, None
    return read_window(given.starts_at, given.ends_at, param=f"{param}.", zone=zone)

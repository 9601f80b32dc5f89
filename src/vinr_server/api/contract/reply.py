"""What all answers are made of: their base, and the parts that answers of several resources have in common."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

Json = dict[str, Any]
# An object of any kind, as the event's type says.
Data = Annotated[Json, Meta(extra_json_schema={"format": "object"})]
# What the engine worked out, in fields that depend on the case.
Figures = Annotated[Json, Meta(extra_json_schema={"format": "figures"})]
# The id of another object. The TypeScript SDK reads it with and without Id: account, accountId.
Reference = Annotated[str, Meta(extra_json_schema={"format": "reference"})]
# As it compares: 2, or "1.5".
Rate = int | str


class Reply(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of all answers."""


class Window(Reply):
    starts_at: int | UnsetType = UNSET
    ends_at: int | UnsetType = UNSET


class Conditions(Reply):
    metadata: Json | UnsetType = UNSET
    min_amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    skus: list[str] | UnsetType = UNSET
    categories: list[str] | UnsetType = UNSET
    first_payment: bool | UnsetType = UNSET
    window: Window | UnsetType = UNSET


class Unmet(Reply):
    condition: str
    message: str
    change: str | None

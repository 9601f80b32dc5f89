"""The values that callers may pass, and how they are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias, TypedDict, TypeVar
from urllib.parse import quote

T = TypeVar("T")

# An instant: a datetime with its offset, a date (midnight in the program's zone), Unix seconds, or RFC 3339 text.
Instant: TypeAlias = datetime | date | int | str
# A rate, factor or percent of at most four decimals: 2, Decimal("1.5") or "1.5". Never a binary float.
Rate: TypeAlias = Decimal | int | str
Metadata: TypeAlias = Mapping[str, str | int | bool | None]
Json: TypeAlias = Mapping[str, Any]
# Not Sequence: a str is a sequence of str, and would pass for a list of names.
Many: TypeAlias = list[T] | tuple[T, ...]


class NotGiven(Enum):
    """The type of NOT_GIVEN: the field is left out, which is not the same as sending None."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


class InstantRange(TypedDict, total=False):
    """Bounds on an instant of listed objects, such as when they were created."""

    gt: Instant
    gte: Instant
    lt: Instant
    lte: Instant


Created = InstantRange


def write_body(fields: Mapping[str, Any]) -> bytes:
    """The JSON of a body, without the fields that were not given."""
    return json.dumps(_wire(fields, ""), separators=(",", ":"), allow_nan=False).encode()


def write_query(fields: Mapping[str, Any]) -> dict[str, str]:
    """The query string's parameters; nested ones become `created[gte]`."""
    query: dict[str, str] = {}
    for name, value in _wire(fields, "").items():
        if isinstance(value, dict):
            query |= {f"{name}[{key}]": _text(bound) for key, bound in value.items() if bound is not None}
        elif value is not None:
            query[name] = _text(value)
    return query


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wire(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        here = f"{path}." if path else ""
        return {str(key): _wire(field, f"{here}{key}") for key, field in value.items() if field is not NOT_GIVEN}
    if isinstance(value, (list, tuple)):
        return [_wire(item, f"{path}[{position}]") for position, item in enumerate(value)]
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{path}: {value!r} has no time zone, so its instant is unclear. Add one, such as UTC.")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{path}: {value} can't be sent. Use a finite number.")
        return format(value, "f")
    return value


def fill(path: str, **ids: str) -> str:
    """The path with its ids, each fully quoted so that an id can't change the rest of the path."""
    for name, id in ids.items():
        if not isinstance(id, str) or not id.strip("."):
            raise ValueError(f"{name} must be an id, not {id!r}.")
    return path.format_map({name: quote(id, safe="") for name, id in ids.items()})

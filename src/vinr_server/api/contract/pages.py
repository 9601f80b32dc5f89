"""Lists: newest first, by keyset, filtered by field and creation time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from vinr_server.api.edge.parse import REFERENCES, unknown_parameter
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant
from vinr_server.core.kernel.rows import Row
from vinr_server.storage.reads.reader import PageQuery
from vinr_server.storage.reads.scopes import Related, Scope

LIMIT_DEFAULT, LIMIT_MAX = 10, 100
_COMPARISONS = ("gt", "gte", "lt", "lte")
_PAGING = ("limit", "starting_after", "ending_before")

# What a filter is about, a column or rows related to its value, and how the value is read.
Filter = tuple[str | Related, Callable[[str, str], Any]]


def text(value: str, _param: str) -> str:
    """A filter by equality of text."""
    return value


def flag(value: str, param: str) -> bool:
    """A filter by true or false."""
    if value not in ("true", "false"):
        raise Problem("parameter_invalid", f"{param} must be true or false.", param=param)
    return value == "true"


def moment(value: str, param: str) -> datetime:
    """An instant that a list is about."""
    return read_instant(_number(value), param=param)


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter by one of a few words; any other is refused, because it could find nothing."""

    words: tuple[str, ...]

    def __call__(self, value: str, param: str) -> str:
        """The word."""
        if value not in self.words:
            raise Problem("parameter_invalid", f"{param} must be one of {', '.join(self.words)}.", param=param)
        return value


def one_of(words: Any) -> Choice:
    """A filter by the words of a Literal."""
    return Choice(get_args(words))


@dataclass(frozen=True, slots=True)
class Listing:
    """How one resource is listed: its rows, their order, and filter name -> `Filter`.

    `within`: which rows the list includes. `switches`: filters by name that are true or false and not a column.
    """

    row_type: type[Row]
    filters: Mapping[str, Filter]
    order: Sequence[str] = ("created_at", "id")
    within: Scope | None = None
    switches: Mapping[str, Scope] = field(default_factory=dict)
    # If this filter is given, rows are ordered by this column instead.
    order_by_filter: tuple[str, Sequence[str]] | None = None
    # Instants that can be bounded: `created`, by the column that has it, and others of the resource, by their SQL.
    created_column: str = "created_at"
    instants: Mapping[str, str] = field(default_factory=dict)
    # The column that names the row in a cursor.
    cursor_column: str = "id"
    # Whether it comes in pages, newest first. What does not is whole, and takes its filters alone.
    is_paged: bool = True

    @property
    def bounds(self) -> dict[str, str]:
        """The parameters that bound an instant, such as created[gte], each with the SQL of what it is about."""
        if not self.is_paged:
            return {}
        instants = {"created": f"t.{self.created_column}", **self.instants}
        return {f"{name}[{suffix}]": instant for name, instant in instants.items() for suffix in _COMPARISONS}

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter of the query string."""
        if not self.is_paged:
            return (*self.filters,)
        return (*_PAGING, *self.filters, *self.switches, *self.bounds)

    def query(self, given: Mapping[str, str], *, within: Mapping[str, Any] | None = None) -> PageQuery:
        """The page that the query string asks for, among the rows whose columns have the values of `within`."""
        named: dict[str, str] = {}
        bounds = self.bounds
        for name, value in given.items():
            known = _canonical(name, (*self.filters, *self.switches), bounds, _PAGING if self.is_paged else ())
            if named.setdefault(known, value) != value:
                message = f"{known} is given in two spellings with different values. Send one of them."
                raise Problem("parameter_conflict", message, param=known)
        paging = {name: named.pop(name) for name in _PAGING if name in named}
        if "starting_after" in paging and "ending_before" in paging:
            raise Problem(
                "parameter_conflict", "Send starting_after or ending_before, not both.", param="ending_before"
            )
        filtered = [(*self.filters[name], name, value) for name, value in named.items() if name in self.filters]
        order = self.order
        if self.order_by_filter is not None and self.order_by_filter[0] in named:
            order = self.order_by_filter[1]
        return PageQuery(
            self.row_type,
            order,
            limit=_limit(paging.get("limit")),
            after=paging.get("starting_after"),
            before=paging.get("ending_before"),
            equal={about: read(value, name) for about, read, name, value in filtered if isinstance(about, str)},
            related=[(about, read(value, name)) for about, read, name, value in filtered if isinstance(about, Related)],
            compared=[
                (bounds[name], *_by_the_second(_comparison(name), read_instant(_number(value), param=name)))
                for name, value in named.items()
                if name in bounds
            ],
            scopes=self._scopes(named),
            within=within or {},
            cursor_column=self.cursor_column,
        )

    def _scopes(self, named: Mapping[str, str]) -> list[tuple[Scope, bool]]:
        """What holds for every row, and what the given switches ask for: inside or outside."""
        always = [] if self.within is None else [(self.within, True)]
        return always + [(scope, flag(named[name], name)) for name, scope in self.switches.items() if name in named]


def _comparison(bound: str) -> str:
    return bound.partition("[")[2].rstrip("]")


def _by_the_second(comparison: str, instant: datetime) -> tuple[str, datetime]:
    """The comparison on stored microseconds that is true for the seconds shown."""
    second = instant.replace(microsecond=0)
    if comparison in ("gt", "lte"):
        return (">=" if comparison == "gt" else "<", second + timedelta(seconds=1))
    first = second if second == instant else second + timedelta(seconds=1)
    return (">=" if comparison == "gte" else "<", first)


def _canonical(name: str, filters: Sequence[str], bounds: Iterable[str], paging: Sequence[str]) -> str:
    names = [*filters, *paging, *bounds]
    known = {filter_name: filter_name for filter_name in names}
    known |= {f"{filter_name}_id": filter_name for filter_name in filters if filter_name in REFERENCES}
    known |= {_camel(spelling): filter_name for spelling, filter_name in known.items()}
    if name not in known:
        raise unknown_parameter(name, known)
    return known[name]


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _limit(given: str | None) -> int:
    if given is None:
        return LIMIT_DEFAULT
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= LIMIT_MAX:
        raise Problem("parameter_invalid", f"limit must be an integer from 1 to {LIMIT_MAX}.", param="limit")
    return int(given)


def _number(value: str) -> int | str:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else value

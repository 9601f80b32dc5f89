"""What a command needs, declared before anything is read (ARCHITECTURE.md, "Life of a command").

A need is a row (by type and key) or the rows under one parent (all of them, the first in their order, or none at
first). `needs_…` declares what the command itself names. Where a row must be read to name the rest, the batch looks at
that row without a lock, once, and the command's `follow_…` declares the rest. Then everything is locked and read; a
decision that reads an undeclared row raises `Undeclared`.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

from vinr_server.core.kernel.rows import Counter, Row


class Part(IntEnum):
    """How many of the rows under a parent are read. If a decision needs more, all of them are read again."""

    NONE = 0
    FIRST = 1
    ALL = 2


class Undeclared(Exception):
    """A decision has read a row that no command of its batch declares: a bug in its `needs_…`, not a missing row.

    `command` names the type of the command that was being decided.
    """

    command = ""

    def __init__(self, row_type: type[Row], key: Hashable) -> None:
        super().__init__(row_type, key)
        self.row_type, self.key = row_type, key

    def __str__(self) -> str:
        return f"{self.command} read {self.row_type.__name__} {self.key!r}, which its needs do not declare"


class InPart(Exception):
    """A decision needs more of a parent's rows than were read: the batch is loaded again with all of them."""

    def __init__(self, row_type: type[Row], parent: Hashable) -> None:
        super().__init__(row_type, parent)
        self.need: Whole = (row_type, parent)


class AlsoRows(Exception):
    """A decision needs rows that others of its rows name: the batch is loaded again with them.

    For what is needed so seldom that nobody should look for it each time.
    """

    def __init__(self, row_type: type[Row], keys: Iterable[Hashable]) -> None:
        self.rows = tuple((row_type, key) for key in keys)
        super().__init__(self.rows)

    @classmethod
    def all_of(cls, rows: Iterable[tuple[type[Row], Hashable]]) -> AlsoRows:
        """The same for rows of several types."""
        missing = cls(Row, ())
        missing.rows = tuple(rows)
        return missing


class Asking:
    """What several decisions need in addition, asked for at once, so that many of a kind cost one reload."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[Row], Hashable], None] = {}

    @contextmanager
    def each(self) -> Iterator[None]:
        """What one decision asks for is kept; what it has done by then counts for nothing."""
        try:
            yield
        except AlsoRows as missing:
            self._rows.update(dict.fromkeys(missing.rows))

    def ask(self) -> None:
        """Raises AlsoRows for all of it, if there is anything."""
        if self._rows:
            raise AlsoRows.all_of(self._rows)


# Rows of a type under one parent, all of which must be read.
Whole = tuple[type[Row], Hashable]


class Of(NamedTuple):
    """What a row's field names (an id, several, or none): known once the batch has looked at the row.

    `key` may itself be what a field of another row names.
    """

    row_type: type[Row]
    key: Hashable | Of
    field: str


class Look(NamedTuple):
    """A row, or the rows under a parent, to read without a lock before the rest is declared."""

    row_type: type[Row]
    key: Hashable | Of
    by: str | None


@dataclass(slots=True)
class Plans:
    """What the commands of a batch intend to change, as far as it affects what other commands of the batch need.

    instants     the instants they may set a test clock to: windows of purchases can end there
    windows      the windows of purchases that their new segments ask for
    enrollments  the programs that they may enroll a customer in
    enrolling    the customers that they may enroll
    carts        by checkout session: the changes to its cart, in order
    buyers       by checkout session: the customers that it may be given
    """

    instants: set[datetime] = field(default_factory=set)
    windows: set[int | None] = field(default_factory=set)
    enrollments: set[str] = field(default_factory=set)
    enrolling: set[str] = field(default_factory=set)
    carts: dict[str, list[Any]] = field(default_factory=dict)
    buyers: dict[str, list[str]] = field(default_factory=dict)


NOBODY: Mapping[Any, str] = {}


class Needs:
    """The needs of all commands of one realm in one batch.

    rows      by type: each key, with an id that shares its bucket (None: its own id names the bucket)
    parts     by type: each parent, with how many of its rows are read
    ways      the column that finds a parent's rows, where it is not the type's default
    looks     what the batch looks at first, in the order of declaration
    """

    __slots__ = ("asked", "at", "changes_catalogue", "looks", "merged", "parts", "plans", "rows", "ways", "whole")

    def __init__(
        self,
        whole: Container[Whole] = (),
        merged: Mapping[Any, str] = NOBODY,
        asked: Collection[Whole] = (),
        at: datetime | None = None,
    ) -> None:
        """`whole`: what a decision asked for when the batch was last decided.

        `merged`: customers and accounts that turned out to be merged, each with the one that acts for it: whatever is
        declared of the one is declared of the other too. `asked`: rows that a decision asked for by AlsoRows, by type
        and key. `at`: about when the batch is decided by the clock on the wall, to guess what is named by a period;
        None: nothing is guessed.
        """
        self.whole, self.merged, self.asked, self.at = whole, merged, asked, at
        self.rows: dict[type[Row], dict[Hashable, str | None]] = {}
        self.parts: dict[type[Row], dict[Hashable, Part]] = {}
        self.ways: dict[tuple[type[Row], Hashable], tuple[str | None, str | None]] = {}
        self.looks: dict[Look, None] = {}
        self.plans = Plans()
        self.changes_catalogue = False
        for row_type, key in asked:
            self.row(row_type, key)

    def catalogue(self) -> None:
        """Declare that the catalogue will change, so that it gets locked."""
        self.changes_catalogue = True

    def row(self, row_type: type[Row], key: Hashable, *, beside: str | None = None, look: bool = False) -> None:
        """Declare one row; it is locked if its kind is. `look`: the batch looks at it before the rest is declared."""
        rows = self.rows.get(row_type)
        if rows is None:
            rows = self.rows[row_type] = {}
        if beside is not None or key not in rows:
            rows[key] = beside
        if look:
            self.looks[Look(row_type, key, None)] = None
        if self.merged and key in self.merged:
            self.row(row_type, self.merged[key], look=look)

    def children(
        self,
        row_type: type[Row],
        parent: Hashable,
        part: Part = Part.ALL,
        *,
        beside: str | None = None,
        by: str | None = None,
        look: bool = False,
    ) -> Part:
        """Declare the rows under a parent, or the first of them; return how many are read in the end.

        `by`: the column that names the parent. `look`: the batch looks at them before the rest is declared.
        """
        parts = self.parts.get(row_type)
        if parts is None:
            parts = self.parts[row_type] = {}
        if self.whole and (row_type, parent) in self.whole:
            part = Part.ALL
        known = parts.get(parent)
        if known is None or known < part:
            parts[parent] = part
        if beside is not None or (by is not None and by != row_type.parent_field):
            self.ways[row_type, parent] = (by if by != row_type.parent_field else None, beside)
        if look:
            self.looks[Look(row_type, parent, by or row_type.parent_field)] = None
        if self.merged and parent in self.merged:
            self.children(row_type, self.merged[parent], part, by=by, look=look)
        return parts[parent]

    def look_along(self, row_type: type[Row], of: Of, *, by: str | None = None) -> None:
        """Declare and look at what a field of a looked-at row names: rows by their keys, or (`by`) those under it."""
        self.looks[Look(row_type, of, by)] = None

    def counter(self, counter_id: str, *, beside: str | None = None) -> None:
        """Declare a counter, locked; it lives in its own bucket or in that of a member (`beside`)."""
        self.row(Counter, counter_id, beside=beside)

    def acting(self, id: str) -> str:
        """The customer or account that acts for this one: another, where it turned out to be merged."""
        return self.merged.get(id, id) if self.merged else id

    def declares(self, row_type: type[Row], key: Hashable) -> bool:
        """Whether exactly this row is declared."""
        rows = self.rows.get(row_type)
        return rows is not None and key in rows

    def part_of(self, row_type: type[Row], parent: Hashable) -> Part | None:
        """How many of a parent's rows are declared; None if none are."""
        parts = self.parts.get(row_type)
        return parts.get(parent) if parts is not None else None

    @property
    def size(self) -> int:
        """A number that grows with every new need."""
        return sum(map(len, self.rows.values())) + sum(1 + part for of in self.parts.values() for part in of.values())

    def names(self) -> set[str]:
        """The ids of all rows that may be written, of any kind. (A change of the catalogue touches everything.)"""
        written = (row_type for row_type in (*self.rows, *self.parts) if not row_type.is_catalogue)
        ids = (id for kind in written for place in (self.rows, self.parts) for id in place.get(kind, ()))
        return {id for id in ids if isinstance(id, str)}

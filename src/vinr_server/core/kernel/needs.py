"""What a command needs, declared before anything is read (ARCHITECTURE.md, "Life of a command").

A need is a row (by type and key) or the rows under one parent (all of them, the first in their order, or none at
first). `needs_…` declares what the command's own words name. Where a row must be read to name the rest, that row is
looked at without a lock, once, and the command's `follow_…` names the rest of what it saw. Then everything is locked
and read; a decision that reads what nobody declared raises `Undeclared`.
"""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

from vinr_server.core.kernel.rows import Counter, Row


class Part(IntEnum):
    """How many of the rows under a parent are read: what a decision needs beyond that is read whole, once more."""

    NONE = 0
    FIRST = 1
    ALL = 2


class Undeclared(Exception):
    """A decision has read what no command of its batch declares: a bug of its `needs_…`, never a row that is missing.

    `command` is the name of the type of the command that was being decided.
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


# Rows of a type under one parent, all of which are to be read.
Whole = tuple[type[Row], Hashable]


class Of(NamedTuple):
    """What a field of a row names (an id, several, or none): known once the row has been looked at."""

    row_type: type[Row]
    key: Hashable
    field: str


class Look(NamedTuple):
    """A row, or the rows under a parent, to be read without a lock before the rest is named."""

    row_type: type[Row]
    key: Hashable | Of
    by: str | None


@dataclass(slots=True)
class Plans:
    """What the commands of a batch mean to change, as far as it bears on what others of the batch need.

    instants    where they may set a test clock: windows of purchases end there as well
    windows     windows of purchases that segments they make ask for
    enrolments  programs that they may enrol a customer in
    carts       by checkout session: the changes to its cart, in their order
    """

    instants: set[datetime] = field(default_factory=set)
    windows: set[int | None] = field(default_factory=set)
    enrolments: set[str] = field(default_factory=set)
    carts: dict[str, list[Any]] = field(default_factory=dict)


class Needs:
    """The needs of all commands of one realm in one batch.

    rows      by type: each key, with an id that it shares its bucket with (None: its own says where it is)
    parts     by type: each parent, with how many of its rows are read
    ways      the column by which a parent's rows are found, where it is not the type's own
    looks     what is looked at first, in the order of declaration
    """

    __slots__ = ("changes_catalogue", "looks", "parts", "plans", "rows", "ways", "whole")

    def __init__(self, whole: Container[Whole] = ()) -> None:
        """`whole`: what a decision has asked for when the batch was decided last."""
        self.whole = whole
        self.rows: dict[type[Row], dict[Hashable, str | None]] = {}
        self.parts: dict[type[Row], dict[Hashable, Part]] = {}
        self.ways: dict[tuple[type[Row], Hashable], tuple[str | None, str | None]] = {}
        self.looks: dict[Look, None] = {}
        self.plans = Plans()
        self.changes_catalogue = False

    def catalogue(self) -> None:
        """The catalogue is about to change, and is locked for it."""
        self.changes_catalogue = True

    def row(self, row_type: type[Row], key: Hashable, *, beside: str | None = None, look: bool = False) -> None:
        """One row, locked where its kind is. `look`: it is looked at before the rest is named."""
        rows = self.rows.get(row_type)
        if rows is None:
            rows = self.rows[row_type] = {}
        if beside is not None or key not in rows:
            rows[key] = beside
        if look:
            self.looks[Look(row_type, key, None)] = None

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
        """The rows under a parent, or the first of them; how many are read after all.

        `by`: the column that names the parent. `look`: they are looked at before the rest is named.
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
        return parts[parent]

    def look_along(self, row_type: type[Row], of: Of, *, by: str | None = None) -> None:
        """Declare and look at what a field of a looked-at row names: rows by their keys, or (`by`) those under it."""
        self.looks[Look(row_type, of, by)] = None

    def counter(self, counter_id: str, *, beside: str | None = None) -> None:
        """A counter, locked: one of its own bucket, or one that lives beside a member."""
        self.row(Counter, counter_id, beside=beside)

    def declares(self, row_type: type[Row], key: Hashable) -> bool:
        """Whether the very row is declared."""
        rows = self.rows.get(row_type)
        return rows is not None and key in rows

    def part_of(self, row_type: type[Row], parent: Hashable) -> Part | None:
        """How much of a parent's rows is declared; None where nothing is."""
        parts = self.parts.get(row_type)
        return parts.get(parent) if parts is not None else None

    @property
    def size(self) -> int:
        """A number that grows with every need that was not declared before."""
        return sum(map(len, self.rows.values())) + sum(1 + part for of in self.parts.values() for part in of.values())

    def names(self) -> set[str]:
        """Every id of a row that may be written, of whatever kind. (Who changes the catalogue touches everything.)"""
        written = (row_type for row_type in (*self.rows, *self.parts) if not row_type.is_catalogue)
        ids = (id for kind in written for place in (self.rows, self.parts) for id in place.get(kind, ()))
        return {id for id in ids if isinstance(id, str)}

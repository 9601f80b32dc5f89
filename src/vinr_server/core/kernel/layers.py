"""The rows a batch of commands works on, in layers: catalogue, loaded rows, and each command's own draft.

A `Layer` answers from its own rows first and from the layer below after that. A command is decided on a draft above the
batch's state; an accepted draft is merged down, a refused one is dropped, so a refusal costs its neighbours nothing.
Each realm has a layer of its own: what belongs to another tenant cannot be reached from here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Any, TypeVar

from vinr_server.core.kernel.rows import Row

RowT = TypeVar("RowT", bound=Row)


class RowsMissing(Exception):
    """A decision needs rows that were left behind; the batch is loaded again with all rows of the parent."""

    def __init__(self, parent: Hashable) -> None:
        super().__init__(parent)
        self.parent = parent


class Layer:
    """Rows by type and key, over an optional layer below."""

    __slots__ = ("_below", "_children", "_last_here", "_rows")

    def __init__(self, below: Layer | None = None) -> None:
        self._below = below
        self._rows: dict[type[Row], dict[Hashable, Row]] = {}
        self._children: dict[tuple[type[Row], Hashable], dict[Hashable, None]] = {}
        self._last_here: dict[Hashable, Any] = {}

    def put(self, row: Row) -> None:
        """The row is what this layer answers for its key from now on."""
        row_type, key = type(row), row.key
        self._rows.setdefault(row_type, {})[key] = row
        parent = row.parent
        if parent is not None:
            self._children.setdefault((row_type, parent), {})[key] = None

    def get(self, row_type: type[RowT], key: Hashable) -> RowT | None:
        """The row as it stands, or None if it was not loaded or does not exist."""
        layer: Layer | None = self
        while layer is not None:
            rows = layer._rows.get(row_type)
            if rows is not None and key in rows:
                return rows[key]  # type: ignore[return-value]
            layer = layer._below
        return None

    def before(self, row_type: type[RowT], key: Hashable) -> RowT | None:
        """The row as it stood below this layer: before the command that drafts here."""
        return self._below.get(row_type, key) if self._below is not None else None

    @property
    def below(self) -> Layer:
        """How things stood before the command that drafts here; itself where nothing is below."""
        return self if self._below is None else self._below

    def children(self, row_type: type[RowT], parent: Hashable) -> list[RowT]:
        """All rows of a type under one parent, lowest layer's first, each in its newest version."""
        layers: list[dict[Hashable, None]] = []
        layer: Layer | None = self
        while layer is not None:
            if (row_type, parent) in layer._children:
                layers.append(layer._children[row_type, parent])
            layer = layer._below
        keys = dict.fromkeys(chain.from_iterable(reversed(layers)))
        return [row for key in keys if (row := self.get(row_type, key)) is not None]

    def every(self, row_type: type[RowT]) -> list[RowT]:
        """All rows of a type, lowest layer's first, each in its newest version."""
        found: dict[Hashable, Row] = {}
        layer: Layer | None = self
        while layer is not None:
            found = {**layer._rows.get(row_type, {}), **found}
            layer = layer._below
        return list(found.values())  # type: ignore[arg-type]

    def truncate(self, parent: Hashable, last: Any) -> None:
        """Of this parent's rows only those up to `last` in their order are here; who needs more raises RowsMissing."""
        self._last_here[parent] = last

    def last_here(self, parent: Hashable) -> Any:
        """The place in the order up to which the parent's rows were loaded; None where all of them were."""
        layer: Layer | None = self
        while layer is not None:
            if parent in layer._last_here:
                return layer._last_here[parent]
            layer = layer._below
        return None

    def draft(self) -> Layer:
        """An empty layer above this one."""
        return Layer(self)

    def merge(self, draft: Layer) -> None:
        """All the draft's rows are this layer's own."""
        for row_type, rows in draft._rows.items():
            self._rows.setdefault(row_type, {}).update(rows)
        for place, keys in draft._children.items():
            self._children.setdefault(place, {}).update(keys)

    def written(self, row_type: type[RowT]) -> Iterable[RowT]:
        """The rows of a type put into this very layer, in the order of their first writing."""
        return self._rows.get(row_type, {}).values()  # type: ignore[return-value]

    def all_written(self) -> Iterable[Row]:
        """The rows put into this very layer, type by type."""
        return chain.from_iterable(rows.values() for rows in self._rows.values())

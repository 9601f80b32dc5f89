"""The rows a batch of commands works on, in layers: catalogue, loaded rows, and each command's own draft.

A `Layer` answers from its own rows first, then from the layer below. A command is decided on a draft above the
batch's state; an accepted draft is merged down, a refused one is dropped, so a refusal costs its neighbours nothing.
Each realm has its own layer: another tenant's rows cannot be reached from here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Any, TypeVar

from vinr_server.core.kernel.needs import AlsoRows, InPart, Needs, Part, Undeclared
from vinr_server.core.kernel.rows import Row

RowT = TypeVar("RowT", bound=Row)


class Coverage:
    """What a loaded layer covers: everything that was declared, and nothing else."""

    __slots__ = ("_loaded", "_needs")

    def __init__(self, needs: Needs, loaded: Layer) -> None:
        self._needs, self._loaded = needs, loaded

    def declares(self, row_type: type[Row], key: Hashable) -> bool:
        """Whether exactly this row was declared."""
        return self._needs.declares(row_type, key)

    def require_row(self, layer: Layer, row_type: type[Row], key: Hashable, of: tuple[Hashable, ...]) -> None:
        """Pass if the row is known not to exist; raise Undeclared or InPart otherwise."""
        if row_type.is_catalogue or self._needs.declares(row_type, key):
            return
        parts = [self._needs.part_of(row_type, parent) for parent in of]
        if Part.ALL in parts or any(self.is_made(layer, id) for id in of):
            return
        for parent, part in zip(of, parts, strict=True):
            if part is not None:
                raise InPart(row_type, parent)
        raise Undeclared(row_type, key)

    def require_children(self, layer: Layer, row_type: type[Row], parent: Hashable, *, in_part: bool) -> None:
        """Pass if the parent's rows are here: all of them, or (`in_part`) as many as were declared."""
        if row_type.is_catalogue:
            return
        part = self._needs.part_of(row_type, parent)
        if part is None:
            if not self.is_made(layer, parent):
                raise Undeclared(row_type, parent)
        elif part is not Part.ALL and not in_part and layer.last_here(parent) is not None:
            raise InPart(row_type, parent)

    def require_whole(self, row_type: type[Row], parent: Hashable) -> None:
        """Nothing, where all of the parent's rows are here. Raises InPart where they were not declared."""
        if self._needs.part_of(row_type, parent) is not Part.ALL:
            raise InPart(row_type, parent)

    def reads_all(self, row_type: type[Row], parent: Hashable) -> bool:
        """Whether all rows under the parent were declared."""
        return self._needs.part_of(row_type, parent) is Part.ALL

    def was_asked(self, row_type: type[Row], key: Hashable) -> bool:
        """Whether an earlier decision has asked for the row by AlsoRows."""
        return (row_type, key) in self._needs.asked

    def is_made(self, layer: Layer, id: Hashable) -> bool:
        """Whether the batch itself has created the row with this id, so that all rows that depend on it are here.

        A member is new with its first account: rows under a customer's id may be older than the customer's own row.
        What was loaded itself is not new with the first of the rows that it owns.
        """
        is_loaded = any(id in rows for row_type, rows in self._loaded._rows.items() if row_type.owns)
        above: Layer | None = layer
        while above is not None and above is not self._loaded:
            for row_type, rows in above._rows.items():
                if id in rows and row_type.owns and self._loaded.find(row_type, id) is None:
                    return True
            for row_type, parent in above._children:
                is_whole = parent == id and row_type.owns and self._needs.part_of(row_type, id) is Part.ALL
                if is_whole and not is_loaded and not self._loaded.here(row_type, id):
                    return True
            above = above._below
        return False


class Layer:
    """Rows by type and key, over an optional layer below."""

    __slots__ = ("_below", "_children", "_coverage", "_last_here", "_rows")

    def __init__(self, below: Layer | None = None) -> None:
        self._below = below
        self._coverage: Coverage | None = below._coverage if below is not None else None
        self._rows: dict[type[Row], dict[Hashable, Row]] = {}
        self._children: dict[tuple[type[Row], Hashable], dict[Hashable, None]] = {}
        self._last_here: dict[Hashable, Any] = {}

    def put(self, row: Row) -> None:
        """From now on this layer returns the row for its key."""
        row_type, key = type(row), row.key
        self._rows.setdefault(row_type, {})[key] = row
        parent = row.parent
        if parent is not None:
            self._children.setdefault((row_type, parent), {})[key] = None

    def cover(self, needs: Needs) -> None:
        """From now on it is a bug to ask this layer, or a layer above it, for rows that the needs do not declare."""
        self._coverage = Coverage(needs, self)

    @property
    def is_covered(self) -> bool:
        """Whether rows may be absent because nobody declared them. (Otherwise the layers hold all rows that exist.)"""
        return self._coverage is not None

    def require_asked(self, row_type: type[Row], key: Hashable) -> None:
        """Nothing, where the batch was loaded for a decision that had asked for this row. Raises AlsoRows elsewhere.

        For decisions that are so seldom that nobody declares beforehand what they need.
        """
        if self._coverage is not None and not self._coverage.was_asked(row_type, key):
            raise AlsoRows(row_type, [key])

    def is_made(self, id: Hashable) -> bool:
        """Whether the batch itself has made what has this id, so that nothing of it is stored."""
        return self._coverage is not None and self._coverage.is_made(self, id)

    def reads_all(self, row_type: type[Row], parent: Hashable) -> bool:
        """Whether all rows under the parent are here."""
        return self._coverage is None or self._coverage.reads_all(row_type, parent)

    def get(self, row_type: type[RowT], key: Hashable, *, of: tuple[Hashable, ...] = ()) -> RowT | None:
        """Return the row's current version, or None if there is no such row. Raises if nobody declared it.

        `of`: the ids that the row depends on. The row is declared if all rows under one of them are. If the batch has
        created one of them, the row can only exist if the batch created it, too.
        """
        layer: Layer | None = self
        while layer is not None:
            rows = layer._rows.get(row_type)
            if rows is not None and key in rows:
                return rows[key]  # type: ignore[return-value]
            layer = layer._below
        if self._coverage is not None:
            self._coverage.require_row(self, row_type, key, of)
        return None

    def declares(self, row_type: type[Row], key: Hashable) -> bool:
        """Whether the row would be here if it existed, for having been declared itself."""
        return self._coverage is None or self._coverage.declares(row_type, key)

    def find(self, row_type: type[RowT], key: Hashable) -> RowT | None:
        """As get, for loading and saving: the row if it is here, whether or not anybody declared it."""
        layer: Layer | None = self
        while layer is not None:
            rows = layer._rows.get(row_type)
            if rows is not None and key in rows:
                return rows[key]  # type: ignore[return-value]
            layer = layer._below
        return None

    def before(self, row_type: type[RowT], key: Hashable) -> RowT | None:
        """A row that is here, as it was before this draft's command; None if that command created it."""
        return self._below.find(row_type, key) if self._below is not None else None

    @property
    def below(self) -> Layer:
        """The state before this draft's command; the layer itself if nothing is below it."""
        return self if self._below is None else self._below

    def children(self, row_type: type[RowT], parent: Hashable, *, in_part: bool = False) -> list[RowT]:
        """All rows of a type under one parent, lowest layer first, each in its newest version.

        Raises unless all of them are declared. `in_part`: the first rows suffice; `last_here` says how many there are.
        """
        if self._coverage is not None:
            self._coverage.require_children(self, row_type, parent, in_part=in_part)
        return self.here(row_type, parent)

    def whole(self, row_type: type[RowT], parent: Hashable) -> list[RowT]:
        """As children, of rows that nobody declares until a decision asks for them: the first one raises InPart."""
        if self._coverage is not None:
            self._coverage.require_whole(row_type, parent)
        return self.here(row_type, parent)

    def here(self, row_type: type[RowT], parent: Hashable) -> list[RowT]:
        """As children, but only rows that are here for another reason: loaded by chance, or created by the batch."""
        layers: list[dict[Hashable, None]] = []
        layer: Layer | None = self
        while layer is not None:
            if (row_type, parent) in layer._children:
                layers.append(layer._children[row_type, parent])
            layer = layer._below
        if not layers:
            return []
        keys = dict.fromkeys(chain.from_iterable(reversed(layers)))
        return [row for key in keys if (row := self.get(row_type, key)) is not None]

    def every(self, row_type: type[RowT]) -> list[RowT]:
        """All rows of a type of the catalogue, lowest layer first, each in its newest version."""
        assert row_type.is_catalogue, f"nobody can declare every {row_type.__name__}"
        return self.all_here(row_type)

    def all_here(self, row_type: type[RowT]) -> list[RowT]:
        """As every, but only the rows that happen to be here: never all that exist."""
        found: dict[Hashable, Row] = {}
        layer: Layer | None = self
        while layer is not None:
            found = {**layer._rows.get(row_type, {}), **found}
            layer = layer._below
        return list(found.values())  # type: ignore[arg-type]

    def truncate(self, parent: Hashable, last: Any) -> None:
        """Only this parent's rows up to `last`, in their order, are here (None: all); asking for more raises InPart."""
        self._last_here[parent] = last

    def last_here(self, parent: Hashable) -> Any:
        """The place in the order up to which the parent's rows were loaded; None if all of them were."""
        layer: Layer | None = self
        while layer is not None:
            if parent in layer._last_here:
                return layer._last_here[parent]
            layer = layer._below
        return None

    def draft(self) -> Layer:
        """An empty layer above this one."""
        return Layer(self)

    def uncovered(self) -> Layer:
        """An empty layer above this one that shows what is here, whether or not anybody declared it."""
        above = Layer(self)
        above._coverage = None
        return above

    def merge(self, draft: Layer) -> None:
        """Take over all of the draft's rows."""
        for row_type, rows in draft._rows.items():
            self._rows.setdefault(row_type, {}).update(rows)
        for place, keys in draft._children.items():
            self._children.setdefault(place, {}).update(keys)

    def written(self, row_type: type[RowT]) -> Iterable[RowT]:
        """The rows of a type that were put into this layer itself, in the order of their first writing."""
        rows = self._rows.get(row_type)
        return rows.values() if rows is not None else ()  # type: ignore[return-value]

    def all_written(self) -> Iterable[Row]:
        """The rows that were put into this layer itself, type by type."""
        return chain.from_iterable(rows.values() for rows in self._rows.values())

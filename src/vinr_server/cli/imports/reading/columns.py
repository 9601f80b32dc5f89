"""Which column holds what: by position, by the header's names, or as a preset knows them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vinr_server.cli.imports.refusals import ImportRefused

IGNORED = "-"
METADATA = "metadata."


@dataclass(frozen=True, slots=True)
class Fields:
    """What a kind of file can tell: the fields by name, those that must be there, and an example."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    example: str
    takes_metadata: bool = False

    def knows(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self.names or (self.takes_metadata and name.startswith(METADATA) and len(name) > len(METADATA))


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the fields stand: by position, or, with `has_names`, under names that the file's header locates.

    A field may have several names, of which the first in the header counts; one in `optional` may be absent.
    """

    names: Mapping[str, tuple[str, ...]]
    positions: Mapping[str, int]
    width: int
    has_names: bool
    optional: frozenset[str] = field(default_factory=frozenset)
    # Names are compared without case, spaces and underscores.
    is_loose: bool = False

    def fits(self, header: Sequence[str]) -> bool:
        """Whether the header names all that must be there."""
        cells = [self._key(cell) for cell in header]
        return all(
            any(cells.count(self._key(known)) == 1 for known in names)
            for name, names in self.names.items()
            if name not in self.optional
        )

    def located_in(self, header: Sequence[str]) -> Columns:
        """The same fields by position; refused where the header lacks a name or has it twice."""
        shown = [cell.strip() for cell in header]
        cells = [self._key(cell) for cell in header]
        if not any(shown):
            raise ImportRefused("the columns are named, but the file has no header.")
        positions: dict[str, int] = {}
        for name, known in self.names.items():
            found = [self._key(header_name) for header_name in known if self._key(header_name) in cells]
            if not found and name in self.optional:
                continue
            if not found or cells.count(found[0]) != 1:
                what = "has no column" if not found else "has more than one column"
                named = " or ".join(map(repr, known))
                raise ImportRefused(f"the header {what} {named} (for {name}). It reads: {', '.join(shown)[:300]}")
            positions[name] = cells.index(found[0])
        return replace(self, positions=positions, width=len(cells))

    def _key(self, name: str) -> str:
        return "".join(filter(str.isalnum, name.casefold())) if self.is_loose else name.strip()


def parse_columns(text: str, fields: Fields) -> Columns:
    """What --columns says: `customer,date,-,amount` by position, `customer=Kunde,date=Datum` by the header's names."""
    items = [item.strip() for item in next(csv.reader([text]), [])]
    has_names = any("=" in item for item in items)
    names: dict[str, tuple[str, ...]] = {}
    positions: dict[str, int] = {}
    for position, item in enumerate(items):
        name, equals, header = item.partition("=")
        if item == IGNORED and not has_names:
            continue
        if not fields.knows(name) or has_names != bool(equals) or (has_names and not header):
            raise ImportRefused(
                f"--columns: {item!r} is not understood. Name the columns in order, out of {', '.join(fields.names)}"
                f" and - for each to ignore; or by the file's header: {fields.example}."
            )
        if name in positions:
            raise ImportRefused(f"--columns names {name} twice.")
        names[name], positions[name] = (header,), position
    require(fields, positions)
    return Columns(names, positions, len(items), has_names)


def require(fields: Fields, named: Mapping[str, object]) -> None:
    """Refuse columns that lack what every row needs."""
    lacking = [name for name in fields.required if name not in named]
    if lacking:
        needed = ", ".join(fields.required)
        raise ImportRefused(f"--columns lacks {' and '.join(lacking)}. It needs {needed}.")


def own_names(fields: Fields, header: Sequence[str]) -> Columns:
    """The columns of a file whose header uses the fields' own names."""
    cells = [cell.strip() for cell in header]
    names = {cell: (cell,) for cell in cells if fields.knows(cell)}
    lacking = [name for name in fields.required if name not in names]
    if lacking:
        raise ImportRefused(
            f"the header doesn't name {' and '.join(lacking)}; it reads: {', '.join(cells)[:300]}."
            f" Say which columns hold them, with --columns {fields.example}, or take a --preset."
        )
    return Columns(names, {}, len(cells), has_names=True)

"""Set-based statements: one insert or update for any number of rows, with one parameter for each column.

A column travels as an array, or as a single value where all rows of the batch agree on it. Most do: of 61 columns that
a batch of awards writes, 19 differ (realm, kind, instants and absent references do not), and each array costs
PostgreSQL a function scan in addition to our cost of encoding it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

# A statement with one argument for each of its parameters.
Statement = tuple[str, list[Any]]
# The text of a statement from the expression of each column, and the source of those that differ (or nothing).
Compose = Callable[[Mapping[str, str], str], str]


class BulkWrite:
    """One set-based statement of a table.

    Once the values of a column have differed it stays an array, so that a process soon repeats the same few texts and
    PostgreSQL keeps their plans.
    """

    def __init__(self, types: Mapping[str, str], *, arrays: Collection[str], compose: Compose) -> None:
        self._types, self._compose = types, compose
        self._is_array = [name in arrays for name in types]
        self._sql = self._text()

    def statement(self, columns: Sequence[Sequence[Any]]) -> Statement:
        """The statement that writes these columns, which stand in the order of `types`."""
        arguments: list[Any] = []
        has_changed = False
        for position, values in enumerate(columns):
            if not self._is_array[position]:
                if values.count(values[0]) == len(values):
                    arguments.append(values[0])
                    continue
                self._is_array[position] = has_changed = True
            arguments.append(values)
        if has_changed:
            self._sql = self._text()
        return self._sql, arguments

    def _text(self) -> str:
        expressions: dict[str, str] = {}
        arrays: list[str] = []
        names: list[str] = []
        for number, (name, pg_type) in enumerate(self._types.items(), start=1):
            plain = "text" if pg_type == "json" else pg_type
            if self._is_array[number - 1]:
                arrays.append(f"${number}::{plain}[]")
                names.append(name)
            expression = f"n.{name}" if self._is_array[number - 1] else f"${number}::{plain}"
            expressions[name] = f"{expression}::json" if pg_type == "json" else expression
        return self._compose(expressions, f"unnest({', '.join(arrays)}) as n ({', '.join(names)})")

"""Frozen to the type checker, cheap at run time.

A frozen dataclass sets each field through object.__setattr__: a tenth of the total time of a bulk import
(py-spy, 69,659 payments). mypy refuses every assignment to a field anyway, so there is no run-time guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    import dataclasses
    from functools import cache
    from operator import attrgetter

    def dataclass(*, frozen: bool, slots: bool) -> Any:
        """As dataclasses.dataclass; `frozen` is a promise that the type checker enforces."""
        assert frozen, "values in core never change"
        return dataclasses.dataclass(slots=slots, unsafe_hash=True)

    def replace(value: Any, /, **changes: Any) -> Any:
        """As dataclasses.replace, in a third of the time: 1.1 us for an account instead of 3.4."""
        value_type = type(value)
        values_of, positions = _fields(value_type)
        values = list(values_of(value))
        for name, changed in changes.items():
            values[positions[name]] = changed
        return value_type(*values)

    @cache
    def _fields(value_type: type) -> tuple[Any, dict[str, int]]:
        names = [field.name for field in dataclasses.fields(value_type)]
        return attrgetter(*names), {name: position for position, name in enumerate(names)}


__all__ = ["dataclass", "replace"]

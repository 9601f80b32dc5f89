"""Frozen to the type checker, cheap at run time.

A frozen dataclass sets each field through object.__setattr__: a tenth of all time in a bulk import (py-spy,
69,659 payments). mypy refuses every assignment to a field just the same, so the run-time guard is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool, slots: bool) -> Any:
        """As dataclasses.dataclass; `frozen` is a promise that the type checker holds."""
        assert frozen, "core's values are never changed"
        return dataclasses.dataclass(slots=slots, unsafe_hash=True)


__all__ = ["dataclass"]

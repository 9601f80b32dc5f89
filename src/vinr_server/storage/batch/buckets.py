"""Where a row lives: the bucket of a member, and of any other name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# An id that the engine made: prefix, 25 hex digits, and the bucket's two.
OWN_ID = re.compile(r"[a-z]+_[0-9a-f]{27}\Z").match


def bucket_of(realm: int, name: str) -> int:
    """The bucket of a customer, or of any other name: the first byte of a hash."""
    return hashlib.sha256(f"{realm}/{name}".encode()).digest()[0]


def bucket_in(id: str) -> int | None:
    """The bucket in an id that the engine made, None for any other id."""
    return int(id[-2:], 16) if OWN_ID(id) else None


def lock_groups(buckets: Iterable[int], *, is_distributed: bool) -> list[list[int]]:
    """The sets of buckets whose rows can be locked by one statement, ascending.

    On one PostgreSQL that is all of them; on Citus `for update` works within one bucket only.
    """
    ascending = sorted(set(buckets))
    return [[bucket] for bucket in ascending] if is_distributed else ([ascending] if ascending else [])

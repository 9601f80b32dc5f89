"""Caps: how much of an offer or a reward all members together may take, and each of them (R15).

Each cap has a counter. It is locked before a decision looks at it, so that what is granted is min(demand, cap) exactly.
A member's takings are always counted, so that a limit set later holds. Those of all members are counted from the first
global limit on, whatever becomes of the limit: an offer or a reward that never had one has no row that everybody would
wait for. Its first global limit counts what was taken before (`Tally`).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal, NamedTuple, Protocol

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import CapOwner, Counter, Tally, escaped
from vinr_server.core.kernel.values import replace

# All counters of global limits hang on this: they can be declared in part.
CAPS = "caps"


class Capped(Protocol):
    """What has caps: an offer or a reward. A limit that is None is no limit.

    `is_counted`: it has, or once had, a global limit.
    """

    counted_as: ClassVar[CapOwner]

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def global_limit(self) -> int | None:
        """How much all members together may take."""

    @property
    def per_member_limit(self) -> int | None:
        """How much each member may take."""

    @property
    def is_counted(self) -> bool:
        """Whether what all members take is counted."""


class Full(NamedTuple):
    """The limit that leaves nothing to take: how much it allows, and how much is used, or held by checkout sessions."""

    limit: Literal["global", "per_member"]
    most: int
    used: int
    reserved: int


def counter_of(counted_as: CapOwner, id: str, member_id: str | None = None) -> str:
    """The name of the counter of what all members have taken of an offer or a reward, or of what one member has.

    The member stands first, without a colon, so that no two names are alike. Customers' ids are of the caller's making:
    ~ and : are written as in a JSON pointer (RFC 6901); so does storage (laws/caps.py).
    """
    if member_id is None:
        return f"{counted_as}:{id}"
    return f"{counted_as}:{escaped(member_id)}:{id}"


def full_for_all(draft: Layer, capped: Capped) -> Full | None:
    """What all members together have taken, if that is all they may; None while something is left.

    Expects the locked counter.
    """
    most = capped.global_limit
    if most is None:
        return None
    counter = draft.get(Counter, counter_of(capped.counted_as, capped.id), of=(CAPS, capped.id))
    return _full("global", most, counter)


def full_for_member(draft: Layer, capped: Capped, member_id: str, *, counted_as: CapOwner | None = None) -> Full | None:
    """What the member has taken, if that is all it may; None while something is left. Expects the locked counter.

    `counted_as`: what of it counts, if not what such things are counted as: its grants.
    """
    most = capped.per_member_limit
    if most is None:
        return None
    name = counter_of(counted_as or capped.counted_as, capped.id, member_id)
    return _full("per_member", most, draft.get(Counter, name, of=(member_id, capped.id)))


def _full(limit: Literal["global", "per_member"], most: int, counter: Counter | None) -> Full | None:
    used, reserved = (counter.used, counter.reserved) if counter is not None else (0, 0)
    return Full(limit, most, used, reserved) if used + reserved >= most else None


def count_for_all(draft: Layer, context: Context, capped: Capped, *, used: int = 0, reserved: int = 0) -> bool:
    """What all members have taken is so much more, or less; whether that has used the global limit up."""
    if not capped.is_counted:
        tally = draft.find(Tally, (capped.counted_as, capped.id))  # where the batch sets the first limit
        if tally is not None:
            draft.put(replace(tally, used=tally.used + used, reserved=tally.reserved + reserved))
        return False
    name = counter_of(capped.counted_as, capped.id)
    after = _move(draft, name, context.bucket_of(name), used, reserved, of=(CAPS, capped.id))
    most = capped.global_limit
    return most is not None and after.used - used < most <= after.used


def count_for_member(
    draft: Layer, counted_as: CapOwner, id: str, member_id: str, *, bucket: int, used: int = 0, reserved: int = 0
) -> None:
    """What the member, who lives in this bucket, has taken of an offer or a reward is so much more, or less."""
    _move(draft, counter_of(counted_as, id, member_id), bucket, used, reserved, of=(member_id, id))


def _move(draft: Layer, name: str, bucket: int, used: int, reserved: int, *, of: tuple[Hashable, ...]) -> Counter:
    counter = draft.get(Counter, name, of=of) or Counter(bucket, name, 0)
    moved = replace(counter, used=counter.used + used, reserved=counter.reserved + reserved)
    draft.put(moved)
    return moved


def begin_uncounted(draft: Layer, capped: Capped) -> None:
    """A new offer or reward without a global limit has nothing taken, should its own batch set a limit."""
    if not capped.is_counted:
        draft.put(Tally(capped.counted_as, capped.id, 0, 0))


def begin_counting(draft: Layer, context: Context, capped: Capped) -> None:
    """The counter of the first global limit holds what was taken before. Expects the tally of it."""
    tally = draft.find(Tally, (capped.counted_as, capped.id))
    assert tally is not None, f"what was taken of {capped.id} was not counted"
    if tally.used or tally.reserved:
        name = counter_of(capped.counted_as, capped.id)
        draft.put(Counter(context.bucket_of(name), name, tally.used, tally.reserved))

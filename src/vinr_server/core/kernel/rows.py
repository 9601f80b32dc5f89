"""What all rows share: a key, a parent, a bucket; and the rows that belong to no room of their own.

A row is never changed: a decision puts a new version of it into the draft. `key` is unique within one realm
(one tenant's test or live data); `parent` groups rows that are read together, such as the lots of an account.
Every member-owned row carries the `bucket` of its customer.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vinr_server.core.kernel.values import dataclass

Json = Mapping[str, Any]
# What has caps (see caps.py).
CapOwner = Literal["offer", "reward"]


class Row:
    """What every row answers: its key, and the parent it is listed under (None: under nothing)."""

    __slots__ = ()
    key_field: ClassVar[str] = "id"
    parent_field: ClassVar[str | None] = None
    # Configuration: a change to such a row is a new revision of the realm's catalogue.
    is_catalogue: ClassVar[bool] = False
    # What of a stored row can never change, but for its key, its bucket and when it was created, which none can.
    immutable_fields: ClassVar[tuple[str, ...]] = ()
    # A row that stays as it was first stored.
    is_append_only: ClassVar[bool] = False
    # Rows of other types hang on its id, and none of them is older than the row itself.
    owns: ClassVar[bool] = True

    if TYPE_CHECKING:

        @property
        def key(self) -> Hashable:
            """The row's name within its realm."""

        @property
        def parent(self) -> Hashable:
            """What the row is listed under."""

    def __init_subclass__(cls) -> None:
        if "key" not in vars(cls):
            cls.key = property(attrgetter(cls.key_field))  # type: ignore[assignment,method-assign]
        if "parent" not in vars(cls):
            cls.parent = property(attrgetter(cls.parent_field)) if cls.parent_field else None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Counter(Row):
    """How much of a cap is used, and how much more checkout sessions hold (of an offer's cap only).

    Its id names the cap's owner: a reward or an offer, or either of them and a member (`counter_of` in caps.py).
    """

    owns = False
    bucket: int
    id: str
    used: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Tally(Row):
    """What all members have taken of an offer or a reward that has no counter yet. In memory only, never stored."""

    owns = False
    counted_as: CapOwner
    owner_id: str
    used: int
    reserved: int

    @property
    def key(self) -> Hashable:
        """What has the cap."""
        return (self.counted_as, self.owner_id)


@dataclass(frozen=True, slots=True)
class Claim(Row):
    """An id the caller chose: where its row lives, and the fingerprint of the body that made it.

    Its own `bucket` is that of the id's hash, so that an id is unique whichever member it belongs to.
    """

    owns = False
    is_append_only = True
    bucket: int
    id: str
    owner_bucket: int
    fingerprint: bytes

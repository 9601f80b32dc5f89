"""What all rows share: a key, a parent and a bucket; also the rows that belong to no single room.

A row never changes: a decision puts a new version of it into the draft. `key` is unique within one realm
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
CapOwner = Literal["offer", "reward", "grant"]


def escaped(id: str) -> str:
    """The id as a part of a name whose parts stand between colons: ~ and : as in a JSON pointer (RFC 6901)."""
    return id.replace("~", "~0").replace(":", "~1")


def unescaped(part: str) -> str:
    """The id that `escaped` has written."""
    return part.replace("~1", ":").replace("~0", "~")


class Row:
    """What every row has: a key, and the parent it is listed under (None: no parent)."""

    __slots__ = ()
    key_field: ClassVar[str] = "id"
    parent_field: ClassVar[str | None] = None
    # Configuration: a change to such a row is a new revision of the realm's catalogue.
    is_catalogue: ClassVar[bool] = False
    # The fields of a stored row that can never change. (No row's key, bucket or time of creation can.)
    immutable_fields: ClassVar[tuple[str, ...]] = ()
    # The row stays as it was first stored.
    is_append_only: ClassVar[bool] = False
    # Rows of other types depend on its id, and none of them is older than the row itself.
    owns: ClassVar[bool] = True

    if TYPE_CHECKING:

        @property
        def key(self) -> Hashable:
            """The row's name within its realm."""

        @property
        def parent(self) -> Hashable:
            """The parent that the row is listed under."""

    def __init_subclass__(cls) -> None:
        if "key" not in vars(cls):
            cls.key = property(attrgetter(cls.key_field))  # type: ignore[assignment,method-assign]
        if "parent" not in vars(cls):
            cls.parent = property(attrgetter(cls.parent_field)) if cls.parent_field else None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Counter(Row):
    """How much of a cap is used, and how much of an offer's cap checkout sessions hold in addition.

    Its id names the cap's owner: a reward or an offer, alone or together with a member (`counter_of` in caps.py).
    """

    owns = False
    bucket: int
    id: str
    used: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Home(Row):
    """The tenant's time zone, for what belongs to no program. In memory only, never stored with the catalogue."""

    is_catalogue = True
    id: str
    timezone: str


HOME = "home"


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
    """An id that a caller chose: where its row lives, and the fingerprint of the body that created it.

    The claim's own `bucket` comes from the id's hash, so that an id is unique across all members.
    """

    owns = False
    is_append_only = True
    bucket: int
    id: str
    owner_bucket: int
    fingerprint: bytes

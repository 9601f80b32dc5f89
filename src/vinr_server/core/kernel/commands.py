"""What all commands share, and what a decision gets in addition to rows: its batch's instants and a source of ids.

A command `AwardPoints` has three companions of the same stem: `needs_award_points` (which rows it needs),
`decide_award_points` (how they change) and the operation `award_points` (how clients call it).
Core reads no clock and makes no id: the engine passes both in with each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar, cast

from vinr_server.core.kernel.answers import Accepted, Rejected, invalid
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Row
from vinr_server.core.kernel.values import dataclass

RowT = TypeVar("RowT", bound=Row)

Json = Mapping[str, Any]
EMPTY: Json = {}
# So many keys may an object's metadata have.
KEYS_MAX = 50


class Command:
    """The base of all commands. `is_ledger_write`: its idempotency key is kept forever, not for 30 days.

    `is_alone`: it is decided in a batch with no other command, since it changes whom these would be about.
    """

    __slots__ = ()
    is_ledger_write: ClassVar[bool] = False
    is_alone: ClassVar[bool] = False


def row_of(row_type: type[RowT], command: Command, **own: Any) -> RowT:
    """Create a row from a command: shared fields come from the command, all other fields from `own`."""
    names = {field.name for field in fields(cast(Any, row_type))} - own.keys()
    given = {field.name: getattr(command, field.name) for field in fields(cast(Any, command)) if field.name in names}
    return row_type(**given, **own)


def merge_metadata(present: Json, given: Json) -> Json | Rejected:
    """The metadata present, overlaid by what was given, where a null removes a key. Refuses more than 50 keys."""
    merged = {key: value for key, value in {**present, **given}.items() if value is not None}
    if len(merged) > KEYS_MAX:
        message = (
            f"The metadata would have {len(merged)} keys (limit: {KEYS_MAX}). Set some keys to null to remove them."
        )
        return invalid(message, param="metadata")
    return merged


@dataclass(frozen=True, slots=True)
class InUse:
    """When a withdrawn currency was in use: its first and last day, and [starts_at, ends_at) around them."""

    first_day: date
    last_day: date
    starts_at: datetime
    ends_at: datetime

    def holds(self, instant: datetime) -> bool:
        """Whether the currency was in use at this instant."""
        return self.starts_at <= instant < self.ends_at


@dataclass(frozen=True, slots=True)
class Context:
    """The one `now` of a batch (one for each test clock, too), its source of ids, and facts about the command.

    `make_id(prefix, bucket)` returns a new id that carries its bucket; `bucket_of(name)` the bucket of a customer or of
    any other name; `make_code()` a voucher code that nobody can guess, and `draw_code(pattern, alphabet)` one that
    looks like a batch's. `fingerprint` is a digest of the normalized body. `is_deliverable`: the command's events go to
    webhooks.
    """

    wall_now: datetime
    clock_now: Mapping[str, datetime]
    make_id: Callable[[str, int], str]
    bucket_of: Callable[[str], int]
    make_code: Callable[[], str]
    draw_code: Callable[[str, str], str]
    fingerprint: bytes = b""
    livemode: bool = False
    is_deliverable: bool = True
    request_id: str | None = None
    idempotency_key: str | None = None

    def now(self, clock_id: str | None) -> datetime:
        """Return the test clock's instant, or real time without a test clock."""
        return self.wall_now if clock_id is None else self.clock_now[clock_id]


NeedsOf = Callable[[Any, Needs], None]
Decide = Callable[[Layer, Any, Context], Accepted | Rejected]
# What else the command needs, given the rows it looked at. Run again on the locked rows, it names nothing new.
Follow = Callable[[Any, Layer, Needs], None]
# What a module of decisions exports: for each command, which rows it needs and how it is decided. A third function
# names further rows where that takes a look at the first ones.
Commands = Mapping[type[Command], tuple[NeedsOf, Decide] | tuple[NeedsOf, Decide, Follow]]

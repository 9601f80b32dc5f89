"""What all commands share, and what a decision is given besides the rows: the instants of its batch, a source of ids.

A command `AwardPoints` has three companions of the same stem: `needs_award_points` (which rows it needs),
`decide_award_points` (what becomes of them) and the operation `award_points` (how it is called).
Core reads no clock and makes no id: both are values handed in by the engine, one pair for each batch.
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
    """The base of all commands. `is_ledger_write`: its idempotency key is kept for good, not for 30 days."""

    __slots__ = ()
    is_ledger_write: ClassVar[bool] = False


def row_of(row_type: type[RowT], command: Command, **own: Any) -> RowT:
    """The row that a command creates: the fields that both have are the command's, the others the row's `own`."""
    names = {field.name for field in fields(cast(Any, row_type))} - own.keys()
    given = {field.name: getattr(command, field.name) for field in fields(cast(Any, command)) if field.name in names}
    return row_type(**given, **own)


def merge_metadata(present: Json, given: Json) -> Json | Rejected:
    """The metadata present, overlaid by what was given, where a null removes a key. Refuses more than 50 keys."""
    merged = {key: value for key, value in {**present, **given}.items() if value is not None}
    if len(merged) > KEYS_MAX:
        message = (
            f"The merged metadata would have {len(merged)} keys; {KEYS_MAX} are allowed. Remove keys by setting null."
        )
        return invalid(message, param="metadata")
    return merged


@dataclass(frozen=True, slots=True)
class InUse:
    """When a withdrawn currency was in use: its first day and its last, and [starts_at, ends_at) around them."""

    first_day: date
    last_day: date
    starts_at: datetime
    ends_at: datetime

    def holds(self, instant: datetime) -> bool:
        """Whether it was in use then."""
        return self.starts_at <= instant < self.ends_at


@dataclass(frozen=True, slots=True)
class Context:
    """The one `now` of a batch (by clock, for programs on a test clock), its ids, and what is known of the command.

    `make_id(prefix, bucket)` answers a new id that carries its bucket; `bucket_of(name)` the bucket of a customer
    or of a name of its own; `make_code()` a voucher code nobody can guess. `fingerprint` is a digest of the normalised
    body. `is_deliverable`: webhooks hear of the command's events.
    """

    wall_now: datetime
    clock_now: Mapping[str, datetime]
    make_id: Callable[[str, int], str]
    bucket_of: Callable[[str], int]
    make_code: Callable[[], str]
    fingerprint: bytes = b""
    livemode: bool = False
    is_deliverable: bool = True
    request_id: str | None = None
    idempotency_key: str | None = None

    def now(self, clock_id: str | None) -> datetime:
        """The instant on a test clock, or the wall's."""
        return self.wall_now if clock_id is None else self.clock_now[clock_id]


NeedsOf = Callable[[Any, Needs], None]
Decide = Callable[[Layer, Any, Context], Accepted | Rejected]
# What else the command needs, by the rows that were looked at. Asked once more of the locked rows, it names no more.
Follow = Callable[[Any, Layer, Needs], None]
# What a module of decisions exports: for each command, which rows it needs, what becomes of it, and where it has to
# look at rows to name the rest: what follows from these.
Commands = Mapping[type[Command], tuple[NeedsOf, Decide] | tuple[NeedsOf, Decide, Follow]]

"""Codes as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

StoredStatus = Literal["active", "disabled"]
CodeStatus = Literal["active", "scheduled", "disabled", "expired", "exhausted", "replaced"]


@dataclass(frozen=True, slots=True)
class CodeBatch(Row):
    """Many codes that open one offer: what those that are generated look like, and how often each may be used.

    `pattern`: each # is a character of the alphabet. Of a disabled batch no code can be used. `low_at`: so few
    unassigned ones are few, which `code_batch.low` says.
    """

    is_catalogue = True
    immutable_fields = ("offer_id", "pattern", "alphabet", "max_redemptions", "expires_at")
    id: str
    offer_id: str
    name: str
    pattern: str
    alphabet: str
    max_redemptions: int | None
    expires_at: datetime | None
    low_at: int | None
    status: StoredStatus
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CodeProgress(Row):
    """How far a batch is: codes `wanted`, `made` (numbered from 1), and announced as ready.

    Beside the batch, which is configuration: a million codes are made without a new revision of the catalogue.
    `assigned`: how many are one member's. `at_once`: how many were made as a step of a campaign gave them. `issued`:
    the highest number that a step has given. `is_low`: so few were unassigned when a step last gave one.
    """

    owns = False
    id: str
    wanted: int
    made: int
    announced: int
    created_at: datetime
    assigned: int = 0
    at_once: int = 0
    issued: int = 0
    is_low: bool = False

    @property
    def unassigned(self) -> int:
        """How many of the codes that are made are nobody's own."""
        return self.made - self.assigned

    @property
    def is_pool(self) -> bool:
        """Whether codes were imported or generated: then steps give those, and make none."""
        return self.wanted > self.at_once


@dataclass(frozen=True, slots=True)
class BatchTally(Row):
    """How many codes of a batch were used, of those that are not here. In memory only."""

    owns = False
    id: str
    used: int


@dataclass(frozen=True, slots=True)
class NextCodes(Row):
    """The codes of a batch that steps may give next, in their order, when the batch was loaded. In memory only.

    `most`: so many were looked for; if there are fewer, these are all. It is asked for by batch and number.
    """

    owns = False
    key_field = "batch_id"
    batch_id: str
    most: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code(Row):
    """A code and the offer that it opens. It is its own counter: `used`, and `reserved` by open checkout sessions.

    `folded`: its key, by which it is found (keys.py). Of all codes with one key at most one `holds_key`; the others
    were replaced. `offer_id` None: the key is held by a member's referral code. `account_id`: this member's alone.
    `number`: among those of its batch, in the order of making.
    """

    parent_field = "folded"
    owns = False
    immutable_fields = ("folded", "code", "offer_id", "batch_id", "number")
    bucket: int
    id: str
    folded: str
    code: str
    holds_key: bool
    offer_id: str | None
    account_id: str | None
    status: StoredStatus
    max_redemptions: int | None
    used: int
    reserved: int
    starts_at: datetime | None
    expires_at: datetime | None
    metadata: Json
    created_at: datetime
    batch_id: str | None = None
    number: int | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether it was used as often as it may be."""
        return self.max_redemptions is not None and self.used >= self.max_redemptions

    @property
    def is_full(self) -> bool:
        """Whether what is not used is held by open checkout sessions."""
        return self.max_redemptions is not None and self.used + self.reserved >= self.max_redemptions

    @property
    def comes_back(self) -> bool:
        """Whether a whole refund gives a use back: of a code for a single use, or of one member's (R63)."""
        return self.max_redemptions == 1 or self.account_id is not None

    def status_at(self, now: datetime, *, is_cut_off: bool = False) -> CodeStatus:
        """Where the code stands at an instant, whatever its offer does. `is_cut_off`: its batch is disabled."""
        if not self.holds_key:
            return "replaced"
        if self.status == "disabled" or is_cut_off:
            return "disabled"
        if self.starts_at is not None and now < self.starts_at:
            return "scheduled"
        if self.expires_at is not None and now >= self.expires_at:
            return "expired"
        return "exhausted" if self.is_used_up else "active"


@dataclass(frozen=True, slots=True)
class CodeHold(Row):
    """A use of a code that an open checkout session holds, and until when. In memory only."""

    owns = False
    id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodeHolds(Row):
    """All open sessions that held a code when the batch was loaded. In memory only."""

    key_field = "code_id"
    owns = False
    code_id: str
    holds: tuple[CodeHold, ...]

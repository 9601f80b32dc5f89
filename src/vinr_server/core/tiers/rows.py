"""Tiers as they are stored: what counts towards them, and which an account has held."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class TierCredit(Row):
    """What one accrual or payment counts towards an account's tiers, less what was taken back of it (R12b).

    `counted_as` is `TierPolicy.counted_as`; `source_id` the accrual's entry, or the payment. `amount`: an exact
    fraction in the unit of the metric (points, minor units, payments).
    """

    parent_field = "account_id"
    owns = False
    immutable_fields = ("credited_at",)
    bucket: int
    account_id: str
    counted_as: str
    source_id: str
    credited_at: datetime
    amount: str

    @property
    def key(self) -> Hashable:
        """Account, what it counts as, and source."""
        return (self.account_id, self.counted_as, self.source_id)


@dataclass(frozen=True, slots=True)
class PastCredits(Row):
    """What an account's history counts by a policy that it does not follow yet. In memory only, never stored."""

    key_field = "account_id"
    owns = False
    account_id: str
    credits: tuple[TierCredit, ...]


@dataclass(frozen=True, slots=True)
class TierChange(Row):
    """A tier that an account holds, or held, since an instant, and what made it so. They are numbered from 0."""

    parent_field = "account_id"
    owns = False
    is_append_only = True
    bucket: int
    id: str
    account_id: str
    number: int
    tier: str | None
    since: datetime
    cause: Json

"""Wallets of store credit and the settings they live by, as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from vinr_server.core.kernel.calendar import ExpiryRounding
from vinr_server.core.kernel.rows import Row
from vinr_server.core.kernel.values import dataclass, replace

# What ids of wallets begin with; those of members' accounts never do.
WALLET = "crd_"


@dataclass(frozen=True, slots=True)
class Wallet(Row):
    """A customer's store credit in one currency. What the book calls points are minor units of it here (R25).

    It has lots, entries, uses and holds as a member's account has, and keeps the same sums. It never owes anything.

    `clock_id` is fixed when it is made: None: it lives by real time. `due_at`: the first instant at which time alone
    changes what holds reserve (R24). `merged_into`: the wallet that has had all of it since its customer was merged.
    """

    parent_field = "customer_id"
    immutable_fields = ("customer_id", "currency", "clock_id")
    bucket: int
    id: str
    customer_id: str
    currency: str
    clock_id: str | None
    ledger_balance_points: int
    sequence: int
    next_expiry_at: datetime | None
    created_at: datetime
    held_points: int = 0
    due_at: datetime | None = None
    merged_into: str | None = None

    # What members' accounts have in addition: credit never pends, reminds nobody, and no inactivity ends it.
    pending_points: ClassVar[int] = 0
    next_reminder_at: ClassVar[datetime | None] = None
    inactive_at: ClassVar[datetime | None] = None
    is_inactive: ClassVar[bool] = False

    @property
    def free_points(self) -> int:
        """What can be spent, once every lot that is over is written off (R2)."""
        return self.ledger_balance_points - self.held_points

    def moved(self, *, points: int, pending_points: int = 0, lifetime_points: int = 0) -> Wallet:
        """The wallet one entry later."""
        assert pending_points == 0 and lifetime_points == 0, "credit never pends, and has no lifetime"
        return replace(self, ledger_balance_points=self.ledger_balance_points + points, sequence=self.sequence + 1)


@dataclass(frozen=True, slots=True)
class CreditSettings(Row):
    """How long store credit of a realm lasts unless its grant says, and `return_days` at least that refunds return.

    There is one row of it, `SETTINGS`, or none: then the defaults hold.
    """

    is_catalogue = True
    id: str
    default_expiry_months: int | None
    expiry_rounding: ExpiryRounding
    created_at: datetime
    return_days: int = 30


SETTINGS = "credit_settings"

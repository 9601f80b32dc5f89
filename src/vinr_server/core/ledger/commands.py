"""Commands that move points."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass

# ---- points


@dataclass(frozen=True, slots=True)
class AwardPoints(Command):
    """Give points by hand. `expires_at`: their end, instead of the one that the program would give them.

    `pending_days`: after so many days they are there; None: as the program says of points for a payment.
    """

    is_ledger_write = True
    account_id: str
    points: int
    reason: str | None = None
    payment_id: str | None = None
    occurred_at: datetime | None = None
    expires_at: datetime | None = None
    metadata: Json = field(default_factory=dict)
    pending_days: int | None = None


@dataclass(frozen=True, slots=True)
class ActivatePoints(Command):
    """Pending points of an award are there now."""

    is_ledger_write = True
    transaction_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AdjustPoints(Command):
    """Correct a balance by hand: positive points are an accrual, negative ones a debit by R3."""

    is_ledger_write = True
    account_id: str
    points: int
    reason: str
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReversePoints(Command):
    """Claw back an award; all that is left of it unless `points` says how much."""

    is_ledger_write = True
    transaction_id: str
    points: int | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpireLots(Command):
    """Write the expiry of the lots of an account, or of a wallet, that are over."""

    account_id: str

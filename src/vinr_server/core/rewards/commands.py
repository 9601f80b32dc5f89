"""Commands on rewards, redemptions and discounts."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class CreateReward(Command):
    program_id: str
    name: str
    cost_points: int
    benefit: Json
    id: str | None = None
    stock: int | None = None
    per_member_limit: int | None = None
    tiers: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateReward(Command):
    """A new revision with `changes` to Reward fields."""

    reward_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class ArchiveReward(Command):
    reward_id: str


# ---- redemptions and discounts


@dataclass(frozen=True, slots=True)
class CreateRedemption(Command):
    """Spend points on a reward. `points`: how many, where the reward is variable.

    Without `capture` they are reserved for so many `minutes`, to be captured by then or released (R11).
    """

    is_ledger_write = True
    account_id: str
    reward_id: str
    points: int | None = None
    metadata: Json = field(default_factory=dict)
    capture: bool = True
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class CaptureRedemption(Command):
    """Spend what an authorized redemption reserves, or so many `points` of it; the rest is free again."""

    is_ledger_write = True
    redemption_id: str
    points: int | None = None


@dataclass(frozen=True, slots=True)
class CancelRedemption(Command):
    is_ledger_write = True
    redemption_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ConsumeDiscount(Command):
    is_ledger_write = True
    discount_id: str
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseDiscount(Command):
    is_ledger_write = True
    discount_id: str

"""A loyalty program as it is stored: its currency, zone and tiers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.calendar import FIRST_INSTANT, ExpiryRounding
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# What payments are paid with.
TENDERS = ("card", "cash", "bank_transfer", "wallet", "gift_card", "store_credit", "points", "other")
# What earns unless a program says otherwise: not points or store credit, nor gift cards, since buying one did (R77).
EARNING_TENDERS = ("card", "cash", "bank_transfer", "wallet", "other")

ExpiryMode = Literal["fixed", "inactivity"]

# ---- configuration: the catalogue of a realm


@dataclass(frozen=True, slots=True)
class Tier:
    """A rank held by members whose lifetime points reach `threshold_points`."""

    id: str
    name: str
    threshold_points: int


@dataclass(frozen=True, slots=True)
class ReminderPlan:
    """How many `days` before points end members are reminded of it, since an instant; a change is a new revision."""

    revision: int
    since: datetime
    days: tuple[int, ...]


# What holds in a program that never had reminders, and is the plan of members from before the first.
NO_REMINDERS = ReminderPlan(0, FIRST_INSTANT, ())
# A member follows each of them in turn until its reminders have caught up with the last.
REMINDER_PLANS_MAX = 20


@dataclass(frozen=True, slots=True)
class Program(Row):
    """A loyalty program: its currency, zone, tiers, the tenders that earn, and the test clock it may live on.

    `guest_days`: enrolling earns for what the customer paid in so many days before (R86); None: for nothing.
    `reminder_plans`: the last one holds, the ones before held until the next one's instant (R84).
    `expiry_mode`: `expiry_months` count from when points came, or (inactivity) from when their member last earned or
    redeemed: then all of them end together, and the months are never None (R84).
    `pending_days`: after so many calendar days points that a payment earned can be spent, unless its rule says (R10).
    """

    is_catalogue = True
    immutable_fields = ("clock_id",)
    id: str
    name: str
    currency_name: str
    expiry_months: int | None
    expiry_rounding: ExpiryRounding
    timezone: str
    tiers: tuple[Tier, ...]
    status: str
    clock_id: str | None
    metadata: Json
    created_at: datetime
    earning_tenders: tuple[str, ...] = EARNING_TENDERS
    guest_days: int | None = None
    reminder_plans: tuple[ReminderPlan, ...] = ()
    expiry_mode: ExpiryMode = "fixed"
    pending_days: int = 0

    @property
    def reminder_plan(self) -> ReminderPlan:
        """The plan of reminders that holds."""
        return self.reminder_plans[-1] if self.reminder_plans else NO_REMINDERS

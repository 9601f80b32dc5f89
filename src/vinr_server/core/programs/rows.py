"""A loyalty program as it is stored: its currency, zone and tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
TierMetric = Literal["lifetime_points", "points_earned", "spend", "payment_count"]
TierWindow = Literal["lifetime", "calendar_year", "rolling_months"]

# ---- facts of a program that are only counted


@dataclass(frozen=True, slots=True)
class TierHolders(Row):
    """How many members of a program hold each of its tiers. In memory only, never stored."""

    key_field = "program_id"
    owns = False
    program_id: str
    counts: Mapping[str, int]


# ---- configuration: the catalogue of a realm


@dataclass(frozen=True, slots=True)
class Tier:
    """A rank held by members who reach `threshold`, in the unit of the metric: points, minor units or payments.

    `replaces`: tiers of an earlier plan whose members hold this one instead.
    """

    id: str
    name: str
    threshold: int
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """What tiers count and for how long they are held (R12).

    `currency`: of spend. `months`: of rolling windows. `downgrade`: where a member lands whose tier has ended: on the
    highest tier that it still qualifies for, or one step below. `grace_days`: how long it keeps the tier after its end.
    `on_reversal`: what a clawback changes: nothing before the tier ends, or the tier at once.
    """

    metric: TierMetric = "lifetime_points"
    window: TierWindow = "lifetime"
    currency: str | None = None
    months: int | None = None
    downgrade: Literal["qualified", "one_step"] = "qualified"
    grace_days: int = 0
    on_reversal: Literal["keep", "requalify"] = "keep"

    @property
    def counted_as(self) -> str | None:
        """The name of the credits that it counts; None: the account's own lifetime points."""
        if self.metric == "lifetime_points":
            return None
        return f"{self.metric}:{self.currency}" if self.currency is not None else self.metric

    @property
    def counts_points(self) -> bool:
        """Whether points count, so that pending ones will."""
        return self.metric in ("lifetime_points", "points_earned")

    @property
    def counts_windows(self) -> bool:
        """Whether each credit counts from its instant on for some time, so that a sum does not do."""
        return self.counted_as is not None and self.window != "lifetime"

    @property
    def noted_as(self) -> tuple[str | None, bool]:
        """What is noted of what counts: the name of the credits, and whether each is, or their sum."""
        return self.counted_as, self.counts_windows

    @property
    def span(self) -> tuple[TierWindow, int | None]:
        """For how long a credit counts."""
        return self.window, self.months


@dataclass(frozen=True, slots=True)
class TierPlan:
    """The tiers and their policy from an instant on; a change is a new revision, followed by each member (R12k)."""

    revision: int
    since: datetime
    tiers: tuple[Tier, ...]
    policy: TierPolicy


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
# Likewise for plans of tiers.
TIER_PLANS_MAX = 20


@dataclass(frozen=True, slots=True)
class Program(Row):
    """A loyalty program: its currency, zone, tiers, the tenders that earn, and the test clock it may live on.

    `guest_days`: enrolling earns for what the customer paid in so many days before (R86); None: for nothing.
    `reminder_plans`: the last one holds, the ones before held until the next one's instant (R84).
    `expiry_mode`: `expiry_months` count from when points came, or (inactivity) from when their member last earned or
    redeemed: then all of them end together, and the months are never None (R84).
    `tiers` and `tier_policy` are those of the last of `tier_plans`, which is empty before the first change.
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
    tier_policy: TierPolicy = TierPolicy()
    tier_plans: tuple[TierPlan, ...] = ()

    @property
    def tiers_revision(self) -> int:
        """The revision of the plan of tiers that holds; the first is 1."""
        return self.tier_plans[-1].revision if self.tier_plans else 1

    @property
    def tier_plan(self) -> TierPlan:
        """The tiers and their policy that hold."""
        return self.tier_plans[-1] if self.tier_plans else TierPlan(1, self.created_at, self.tiers, self.tier_policy)

    def tier_plans_since(self, revision: int) -> Sequence[TierPlan]:
        """The plan of this revision, or the oldest that is still known, and every newer one."""
        known = [plan for plan in self.tier_plans if plan.revision >= revision]
        return known or [self.tier_plan]

    @property
    def reminder_plan(self) -> ReminderPlan:
        """The plan of reminders that holds."""
        return self.reminder_plans[-1] if self.reminder_plans else NO_REMINDERS

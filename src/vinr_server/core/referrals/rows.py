"""Referrals as they are stored: what a program promises, the codes of its members, and who brought whom."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.earning.rows import Role
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.payments.rows import Earning, clawback_ids

ReferralStatus = Literal["registered", "converted", "reversed", "rejected", "expired"]
ReferralProgramStatus = Literal["active", "paused"]


# What converts a referral that no type of events does.
BY_PAYMENT = "payment"
LimitPer = Literal["month", "year", "lifetime"]


@dataclass(frozen=True, slots=True)
class ReferralLimit:
    """So many conversions give a referrer something, in a month or a year of the program's zone, or for good."""

    most: int
    per: LimitPer


@dataclass(frozen=True, slots=True)
class ReferralTerms:
    """What a referral is held to, for good, from its registration on (R16, R19).

    `window_days`: so many calendar days it can convert; None: it never ends by time. `convert_on`: a payment, or the
    type of event that converts it. `min_amount_minor`: of the payment's eligible part, in `currency` (None: in any).
    `hold_days`: what it gives is pending for so many days, or longer where the program or the rule says so.
    """

    window_days: int | None
    is_for_new_customers: bool
    convert_on: str = BY_PAYMENT
    min_amount_minor: int = 0
    currency: str | None = None
    hold_days: int = 0
    limit: ReferralLimit | None = None


@dataclass(frozen=True, slots=True)
class ReferralProgram(Row):
    """How the members of a loyalty program bring others: one for each program. A change is a new revision."""

    is_catalogue = True
    parent_field = "program_id"
    immutable_fields = ("program_id",)
    id: str
    program_id: str
    revision: int
    terms: ReferralTerms
    status: ReferralProgramStatus
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReferralCode(Row):
    """The code by which a member brings others, in capitals; its id is the code itself, unique in the realm.

    `conversions`: those by the code that stand.
    """

    parent_field = "account_id"
    owns = False
    immutable_fields = ("account_id",)
    bucket: int
    id: str
    account_id: str
    is_active: bool
    clicks: int
    created_at: datetime
    conversions: int = 0


@dataclass(frozen=True, slots=True)
class Reward:
    """What one side has earned by the conversion."""

    role: Role
    earning: Earning


@dataclass(frozen=True, slots=True)
class Referral(Row):
    """One customer (the referee) brought into a program by a member (the referrer); it lives with the referee.

    `expires_at`: from then on it is over, written or not (R24). Its row is what is locked and changed when it ends.

    Of one that has converted: `number`, which of its referrer's conversions it was; `least_minor`, what must be kept of
    the eligible part of its payment; `has_slot`, whether it counts for the referrer's limit; `rewards`, what either
    side earned, as a purchase remembers it (R7), and `skipped`, why rules gave nothing.
    """

    parent_field = "customer_id"
    owns = False
    immutable_fields = (
        *("program_id", "referral_program_id", "revision", "terms", "referrer_id", "referrer_customer_id"),
        *("code", "customer_id", "registered_at", "expires_at", "metadata"),
    )
    bucket: int
    id: str
    program_id: str
    referral_program_id: str
    revision: int
    terms: ReferralTerms
    referrer_id: str
    referrer_customer_id: str
    code: str | None
    customer_id: str
    status: ReferralStatus
    registered_at: datetime
    expires_at: datetime | None
    reason: str | None
    metadata: Json
    created_at: datetime
    converted_at: datetime | None = None
    payment_id: str | None = None
    event_id: str | None = None
    number: int | None = None
    least_minor: int = 1
    has_slot: bool = False
    rewards: tuple[Reward, ...] = ()
    skipped: tuple[Json, ...] = ()

    @property
    def earnings(self) -> tuple[Earning, ...]:
        """What either side has earned."""
        return tuple(reward.earning for reward in self.rewards)

    @property
    def clawback_ids(self) -> tuple[str, ...]:
        """What `clawback_ids` says of its earnings."""
        return clawback_ids(self.earnings)

    @property
    def is_in_force(self) -> bool:
        """Whether it keeps its customer: it is open, or has converted once, whatever became of that."""
        return self.status == "registered" or self.converted_at is not None

    def is_due(self, now: datetime) -> bool:
        """Whether its window is over and nobody has written it."""
        return self.status == "registered" and self.expires_at is not None and self.expires_at <= now

    def is_open(self, now: datetime) -> bool:
        """Whether it can convert."""
        return self.status == "registered" and not self.is_due(now)


@dataclass(frozen=True, slots=True)
class FirstPaid(Row):
    """When a customer first paid more than 0, by payments that the batch has not as rows. In memory only.

    `customer_ids`: the customer, and those that were merged into it.
    """

    key_field = "customer_id"
    owns = False
    customer_id: str
    at: datetime | None
    customer_ids: tuple[str, ...]

"""Rewards, their redemptions, and the discounts these issue, as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from vinr_server.core.kernel.rows import CapOwner, Json, Row
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Reward(Row):
    """Something points buy, with its stock, limits and window.

    `is_counted` from its first stock on, and for good: the stock counts every redemption that was not canceled,
    whenever it was made.
    """

    is_catalogue = True
    parent_field = "program_id"
    immutable_fields = ("program_id",)
    counted_as: ClassVar[CapOwner] = "reward"
    id: str
    program_id: str
    revision: int
    name: str
    cost_points: int
    benefit: Json
    stock: int | None
    per_member_limit: int | None
    tiers: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    status: str
    metadata: Json
    created_at: datetime
    is_counted: bool = False

    @property
    def global_limit(self) -> int | None:
        """How often all members together may redeem it."""
        return self.stock


@dataclass(frozen=True, slots=True)
class Redemption(Row):
    """Points spent on a reward, with the benefit as it was promised then. A gift cost none and has no entry.

    `points_returned` are those that an order left unused: of a variable reward it takes only what it needs.

    status: confirmed, canceled; authorized while a hold reserves `held_points` until `expires_at`, then confirmed when
    all of it or a part is captured, canceled, or expired (R11). `credit_entry_id`: the credit that it granted.
    """

    immutable_fields = (
        "account_id",
        "reward_id",
        "reward_revision",
        "discount_id",
        "benefit",
        "metadata",
        "held_points",
    )
    bucket: int
    id: str
    account_id: str
    reward_id: str
    reward_revision: int
    status: str
    points_spent: int
    entry_id: str | None
    cancellation_id: str | None
    discount_id: str | None
    voucher_code: str | None
    benefit: Json
    metadata: Json
    created_at: datetime
    canceled_at: datetime | None = None
    points_returned: int = 0
    held_points: int = 0
    expires_at: datetime | None = None
    captured_at: datetime | None = None
    credit_entry_id: str | None = None

    @property
    def kept_points(self) -> int:
        """The points that are still spent on it, unless it is canceled."""
        return self.points_spent - self.points_returned


@dataclass(frozen=True, slots=True)
class Discount(Row):
    """What a redemption issued for use on a payment.

    status: issued, reserved by the checkout session that is named, consumed, or void (the redemption was canceled).
    `worth_minor` is what is left of a variable one after an order that needed less; None: all that its benefit says.
    """

    immutable_fields = ("account_id", "redemption_id", "benefit")
    bucket: int
    id: str
    account_id: str
    redemption_id: str
    benefit: Json
    status: str
    payment_id: str | None
    created_at: datetime
    consumed_at: datetime | None = None
    session_id: str | None = None
    worth_minor: int | None = None

    @property
    def amount_minor(self) -> int | None:
        """The amount that it takes off now; None for one that is no amount."""
        return self.worth_minor if self.worth_minor is not None else self.benefit.get("amount")

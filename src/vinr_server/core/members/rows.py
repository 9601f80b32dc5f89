"""Customers and their accounts as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass, replace

TierBasis = Literal["confirmed", "landed", "set", "settings"]
TierLock = Literal["at_least", "exactly"]

# ---- member-owned rows


@dataclass(frozen=True, slots=True)
class Customer(Row):
    """What the merchant reports of a customer; the customer itself lives in the merchant's system.

    `email_key` is what its e-mail is found by. `merged_into` names the customer that this one is now, for good;
    `merged_from` those that are this one now. A row that the engine made itself has no claim of its id.
    """

    owns = False
    bucket: int
    id: str
    name: str | None
    email: str | None
    metadata: Json
    created_at: datetime
    email_key: str | None = None
    merged_into: str | None = None
    merged_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergedFrom:
    """A customer that was merged into an account's, and its account in the same program, if it had one."""

    customer_id: str
    account_id: str | None


@dataclass(frozen=True, slots=True)
class TierStanding:
    """How an account holds its tier (R12). An account that has held it from the start, and for good, has none.

    since         the instant of the last change of tier
    basis         confirmed by credits, landed on from above, set by hand, or carried by a change of settings
    expires_at    the end of the tier, before any grace; None: it has none
    grace_until   in grace, its last instant: until then the tier is kept
    threshold     what confirmed it, in the unit of the metric
    lock          until `locked_until`, the account holds at least (or exactly) the tier `locked_tier`
    changes       how many changes of tier the account has had
    total         of a lifetime metric that is no balance: the sum of all credits, an exact fraction
    graced_at     the last end of this tier at which days of grace began, in or after which a year may confirm it again
    """

    since: datetime
    basis: TierBasis = "confirmed"
    expires_at: datetime | None = None
    grace_until: datetime | None = None
    threshold: int | None = None
    lock: TierLock | None = None
    locked_until: datetime | None = None
    locked_tier: str | None = None
    changes: int = 0
    total: str = "0"
    graced_at: datetime | None = None

    def next_instant(self, tier: str | None) -> datetime | None:
        """The first instant at which time alone changes how the tier is held; None: never."""
        end = self.grace_until or self.expires_at
        if self.lock is None:
            return end
        if self.lock == "exactly" or tier == self.locked_tier:
            return self.locked_until
        return min((at for at in (end, self.locked_until) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Account(Row):
    """A member: one customer's points account in one program.

    Always: ledger_balance_points == sum of its entries == remaining points of its lots - those of its deficits, and
    pending_points == sum of what its entries say of pending points == pending points of its lots.

    status: active, closed, or merged: its customer is now the one that `merged_customer_id` names, and what it held is
    in that one's account `merged_into`. One that is merged into no account stands for a customer that never enrolled:
    nobody can enroll it any more, and whatever names the customer finds out who it is now. `merged_from`: the customers
    that were merged into this account's, None for none.

    Reminders of points that end (R84): by the plan `reminder_revision` of the program, all that fell due before
    `next_reminder_at` are sent, and none of its points has one before that instant; None: none of them has any.

    `inactive_at`: when points that end by the member's inactivity end, unless it earns or redeems before; None: it
    never did where that counts. `is_inactive`: since then all of them are swept.

    `standing`: how the tier is held (R12), by the program's plan of tiers `tier_revision`.

    `pending_points`: awarded and not available yet (R10); they are not in the ledger balance. `held_points`: in it, and
    reserved by holds (R11). `due_at`: the first instant at which time alone changes one of these (R24); None: none.

    `next_segments_at`: the first instant at which the member may enter or leave a dynamic segment: since the last
    command that touched it, if nobody has judged it since, or by time alone; None: never. `judged_scans`: the scans
    under way that need not reach it, since it was judged by the new conditions before; None for none.

    `may_convert`: what the member pays or does next may convert a referral that brought it (R19): who decides that
    looks for one, and takes the mark away where none is open.
    """

    parent_field = "customer_id"
    immutable_fields = ("program_id", "customer_id")
    bucket: int
    id: str
    program_id: str
    customer_id: str
    ledger_balance_points: int
    lifetime_points: int
    sequence: int
    tier: str | None
    next_expiry_at: datetime | None
    status: str
    metadata: Json
    created_at: datetime
    merged_into: str | None = None
    merged_customer_id: str | None = None
    merged_from: tuple[MergedFrom, ...] | None = None
    next_reminder_at: datetime | None = None
    reminder_revision: int = 0
    inactive_at: datetime | None = None
    is_inactive: bool = False
    pending_points: int = 0
    held_points: int = 0
    due_at: datetime | None = None
    may_convert: bool = False
    standing: TierStanding | None = None
    tier_revision: int = 1
    next_segments_at: datetime | None = None
    judged_scans: tuple[str, ...] | None = None

    @property
    def free_points(self) -> int:
        """What the member can spend, once every lot that is over is written off (R2)."""
        return self.ledger_balance_points - self.held_points

    def moved(self, *, points: int, pending_points: int = 0, lifetime_points: int = 0) -> Account:
        """The account one entry later."""
        return replace(
            self,
            ledger_balance_points=self.ledger_balance_points + points,
            pending_points=self.pending_points + pending_points,
            lifetime_points=self.lifetime_points + lifetime_points,
            sequence=self.sequence + 1,
        )

    @property
    def owes(self) -> bool:
        """Whether a deficit is unpaid: then all that its lots hold is reserved."""
        return self.free_points < 0

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """The account's customer, and those that were merged into it."""
        return tuple(buyer.customer_id for buyer in self.buyers)

    @property
    def account_ids(self) -> tuple[str, ...]:
        """The account, and those that were merged into it, each once."""
        ids = (buyer.account_id for buyer in self.buyers)
        return tuple(dict.fromkeys(id for id in ids if id is not None))

    @property
    def buyers(self) -> tuple[MergedFrom, ...]:
        """Whose payments are the account's purchases: those of its customer and of each that was merged into it.

        A payment that is linked to one account counts for that one alone.
        """
        return (MergedFrom(self.customer_id, self.id), *(self.merged_from or ()))

"""Offers as they are stored: their terms and revisions, claims and redemptions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from vinr_server.core.budgets.rows import Budget
from vinr_server.core.conditions.tree import Condition
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.rows import CapOwner, Json, Row
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.members.rows import Account

OfferKind = Literal["engagement", "checkout"]
Application = Literal["auto", "opt_in", "granted"]
CheckoutType = Literal["bogo", "free_shipping", "fixed_discount"]
Per = Literal["order", "unit"]
# At which prices a threshold counts the lines: before any discount, or after the item and BOGO phases.
Prices = Literal["undiscounted", "discounted"]
StackingMode = Literal["stack", "exclusive", "best"]
# The stored status: whether it was published, and whether it was paused since.
StoredStatus = Literal["draft", "published", "paused"]
# What redeems an offer.
ComesWith = Literal["payment", "checkout", "activation", "cart"]
OfferStatus = Literal["draft", "scheduled", "active", "paused", "expired", "exhausted"]


# ---- what a member gets


@dataclass(frozen=True, slots=True)
class PointsMultiplier:
    """Multiplies the points of the qualifying payment (in ten-thousandths)."""

    factor_e4: int


@dataclass(frozen=True, slots=True)
class PointsBonus:
    """Flat points: at activation for an opt-in offer, otherwise with the first qualifying payment."""

    points: int


@dataclass(frozen=True, slots=True)
class PercentageDiscount:
    """A percent (in ten-thousandths: 20 % is 200,000) off the lines that the offer's conditions name, or off all.

    `max_discount_minor` caps the discount of one checkout, in the cart's currency.
    """

    percent_e4: int
    max_discount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class GiftReward:
    """A reward of the catalogue, for no points: at activation, otherwise with the first qualifying payment."""

    reward_id: str


# ---- who qualifies


@dataclass(frozen=True, slots=True)
class Targeting:
    """What must be true of a member, all of it; None or empty asks nothing (R17).

    segments: member of any; tiers: holds any; metadata: each key is equal; `enrolled_before` is exclusive. `where` asks
    anything else.
    """

    segments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    min_balance_points: int | None = None
    enrolled_before: datetime | None = None
    metadata: Mapping[str, Any] | None = None
    max_balance_points: int | None = None
    where: Condition | None = None


# ---- what a cart must be, and what is taken off it


@dataclass(frozen=True, slots=True)
class Criteria:
    """What must be true of a cart, all of it; None or empty asks nothing.

    skus and categories name the matching lines (one of either is enough; without both, every line matches); what is
    excluded never matches. Thresholds count these lines: `min_subtotal_minor` and `max_subtotal_minor` at undiscounted
    prices, or (`counts`) at those after the item and BOGO phases; quantities in units. segments: the customer is a
    member of any. buy and get (bogo): `get` units are free for every `buy` paid units. `where` asks anything else.
    """

    min_subtotal_minor: int | None = None
    min_quantity: int | None = None
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    currency: str | None = None
    segments: tuple[str, ...] = ()
    first_order: bool | None = None
    buy_quantity: int | None = None
    get_quantity: int | None = None
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    max_subtotal_minor: int | None = None
    max_quantity: int | None = None
    counts: Prices = "undiscounted"
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Buy:
    """What must be bought, and paid in full, for each time that something is given; all lines if none are named."""

    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Get:
    """What is given each time, the cheapest or the dearest units; `percent_e4` is taken off (R79)."""

    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    quantity: int = 1
    percent_e4: int = 1_000_000
    pick: Literal["cheapest", "dearest"] = "cheapest"


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """What a checkout offer takes off: `value_minor` off an order or off each matching unit; None for bogo.

    free_shipping pays `value_minor` of the shipping, or `percent_e4` of it (ten-thousandths of a percent), or all.
    A bogo has one selection, that of its criteria, or two: `buy` and `get`; `max_times` counts within one order.
    """

    type: CheckoutType
    value_minor: int | None
    per: Per = "order"
    criteria: Criteria = Criteria()
    percent_e4: int | None = None
    buy: Buy | None = None
    get: Get | None = None
    max_times: int | None = None


@dataclass(frozen=True, slots=True)
class Stacking:
    """How an offer combines with others of its phase (R14).

    stack: with all; exclusive: alone; best: only the largest discount of its group applies.
    A higher priority applies first.
    """

    mode: StackingMode = "stack"
    group: str | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """An offer's terms at one revision, without its window: redemptions keep the revision they were made under (R16).

    `conditions` qualify a purchase, as in earning rules. `max_redemptions` counts all members' uses together,
    `per_member_limit` each member's, or the grants that each ever had; None is unlimited. `requires_code`: only codes
    open it (R61).
    """

    multiplier: PointsMultiplier | None = None
    bonus: PointsBonus | None = None
    percentage: PercentageDiscount | None = None
    gift: GiftReward | None = None
    checkout: CheckoutTerms | None = None
    application: Application = "auto"
    targeting: Targeting = Targeting()
    conditions: Conditions = Conditions()
    stacking: Stacking = Stacking()
    max_redemptions: int | None = None
    per_member_limit: int | None = None
    requires_code: bool = False
    budget: Budget | None = None

    @property
    def type(self) -> str:
        """The incentive's public type."""
        if self.checkout is not None:
            return self.checkout.type
        if self.multiplier is not None:
            return "points_multiplier"
        if self.bonus is not None:
            return "points_bonus"
        return "percentage_discount" if self.percentage is not None else "gift_reward"

    @property
    def comes_with(self) -> ComesWith:
        """What redeems the offer: a payment, a member's checkout, its activation, or anybody's cart."""
        if self.checkout is not None:
            return "cart"
        if self.percentage is not None:
            return "checkout"
        if self.application == "opt_in" and self.multiplier is None:
            return "activation"
        return "payment"


def offer_status(
    stored: StoredStatus,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    max_redemptions: int | None,
    used: int,
    now: datetime,
) -> OfferStatus:
    """Return the offer's status at an instant; `used` counts its redemptions so far, without reservations.

    Only an active offer can be redeemed. Its window is [starts_at, ends_at). A pause does not keep it from ending.
    """
    if stored == "draft":
        return "draft"
    if max_redemptions is not None and used >= max_redemptions:
        return "exhausted"
    if ends_at is not None and now >= ends_at:
        return "expired"
    if stored == "paused":
        return "paused"
    if starts_at is not None and now < starts_at:
        return "scheduled"
    return "active"


@dataclass(frozen=True, slots=True)
class Offer(Row):
    """An offer of either kind at its current revision. `program_id` None: every program of the tenant.

    `is_counted` from its first cap on, forever: from then on the counter of all members holds all its uses, even if the
    cap is removed, so that a use that is counted when taken is also counted when given back. `closed_at` is when the
    end of its window was recorded (and announced, unless the offer had ended before); None until shortly after the end.
    `in_force_since`: when it was published as it is now, by its program's clock; None while it is a draft.
    """

    is_catalogue = True
    immutable_fields = ("kind", "program_id")
    counted_as: ClassVar[CapOwner] = "offer"
    id: str
    kind: OfferKind
    program_id: str | None
    revision: int
    name: str
    terms: OfferTerms
    starts_at: datetime | None
    ends_at: datetime | None
    status: StoredStatus
    metadata: Json
    created_at: datetime
    closed_at: datetime | None = None
    deleted_at: datetime | None = None
    is_counted: bool = False
    in_force_since: datetime | None = None

    @property
    def parent(self) -> Hashable:
        """What redeems it by itself, and in which program, while it is live or scheduled (see `offers_in_force`)."""
        is_over = self.status != "published" or self.closed_at is not None or self.deleted_at is not None
        needs_code = self.terms.requires_code and not self.is_granted  # whom a code has granted it, has it by itself
        return None if is_over or needs_code else (self.terms.comes_with, self.program_id)

    @property
    def global_limit(self) -> int | None:
        """How often all members together may redeem it."""
        return self.terms.max_redemptions

    @property
    def per_member_limit(self) -> int | None:
        """How often each member may redeem it."""
        return self.terms.per_member_limit

    @property
    def is_granted(self) -> bool:
        """Whether a member needs a grant for each use (R48)."""
        return self.terms.application == "granted"

    def member_id(self, account: Account) -> str:
        """Whose limit and claims count: the account's if the offer names a program, otherwise the customer's (R21).

        Of a merged member, those of the one that acts for it.
        """
        if self.program_id is not None:
            return account.merged_into or account.id
        return account.merged_customer_id or account.customer_id

    def status_at(self, now: datetime, *, used: int) -> OfferStatus:
        """Return the offer's status at an instant; `used` counts its redemptions so far, without reservations."""
        return offer_status(
            self.status,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            max_redemptions=self.terms.max_redemptions,
            used=used,
            now=now,
        )


@dataclass(frozen=True, slots=True)
class OfferRevision(Row):
    """An offer's terms at one revision, kept forever; redemptions name their revision (R16)."""

    parent_field = "offer_id"
    is_append_only = True
    offer_id: str
    revision: int
    name: str
    terms: OfferTerms
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Offer and revision."""
        return (self.offer_id, self.revision)


@dataclass(frozen=True, slots=True)
class OfferClaim(Row):
    """A member's opt-in. It outlives its redemptions: a freed slot needs no new claim (R23).

    `member_id` says whose claim it is (`Offer.member_id`); `account_id` is the account that opted in first.
    """

    parent_field = "member_id"
    is_append_only = True
    bucket: int
    offer_id: str
    member_id: str
    account_id: str
    offer_revision: int
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Offer and member: each pair has one row."""
        return (self.offer_id, self.member_id)


GrantStatus = Literal["open", "redeemed", "withdrawn"]
ShownGrantStatus = Literal["open", "redeemed", "expired", "withdrawn"]


@dataclass(frozen=True, slots=True)
class OfferGrant(Row):
    """One use of an offer, given to an account on [granted_at, expires_at); None: as long as the offer goes on (R48).

    `source`: what gave it, by the names of the wire: a campaign's step, or a code; None: a call.
    `redemption_id`: the use that has it, reserved or confirmed; the grant is redeemed with a confirmed one.
    That its time is over is nowhere written: every answer finds it out (docs/decisions/0023).
    """

    parent_field = "account_id"
    owns = False
    immutable_fields = ("offer_id", "source", "granted_at", "expires_at")
    bucket: int
    id: str
    offer_id: str
    account_id: str
    source: Json | None
    granted_at: datetime
    expires_at: datetime | None
    status: GrantStatus
    redemption_id: str | None
    withdrawn_at: datetime | None
    created_at: datetime

    def status_at(self, now: datetime) -> ShownGrantStatus:
        """The status at an instant: an open one whose time is over has expired."""
        return "expired" if self.status == "open" and not self.covers(now) else self.status

    def covers(self, instant: datetime) -> bool:
        """Whether the instant lies in the grant's time."""
        return self.granted_at <= instant and (self.expires_at is None or instant < self.expires_at)


@dataclass(frozen=True, slots=True)
class OfferRedemption(Row):
    """One use of an offer, with what it gave: points (an entry), a reward's redemption, or money off a checkout.

    status: reserved by a session, confirmed, released (the session expired, or its payment was priced again and no
    longer earns it), or refunded (the payment was fully refunded: the member's slot is free again, the global one is
    not). `grant_id`: the grant that it uses, where the offer needs one. `code_id`: the code that opened the offer, and
    whether the use `counts_for_code`, as held or as used. `budget_counter`: the counter of the offer's budget that
    counts it, and `budget_taken` what it has taken there (R56).
    """

    immutable_fields = (
        "offer_id",
        "offer_revision",
        "account_id",
        "entry_id",
        "redemption_id",
        "session_id",
        "currency",
        "grant_id",
        "code_id",
        "budget_counter",
    )
    bucket: int
    id: str
    offer_id: str
    offer_revision: int
    account_id: str | None
    status: str
    entry_id: str | None
    redemption_id: str | None
    payment_id: str | None
    session_id: str | None
    discount_minor: int | None
    currency: str | None
    receipt: Json
    created_at: datetime
    redeemed_at: datetime | None = None
    freed_at: datetime | None = None
    grant_id: str | None = None
    code_id: str | None = None
    counts_for_code: bool = False
    budget_counter: str | None = None
    budget_taken: int = 0

    @property
    def parent(self) -> Hashable:
        """The checkout session that reserved it, otherwise the payment that made it. A payment leads to its session."""
        return self.session_id or self.payment_id

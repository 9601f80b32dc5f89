"""Payments and their refunds as they are stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vinr_server.core.kernel.rows import Json, Row, escaped, unescaped
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Clawback:
    """A reversal of an award, with what has not been reinstated of it, and the entries that reinstated the rest."""

    entry_id: str
    points: int
    reinstated_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Award:
    """Points that one source gave for a purchase: a rule, an offer; or itself, where the merchant made it by hand."""

    entry_id: str
    source_id: str
    points: int
    payment_id: str
    clawbacks: tuple[Clawback, ...] = ()

    @property
    def is_by_hand(self) -> bool:
        """Whether no rule and no offer made it."""
        return self.source_id == self.entry_id

    @property
    def held_points(self) -> int:
        """What refunds and amendments have left of the award."""
        return self.points - sum(clawback.points for clawback in self.clawbacks)


# A rule or an offer, and its revision.
Revision = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Gift:
    """A reward that an offer gave with a purchase, with what taking it back moves.

    `is_taken`: it was taken back as the purchase no longer qualified, and is given again should it qualify once more.
    (What the merchant has canceled is not: that stays canceled.)
    """

    offer: Revision
    reward_id: str
    redemption_id: str
    discount_id: str | None
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class Earning:
    """What one account earns by a purchase, frozen with its first report (R7, R16), and every award made so far.

    tier        that the account held before
    occurred_at the instant of the purchase, by the account's clock where the merchant named none
    zone        of the account's program: it says in which day and month that is
    tenders     that earned in the program; None: those that earn by default
    is_first    whether it was the account's first purchase
    rules       whose conditions can still be met by other amounts and lines of the same purchase
    multiplier  the offer that multiplies, from the report on that first qualified for it
    bonuses     the offers that gave flat points
    gifts       the rewards that offers gave
    """

    account_id: str
    tier: str | None
    occurred_at: datetime
    zone: str
    tenders: tuple[str, ...] | None
    is_first: bool
    rules: tuple[Revision, ...]
    multiplier: Revision | None = None
    bonuses: tuple[Revision, ...] = ()
    awards: tuple[Award, ...] = ()
    facts: Json | None = None
    gifts: tuple[Gift, ...] = ()

    def held_points(self, source_id: str) -> int:
        """What refunds and amendments have left of all awards of a source."""
        return sum(award.held_points for award in self.awards if award.source_id == source_id)

    @property
    def offers(self) -> tuple[Revision, ...]:
        """Every offer that the purchase has redeemed for the account."""
        multipliers = (self.multiplier,) if self.multiplier is not None else ()
        return (*multipliers, *self.bonuses, *(gift.offer for gift in self.gifts))


def clawback_ids(earnings: tuple[Earning, ...]) -> tuple[str, ...]:
    """The entries whose lot uses say where the points of clawbacks came from, and which of them are back."""
    clawbacks = [clawback for earning in earnings for award in earning.awards for clawback in award.clawbacks]
    return tuple(id for clawback in clawbacks for id in (clawback.entry_id, *clawback.reinstated_by))


@dataclass(frozen=True, slots=True)
class Payment(Row):
    """A payment the merchant reported, as it is now, and the session it completed.

    `outcome` is what is shown, and where campaigns find the passages that a refund concerns; `goals_reached` in it is
    for that alone, and shown to nobody. `earnings` is what a purchase of this one payment has earned; that of
    an order is kept by the order. `referral_ids`: the referrals that it converted, one for each program at most.
    `credit_entry_ids`: what it spent of store credit, again where the cancellation of a refund took back what that had
    returned.
    """

    parent_field = "customer_id"
    immutable_fields = ("currency", "minor_per_unit", "metadata", "occurred_at")
    bucket: int
    id: str
    customer_id: str | None
    account_id: str | None
    amount_minor: int
    currency: str
    minor_per_unit: int
    eligible_minor: int
    tax_minor: int
    shipping_minor: int
    tenders: tuple[Json, ...]
    discount_ids: tuple[str, ...]
    lines: tuple[Json, ...]
    refunded_minor: int
    refund_count: int
    outcome: Json
    metadata: Json
    occurred_at: datetime
    created_at: datetime
    session_id: str | None = None
    order_key: str | None = None
    revision: int = 1
    earnings: tuple[Earning, ...] = ()
    referral_ids: tuple[str, ...] = ()
    credit_entry_ids: tuple[str, ...] = ()

    @property
    def credit_minor(self) -> int:
        """What of the amount a wallet of store credit paid (R25d)."""
        return sum(credit_by_wallet(self.tenders).values())

    @property
    def money_minor(self) -> int:
        """What of the amount was paid otherwise: all that refunds may give as money (R26)."""
        return self.amount_minor - self.credit_minor

    @property
    def is_refunded_whole(self) -> bool:
        """Whether all of it was given back. (One of nothing is given back by a refund of nothing.)"""
        return self.refund_count > 0 and self.refunded_minor == self.amount_minor

    @property
    def kept_minor(self) -> int:
        """What refunds have left of the amount."""
        return self.amount_minor - self.refunded_minor

    @property
    def earnable_minor(self) -> int:
        """What was paid for goods, with whatever tenders: tax and shipping earn nothing (R9)."""
        return self.amount_minor - self.tax_minor - self.shipping_minor

    @property
    def order_id(self) -> str | None:
        """The order it belongs to, by the merchant's id."""
        return self.order_key.partition(":")[2] if self.order_key is not None else None

    @property
    def purchase_key(self) -> str | None:
        """The order that is its purchase; None where it is a purchase by itself, as that of a guest."""
        return None if self.order_key is None or self.order_key.startswith(":") else self.order_key

    @property
    def clawback_ids(self) -> tuple[str, ...]:
        """What `clawback_ids` says of its earnings."""
        return clawback_ids(self.earnings)


@dataclass(frozen=True, slots=True)
class PaymentRevision(Row):
    """What a payment said before an amendment, and why it was amended."""

    parent_field = "payment_id"
    is_append_only = True
    bucket: int
    id: str
    payment_id: str
    revision: int
    amount_minor: int
    eligible_minor: int
    tax_minor: int
    shipping_minor: int
    tenders: tuple[Json, ...]
    lines: tuple[Json, ...]
    reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Order(Row):
    """All payments of one member for one order of the merchant's: together they are one purchase (R74).

    Its id is `order_key`. `payment_ids` stand in the order in which they were reported.
    """

    immutable_fields = ("currency",)
    bucket: int
    id: str
    currency: str
    payment_ids: tuple[str, ...]
    earnings: tuple[Earning, ...]
    created_at: datetime

    @property
    def clawback_ids(self) -> tuple[str, ...]:
        """What `clawback_ids` says of its earnings."""
        return clawback_ids(self.earnings)


def credit_by_wallet(tenders: Iterable[Json]) -> dict[str, int]:
    """What each wallet of store credit pays. (Credit of another system names none, and is a fact like any tender.)"""
    paid: dict[str, int] = {}
    for tender in tenders:
        if (wallet_id := tender.get("account")) is not None:
            paid[wallet_id] = paid.get(wallet_id, 0) + tender["amount"]
    return paid


def order_key(member_id: str | None, order_id: str) -> str:
    """The id of a member's order: the member (a customer, or the account a payment is linked to) and the merchant's id.
    (Nobody's for a guest.)

    The member stands first, without a colon: ~ and : are written as in a JSON pointer (RFC 6901).
    """
    return f"{escaped(member_id or '')}:{order_id}"


def member_of_order(key: str) -> str:
    """The customer, or the account, whose order has this id; it says where the order lives."""
    return unescaped(key.partition(":")[0])


@dataclass(frozen=True, slots=True)
class RefundLine:
    """What a refund takes of one line, or of the lines of one sku: a quantity or an amount."""

    id: str | None = None
    sku: str | None = None
    quantity: int | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Refund(Row):
    """One refund of a payment, whole or part; `eligible_minor` only where the merchant named it.

    A canceled one never took effect: what it took was reinstated. Of the amount, `credit_returned_minor` went back to
    the store credit that had paid, and `credit_granted_minor` is money given as new credit, by `credit_grant_id` (R26).
    """

    parent_field = "payment_id"
    immutable_fields = (
        "payment_id",
        "amount_minor",
        "eligible_minor",
        "reason",
        "points_reversed",
        "pending_points_reversed",
        "metadata",
        "lines",
        "credit_returned_minor",
        "credit_granted_minor",
        "credit_grant_id",
    )
    bucket: int
    id: str
    payment_id: str
    amount_minor: int
    eligible_minor: int | None
    reason: str | None
    points_reversed: int
    metadata: Json
    created_at: datetime
    customer_id: str | None = None
    lines: tuple[RefundLine, ...] = ()
    canceled_at: datetime | None = None
    points_reinstated: int = 0
    pending_points_reversed: int = 0
    credit_returned_minor: int = 0
    credit_granted_minor: int = 0
    credit_grant_id: str | None = None

    @property
    def money_minor(self) -> int:
        """What it takes of the money that was paid, whether it gives it as money or as new credit (R26b)."""
        return self.amount_minor - self.credit_returned_minor

"""Checkouts as they are stored: sessions, and whether a customer has bought before."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any, Literal

from vinr_server.core.carts.cart import Cart
from vinr_server.core.kernel.rows import Row
from vinr_server.core.kernel.values import dataclass

Json = Mapping[str, Any]
SessionStatus = Literal["open", "completed", "expired"]


@dataclass(frozen=True, slots=True)
class CreditTender:
    """Store credit that pays for a cart (R25c). Units: minor units of the cart's currency.

    `most_minor`: what was asked for; None: all there is. `balance_minor` of the wallet was there when the cart was
    priced, and `applied_minor` of it pays; a session's is reserved by the hold with `hold_id`.
    """

    most_minor: int | None = None
    wallet_id: str | None = None
    balance_minor: int = 0
    applied_minor: int = 0
    hold_id: str | None = None


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """A code that a session holds, and how the shopper wrote it."""

    text: str
    code_id: str


@dataclass(frozen=True, slots=True)
class CheckoutSession(Row):
    """A cart with what it was promised: the session holds the caps until it is completed or expires.

    The promise is what came off each line of the cart, in its order, and off the shipping. `evaluation` is the promise
    as the wire shows it, with what applied, the receipts, and what did not apply and why: nothing reads it. Only an
    update of the cart computes them again. `discount_ids` are the issued discounts that the caller named; `held_ids`
    are those of them that applied and are held, and `held_minor` what each of these takes off. A guest's session may
    be given its customer, once, and with it a clock and an end on it: it stays in the bucket of guests, but what it
    holds from then on is in the customer's. `credit`: store credit that pays for it, if any was asked for. `codes`:
    those that were presented, all of which apply.
    """

    bucket: int
    id: str
    customer_id: str | None
    cart: Cart
    status: SessionStatus
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    line_discounts_minor: tuple[int, ...]
    shipping_discount_minor: int
    evaluation: Json
    discount_ids: tuple[str, ...]
    held_ids: tuple[str, ...]
    held_minor: tuple[int, ...]
    payment_id: str | None
    clock_id: str | None
    metadata: Json
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None = None
    expired_at: datetime | None = None
    credit: CreditTender | None = None
    codes: tuple[PresentedCode, ...] = ()

    @property
    def wallet_id(self) -> str | None:
        """The wallet whose credit pays, if any does."""
        return self.credit.wallet_id if self.credit is not None else None

    @property
    def credit_minor(self) -> int:
        """What store credit pays of the total."""
        return self.credit.applied_minor if self.credit is not None else 0

    def due_minor(self, tax_minor: int) -> int:
        """What its payment comes to, with so much tax: the total, and the tax where that is on top (R73)."""
        return self.total_minor if self.cart.prices_include_tax else self.total_minor + tax_minor

    def is_over(self, now: datetime) -> bool:
        """Whether it can no longer be completed, even if that is not written yet."""
        return self.status == "expired" or (self.status == "open" and now >= self.expires_at)


@dataclass(frozen=True, slots=True)
class Traces(Row):
    """What names a customer without being in its accounts: open sessions, and whether any payment does.

    As of when the batch was loaded. In memory only.
    """

    owns = False
    id: str
    session_ids: tuple[str, ...]
    has_paid: bool


@dataclass(frozen=True, slots=True)
class Buyer(Row):
    """Whether a customer had bought when the batch was loaded, by payments that it has not as rows. In memory only.

    `order_id`: the merchant's order whose payments are left out, since they are the purchase that is asked about.
    `customer_ids`: the customer, and those that were merged into it.
    """

    owns = False
    customer_id: str
    order_id: str | None
    has_bought: bool
    customer_ids: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        """The customer, and the order that is left out."""
        return (self.customer_id, self.order_id)

"""Commands on payments and refunds."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, InUse, Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.payments.rows import RefundLine


@dataclass(frozen=True, slots=True)
class CreatePayment(Command):
    """A payment reported by the merchant. `enrol_in`: the program an unknown customer joins (bulk imports, R22).

    `currency_in_use`: None for a currency of today.
    """

    is_ledger_write = True
    amount_minor: int
    currency: str
    minor_per_unit: int
    id: str | None = None
    customer_id: str | None = None
    tax_minor: int = 0
    shipping_minor: int = 0
    tenders: tuple[Json, ...] = ()
    discount_ids: tuple[str, ...] = ()
    lines: tuple[Json, ...] = ()
    occurred_at: datetime | None = None
    metadata: Json = field(default_factory=dict)
    session_id: str | None = None
    order_id: str | None = None
    enrol_in: str | None = None
    is_deliverable: bool = True
    currency_in_use: InUse | None = None

    @property
    def linked_account_id(self) -> str | None:
        """The member named in the metadata, in either casing."""
        return linked_account(self.metadata)


@dataclass(frozen=True, slots=True)
class RefundPayment(Command):
    """Refund a payment: `amount_minor` None means what its lines come to, or all that is left where it names none.

    `total_refunded_minor`: the sum of all its refunds so far; what is missing of it is refunded. `credit_minor`: what
    of it is given as store credit; None: in proportion to the tenders. What that grants ends at `credit_expires_at`.
    """

    is_ledger_write = True
    payment_id: str
    id: str | None = None
    amount_minor: int | None = None
    total_refunded_minor: int | None = None
    eligible_minor: int | None = None
    lines: tuple[RefundLine, ...] = ()
    credit_minor: int | None = None
    credit_expires_at: datetime | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelRefund(Command):
    """A refund failed, or a dispute was won: the payment stands as if it had never been refunded by it."""

    is_ledger_write = True
    refund_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UpdatePayment(Command):
    """The payment is what it is now; None keeps what it was. `reprice`: its session's cart is evaluated again, too."""

    is_ledger_write = True
    payment_id: str
    amount_minor: int | None = None
    lines: tuple[Json, ...] | None = None
    tax_minor: int | None = None
    shipping_minor: int | None = None
    tenders: tuple[Json, ...] | None = None
    reason: str | None = None
    reprice: bool = False


@dataclass(frozen=True, slots=True)
class LinkPayment(Command):
    """Name the customer of a payment that named none."""

    is_ledger_write = True
    payment_id: str
    customer_id: str


def linked_account(metadata: Json) -> str | None:
    """The account id that a metadata object links to, or None."""
    link = metadata.get("loyalty_account", metadata.get("loyaltyAccount"))
    return link if isinstance(link, str) else None

"""Exports of other systems: how their columns are called, and which of their rows count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vinr_server.cli.imports.reading.columns import Columns, Fields
from vinr_server.cli.imports.refusals import ImportRefused

PURCHASES = Fields(
    names=(
        *("customer", "date", "amount", "currency", "payment"),
        *("order", "tax", "shipping", "tender", "status", "refunded"),
    ),
    required=("customer", "date", "amount"),
    example="customer=Kunde,date=Datum,amount=Betrag",
)
MEMBERS = Fields(
    names=(
        *("customer", "email", "points", "spent", "expires_at", "lots", "lifetime_points"),
        *("tier", "joined_at", "status", "metadata"),
    ),
    required=(),
    example="customer=Kunde,email=E-Mail,points=Punkte",
    takes_metadata=True,
)


@dataclass(frozen=True, slots=True)
class Preset:
    """The columns of an export, each with the names that it has had, and what goes without saying there.

    `only`: the statuses whose rows count; `refunded`: those of rows whose whole amount was given back.
    `is_by_line`: rows without an amount go on with the order above, and are passed over.
    """

    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    only: tuple[str, ...] = ()
    refunded: tuple[str, ...] = ()
    timezone: str | None = None
    is_by_line: bool = False

    def as_columns(self) -> Columns:
        """The columns, which the header locates; those that are not required may be absent."""
        optional = frozenset(self.columns) - frozenset(self.required)
        return Columns(self.columns, {}, 0, has_names=True, optional=optional, is_loose=True)


NEEDED = ("customer", "date", "amount")
# Shopify, admin: Orders, Export. Further line items of an order are rows without a status and a total.
SHOPIFY_ORDERS = Preset(
    columns={
        "payment": ("Id", "Name"),
        "order": ("Name",),
        "customer": ("Email",),
        "date": ("Paid at", "Created at"),
        "amount": ("Total",),
        "tax": ("Taxes",),
        "shipping": ("Shipping",),
        "currency": ("Currency",),
        "status": ("Financial Status",),
        "refunded": ("Refunded Amount",),
    },
    required=NEEDED,
    only=("paid", "partially_refunded", "refunded"),
    is_by_line=True,
)
# WooCommerce itself exports no orders with their customers: these are the headers of the two common plugins.
WOOCOMMERCE_ORDERS = Preset(
    columns={
        "payment": ("Order ID", "Order Number"),
        "order": ("Order Number", "Order ID"),
        "customer": ("Email (Billing)", "billing_email", "customer_email", "Customer Email", "Email"),
        "date": ("Order Date", "Paid Date", "Date"),
        "amount": ("Order Total Amount", "Order Total", "Total"),
        "tax": ("Order Total Tax Amount", "tax_total", "Order Tax"),
        "shipping": ("Order Shipping Amount", "shipping_total", "Order Shipping"),
        "currency": ("Order Currency", "Currency"),
        "status": ("Order Status", "Status"),
        "refunded": ("Order Refund Amount", "refund_total", "Refunded Amount"),
    },
    required=NEEDED,
    only=("completed", "processing", "refunded"),
    refunded=("refunded",),
)
# Stripe, dashboard: Payments, Export, whose times are UTC.
STRIPE_PAYMENTS = Preset(
    columns={
        "payment": ("id",),
        "customer": ("Customer ID", "Customer Email"),
        "date": ("Created date (UTC)", "Created (UTC)", "Created"),
        "amount": ("Amount",),
        "currency": ("Currency",),
        "status": ("Status",),
        "refunded": ("Amount Refunded",),
    },
    required=NEEDED,
    only=("paid", "succeeded", "refunded", "partial_refund", "partially_refunded"),
    timezone="UTC",
)
# Smile.io: Customers, Filter and export.
SMILE = Preset(
    columns={
        "email": ("Email",),
        "points": ("Points balance", "Points"),
        "tier": ("VIP tier", "VIP tier name"),
        "joined_at": ("Created at", "Joined at", "Member since"),
        "status": ("State", "Member status", "Status"),
    },
    required=("email", "points"),
    only=("member",),
)
# LoyaltyLion: Analytics, Exports, Customers. Approved points are all that were ever earned; what was spent is apart.
LOYALTYLION = Preset(
    columns={
        "email": ("Email", "Customer email"),
        "points": ("Points approved", "Approved points", "Points"),
        "spent": ("Points spent", "Spent points"),
        "tier": ("Loyalty tier", "Tier", "Tier name", "Loyalty tier name"),
        "joined_at": ("Enrolled at", "Joined at", "Enrolled", "Created at"),
    },
    required=("email", "points"),
)
OF_PURCHASES = {
    "shopify-orders": SHOPIFY_ORDERS,
    "woocommerce-orders": WOOCOMMERCE_ORDERS,
    "stripe-payments": STRIPE_PAYMENTS,
}
OF_MEMBERS = {"smile": SMILE, "loyaltylion": LOYALTYLION}


def find_preset(name: str | None, known: Mapping[str, Preset]) -> Preset | None:
    """The preset of this name; None where none was named."""
    if name is None:
        return None
    if name not in known:
        raise ImportRefused(f"--preset: {name!r} is not known; {', '.join(known)} are.")
    return known[name]


def folded_status(text: str) -> str:
    """A status as it is compared: `Partially refunded` is partially_refunded, `wc-completed` is completed."""
    words = text.strip().casefold().replace("-", " ").replace("_", " ").split()
    return "_".join(words[1:] if words[:1] == ["wc"] else words)


def statuses(text: str) -> tuple[str, ...]:
    """The statuses of an option: `paid,completed`."""
    return tuple(folded for status in text.split(",") if (folded := folded_status(status)))

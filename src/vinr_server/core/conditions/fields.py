"""The fields that conditions can ask about: what each is, how its reason is worded, and what would change it.

Where a rule, an offer, a cart or a segment may ask about a field, its `of` says: the occasion (what happened), the
order, its lines, the cart, the member, or the member's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vinr_server.core.kernel.values import dataclass

Kind = Literal["number", "text", "texts", "flag", "instant", "plain"]
Of = Literal["occasion", "order", "lines", "cart", "member", "history"]

# Of these a member's values are asked for; of nobody they are missing.
OF_MEMBER: tuple[Of, ...] = ("member", "history")
# The operators that fit a kind. `exists` is for what may be missing.
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "number": ("eq", "in", "gt", "gte", "lt", "lte"),
    "text": ("eq", "in", "exists"),
    "texts": ("eq", "in", "exists"),
    "flag": ("eq",),
    "instant": ("gt", "gte", "lt", "lte", "within"),
    "plain": ("eq", "in", "gt", "gte", "lt", "lte", "exists"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. Its sentences have no full stop; `{value}` is what it is, `{n}` how much is missing.

    what            what it is, for the documentation
    state, absent   what it says of a value, and of none (of a flag: of yes, and of no)
    more, less      the change that raises it, or lowers it, by {n}; None where nobody can
    become, other   the change that makes it {value}, or anything else (of a flag: yes, or no)
    """

    kind: Kind
    of: Of
    what: str
    state: str
    absent: str = ""
    more: str | None = None
    less: str | None = None
    become: str | None = None
    other: str | None = None


FIELDS: Mapping[str, Field] = {
    "metadata.": Field(
        "plain",
        "occasion",
        "a key of the metadata of the payment, the event or the cart",
        "{name} is {value}",
        "{name} is not set",
        become="set {name} to {value}",
        other="set {name} to another value",
    ),
    "occurred_at": Field(
        "instant",
        "occasion",
        "when it happened",
        "It happened at {value}",
    ),
    "order.amount": Field(
        "number",
        "order",
        "what goods count for, in minor units: of a payment its eligible part, of a cart its undiscounted price",
        "The eligible part is {value}",
        more="spend {n} more{lines}",
        less="spend {n} less{lines}",
    ),
    "order.currency": Field(
        "text",
        "order",
        "the currency that is paid in",
        "The currency is {value}",
        "There is no currency",
        become="pay in {value}",
        other="pay in another currency",
    ),
    "order.is_first": Field(
        "flag",
        "order",
        "whether it is the customer's first order",
        "It is the customer's first order",
        "The customer has ordered before",
        become="report the customer's first payment",
        other="report a payment after the first",
    ),
    "order.quantity": Field(
        "number",
        "cart",
        "how many units the cart holds",
        "The cart has {value} units",
        more="add {n} more{lines}",
        less="take out {n}{lines}",
    ),
    "lines.sku": Field(
        "texts",
        "lines",
        "the skus of the lines",
        "The lines are of {value}",
        "There are no lines",
        become="add a line of {value}",
        other="take out {value}",
    ),
    "lines.category": Field(
        "texts",
        "lines",
        "the categories of the lines",
        "The lines are of {value}",
        "The lines have no category",
        become="add a line of {value}",
        other="take out {value}",
    ),
    "cart.shipping": Field(
        "number",
        "cart",
        "the price of shipping, in minor units",
        "Shipping is {value}",
        more="pay {n} more for shipping",
        less="pay {n} less for shipping",
    ),
    "tier": Field(
        "text",
        "member",
        "the member's tier",
        "The member's tier is {value}",
        "The member's tier is none",
        become="needs tier {value}",
    ),
    "account.enrolled_at": Field("instant", "member", "when the member enrolled", "The member enrolled at {value}"),
    "account.days_since_enrolled": Field(
        "number",
        "member",
        "whole days since the member enrolled",
        "The member enrolled {value} days ago",
        more="wait {n} more days",
    ),
    "account.metadata.": Field(
        "plain",
        "member",
        "a key of the account's metadata",
        "{name} is {value}",
        "{name} is not set",
        become="set {name} to {value}",
        other="set {name} to another value",
    ),
    "balance": Field(
        "number",
        "history",
        "the points that the member can spend",
        "The balance is {value} points",
        more="earn {n} more",
    ),
    "segment": Field(
        "texts",
        "history",
        "the segments that the member is in",
        "The member is in {value}",
        "The member is in none of these segments",
        become="be in {value}",
        other="leave {value}",
    ),
    "purchases.any": Field(
        "flag",
        "history",
        "whether the member has made a purchase",
        "The member has made a purchase",
        "The member has not made a purchase yet",
        become="make a purchase",
    ),
    "purchases.days_since_last": Field(
        "number",
        "history",
        "whole days since the member's last purchase",
        "The last purchase was {value} days ago",
        "The member has not made a purchase yet",
    ),
    "purchases.count": Field(
        "number",
        "history",
        "how many purchases the member made, in its lifetime or in the last `days`",
        "The member made {value} purchases{days}",
        more="purchase {n} more times",
    ),
    "purchases.spend": Field(
        "number",
        "history",
        "what the member spent in a `currency`, in minor units, in its lifetime or in the last `days`",
        "The member spent {value} ({currency}, minor units){days}",
        more="spend {n} more",
    ),
}


def is_of_member(name: str) -> bool:
    """Whether the field is one of the member's."""
    field = field_of(name)
    return field is not None and field.of in OF_MEMBER


def field_of(name: str) -> Field | None:
    """The field of this name; metadata has one for each key."""
    for family in ("metadata.", "account.metadata."):
        if name.startswith(family) and len(name) > len(family):
            return FIELDS[family]
    return None if name.endswith(".") else FIELDS.get(name)

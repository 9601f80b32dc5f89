"""The fields that conditions can ask about: what each is, how its reason is worded, and what would change it.

Where a rule, an offer, a cart or a segment may ask about a field, its `of` says: the occasion (what happened), the
data of a reported event, the order, its lines, the cart, the member, or the member's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vinr_server.core.kernel.values import dataclass

Kind = Literal["number", "text", "texts", "flag", "instant", "plain"]
Of = Literal["occasion", "event", "order", "lines", "cart", "member", "history"]

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

    state, absent   what it says of a value, and of none (of a flag: of yes, and of no)
    more, less      the change that raises it, or lowers it, by {n}; None where nobody can
    become, other   the change that makes it {value}, or anything else (of a flag: yes, or no)
    """

    kind: Kind
    of: Of
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
        "{name} is {value}",
        "{name} is not set",
        become="set {name} to {value}",
        other="set {name} to another value",
    ),
    "data.": Field(
        "plain",
        "event",
        "{name} is {value}",
        "{name} is not set",
        become="set {name} to {value}",
        other="set {name} to another value",
    ),
    "occurred_at": Field(
        "instant",
        "occasion",
        "It happened at {value}",
    ),
    "order.amount": Field(
        "number",
        "order",
        "The eligible part is {value}",
        more="spend {n} more{lines}",
        less="spend {n} less{lines}",
    ),
    "order.currency": Field(
        "text",
        "order",
        "The currency is {value}",
        "There is no currency",
        become="pay in {value}",
        other="pay in another currency",
    ),
    "order.is_first": Field(
        "flag",
        "order",
        "It is the customer's first order",
        "The customer has ordered before",
        become="report the customer's first payment",
        other="report a payment after the first",
    ),
    "order.quantity": Field(
        "number",
        "cart",
        "The cart has {value} units",
        more="add {n} more{lines}",
        less="take out {n}{lines}",
    ),
    "lines.sku": Field(
        "texts",
        "lines",
        "The lines are of {value}",
        "There are no lines",
        become="add a line of {value}",
        other="take out {value}",
    ),
    "lines.category": Field(
        "texts",
        "lines",
        "The lines are of {value}",
        "The lines have no category",
        become="add a line of {value}",
        other="take out {value}",
    ),
    "cart.shipping": Field(
        "number",
        "cart",
        "Shipping is {value}",
        more="pay {n} more for shipping",
        less="pay {n} less for shipping",
    ),
    "tier": Field(
        "text",
        "member",
        "The member's tier is {value}",
        "The member's tier is none",
        become="needs tier {value}",
    ),
    "account.enrolled_at": Field("instant", "member", "The member enrolled at {value}"),
    "account.days_since_enrolled": Field(
        "number",
        "member",
        "The member enrolled {value} days ago",
        more="wait {n} more days",
    ),
    "account.metadata.": Field(
        "plain",
        "member",
        "{name} is {value}",
        "{name} is not set",
        become="set {name} to {value}",
        other="set {name} to another value",
    ),
    "balance": Field(
        "number",
        "history",
        "The balance is {value} points",
        more="earn {n} more",
    ),
    "segment": Field(
        "texts",
        "history",
        "The member is in {value}",
        "The member is in none of these segments",
        become="be in {value}",
        other="leave {value}",
    ),
    "purchases.any": Field(
        "flag",
        "history",
        "The member has made a purchase",
        "The member has not made a purchase yet",
        become="make a purchase",
    ),
    "purchases.days_since_last": Field(
        "number",
        "history",
        "The last purchase was {value} days ago",
        "The member has not made a purchase yet",
    ),
    "purchases.count": Field(
        "number",
        "history",
        "The member made {value} purchases{days}",
        more="purchase {n} more times",
    ),
    "purchases.spend": Field(
        "number",
        "history",
        "The member spent {value} ({currency}, minor units){days}",
        more="spend {n} more",
    ),
}


def is_of_member(name: str) -> bool:
    """Whether the field is one of the member's."""
    field = field_of(name)
    return field is not None and field.of in OF_MEMBER


def field_of(name: str) -> Field | None:
    """The field of this name; metadata has one for each key, an event's data one for each path."""
    for family in ("metadata.", "account.metadata."):
        if name.startswith(family) and len(name) > len(family):
            return FIELDS[family]
    if name.startswith("data."):
        return FIELDS["data."] if all(name.split(".")) else None
    return None if name.endswith(".") else FIELDS.get(name)

"""What a cart is to conditions: its lines, its price and its metadata, and the member who buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.conditions.fields import is_of_member
from vinr_server.core.conditions.judging import Unmet, Values
from vinr_server.core.conditions.member import in_no_segment
from vinr_server.core.conditions.tree import Lines, Predicate
from vinr_server.core.earning.lines import is_selected

NO_METADATA: Mapping[str, Any] = {}


class CartValues:
    """The fields of a cart, before any discount. `is_first` is asked only where a condition does.

    `member`: one of the accounts that buy; of nobody, a member's fields are missing.
    """

    exchanged = 1

    def __init__(
        self,
        cart: Cart,
        now: datetime,
        *,
        metadata: Mapping[str, Any] = NO_METADATA,
        is_first: Callable[[], bool | None] = lambda: None,
        member: Values | None = None,
    ) -> None:
        self._cart, self.now, self._metadata, self._is_first, self._member = cart, now, metadata, is_first, member

    def value_of(self, asked: Predicate) -> Any:
        """Shape: what the field's kind says; None where there is no value."""
        cart, name = self._cart, asked.field
        if name.startswith("metadata."):
            return self._metadata.get(name.removeprefix("metadata."))
        if is_of_member(name):
            return self._member.value_of(asked) if self._member is not None else None
        if name == "order.is_first":
            return self._is_first()
        lines = lines_of(cart, asked.lines)
        return {
            "order.amount": sum(line.price_minor for line in lines),
            "order.quantity": sum(line.quantity for line in lines),
            "order.currency": cart.currency,
            "occurred_at": self.now,
            "lines.sku": frozenset(line.sku for line in lines),
            "lines.category": frozenset(category for line in lines for category in line.categories),
            "cart.shipping": cart.shipping_minor,
        }[name]

    def since(self, asked: Predicate) -> datetime | None:
        """As of the member."""
        return self._member.since(asked) if self._member is not None else None

    def lacking(self, segment_ids: Sequence[str]) -> list[Unmet]:
        """As of the member."""
        return self._member.lacking(segment_ids) if self._member is not None else in_no_segment(segment_ids)


def lines_of(cart: Cart, chosen: Lines) -> list[CartLine]:
    """The lines of the cart that are named, or all but those excluded."""
    return [line for line in cart.lines if is_selected(chosen, line.sku, line.categories)]

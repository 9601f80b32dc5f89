"""The order that a payment is one of: its member's, or one of who was merged into its member (R74, R85)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.payments.purchases.state import look_at_asked_orders, look_at_order, name_order
from vinr_server.core.payments.rows import Order, Payment, member_of_order, order_key


def look_at_order_of(needs: Needs, command: CreatePayment) -> None:
    """The member's order is looked at, with its payments."""
    if command.order_id is None:
        return
    member_id = command.linked_account_id or command.customer_id
    if member_id is not None:
        look_at_asked_orders(needs)
        key = order_key(member_id, command.order_id)
        needs.row(Order, key, beside=member_id, look=True)
        look_at_order(needs, key)


def name_order_of(needs: Needs, seen: Layer, command: CreatePayment, accounts: Sequence[Account]) -> None:
    """The order is declared, or those that it may be one of; and what its earnings may move."""
    for key in _former_keys(command, accounts):
        needs.row(Order, key, beside=member_of_order(key))
    order = order_of(command, seen, accounts)
    if order is not None:
        name_order(needs, seen, order)


def order_of(command: CreatePayment, layer: Layer, accounts: Iterable[Account]) -> Order | None:
    """The order that the payment is one of, if any payment of it was reported before."""
    if command.order_id is None:
        return None
    member_id = command.linked_account_id or command.customer_id
    if member_id is None:
        return None
    order = layer.get(Order, order_key(member_id, command.order_id))
    if order is not None:
        return order
    return next((found for key in _former_keys(command, accounts) if (found := layer.find(Order, key))), None)


def _former_keys(command: CreatePayment, accounts: Iterable[Account]) -> list[str]:
    """What the order is called if the customer that it began with was merged into this one since."""
    if command.order_id is None:
        return []
    former = [joined for account in accounts for joined in account.merged_from or ()]
    ids = [joined.account_id if command.linked_account_id else joined.customer_id for joined in former]
    return [order_key(id, command.order_id) for id in dict.fromkeys(ids) if id is not None]


def require_payments(draft: Layer, order: Order | None) -> None:
    """The order's payments are loaded. Raises AlsoRows where nobody knew that it is the order."""
    if order is not None and any(draft.find(Payment, id) is None for id in order.payment_ids):
        raise AlsoRows(Order, [order.id])


def order_refusal(order: Order | None, order_id: str | None, currency: str) -> Rejected | None:
    """Refuse a payment of an order in another currency than its first: their sums would mean nothing."""
    if order is None or order.currency == currency:
        return None
    message = (
        f"Order {order_id} is paid in {order.currency}; this payment is in {currency}."
        " Report it in the currency of the order, or without `order`."
    )
    return Rejected("parameter_conflict", message, param="currency", details={"currency": order.currency})

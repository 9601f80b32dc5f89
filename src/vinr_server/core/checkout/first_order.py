"""A customer's first order: no purchase before it of more than 0 that was not refunded whole (R82).

Rules, offers and carts all ask here. All payments of one order are one purchase (R74), and something is kept of a
purchase if something is kept of one of its payments.
"""

from __future__ import annotations

from collections.abc import Iterable

from vinr_server.core.checkout.rows import Buyer
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.payments.rows import Payment


def name_first_order(needs: Needs, customer_id: str, *, order_id: str | None = None) -> None:
    """Declare whether the customer has bought, apart from the order that is asked about."""
    needs.row(Buyer, (customer_id, order_id))


def is_first_order(draft: Layer, customer_id: str, *, order_id: str | None = None, payment_id: str = "") -> bool:
    """Whether nothing is kept of any purchase of the customer, apart from this order or payment.

    Expects what `name_first_order` declares.
    """
    buyer = draft.get(Buyer, (customer_id, order_id))
    if buyer is not None and buyer.has_bought:
        return False
    ids = buyer.customer_ids if buyer is not None else (customer_id,)
    here = (payment for id in ids for payment in draft.here(Payment, id))
    return not any(
        payment.kept_minor > 0 and payment.id != payment_id and (order_id is None or payment.order_id != order_id)
        for payment in here
    )


def is_first_of(payments: Iterable[Payment], payment: Payment) -> bool:
    """Whether nothing is kept of what was paid before it; `payments`: all of its customer's."""
    when = (payment.occurred_at, payment.id)
    return not any(
        other.kept_minor > 0
        and (other.occurred_at, other.id) < when
        and (payment.order_id is None or other.order_id != payment.order_id)
        for other in payments
    )

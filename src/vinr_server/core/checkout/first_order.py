"""A customer's first order: no purchase before it of more than 0 that was not refunded whole (R82).

Rules, offers and carts all ask here. All payments of one order are one purchase (R74), and something is kept of a
purchase if something is kept of one of its payments.
"""

from __future__ import annotations

from vinr_server.core.checkout.rows import Buyer
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.payments.rows import Payment


def name_first_order(needs: Needs, customer_id: str, *, order_key: str | None = None) -> None:
    """Declare whether the customer has bought, apart from the order that is asked about."""
    needs.row(Buyer, (customer_id, order_key))


def is_first_order(draft: Layer, customer_id: str, *, order_key: str | None = None, payment_id: str = "") -> bool:
    """Whether nothing is kept of any purchase of the customer, apart from this order or payment.

    Expects what `name_first_order` declares.
    """
    buyer = draft.get(Buyer, (customer_id, order_key))
    if buyer is not None and buyer.has_bought:
        return False
    return not any(
        payment.kept_minor > 0 and payment.id != payment_id and (order_key is None or payment.order_key != order_key)
        for payment in draft.here(Payment, customer_id)
    )

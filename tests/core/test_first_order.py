"""First orders against payments that the batch has as rows (R82)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vinr_server.core.checkout.first_order import is_first_order
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.payments.rows import Payment

AT = datetime(2026, 6, 1, tzinfo=UTC)
PAID = Payment(
    bucket=0, id="pay_1", customer_id="cust_1", account_id=None, amount_minor=500, currency="EUR", minor_per_unit=100,
    eligible_minor=500, tax_minor=0, shipping_minor=0, tenders=(), discount_ids=(), lines=(), refunded_minor=0,
    refund_count=0, outcome={}, metadata={}, occurred_at=AT, created_at=AT, order_key="cust_1:shop_1",
)  # fmt: skip


def with_payments(*payments: Payment) -> Layer:
    layer = Layer()
    for payment in payments:
        layer.put(payment)
    return layer


def test_other_payments_of_the_order_are_left_out() -> None:
    layer = with_payments(PAID)

    assert is_first_order(layer, "cust_1", order_id="shop_1", payment_id="pay_2")
    assert not is_first_order(layer, "cust_1", order_id="shop_2", payment_id="pay_2")


@pytest.mark.parametrize(("amount", "refunded", "is_first"), [(500, 500, True), (500, 499, False), (0, 0, True)])
def test_only_what_is_kept_is_an_order(amount: int, refunded: int, is_first: bool) -> None:
    layer = with_payments(replace(PAID, amount_minor=amount, refunded_minor=refunded))

    assert is_first_order(layer, "cust_1") is is_first

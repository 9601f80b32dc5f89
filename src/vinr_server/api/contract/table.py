"""The one table of operations: routing, OpenAPI, docs and the SDKs come from it.

A write translates to a command, a read to an answer. `refusals` lists the codes beyond those that every call can get.
"""

from __future__ import annotations

from vinr_server.api import inputs, reads
from vinr_server.api.checkout_operations import CHECKOUT
from vinr_server.api.contract.operation import (
    CREATE,
    FIND,
    MADE,
    MADE_OR_FOUND,
    Operation,
    list_page,
    retrieve_one,
    write,
)
from vinr_server.api.key_operations import API_KEYS
from vinr_server.api.loyalty_operations import LOYALTY_OPERATIONS
from vinr_server.api.offer_operations import OFFERS
from vinr_server.api.segment_operations import SEGMENTS
from vinr_server.api.webhook_operations import WEBHOOK_ENDPOINTS
from vinr_server.core.clocks import rows as clocks_rows
from vinr_server.core.events import rows as events_rows
from vinr_server.core.members import rows as members_rows
from vinr_server.core.payments import rows as payments_rows
from vinr_server.core.rewards import rows as rewards_rows

DISCOUNTS = (
    retrieve_one(
        "/v1/discounts/{id}",
        "discounts.retrieve",
        "retrieve_discount",
        rewards_rows.Discount,
        "discount",
        reads.show_discounts,
    ),
    write(
        "POST",
        "/v1/discounts/{id}/consume",
        "discounts.consume",
        "consume_discount",
        inputs.ConsumeDiscountInput,
        "Use a discount up.",
        reply="discount",
        example={"payment": "pay_3xZ9q"},
        refusals=(*FIND, "discount_consumed", "discount_not_usable"),
    ),
    write(
        "POST",
        "/v1/discounts/{id}/release",
        "discounts.release",
        "release_discount",
        inputs.NoInput,
        "Make a consumed discount usable again.",
        reply="discount",
        example={},
        refusals=(*FIND, "discount_not_usable"),
    ),
)

PAYMENTS = (
    write(
        "POST",
        "/v1/payments",
        "payments.create",
        "create_payment",
        inputs.CreatePaymentInput,
        "Report a payment; its member earns in the same transaction.",
        reply="payment",
        answers=MADE_OR_FOUND,
        example={"amount": 25000, "currency": "EUR", "customer": "cust_abc123"},
        refusals=(
            *CREATE,
            "parameter_conflict",
            "not_eligible",
            "discount_consumed",
            "discount_not_usable",
            "checkout_session_not_open",
        ),
    ),
    Operation(
        "create_payments",
        "POST",
        "/v1/payments/bulk",
        "payments.createMany",
        "Report up to 1,000 payments; a result for each. With `program`, unknown customers are enrolled in it.",
        inputs.CreatePaymentsInput,
        reply="list",
        example={
            "payments": [{"id": "pay_1001", "amount": 4200, "currency": "EUR", "customer": "cust_abc123"}],
            "program": "prog_default",
        },
        is_bulk=True,
    ),
    retrieve_one(
        "/v1/payments/{id}",
        "payments.retrieve",
        "retrieve_payment",
        payments_rows.Payment,
        "payment",
        reads.show_payments,
    ),
    write(
        "POST",
        "/v1/payments/{id}/refund",
        "payments.refund",
        "refund_payment",
        inputs.RefundPaymentInput,
        "Refund a payment, whole or in part; what it earned is clawed back.",
        reply="payment",
        answers=MADE_OR_FOUND,
        example={"id": "re_7Hk2", "amount": 500, "reason": "returned"},
        refusals=(*CREATE, "refund_exceeds_payment"),
    ),
    list_page("/v1/payments", "payments.list", "list_payments", reads.PAYMENTS, reads.show_payments, "payments"),
)

CUSTOMERS = (
    write(
        "POST",
        "/v1/customers",
        "customers.create",
        "create_customer",
        inputs.CreateCustomerInput,
        "Keep a reference to a customer.",
        reply="customer",
        answers=MADE_OR_FOUND,
        example={"name": "Ada", "email": "ada@example.com"},
        refusals=("id_conflict",),
    ),
    retrieve_one(
        "/v1/customers/{id}",
        "customers.retrieve",
        "retrieve_customer",
        members_rows.Customer,
        "customer",
        reads.show_customers,
    ),
    write(
        "POST",
        "/v1/customers/{id}",
        "customers.update",
        "update_customer",
        inputs.UpdateCustomerInput,
        "Change a customer.",
        reply="customer",
        example={"email": "ada@example.com"},
        refusals=(*FIND, "immutable_field"),
        immutable=("id",),
    ),
    list_page("/v1/customers", "customers.list", "list_customers", reads.CUSTOMERS, reads.show_customers, "customers"),
)

EVENTS = (
    write(
        "POST",
        "/v1/events",
        "events.create",
        "report_event",
        inputs.ReportEventInput,
        "Report a business event of your own; rules that name its type earn.",
        reply="event",
        answers=MADE_OR_FOUND,
        example={"type": "review.posted", "data": {"customer": "cust_abc123", "stars": 5}},
        refusals=(*CREATE, "reserved_event_type", "parameter_conflict"),
        is_verbatim=True,
    ),
    retrieve_one("/v1/events/{id}", "events.retrieve", "retrieve_event", events_rows.Event, "event", reads.show_events),
    list_page("/v1/events", "events.list", "list_events", reads.EVENTS, reads.show_events, "events"),
)

CLOCKS = (
    write(
        "POST",
        "/v1/test_helpers/test_clocks",
        "testHelpers.testClocks.create",
        "create_test_clock",
        inputs.CreateTestClockInput,
        "Create a clock that stands still until it is advanced.",
        reply="test_clock",
        answers=MADE,
        example={"frozen_time": "2030-01-01T00:00:00Z"},
    ),
    retrieve_one(
        "/v1/test_helpers/test_clocks/{id}",
        "testHelpers.testClocks.retrieve",
        "retrieve_test_clock",
        clocks_rows.TestClock,
        "test clock",
        reads.show_clocks,
    ),
    write(
        "POST",
        "/v1/test_helpers/test_clocks/{id}/advance",
        "testHelpers.testClocks.advance",
        "advance_test_clock",
        inputs.AdvanceTestClockInput,
        "Move a clock on; it is ready when all work due by then is written.",
        reply="test_clock",
        example={"frozen_time": "2031-02-01T00:00:00Z"},
        refusals=(*FIND, "clock_advancing"),
    ),
    write(
        "DELETE",
        "/v1/test_helpers/test_clocks/{id}",
        "testHelpers.testClocks.delete",
        "delete_test_clock",
        None,
        "Delete a clock; programs on it stand still.",
        reply="deleted",
        refusals=FIND,
    ),
    list_page(
        "/v1/test_helpers/test_clocks",
        "testHelpers.testClocks.list",
        "list_test_clocks",
        reads.CLOCKS,
        reads.show_clocks,
        "test clocks",
    ),
)

OPERATIONS: tuple[Operation, ...] = (
    *LOYALTY_OPERATIONS,
    *OFFERS,
    *CHECKOUT,
    *DISCOUNTS,
    *PAYMENTS,
    *CUSTOMERS,
    *EVENTS,
    *CLOCKS,
    *API_KEYS,
    *SEGMENTS,
    *WEBHOOK_ENDPOINTS,
)

"""The one table of operations: routing, OpenAPI, docs and the SDKs come from it.

A write translates to a command, a read to an answer. `refusals` lists the codes beyond those that every call can get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from vinr_server.api import inputs, reads, translate
from vinr_server.api.reads import Read, list_of, retrieve
from vinr_server.core import rows

Translate = Callable[..., Any]
LOYALTY = "/v1/loyalty"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API. `sdk` is its path in the SDKs; `immutable` are names an update can't change."""

    id: str
    method: str
    path: str
    sdk: str
    summary: str
    body: type[msgspec.Struct] | None = None
    translate: Translate | None = None
    read: Read | None = None
    reply: str = ""
    refusals: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    is_bulk: bool = False


def _write(method: str, path: str, sdk: str, id: str, body: Any, summary: str, *, reply: str, **more: Any) -> Operation:
    return Operation(id, method, path, sdk, summary, body, getattr(translate, id), reply=reply, **more)


def _retrieve(path: str, sdk: str, id: str, row_type: Any, kind: str, show: Any) -> Operation:
    read = retrieve(row_type, kind, show)
    return Operation(
        id, "GET", path, sdk, f"Retrieve one {kind}.", read=read, reply=kind, refusals=("resource_missing",)
    )


def _list(path: str, sdk: str, id: str, listing: Any, show: Any, plural: str) -> Operation:
    read = list_of(listing, path, show)
    return Operation(id, "GET", path, sdk, f"List {plural}, newest first.", read=read, reply="list")


_CREATE = ("id_conflict", "resource_missing")
_FIND = ("resource_missing",)

PROGRAMS = (
    _write(
        "POST", f"{LOYALTY}/programs", "loyalty.programs.create", "create_program", inputs.CreateProgramInput,
        "Create a loyalty program with its currency, zone and tiers.", reply="program", refusals=_CREATE,
    ),
    _retrieve(f"{LOYALTY}/programs/{{id}}", "loyalty.programs.retrieve", "retrieve_program", rows.Program, "program", reads.show_programs),
    _write(
        "POST", f"{LOYALTY}/programs/{{id}}", "loyalty.programs.update", "update_program", inputs.UpdateProgramInput,
        "Change a program from now on.", reply="program", refusals=(*_FIND, "immutable_field"),
        immutable=("id", "timezone", "test_clock", "testClock"),
    ),
    _list(f"{LOYALTY}/programs", "loyalty.programs.list", "list_programs", reads.PROGRAMS, reads.show_programs, "programs"),
)  # fmt: skip

ACCOUNTS = (
    _write(
        "POST", f"{LOYALTY}/accounts", "loyalty.accounts.create", "create_account", inputs.CreateAccountInput,
        "Enrol a customer in a program; enrolling again answers with the account that is there.",
        reply="loyalty_account", refusals=_FIND,
    ),
    _retrieve(f"{LOYALTY}/accounts/{{id}}", "loyalty.accounts.retrieve", "retrieve_account", rows.Account, "account", reads.show_accounts),
    _write(
        "POST", f"{LOYALTY}/accounts/{{id}}", "loyalty.accounts.update", "update_account", inputs.UpdateAccountInput,
        "Change an account's metadata.", reply="loyalty_account", refusals=(*_FIND, "immutable_field"),
        immutable=("id", "program", "customer", "tier", "balance"),
    ),
    _write(
        "POST", f"{LOYALTY}/accounts/{{id}}/close", "loyalty.accounts.close", "close_account", inputs.NoInput,
        "Close an account: it earns and redeems no more.", reply="loyalty_account", refusals=_FIND,
    ),
    _list(f"{LOYALTY}/accounts", "loyalty.accounts.list", "list_accounts", reads.ACCOUNTS, reads.show_accounts, "accounts"),
)  # fmt: skip

RULES = (
    _write(
        "POST", f"{LOYALTY}/earning_rules", "loyalty.earningRules.create", "create_earning_rule",
        inputs.CreateEarningRuleInput, "Create a rule that turns events into points.", reply="earning_rule", refusals=_FIND,
    ),
    _retrieve(
        f"{LOYALTY}/earning_rules/{{id}}", "loyalty.earningRules.retrieve", "retrieve_earning_rule", rows.EarningRule,
        "earning rule", reads.show_rules,
    ),
    _write(
        "POST", f"{LOYALTY}/earning_rules/{{id}}", "loyalty.earningRules.update", "update_earning_rule",
        inputs.UpdateEarningRuleInput, "Make a new revision of a rule.", reply="earning_rule",
        refusals=(*_FIND, "immutable_field"), immutable=("id", "program", "trigger"),
    ),
    _write(
        "DELETE", f"{LOYALTY}/earning_rules/{{id}}", "loyalty.earningRules.delete", "delete_earning_rule", None,
        "Delete a rule; its revisions stay for the awards they made.", reply="deleted", refusals=_FIND,
    ),
    _list(f"{LOYALTY}/earning_rules", "loyalty.earningRules.list", "list_earning_rules", reads.RULES, reads.show_rules, "earning rules"),
)  # fmt: skip

POINTS = (
    _write(
        "POST", f"{LOYALTY}/points/award", "loyalty.points.award", "award_points", inputs.AwardPointsInput,
        "Award points to a member.", reply="points_transaction",
        refusals=(*_FIND, "account_closed", "parameter_conflict"),
    ),
    _write(
        "POST", f"{LOYALTY}/points/adjust", "loyalty.points.adjust", "adjust_points", inputs.AdjustPointsInput,
        "Correct a balance, up or down.", reply="points_transaction",
        refusals=(*_FIND, "account_closed", "insufficient_points"),
    ),
    _write(
        "POST", f"{LOYALTY}/points/reverse", "loyalty.points.reverse", "reverse_points", inputs.ReversePointsInput,
        "Claw back an award, whole or in part.", reply="points_transaction",
        refusals=(*_FIND, "reversal_of_reversal", "not_reversible"),
    ),
    _list(f"{LOYALTY}/points", "loyalty.points.list", "list_points", reads.ENTRIES, reads.show_entries, "points transactions"),
    _retrieve(
        f"{LOYALTY}/points/{{id}}", "loyalty.points.retrieve", "retrieve_points", rows.Entry, "points transaction", reads.show_entries
    ),
)  # fmt: skip

REWARDS = (
    _write(
        "POST", f"{LOYALTY}/rewards", "loyalty.rewards.create", "create_reward", inputs.CreateRewardInput,
        "Create something that points buy.", reply="reward", refusals=_CREATE,
    ),
    _retrieve(f"{LOYALTY}/rewards/{{id}}", "loyalty.rewards.retrieve", "retrieve_reward", rows.Reward, "reward", reads.show_rewards),
    _write(
        "POST", f"{LOYALTY}/rewards/{{id}}", "loyalty.rewards.update", "update_reward", inputs.UpdateRewardInput,
        "Make a new revision of a reward.", reply="reward", refusals=(*_FIND, "immutable_field"), immutable=("id", "program"),
    ),
    _write(
        "POST", f"{LOYALTY}/rewards/{{id}}/archive", "loyalty.rewards.archive", "archive_reward", inputs.NoInput,
        "Archive a reward: it can't be redeemed any more.", reply="reward", refusals=_FIND,
    ),
    _list(f"{LOYALTY}/rewards", "loyalty.rewards.list", "list_rewards", reads.REWARDS, reads.show_rewards, "rewards"),
)  # fmt: skip

REDEMPTIONS = (
    _write(
        "POST", f"{LOYALTY}/redemptions", "loyalty.redemptions.create", "create_redemption", inputs.CreateRedemptionInput,
        "Spend a member's points on a reward.", reply="redemption",
        refusals=(
            *_FIND, "account_closed", "program_mismatch", "reward_archived", "not_eligible", "reward_out_of_stock",
            "insufficient_points",
        ),
    ),
    _retrieve(
        f"{LOYALTY}/redemptions/{{id}}", "loyalty.redemptions.retrieve", "retrieve_redemption", rows.Redemption,
        "redemption", reads.show_redemptions,
    ),
    _write(
        "POST", f"{LOYALTY}/redemptions/{{id}}/cancel", "loyalty.redemptions.cancel", "cancel_redemption",
        inputs.CancelRedemptionInput, "Cancel a redemption: its points go back to the lots that paid.", reply="redemption",
        refusals=(*_FIND, "redemption_already_canceled", "discount_consumed"),
    ),
    _list(
        f"{LOYALTY}/redemptions", "loyalty.redemptions.list", "list_redemptions", reads.REDEMPTIONS, reads.show_redemptions, "redemptions"
    ),
)  # fmt: skip

DISCOUNTS = (
    _retrieve("/v1/discounts/{id}", "discounts.retrieve", "retrieve_discount", rows.Discount, "discount", reads.show_discounts),
    _write(
        "POST", "/v1/discounts/{id}/consume", "discounts.consume", "consume_discount", inputs.ConsumeDiscountInput,
        "Use a discount up.", reply="discount", refusals=(*_FIND, "discount_consumed", "discount_not_usable"),
    ),
    _write(
        "POST", "/v1/discounts/{id}/release", "discounts.release", "release_discount", inputs.NoInput,
        "Make a consumed discount usable again.", reply="discount", refusals=(*_FIND, "discount_not_usable"),
    ),
)  # fmt: skip

PAYMENTS = (
    _write(
        "POST", "/v1/payments", "payments.create", "create_payment", inputs.CreatePaymentInput,
        "Report a payment; its member earns in the same transaction.", reply="payment",
        refusals=(
            *_CREATE, "parameter_conflict", "not_eligible", "discount_consumed", "discount_not_usable",
        ),
    ),
    Operation(
        "create_payments", "POST", "/v1/payments/bulk", "payments.createMany",
        "Report up to 1,000 payments; a result for each. With `program`, unknown customers are enrolled in it.",
        inputs.CreatePaymentsInput, reply="list", is_bulk=True,
    ),
    _retrieve("/v1/payments/{id}", "payments.retrieve", "retrieve_payment", rows.Payment, "payment", reads.show_payments),
    _write(
        "POST", "/v1/payments/{id}/refund", "payments.refund", "refund_payment", inputs.RefundPaymentInput,
        "Refund a payment, whole or in part; what it earned is clawed back.", reply="payment",
        refusals=(*_CREATE, "refund_exceeds_payment"),
    ),
    _list("/v1/payments", "payments.list", "list_payments", reads.PAYMENTS, reads.show_payments, "payments"),
)  # fmt: skip

CUSTOMERS = (
    _write(
        "POST", "/v1/customers", "customers.create", "create_customer", inputs.CreateCustomerInput,
        "Keep a reference to a customer.", reply="customer", refusals=("id_conflict",),
    ),
    _retrieve("/v1/customers/{id}", "customers.retrieve", "retrieve_customer", rows.Customer, "customer", reads.show_customers),
    _write(
        "POST", "/v1/customers/{id}", "customers.update", "update_customer", inputs.UpdateCustomerInput,
        "Change a customer.", reply="customer", refusals=(*_FIND, "immutable_field"), immutable=("id",),
    ),
    _list("/v1/customers", "customers.list", "list_customers", reads.CUSTOMERS, reads.show_customers, "customers"),
)  # fmt: skip

EVENTS = (
    _write(
        "POST", "/v1/events", "events.create", "report_event", inputs.ReportEventInput,
        "Report a business event of your own; rules that name its type earn.", reply="event",
        refusals=(*_CREATE, "reserved_event_type", "parameter_conflict"),
    ),
    _retrieve("/v1/events/{id}", "events.retrieve", "retrieve_event", rows.Event, "event", reads.show_events),
    _list("/v1/events", "events.list", "list_events", reads.EVENTS, reads.show_events, "events"),
)  # fmt: skip

CLOCKS = (
    _write(
        "POST", "/v1/test_helpers/test_clocks", "testHelpers.testClocks.create", "create_test_clock",
        inputs.CreateTestClockInput, "Create a clock that stands still until it is advanced.", reply="test_clock",
    ),
    _retrieve(
        "/v1/test_helpers/test_clocks/{id}", "testHelpers.testClocks.retrieve", "retrieve_test_clock", rows.TestClock,
        "test clock", reads.show_clocks,
    ),
    _write(
        "POST", "/v1/test_helpers/test_clocks/{id}/advance", "testHelpers.testClocks.advance", "advance_test_clock",
        inputs.AdvanceTestClockInput, "Move a clock on; it is ready when all work due by then is written.",
        reply="test_clock", refusals=(*_FIND, "clock_advancing"),
    ),
    _write(
        "DELETE", "/v1/test_helpers/test_clocks/{id}", "testHelpers.testClocks.delete", "delete_test_clock", None,
        "Delete a clock; programs on it stand still.", reply="deleted", refusals=_FIND,
    ),
    _list("/v1/test_helpers/test_clocks", "testHelpers.testClocks.list", "list_test_clocks", reads.CLOCKS, reads.show_clocks, "test clocks"),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    *PROGRAMS, *ACCOUNTS, *RULES, *POINTS, *REWARDS, *REDEMPTIONS, *DISCOUNTS, *PAYMENTS, *CUSTOMERS, *EVENTS, *CLOCKS,
)  # fmt: skip

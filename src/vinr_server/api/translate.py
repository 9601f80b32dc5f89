"""From a body to a command, one function for each operation that changes something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from vinr_server.api.currencies import Currency, find_currency, read_any_currency
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import is_date, read_instant, read_instant_or_none
from vinr_server.api.inputs import (
    INTEGER_MAX,
    AdjustPointsInput,
    AwardPointsInput,
    CreateAccountInput,
    CreateCustomerInput,
    CreateEarningRuleInput,
    CreatePaymentInput,
    CreateProgramInput,
    CreateRedemptionInput,
    CreateRewardInput,
    RefundPaymentInput,
    ReportEventInput,
    ReversePointsInput,
    UpdateEarningRuleInput,
    UpdateProgramInput,
    UpdateRewardInput,
)
from vinr_server.api.values import (
    read_benefit,
    read_conditions,
    read_earn,
    read_metadata,
    read_multipliers,
    read_tiers,
    read_window,
)
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.kernel.calendar import is_zone
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.rewards import commands as rewards_commands


def create_program(call: Call) -> programs_commands.CreateProgram:
    body: CreateProgramInput = call.body
    if not is_zone(body.timezone):
        message = f"timezone: {body.timezone!r} is not an IANA time zone such as Europe/Berlin."
        raise Problem("parameter_invalid", message, param="timezone")
    currency = body.currency
    return programs_commands.CreateProgram(
        name=body.name,
        id=body.id,
        currency_name=currency.name if currency else "points",
        expiry_months=currency.expiry_months if currency else None,
        expiry_rounding=currency.expiry_rounding if currency else "none",
        timezone=body.timezone,
        tiers=read_tiers(body.tiers),
        clock_id=body.test_clock,
        metadata=read_metadata(body.metadata),
    )


def update_program(call: Call) -> programs_commands.UpdateProgram:
    body: UpdateProgramInput = call.body
    changes = sent(body, "name", "status")
    if body.currency is not UNSET:
        renamed = {"name": "currency_name"}
        currency = sent(body.currency, "name", "expiry_months", "expiry_rounding")
        changes |= {renamed.get(name, name): value for name, value in currency.items()}
    if body.tiers is not UNSET:
        changes["tiers"] = read_tiers(body.tiers)
    return programs_commands.UpdateProgram(call.id, changes, read_metadata(body.metadata, allows_null=True))


async def create_earning_rule(call: Call) -> earning_commands.CreateEarningRule:
    body: CreateEarningRuleInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program)
    return earning_commands.CreateEarningRule(
        program_id=body.program,
        trigger=body.trigger,
        earn=read_earn(body.earn),
        conditions=read_conditions(body.conditions, zone=zone),
        multipliers=read_multipliers(body.multipliers, zone=zone),
        is_active=body.active,
        metadata=read_metadata(body.metadata),
    )


async def update_earning_rule(call: Call) -> earning_commands.UpdateEarningRule:
    body: UpdateEarningRuleInput = call.body
    zone = await zone_if_needed(call, body, table="earning_rules")
    changes: dict[str, Any] = {}
    if body.earn is not UNSET:
        changes["earn"] = read_earn(body.earn)
    if body.conditions is not UNSET:
        changes["conditions"] = read_conditions(body.conditions, zone=zone)
    if body.multipliers is not UNSET:
        changes["multipliers"] = read_multipliers(body.multipliers, zone=zone)
    if body.active is not UNSET:
        changes["is_active"] = body.active
    return earning_commands.UpdateEarningRule(call.id, changes, read_metadata(body.metadata, allows_null=True))


def delete_earning_rule(call: Call) -> earning_commands.DeleteEarningRule:
    return earning_commands.DeleteEarningRule(call.id)


async def create_reward(call: Call) -> rewards_commands.CreateReward:
    body: CreateRewardInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program)
    starts_at, ends_at = read_window(body.starts_at, body.ends_at, param="", zone=zone)
    return rewards_commands.CreateReward(
        program_id=body.program,
        name=body.name,
        cost_points=body.points_cost,
        benefit=read_benefit(body.benefit),
        id=body.id,
        stock=body.stock,
        per_member_limit=body.per_member_limit,
        tiers=tuple(body.tiers),
        starts_at=starts_at,
        ends_at=ends_at,
        metadata=read_metadata(body.metadata),
    )


async def update_reward(call: Call) -> rewards_commands.UpdateReward:
    body: UpdateRewardInput = call.body
    zone = await zone_if_needed(call, body, table="rewards")
    changes = sent(body, "name", "stock", "per_member_limit")
    if body.points_cost is not UNSET:
        changes["cost_points"] = body.points_cost
    if body.benefit is not UNSET:
        changes["benefit"] = read_benefit(body.benefit)
    if body.tiers is not UNSET:
        changes["tiers"] = tuple(body.tiers)
    for end, is_end in (("starts_at", False), ("ends_at", True)):
        value = getattr(body, end)
        if value is not UNSET:
            changes[end] = read_instant_or_none(value, param=end, zone=zone, is_end=is_end)
    return rewards_commands.UpdateReward(call.id, changes, read_metadata(body.metadata, allows_null=True))


def archive_reward(call: Call) -> rewards_commands.ArchiveReward:
    return rewards_commands.ArchiveReward(call.id)


def create_test_clock(call: Call) -> clocks_commands.CreateTestClock:
    return clocks_commands.CreateTestClock(read_instant(call.body.frozen_time, param="frozen_time"), call.body.name)


def advance_test_clock(call: Call) -> clocks_commands.AdvanceTestClock:
    return clocks_commands.AdvanceTestClock(call.id, read_instant(call.body.frozen_time, param="frozen_time"))


def delete_test_clock(call: Call) -> clocks_commands.DeleteTestClock:
    return clocks_commands.DeleteTestClock(call.id)


def create_customer(call: Call) -> members_commands.CreateCustomer:
    body: CreateCustomerInput = call.body
    return members_commands.CreateCustomer(body.id, body.name, body.email, read_metadata(body.metadata))


def update_customer(call: Call) -> members_commands.UpdateCustomer:
    changes = sent(call.body, "name", "email")
    return members_commands.UpdateCustomer(call.id, changes, read_metadata(call.body.metadata, allows_null=True))


def create_account(call: Call) -> members_commands.CreateAccount:
    body: CreateAccountInput = call.body
    return members_commands.CreateAccount(body.program, body.customer, read_metadata(body.metadata))


def update_account(call: Call) -> members_commands.UpdateAccount:
    return members_commands.UpdateAccount(call.id, read_metadata(call.body.metadata, allows_null=True))


def close_account(call: Call) -> members_commands.CloseAccount:
    return members_commands.CloseAccount(call.id)


async def award_points(call: Call) -> ledger_commands.AwardPoints:
    body: AwardPointsInput = call.body
    return ledger_commands.AwardPoints(
        account_id=body.account,
        points=body.points,
        reason=body.reason,
        payment_id=body.payment,
        occurred_at=await _occurred_at(call, body.occurred_at, account_id=body.account),
        metadata=read_metadata(body.metadata),
    )


def adjust_points(call: Call) -> ledger_commands.AdjustPoints:
    body: AdjustPointsInput = call.body
    if body.points == 0:
        raise Problem("parameter_invalid", "points: an adjustment of 0 adjusts nothing.", param="points")
    return ledger_commands.AdjustPoints(body.account, body.points, body.reason, read_metadata(body.metadata))


def reverse_points(call: Call) -> ledger_commands.ReversePoints:
    body: ReversePointsInput = call.body
    return ledger_commands.ReversePoints(body.transaction, body.points, body.reason, read_metadata(body.metadata))


def create_redemption(call: Call) -> rewards_commands.CreateRedemption:
    body: CreateRedemptionInput = call.body
    return rewards_commands.CreateRedemption(body.account, body.reward, read_metadata(body.metadata))


def cancel_redemption(call: Call) -> rewards_commands.CancelRedemption:
    return rewards_commands.CancelRedemption(call.id, call.body.reason)


def consume_discount(call: Call) -> rewards_commands.ConsumeDiscount:
    return rewards_commands.ConsumeDiscount(call.id, call.body.payment)


def release_discount(call: Call) -> rewards_commands.ReleaseDiscount:
    return rewards_commands.ReleaseDiscount(call.id)


async def create_payment(call: Call) -> payments_commands.CreatePayment:
    body: CreatePaymentInput = call.body
    return payment(body, occurred_at=await _occurred_at(call, body.occurred_at, customer_id=body.customer))


def payment(
    body: CreatePaymentInput, *, occurred_at: datetime | None, enrol_in: str | None = None
) -> payments_commands.CreatePayment:
    """The command of one payment, alone or in bulk."""
    currency = read_any_currency(body.currency)
    for name, part in (
        ("tax", body.tax),
        ("shipping", body.shipping),
        ("tenders", sum(t.amount for t in body.tenders)),
    ):
        if part > body.amount:
            raise Problem("parameter_invalid", f"{name}: {part} is more than the amount of {body.amount}.", param=name)
    if len(set(body.discounts)) != len(body.discounts):
        raise Problem("parameter_invalid", "discounts: one discount stands there twice.", param="discounts")
    metadata = read_metadata(body.metadata)
    _member_link(metadata, param="metadata.loyalty_account")
    return payments_commands.CreatePayment(
        amount_minor=body.amount,
        currency=currency.code,
        minor_per_unit=currency.minor_per_unit,
        currency_in_use=currency.in_use,
        id=body.id,
        customer_id=body.customer,
        tax_minor=body.tax,
        shipping_minor=body.shipping,
        tenders=tuple(msgspec.to_builtins(body.tenders)),
        discount_ids=tuple(body.discounts),
        lines=tuple(msgspec.to_builtins(body.lines)),
        occurred_at=occurred_at,
        metadata=metadata,
        session_id=body.checkout_session,
        enrol_in=enrol_in,
    )


def refund_payment(call: Call) -> payments_commands.RefundPayment:
    body: RefundPaymentInput = call.body
    return payments_commands.RefundPayment(
        payment_id=call.id,
        id=body.id,
        amount_minor=body.amount,
        eligible_minor=body.eligible_amount,
        reason=body.reason,
        metadata=read_metadata(body.metadata),
    )


async def report_event(call: Call) -> earning_commands.ReportEvent:
    body: ReportEventInput = call.body
    metadata = body.data.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise Problem("parameter_invalid", "data.metadata: send an object.", param="data.metadata")
    customer_id, unlinked = _event_customer(body.data.get("customer"))
    occurred_at = await _occurred_at(call, body.occurred_at, customer_id=customer_id)
    amount_minor, currency = _event_amount(body.data, occurred_at)
    return earning_commands.ReportEvent(
        type=body.type,
        data=body.data,
        id=body.id,
        customer_id=customer_id,
        account_id=_member_link(metadata or {}, param="data.metadata.loyalty_account"),
        currency=currency.code if currency else None,
        amount_minor=amount_minor,
        minor_per_unit=currency.minor_per_unit if currency else 1,
        occurred_at=occurred_at,
        unlinked=unlinked,
    )


def _event_customer(value: Any) -> tuple[str | None, str | None]:
    """The customer an event is of; or why its `data.customer`, which is whatever the reporting system has, is none."""
    if value is None or _is_id(value, prefix="cust_"):
        return value, None
    return None, "data.customer is not an id that starts with cust_, so it links this event to nobody."


def _member_link(metadata: Mapping[str, Any], *, param: str) -> str | None:
    """The account that metadata links to, in either casing; refused where the two differ."""
    given = {metadata[name] for name in ("loyalty_account", "loyaltyAccount") if metadata.get(name) is not None}
    if len(given) > 1:
        raise Problem("parameter_conflict", f"{param} is given in two spellings with different values.", param=param)
    account_id = next(iter(given), None)
    if account_id is not None and not _is_id(account_id, prefix="loy_"):
        raise Problem("parameter_invalid", f"{param} must be an id that starts with loy_.", param=param)
    return account_id


def _is_id(value: Any, *, prefix: str) -> bool:
    return isinstance(value, str) and value.startswith(prefix) and len(prefix) < len(value) <= 255


def _event_amount(data: Mapping[str, Any], occurred_at: datetime | None) -> tuple[int, Currency | None]:
    """Amount and currency, where an event carries both as a payment would; otherwise it earns flat points only."""
    amount, code = data.get("amount"), data.get("currency")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= INTEGER_MAX:
        return 0, None
    currency = find_currency(code.upper()) if isinstance(code, str) else None
    if currency is None or not currency.was_in_use_at(occurred_at):
        return 0, None
    return amount, currency


def sent(body: Struct, *names: str) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name in names if (value := getattr(body, name)) is not UNSET}


async def _occurred_at(
    call: Call, value: Any, *, account_id: str | None = None, customer_id: str | None = None
) -> datetime | None:
    """The instant; a bare date is midnight in the zone of the member's program."""
    zone = "UTC"
    if is_date(value) and account_id is not None:
        zone = await call.reader.zone(call.caller.realm, "accounts", account_id)
    elif is_date(value) and customer_id is not None:
        zone = await call.reader.zone_of_customer(call.caller.realm, customer_id)
    return read_instant_or_none(value, param="occurred_at", zone=zone)


async def zone_if_needed(call: Call, body: Struct, *, program_id: str | None = None, table: str = "") -> str:
    """The program's zone, looked up only where a bare date depends on it."""
    if not any(is_date(value) for value in _leaves(msgspec.to_builtins(body))):
        return "UTC"
    if program_id is not None:
        return await call.zone_of_program(program_id)
    return await call.reader.zone(call.caller.realm, table, call.path.get("id", ""))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value]

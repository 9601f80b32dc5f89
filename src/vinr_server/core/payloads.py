"""Rows as the wire shows them: snake_case, bare reference names, Unix seconds; the same in answers and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.earning import Conditions, EarnRate, Multiplier
from vinr_server.core.points import SCALE, show_decimal
from vinr_server.core.rows import (
    Account,
    ApiKey,
    ApiKeyAct,
    Customer,
    Discount,
    EarningRule,
    Entry,
    Event,
    Payment,
    Program,
    Redemption,
    Refund,
    Reward,
    TestClock,
    Tier,
)

Wire = dict[str, Any]


def unix(at: datetime) -> int:
    """Whole Unix seconds of an instant."""
    return int(at.timestamp())


def unix_or_none(at: datetime | None) -> int | None:
    """Whole Unix seconds, or None."""
    return None if at is None else int(at.timestamp())


def program_payload(program: Program, *, livemode: bool) -> Wire:
    """The program object."""
    return {
        "id": program.id,
        "object": "program",
        "name": program.name,
        "currency": {
            "name": program.currency_name,
            "expiry_months": program.expiry_months,
            "expiry_rounding": program.expiry_rounding,
            "pending_days": 0,
        },
        "timezone": program.timezone,
        "tiers": [{"id": tier.id, "name": tier.name, "threshold": tier.threshold_points} for tier in program.tiers],
        "status": program.status,
        "test_clock": program.clock_id,
        "metadata": program.metadata,
        "created": unix(program.created_at),
        "livemode": livemode,
    }


def rule_payload(rule: EarningRule, *, livemode: bool) -> Wire:
    """The earning_rule object, at its revision in force."""
    return {
        "id": rule.id,
        "object": "earning_rule",
        "program": rule.program_id,
        "revision": rule.revision,
        "trigger": rule.trigger,
        "earn": _earn(rule.earn),
        "conditions": conditions_payload(rule.conditions),
        "multipliers": [_multiplier(multiplier) for multiplier in rule.multipliers],
        "active": rule.is_active,
        "metadata": rule.metadata,
        "created": unix(rule.created_at),
        "livemode": livemode,
    }


def _earn(earn: EarnRate) -> Wire:
    if earn.points is not None:
        return given({"points": earn.points, "currency": earn.currency})
    rate = show_decimal(earn.rate_e4 or 0)
    return given({"points_per_currency_unit": rate, "currency": earn.currency, "rounding": earn.rounding})


def conditions_payload(conditions: Conditions) -> Wire:
    """What a rule or an offer asks of an occasion, where it asks anything."""
    return given(
        {
            "metadata": conditions.metadata,
            "min_amount": conditions.min_amount_minor,
            "currency": conditions.currency,
            "skus": list(conditions.skus) or None,
            "categories": list(conditions.categories) or None,
            "first_payment": conditions.first_payment,
            "window": _window(conditions.starts_at, conditions.ends_at),
        }
    )


def _multiplier(multiplier: Multiplier) -> Wire:
    tiers = multiplier.tiers
    when = {
        "tier": (tiers[0] if len(tiers) == 1 else list(tiers)) if tiers else None,
        "metadata": multiplier.metadata,
        "window": _window(multiplier.starts_at, multiplier.ends_at),
    }
    return {"when": given(when), "factor": show_decimal(multiplier.factor_e4)}


def _window(starts_at: datetime | None, ends_at: datetime | None) -> Wire | None:
    return given({"starts_at": unix_or_none(starts_at), "ends_at": unix_or_none(ends_at)}) or None


def given(fields: Wire) -> Wire:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None}


def reward_payload(reward: Reward, *, livemode: bool) -> Wire:
    """The reward object; its price reads as points_cost and as cost."""
    return {
        "id": reward.id,
        "object": "reward",
        "program": reward.program_id,
        "revision": reward.revision,
        "name": reward.name,
        "points_cost": reward.cost_points,
        "cost": reward.cost_points,
        "benefit": benefit_payload(reward.benefit),
        "stock": reward.stock,
        "per_member_limit": reward.per_member_limit,
        "tiers": list(reward.tiers),
        "starts_at": unix_or_none(reward.starts_at),
        "ends_at": unix_or_none(reward.ends_at),
        "status": reward.status,
        "metadata": reward.metadata,
        "created": unix(reward.created_at),
        "livemode": livemode,
    }


def benefit_payload(benefit: Mapping[str, Any]) -> Wire:
    """A benefit with its percent, if any, shown as it compares."""
    shown = {name: value for name, value in benefit.items() if name != "percent_e4"}
    if "percent_e4" in benefit:
        shown["percent"] = show_decimal(benefit["percent_e4"])
    return shown


def api_key_payload(key: ApiKey, *, now: datetime, livemode: bool) -> Wire:
    """The api_key object; its secret is never here."""
    status = "active"
    if key.revoked_at is not None:
        status = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        status = "expired"
    return {
        "id": key.id,
        "object": "api_key",
        "kind": key.kind,
        "name": key.name,
        "hint": key.hint,
        "permissions": key.permissions,
        "status": status,
        "expires_at": unix_or_none(key.expires_at),
        "revoked_at": unix_or_none(key.revoked_at),
        "replaced_by": key.replaced_by,
        "last_used_at": unix_or_none(key.last_used_at),
        "created": unix(key.created_at),
        "livemode": livemode,
    }


def api_key_act_payload(act: ApiKeyAct, *, livemode: bool) -> Wire:
    """The api_key_act object: one line of the audit."""
    return {
        "id": act.id,
        "object": "api_key_act",
        "api_key": act.key_id,
        "action": act.action,
        "actor": act.actor,
        "address": act.address,
        "request": act.request_id,
        "details": act.details,
        "created": unix(act.created_at),
        "livemode": livemode,
    }


def clock_payload(clock: TestClock) -> Wire:
    """The test_clock object; only the test mode has clocks."""
    return {
        "id": clock.id,
        "object": "test_clock",
        "name": clock.name,
        "frozen_time": unix(clock.frozen_at),
        "status": clock.status,
        "created": unix(clock.created_at),
        "livemode": False,
    }


def customer_payload(customer: Customer, *, livemode: bool) -> Wire:
    """The customer object."""
    return {
        "id": customer.id,
        "object": "customer",
        "name": customer.name,
        "email": customer.email,
        "metadata": customer.metadata,
        "created": unix(customer.created_at),
        "livemode": livemode,
    }


def account_payload(
    account: Account,
    *,
    tiers: Sequence[Tier],
    overdue_points: int,
    next_expiry: tuple[datetime, int] | None,
    livemode: bool,
) -> Wire:
    """The loyalty_account object. `balance` is what the member can spend (R2); next_expiry is (instant, points)."""
    return {
        "id": account.id,
        "object": "loyalty_account",
        "program": account.program_id,
        "customer": account.customer_id,
        "balance": account.ledger_balance_points - overdue_points,
        "pending": 0,
        "lifetime_points": account.lifetime_points,
        "tier": account.tier,
        "tier_progress": _tier_progress(account, tiers),
        "next_expiry": None if next_expiry is None else {"at": unix(next_expiry[0]), "points": next_expiry[1]},
        "sequence": account.sequence,
        "status": account.status,
        "metadata": account.metadata,
        "created": unix(account.created_at),
        "livemode": livemode,
    }


def _tier_progress(account: Account, tiers: Sequence[Tier]) -> Wire | None:
    """The next tier above the one held, and the lifetime points still missing."""
    rank = next((rank for rank, tier in enumerate(tiers) if tier.id == account.tier), -1)
    above = tiers[rank + 1] if rank + 1 < len(tiers) else None
    if above is None:
        return None
    return {"next_tier": above.id, "points_needed": max(above.threshold_points - account.lifetime_points, 0)}


def entry_payload(entry: Entry, *, livemode: bool) -> Wire:
    """The points_transaction object."""
    source = None if entry.source_type is None else {"type": entry.source_type, "id": entry.source_id}
    return {
        "id": entry.id,
        "object": "points_transaction",
        "account": entry.account_id,
        "kind": entry.kind,
        "points": entry.points,
        "balance_after": entry.balance_after_points,
        "sequence": entry.sequence,
        "reason": entry.reason,
        "source": source,
        "payment": entry.source_id if entry.source_type == "payment" else None,
        "rule": entry.rule_id,
        "reverses": entry.reverses_id,
        "receipt": entry.receipt,
        "metadata": entry.metadata,
        "occurred_at": unix(entry.occurred_at),
        "created": unix(entry.created_at),
        "livemode": livemode,
    }


def redemption_payload(redemption: Redemption, *, livemode: bool) -> Wire:
    """The redemption object, with the benefit as promised when it was made."""
    return {
        "id": redemption.id,
        "object": "redemption",
        "account": redemption.account_id,
        "reward": redemption.reward_id,
        "status": redemption.status,
        "points_spent": redemption.points_spent,
        "points_transaction": redemption.entry_id,
        "cancellation": redemption.cancellation_id,
        "discount": redemption.discount_id,
        "voucher_code": redemption.voucher_code,
        "benefit": benefit_payload(redemption.benefit),
        "receipt": {
            "reward": redemption.reward_id,
            "revision": redemption.reward_revision,
            "points": redemption.points_spent,
        },
        "metadata": redemption.metadata,
        "created": unix(redemption.created_at),
        "canceled_at": unix_or_none(redemption.canceled_at),
        "livemode": livemode,
    }


def discount_payload(discount: Discount, *, livemode: bool) -> Wire:
    """The discount object: what it takes off, and whether it is still to be used."""
    benefit = benefit_payload(discount.benefit)
    return {
        "id": discount.id,
        "object": "discount",
        "account": discount.account_id,
        "redemption": discount.redemption_id,
        "type": {"discount": "percent" if "percent" in benefit else "amount"}.get(benefit["type"], benefit["type"]),
        "amount": benefit.get("amount"),
        "percent": benefit.get("percent"),
        "currency": benefit.get("currency"),
        "status": discount.status,
        "payment": discount.payment_id,
        "checkout_session": discount.session_id,
        "created": unix(discount.created_at),
        "consumed_at": unix_or_none(discount.consumed_at),
        "livemode": livemode,
    }


def payment_payload(payment: Payment, *, livemode: bool, refund: Refund | None = None) -> Wire:
    """The payment object; `refund` is the one that was just made, where there is one."""
    payload: Wire = {
        "id": payment.id,
        "object": "payment",
        "amount": payment.amount_minor,
        "amount_refunded": payment.refunded_minor,
        "currency": payment.currency,
        "customer": payment.customer_id,
        "account": payment.account_id,
        "eligible_amount": payment.eligible_minor,
        "tax": payment.tax_minor,
        "shipping": payment.shipping_minor,
        "tenders": list(payment.tenders),
        "discounts": list(payment.discount_ids),
        "checkout_session": payment.session_id,
        "lines": list(payment.lines),
        "refunded": payment.refund_count > 0 and payment.refunded_minor == payment.amount_minor,
        "awards": payment.outcome.get("awards", []),
        "skipped": payment.outcome.get("skipped", []),
        "offer_redemptions": payment.outcome.get("offer_redemptions", []),
        "metadata": payment.metadata,
        "occurred_at": unix(payment.occurred_at),
        "created": unix(payment.created_at),
        "livemode": livemode,
    }
    if refund is not None:
        payload["refund"] = refund_payload(refund)
    return payload


def refund_payload(refund: Refund) -> Wire:
    """The refund, as it stands inside a payment."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount_minor,
        "eligible_amount": refund.eligible_minor,
        "reason": refund.reason,
        "points_reversed": refund.points_reversed,
        "metadata": refund.metadata,
        "created": unix(refund.created_at),
    }


def event_payload(event: Event, *, livemode: bool) -> Wire:
    """The event object; `data` is the payload itself."""
    payload: Wire = {
        "id": event.id,
        "object": "event",
        "type": event.type,
        "created": unix(event.created_at),
        "livemode": livemode,
        "sequence": event.sequence,
        "data": event.data,
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
    }
    if event.outcome is not None:
        payload |= event.outcome
    return payload


assert SCALE == 10_000, "the *_e4 fields hold ten-thousandths"

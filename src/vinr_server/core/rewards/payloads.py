"""Rewards, redemptions and discounts as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.kernel.numbers import show_decimal
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none
from vinr_server.core.rewards.rows import Discount, Redemption, Reward


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
    """A benefit with its decimals, if any, shown as they compare."""
    return {
        name.removesuffix("_e4"): show_decimal(value) if name.endswith("_e4") else value
        for name, value in benefit.items()
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
        "points_returned": redemption.points_returned,
        "points_held": redemption.held_points if redemption.status == "authorized" else 0,
        "points_transaction": redemption.entry_id,
        "cancellation": redemption.cancellation_id,
        "discount": redemption.discount_id,
        "voucher_code": redemption.voucher_code,
        "store_credit": redemption.credit_entry_id,
        "benefit": benefit_payload(redemption.benefit),
        "receipt": {
            "reward": redemption.reward_id,
            "revision": redemption.reward_revision,
            "points": redemption.points_spent,
        },
        "metadata": redemption.metadata,
        "created": unix(redemption.created_at),
        "expires_at": unix_or_none(redemption.expires_at),
        "captured_at": unix_or_none(redemption.captured_at),
        "canceled_at": unix_or_none(redemption.canceled_at),
        "livemode": livemode,
    }


def discount_payload(discount: Discount, *, livemode: bool) -> Wire:
    """The discount object: what it takes off, of which orders, and whether it can still be used."""
    benefit = benefit_payload(discount.benefit)
    return {
        "id": discount.id,
        "object": "discount",
        "account": discount.account_id,
        "redemption": discount.redemption_id,
        "type": {"discount": "percent" if "percent" in benefit else "amount"}.get(benefit["type"], benefit["type"]),
        "amount": discount.amount_minor,
        "percent": benefit.get("percent"),
        "currency": benefit.get("currency"),
        "min_subtotal": benefit.get("min_subtotal"),
        "max_percent_of_order": benefit.get("max_percent_of_order"),
        "status": discount.status,
        "payment": discount.payment_id,
        "checkout_session": discount.session_id,
        "created": unix(discount.created_at),
        "consumed_at": unix_or_none(discount.consumed_at),
        "livemode": livemode,
    }

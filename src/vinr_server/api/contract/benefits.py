"""What a reward gives: as it is sent, as it is stored, as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.currencies import read_currency, read_currency_or_none
from vinr_server.api.contract.input import Count, Input, Months, Name, Rate, Text
from vinr_server.api.contract.reply import Reply, ShownRate
from vinr_server.api.contract.values import read_percent, read_rate
from vinr_server.api.edge.problems import Problem


class BenefitInput(Input):
    type: Literal["discount", "free_shipping", "product", "voucher", "store_credit"]
    amount: Count | None = None
    percent: Rate = None
    amount_per_point: Rate = None
    min_points: Count | None = None
    max_points: Count | None = None
    step_points: Count | None = None
    min_subtotal: Count | None = None
    max_percent_of_order: Rate = None
    currency: str | None = None
    expiry_months: Months | None = None
    sku: Name | None = None
    description: Text | None = None


# How many points a variable reward may be redeemed for.
RANGE_FIELDS = ("min_points", "max_points", "step_points")
# Of which orders a discount takes something off, and how much at most.
ORDER_FIELDS = ("min_subtotal", "max_percent_of_order")
DISCOUNT_FIELDS = ("amount", "percent", "amount_per_point", *RANGE_FIELDS, "currency", *ORDER_FIELDS)
BenefitType = Literal["discount", "free_shipping", "product", "voucher", "store_credit"]


class Benefit(Reply):
    type: BenefitType
    amount: int | UnsetType = UNSET
    percent: ShownRate | UnsetType = UNSET
    amount_per_point: ShownRate | UnsetType = UNSET
    min_points: int | UnsetType = UNSET
    max_points: int | UnsetType = UNSET
    step_points: int | UnsetType = UNSET
    min_subtotal: int | UnsetType = UNSET
    max_percent_of_order: ShownRate | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    expiry_months: int | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


def read_benefit(given: BenefitInput) -> dict[str, Any]:
    """What a reward gives, with only the fields of its type."""
    benefit: dict[str, Any] = {"type": given.type}
    if given.type == "discount":
        benefit |= _discount(given) | _of_order(given)
    elif given.type == "store_credit":
        benefit |= _credit(given)
    else:
        _require_none(given, DISCOUNT_FIELDS, f"apply to type discount, not to {given.type}", param="benefit.type")
    if given.expiry_months is not None and given.type != "store_credit":
        message = f"benefit.expiry_months applies to type store_credit, not to {given.type}. Leave it out."
        raise Problem("parameter_invalid", message, param="benefit.expiry_months")
    if given.type == "product" and given.sku is None:
        raise Problem("parameter_missing", "benefit.sku is required for a product.", param="benefit.sku")
    return benefit | {name: value for name in ("sku", "description") if (value := getattr(given, name)) is not None}


def _discount(given: BenefitInput) -> dict[str, Any]:
    values = [name for name in ("amount", "percent", "amount_per_point") if getattr(given, name) is not None]
    if len(values) != 1:
        message = (
            "A discount needs one of benefit.amount, benefit.percent and benefit.amount_per_point."
            " Send exactly one of them."
        )
        raise Problem("parameter_invalid", message, param="benefit.amount")
    if given.amount_per_point is None:
        _require_none(given, RANGE_FIELDS, "apply with benefit.amount_per_point only")
    if given.percent is not None:
        percent_e4 = read_percent(given.percent, param="benefit.percent")
        currency = read_currency_or_none(given.currency, param="benefit.currency")
        return {"percent_e4": percent_e4} | ({"currency": currency} if currency else {})
    if given.currency is None:
        message = f"benefit.currency is required with benefit.{values[0]}."
        raise Problem("parameter_missing", message, param="benefit.currency")
    currency = read_currency(given.currency, param="benefit.currency")
    worth = {"amount": given.amount} if given.amount is not None else _per_point(given)
    return worth | {"currency": currency}


def _credit(given: BenefitInput) -> dict[str, Any]:
    """How much store credit it gives, and how long that lasts (R25e)."""
    others = [name for name in DISCOUNT_FIELDS if name not in ("amount", "currency")]
    _require_none(given, others, "apply to type discount, not to store_credit", param="benefit.type")
    if given.amount is None or given.currency is None:
        name = "benefit.amount" if given.amount is None else "benefit.currency"
        raise Problem("parameter_missing", f"{name} is required for store credit.", param=name)
    currency = read_currency(given.currency, param="benefit.currency")
    lasts = {} if given.expiry_months is None else {"expiry_months": given.expiry_months}
    return {"amount": given.amount, "currency": currency} | lasts


def _of_order(given: BenefitInput) -> dict[str, Any]:
    """What the order must come to, and how much of it is taken off at most (R83)."""
    if given.min_subtotal is not None and given.currency is None:
        message = "benefit.currency is required with benefit.min_subtotal."
        raise Problem("parameter_missing", message, param="benefit.currency")
    found: dict[str, Any] = {}
    if given.min_subtotal is not None:
        found["min_subtotal"] = given.min_subtotal
    if given.max_percent_of_order is not None:
        param = "benefit.max_percent_of_order"
        found["max_percent_of_order_e4"] = read_percent(given.max_percent_of_order, param=param)
    return found


def _per_point(given: BenefitInput) -> dict[str, Any]:
    """What a variable reward is worth, and for how many points it may be redeemed."""
    per_point_e4 = read_rate(given.amount_per_point, param="benefit.amount_per_point", lowest_e4=1)
    step, least, most = given.step_points or 1, given.min_points or given.step_points or 1, given.max_points
    if most is not None and most < least:
        message = f"benefit.max_points: {most} lies below benefit.min_points, {least}."
        raise Problem("parameter_invalid", message, param="benefit.max_points")
    for name, value in (("min_points", least), ("max_points", most)):
        if value is not None and value % step:
            message = f"benefit.{name}: {value} is not a multiple of benefit.step_points, {step}."
            raise Problem("parameter_invalid", message, param=f"benefit.{name}")
    found = {"amount_per_point_e4": per_point_e4, "min_points": least, "step_points": step}
    return found | ({"max_points": most} if most is not None else {})


def _require_none(given: BenefitInput, names: Sequence[str], why: str, *, param: str | None = None) -> None:
    sent = [name for name in names if getattr(given, name) is not None]
    if sent:
        message = f"benefit.{' and benefit.'.join(sent)} {why}. Leave out what does not apply."
        raise Problem("parameter_invalid", message, param=param or f"benefit.{sent[0]}")

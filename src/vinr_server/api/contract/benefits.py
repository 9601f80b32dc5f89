"""What a reward gives: as it is sent, as it is stored, as it is shown."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.currencies import read_currency, read_currency_or_none
from vinr_server.api.contract.input import Count, Input, Name, Rate, Text
from vinr_server.api.contract.reply import Reply, ShownRate
from vinr_server.api.contract.values import read_percent
from vinr_server.api.edge.problems import Problem


class BenefitInput(Input):
    type: Literal["discount", "free_shipping", "product", "voucher"]
    amount: Count | None = None
    percent: Rate = None
    currency: str | None = None
    sku: Name | None = None
    description: Text | None = None


BenefitType = Literal["discount", "free_shipping", "product", "voucher"]


class Benefit(Reply):
    type: BenefitType
    amount: int | UnsetType = UNSET
    percent: ShownRate | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


def read_benefit(given: BenefitInput) -> dict[str, Any]:
    """What a reward gives, with only the fields of its type."""
    benefit: dict[str, Any] = {"type": given.type}
    if given.type == "discount":
        benefit |= _discount(given)
    elif given.amount is not None or given.percent is not None or given.currency is not None:
        message = f"benefit.amount, percent and currency apply to type discount, not to {given.type}. Leave them out."
        raise Problem("parameter_invalid", message, param="benefit.type")
    if given.type == "product" and given.sku is None:
        raise Problem("parameter_missing", "benefit.sku is required for a product.", param="benefit.sku")
    return benefit | {name: value for name in ("sku", "description") if (value := getattr(given, name)) is not None}


def _discount(given: BenefitInput) -> dict[str, Any]:
    if (given.amount is None) == (given.percent is None):
        raise Problem(
            "parameter_invalid",
            "A discount needs either benefit.amount or benefit.percent. Send exactly one of them.",
            param="benefit.amount",
        )
    if given.percent is not None:
        percent_e4 = read_percent(given.percent, param="benefit.percent")
        currency = read_currency_or_none(given.currency, param="benefit.currency")
        return {"percent_e4": percent_e4} | ({"currency": currency} if currency else {})
    if given.currency is None:
        raise Problem(
            "parameter_missing", "benefit.currency is required with benefit.amount.", param="benefit.currency"
        )
    return {"amount": given.amount, "currency": read_currency(given.currency, param="benefit.currency")}

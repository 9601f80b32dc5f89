"""A bogo's two selections: what is bought, and what is given for it (R79)."""

from __future__ import annotations

from typing import Literal

from vinr_server.api.contract.input import Count, Input, Names, Rate
from vinr_server.api.contract.reply import Reply, ShownRate
from vinr_server.api.contract.values import read_percent
from vinr_server.api.edge.problems import Problem
from vinr_server.core.offers import rows

Pick = Literal["cheapest", "dearest"]


class BuyInput(Input):
    skus: Names = []
    categories: Names = []
    any: bool = False
    quantity: Count = 1


class GetInput(Input):
    skus: Names = []
    categories: Names = []
    quantity: Count = 1
    percent_off: Rate = None
    pick: Pick = "cheapest"


class Buy(Reply):
    skus: list[str]
    categories: list[str]
    any: bool
    quantity: int


class Get(Reply):
    skus: list[str]
    categories: list[str]
    quantity: int
    percent_off: ShownRate
    pick: Pick


def read_buy(given: BuyInput) -> rows.Buy:
    """What must be bought: named lines, or any."""
    is_named = bool(given.skus or given.categories)
    if given.any and is_named:
        message = "buy.any is true, but buy.skus or buy.categories name lines. Send one of them."
        raise Problem("parameter_conflict", message, param="buy.any")
    if not given.any and not is_named:
        message = "buy names no lines. Send buy.skus or buy.categories, or buy.any: true."
        raise Problem("parameter_missing", message, param="buy.skus")
    return rows.Buy(tuple(dict.fromkeys(given.skus)), tuple(dict.fromkeys(given.categories)), given.quantity)


def read_get(given: GetInput) -> rows.Get:
    """What is given, for nothing unless `percent_off` says otherwise."""
    if not given.skus and not given.categories:
        raise Problem("parameter_missing", "get names no lines. Send get.skus or get.categories.", param="get.skus")
    skus, categories = tuple(dict.fromkeys(given.skus)), tuple(dict.fromkeys(given.categories))
    percent_off = 100 if given.percent_off is None else given.percent_off
    percent_e4 = read_percent(percent_off, param="get.percent_off")
    return rows.Get(skus, categories, given.quantity, percent_e4, given.pick)

"""Carts and promotions in few words, for tables that a marketer can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vinr_server.core.carts.cart import Cart, CartLine, Criteria, Effect, Evaluation, Promotion, Selection
from vinr_server.core.carts.evaluation import evaluate
from vinr_server.core.carts.index import OfferIndex
from vinr_server.core.kernel.numbers import SCALE

START = datetime(2026, 1, 1, tzinfo=UTC)


def line(text: str) -> CartLine:
    """`3 shoe 30.00 #sport #men`: units (1 where left out), sku, price of one, categories."""
    words = text.split()
    quantity = int(words.pop(0)) if words[0].isdigit() else 1
    sku, price, *categories = words
    return CartLine(sku, cents(price), quantity, tuple(one.lstrip("#") for one in categories))


def cart(text: str, *, shipping: str = "0.00", currency: str = "EUR") -> Cart:
    """Lines with commas between them."""
    return Cart(currency, tuple(line(one) for one in text.split(",")), cents(shipping))


def cents(text: str) -> int:
    """12.34 as 1234."""
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int(rest or 0)


def of(text: str) -> Selection:
    """Skus and #categories."""
    words = text.split()
    return Selection(
        frozenset(one for one in words if not one.startswith("#")),
        frozenset(one[1:] for one in words if one.startswith("#")),
    )


def promotion(name: str, effect: Effect, **more: Any) -> Promotion:
    """An offer called `ofr_name`; the later in the alphabet, the later created, unless `created` says otherwise."""
    criteria = Criteria(
        of(more.pop("of", "")),
        cents(more.pop("over", "0")),
        more.pop("units", 0),
        more.pop("currency", None),
    )
    created = more.pop("created", ord(name[0]))
    return Promotion(f"ofr_{name}", 1, name, effect, START + timedelta(seconds=created), criteria, **more)


def off(name: str, amount: str, **more: Any) -> Promotion:
    """A sum off the order."""
    return promotion(name, Effect("fixed_discount", cents(amount)), **more)


def off_each(name: str, amount: str, **more: Any) -> Promotion:
    """A sum off every unit."""
    return promotion(name, Effect("fixed_discount", cents(amount), per="unit"), **more)


def percent(name: str, number: int | float, *, at_most: str | None = None, **more: Any) -> Promotion:
    """A percentage off the lines."""
    most = None if at_most is None else cents(at_most)
    return promotion(name, Effect("percentage", percent_e4=round(number * SCALE), max_minor=most), **more)


def bogo(name: str, *, buy: int = 1, get: int = 1, **more: Any) -> Promotion:
    """Buy some, get some."""
    return promotion(name, Effect("bogo", buy=buy, get=get), **more)


def gift(name: str, sku: str, **more: Any) -> Promotion:
    """One unit of a thing for nothing."""
    return promotion(name, Effect("free_product"), of=sku, **more)


def ships_free(name: str, credit: str | None = None, **more: Any) -> Promotion:
    """A credit towards the shipping."""
    return promotion(name, Effect("free_shipping", None if credit is None else cents(credit)), **more)


def priced(bought: Cart, *promotions: Promotion, **more: Any) -> Evaluation:
    """The cart with what it gets of these; a voucher among them counts as named by the caller."""
    vouchers = [one for one in promotions if one.is_voucher]
    index = OfferIndex(one for one in promotions if not one.is_voucher)
    return evaluate(bought, index, **{"now": START, "named": vouchers} | more)


def names(evaluation: Evaluation) -> str:
    """What applied, in its order."""
    return " ".join(one.promotion.name for one in evaluation.applied)


def changes(evaluation: Evaluation) -> dict[str, list[str]]:
    """name -> `condition: change` of everything that gave nothing."""
    return {
        one.promotion.name: [f"{unmet.condition}: {unmet.change}" for unmet in one.unmet] for one in evaluation.rejected
    }

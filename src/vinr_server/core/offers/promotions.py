"""Offers and issued discounts as carts see them, and the index of live offers (carts/cart.py, carts/index.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from vinr_server.core.carts.cart import Criteria, Effect, Promotion, Selection
from vinr_server.core.carts.index import MEMBERS, OfferIndex, segment_key, tier_key
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Row
from vinr_server.core.offers import rows
from vinr_server.core.offers.rows import CheckoutTerms, Offer, OfferTerms, PercentageDiscount
from vinr_server.core.rewards.rows import Discount
from vinr_server.core.rewards.variable import is_variable

SHELF = "offers in force"


class OfferShelf(Row):
    """A catalogue's index of the offers that carts may get, built on first use. In memory only."""

    is_catalogue = True

    def __init__(self, catalogue: Layer) -> None:
        self.id = SHELF
        self._catalogue = catalogue

    @cached_property
    def promotions(self) -> Mapping[str, Promotion]:
        """The promotions by their offer's id."""
        return {promotion.id: promotion for promotion in promotions_of(self._catalogue.written(Offer))}

    @cached_property
    def index(self) -> OfferIndex:
        """All of them, indexed."""
        return OfferIndex(self.promotions.values())


def offer_index(draft: Layer) -> OfferIndex:
    """Return the index of the live offers in the draft.

    It is the catalogue's, unless the draft has changed an offer: then a new index is built.
    """
    shelf = draft.get(OfferShelf, SHELF)
    if shelf is None:
        return OfferIndex(promotions_of(draft.every(Offer)))
    changed: dict[str, Offer] = {}
    layer = draft
    while layer.below is not layer:
        for offer in layer.written(Offer):
            changed.setdefault(offer.id, offer)
        layer = layer.below
    if not changed:
        return shelf.index
    others = [promotion for id, promotion in shelf.promotions.items() if id not in changed]
    return OfferIndex([*others, *promotions_of(changed.values())])


def promotions_of(offers: Iterable[Offer]) -> list[Promotion]:
    """Keep the offers that discount carts by themselves and are not over. Callers still check windows and caps."""
    return [
        promotion_of(offer)
        for offer in offers
        if offer.status == "published"
        and offer.closed_at is None
        and offer.deleted_at is None
        and offer.terms.comes_with in ("checkout", "cart")
        and (offer.is_granted or not offer.terms.requires_code)
    ]


def promotion_of(offer: Offer) -> Promotion:
    """Turn an offer of either kind into a promotion.

    A checkout offer's window follows real time and becomes the promotion's. An engagement offer's window follows its
    member's clock, and is checked with the member's limits.
    """
    terms = offer.terms
    is_checkout = terms.checkout is not None
    if terms.checkout is not None:
        effect, criteria, audience = _of_checkout(terms.checkout)
    else:
        assert terms.percentage is not None, f"offer {offer.id} takes nothing off carts"
        effect, criteria, audience = _of_percentage(terms.percentage, terms)
    return Promotion(
        id=offer.id,
        revision=offer.revision,
        name=offer.name,
        effect=effect,
        created_at=offer.created_at,
        criteria=criteria,
        lines=_touched(effect),
        audience=audience,
        priority=terms.stacking.priority,
        stacking=terms.stacking.mode,
        group=terms.stacking.group,
        starts_at=offer.starts_at if is_checkout else None,
        ends_at=offer.ends_at if is_checkout else None,
        source=offer,
    )


def _touched(effect: Effect) -> Selection | None:
    """The lines that two selections look at; None for those of the criteria."""
    return None if effect.bought is None or effect.bought.is_everything else effect.either


def _of_checkout(terms: CheckoutTerms) -> tuple[Effect, Criteria, tuple[str, ...]]:
    asked = terms.criteria
    effect = _buy_and_get(terms) or Effect(
        terms.type,
        value_minor=terms.value_minor,
        per=terms.per,
        percent_e4=terms.percent_e4 or 0,
        buy=asked.buy_quantity or 1,
        get=asked.get_quantity or 1,
        max_times=terms.max_times,
    )
    criteria = Criteria(
        _selection(asked),
        min_subtotal_minor=asked.min_subtotal_minor or 0,
        min_quantity=asked.min_quantity or 0,
        currency=asked.currency,
        max_subtotal_minor=asked.max_subtotal_minor,
        max_quantity=asked.max_quantity,
        is_discounted=asked.counts == "discounted",
    )
    return effect, criteria, tuple(map(segment_key, asked.segments))


def _buy_and_get(terms: CheckoutTerms) -> Effect | None:
    """The effect of a bogo with two selections; None for any other offer."""
    buy, get = terms.buy, terms.get
    if buy is None or get is None:
        return None
    return Effect(
        "bogo",
        percent_e4=get.percent_e4,
        buy=buy.quantity,
        get=get.quantity,
        bought=Selection(frozenset(buy.skus), frozenset(buy.categories)),
        got=Selection(frozenset(get.skus), frozenset(get.categories)),
        is_dearest=get.pick == "dearest",
        max_times=terms.max_times,
    )


def _selection(asked: rows.Criteria | Conditions) -> Selection:
    return Selection(
        frozenset(asked.skus),
        frozenset(asked.categories),
        frozenset(asked.exclude_skus),
        frozenset(asked.exclude_categories),
    )


def _of_percentage(percentage: PercentageDiscount, terms: OfferTerms) -> tuple[Effect, Criteria, tuple[str, ...]]:
    asked, targeting = terms.conditions, terms.targeting
    effect = Effect("percentage", percent_e4=percentage.percent_e4, max_minor=percentage.max_discount_minor)
    criteria = Criteria(
        _selection(asked),
        min_subtotal_minor=asked.min_amount_minor or 0,
        currency=asked.currency,
        max_subtotal_minor=None if asked.max_amount_minor is None else asked.max_amount_minor - 1,
    )
    audience = tuple(map(segment_key, targeting.segments)) or tuple(map(tier_key, targeting.tiers)) or (MEMBERS,)
    return effect, criteria, audience


def voucher_of(discount: Discount, *, name: str) -> Promotion:
    """Turn an issued discount into a promotion, which combines with everything else that applies."""
    benefit: Mapping[str, Any] = discount.benefit
    return Promotion(
        id=discount.id,
        revision=1,
        name=name,
        effect=_effect_of(discount),
        created_at=discount.created_at,
        criteria=Criteria(
            Selection(frozenset([benefit["sku"]])) if benefit["type"] == "product" else Selection(),
            min_subtotal_minor=benefit.get("min_subtotal", 0),
            currency=benefit.get("currency"),
        ),
        is_voucher=True,
        source=discount,
    )


def _effect_of(discount: Discount) -> Effect:
    benefit: Mapping[str, Any] = discount.benefit
    if benefit["type"] == "free_shipping":
        return Effect("free_shipping")
    if benefit["type"] == "product":
        return Effect("free_product")
    assert benefit["type"] == "discount", f"a discount of type {benefit['type']}"
    most_percent_e4 = benefit.get("max_percent_of_order_e4")
    if "percent_e4" in benefit:
        return Effect("percentage", percent_e4=benefit["percent_e4"], most_percent_e4=most_percent_e4)
    return Effect(
        "fixed_discount",
        value_minor=discount.amount_minor,
        most_percent_e4=most_percent_e4,
        is_whole=not is_variable(benefit),
        per_point_e4=benefit.get("amount_per_point_e4"),
    )

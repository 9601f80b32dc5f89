"""Evaluate a cart: which promotions it qualifies for, in which order they apply, and what they take off (R13, R14).

The cart and the promotions alone decide the result: the order in which lines or promotions arrive never matters. Every
effect can be recomputed from its receipt; every promotion that gave nothing lists the conditions it failed, each with
the smallest change that would meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from vinr_server.core.carts.cart import PHASES, Cart, Criteria, Evaluation, Promotion, Unqualified
from vinr_server.core.carts.index import OfferIndex
from vinr_server.core.carts.stacking import REJECTED_MAX, Candidate, OverBudget, Run, nothing_over
from vinr_server.core.carts.values import CartValues
from vinr_server.core.conditions.judging import Unmet, reason, unmet_of
from vinr_server.core.conditions.tree import Predicate

# The reasons against a promotion that lie outside the cart: its member, its caps.
Refuse = Callable[[Promotion], Sequence[Unmet]]


def nothing_refused(_promotion: Promotion) -> Sequence[Unmet]:
    """Refuse nothing: only the cart decides."""
    return ()


def evaluate(
    cart: Cart,
    index: OfferIndex,
    *,
    now: datetime,
    named: Iterable[Promotion] = (),
    audiences: Collection[str] = (),
    refuse: Refuse = nothing_refused,
    explained: Collection[str] = (),
    over_budget: OverBudget = nothing_over,
) -> Evaluation:
    """Return the cart with everything it gets.

    `named` are promotions in addition to those of the index, or in place of those with the same id: the discounts that
    the caller named, and what the cart was promised before. `audiences` are the groups the member belongs to; `refuse`
    returns further reasons against a promotion, `over_budget` one against what it would take off. Within a phase
    promotions apply by rank, each to the prices that the previous one left. Of the promotions that gave nothing, the
    result shows the first REJECTED_MAX: those whose ids are `explained` in any case; those with matching lines, oldest
    first; then some just out of reach (`offer_index`).
    """
    ranked = cart.ranked
    found = index.find(cart, ranked, audiences)
    first = {promotion.id: (promotion, promotion.criteria.selection.chosen(cart.lines, ranked)) for promotion in named}
    others = (pair for pair in found.within if pair[0].id not in first) if first else found.within
    values = CartValues(cart, now)
    candidates: list[Candidate] = []
    rejected: list[Unqualified] = []
    for promotion, matching in (*first.values(), *others):
        if not promotion.is_live(now):
            continue
        unmet = unmet_by_cart(promotion.criteria, cart, matching, values)
        unmet += refuse(promotion)
        if unmet:
            rejected.append(Unqualified(promotion, unmet))
            continue
        selection = promotion.lines
        lines = matching if selection is None else selection.chosen(cart.lines, ranked)
        candidates.append(Candidate(promotion, lines, matching, PHASES.index(promotion.effect.phase)))
    run = Run(cart, candidates, now, over_budget, explained)
    run.apply_all()
    rejected += run.rejected
    for promotion, matching in found.beyond:
        if len(rejected) >= REJECTED_MAX:
            break
        if promotion.is_live(now) and promotion.id not in first:
            unmet = [*unmet_by_cart(promotion.criteria, cart, matching, values), *refuse(promotion)]
            rejected.append(Unqualified(promotion, unmet))
    if explained:
        rejected.sort(key=lambda unqualified: unqualified.promotion.id not in explained)
    priced = run.priced
    return Evaluation(
        cart,
        [line.price_minor - left for line, left in zip(cart.lines, priced.minor, strict=True)],
        cart.shipping_minor - priced.shipping_minor,
        run.applied,
        rejected[:REJECTED_MAX],
    )


def unmet_by_cart(criteria: Criteria, cart: Cart, matching: Sequence[int], values: CartValues) -> list[Unmet]:
    """List the conditions that the cart does not meet, each with the smallest change that would meet it.

    Of discounted prices, only what no discount can bring about is asked here; the rest when it is the offer's turn.
    """
    unmet: list[Unmet] = []
    if criteria.currency is not None and criteria.currency != cart.currency:
        unmet += unmet_of(Predicate("order.currency", equals=criteria.currency, name="currency"), values)
    if not matching:
        of = "" if criteria.selection.is_everything else f" of {criteria.selection}"
        needed = of and f" (needed: {criteria.selection})"
        unmet.append(Unmet("lines", f"The cart has no matching items{needed}.", f"add a line{of}"))
    if criteria.min_subtotal_minor or criteria.max_subtotal_minor is not None:
        subtotal_minor = sum(cart.lines[at].price_minor for at in matching)
        asked = criteria.unmet_subtotal(subtotal_minor, is_before_discounts=True)
        unmet += [reason(asked, subtotal_minor, values)] if asked is not None else []
    if criteria.min_quantity > 1 or criteria.max_quantity is not None:
        units = sum(cart.lines[at].quantity for at in matching)
        asked = criteria.unmet_quantity(units)
        unmet += [reason(asked, units, values)] if asked is not None else []
    return unmet

"""Evaluate a cart: which promotions it qualifies for, in which order they apply, and what they take off (R13, R14).

The cart and the promotions alone decide the result: the order in which lines or promotions arrive never matters. Every
effect can be recomputed from its receipt; every promotion that gave nothing lists the conditions it failed, each with
the smallest change that would meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from vinr_server.core.carts.cart import PHASES, Applied, Cart, Criteria, Evaluation, Phase, Promotion, Unqualified
from vinr_server.core.carts.effects import Landing, Priced, land
from vinr_server.core.carts.index import OfferIndex
from vinr_server.core.earning.rules import Unmet
from vinr_server.core.kernel.values import dataclass, replace

# How many of the promotions that gave nothing are shown.
REJECTED_MAX = 50

# The reasons against a promotion that lie outside the cart: its member, its caps.
Refuse = Callable[[Promotion], Sequence[Unmet]]


def nothing_refused(_promotion: Promotion) -> Sequence[Unmet]:
    """Refuse nothing: only the cart decides."""
    return ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A promotion the cart qualifies for, with the lines it discounts."""

    promotion: Promotion
    lines: Sequence[int]


def evaluate(
    cart: Cart,
    index: OfferIndex,
    *,
    now: datetime,
    named: Iterable[Promotion] = (),
    audiences: Collection[str] = (),
    refuse: Refuse = nothing_refused,
) -> Evaluation:
    """Return the cart with everything it gets.

    `named` are promotions in addition to those of the index, or in place of those with the same id: the discounts that
    the caller named, and what the cart was promised before. `audiences` are the groups the member belongs to; `refuse`
    returns further reasons against a promotion. Within a phase promotions apply by rank, each to the prices that the
    previous one left. Of the promotions that gave nothing, the result shows the first REJECTED_MAX: those with matching
    lines, oldest first; then some just out of reach (`offer_index`).
    """
    ranked = cart.ranked
    found = index.find(cart, ranked, audiences)
    first = {
        promotion.id: (
            promotion,
            [at for at in ranked if promotion.criteria.selection.selects(cart.lines[at])],
        )
        for promotion in named
    }
    others = (pair for pair in found.within if pair[0].id not in first) if first else found.within
    by_phase: dict[Phase, list[_Candidate]] = {}
    rejected: list[Unqualified] = []
    for promotion, matching in (*first.values(), *others):
        if not promotion.is_live(now):
            continue
        unmet = [*unmet_by_cart(promotion.criteria, cart, matching), *refuse(promotion)]
        if unmet:
            rejected.append(Unqualified(promotion, unmet))
            continue
        selection = promotion.lines
        lines = matching if selection is None else [at for at in ranked if selection.selects(cart.lines[at])]
        by_phase.setdefault(promotion.effect.phase, []).append(_Candidate(promotion, lines))
    run = _Run(cart)
    for phase in PHASES:
        run.apply_all(by_phase.get(phase, ()))
    rejected += run.rejected
    for promotion, matching in found.beyond:
        if len(rejected) >= REJECTED_MAX:
            break
        if promotion.is_live(now) and promotion.id not in first:
            unmet = [*unmet_by_cart(promotion.criteria, cart, matching), *refuse(promotion)]
            rejected.append(Unqualified(promotion, unmet))
    priced = run.priced
    return Evaluation(
        cart,
        [line.price_minor - left for line, left in zip(cart.lines, priced.minor, strict=True)],
        cart.shipping_minor - priced.shipping_minor,
        run.applied,
        rejected[:REJECTED_MAX],
    )


def unmet_by_cart(criteria: Criteria, cart: Cart, matching: Sequence[int]) -> list[Unmet]:
    """List the conditions that the cart does not meet, each with the smallest change that would meet it."""
    unmet: list[Unmet] = []
    if criteria.currency is not None and criteria.currency != cart.currency:
        message = f"This promotion is for carts in {criteria.currency}; the cart is in {cart.currency}."
        unmet.append(Unmet("currency", message, f"pay in {criteria.currency}"))
    what = "" if criteria.selection.is_everything else f" of {criteria.selection}"
    if not matching:
        message = f"The cart has no matching items{what and f' (needed: {criteria.selection})'}."
        unmet.append(Unmet("lines", message, f"add a line{what}"))
    if criteria.min_subtotal_minor:
        subtotal_minor = sum(cart.lines[at].price_minor for at in matching)
        if subtotal_minor < criteria.min_subtotal_minor:
            message = (
                f"The matching items come to {subtotal_minor} ({cart.currency}, minor units);"
                f" at least {criteria.min_subtotal_minor} is required."
            )
            change = f"spend {criteria.min_subtotal_minor - subtotal_minor} more{what and f' on {criteria.selection}'}"
            unmet.append(Unmet("min_subtotal", message, change))
    if criteria.min_quantity > 1:
        units = sum(cart.lines[at].quantity for at in matching)
        if units < criteria.min_quantity:
            message = f"The cart has {units} matching units; at least {criteria.min_quantity} are required."
            unmet.append(Unmet("min_quantity", message, f"add {criteria.min_quantity - units} more{what}"))
    return unmet


class _Run:
    """The prices while promotions apply one after another, and which promotions of each group applied before."""

    def __init__(self, cart: Cart) -> None:
        self.priced = Priced(
            cart.lines,
            [line.price_minor for line in cart.lines],
            [line.quantity for line in cart.lines],
            cart.shipping_minor,
        )
        self.applied: list[Applied] = []
        self.rejected: list[Unqualified] = []
        self._of_group: dict[str | None, Promotion] = {}
        self._exclusive: dict[str | None, Promotion] = {}
        self._best: dict[str | None, Promotion] = {}

    def apply_all(self, candidates: Sequence[_Candidate]) -> None:
        """Apply all promotions of one phase, or record why they don't apply."""
        in_order = candidates
        if len(candidates) > 1:
            in_order = sorted(candidates, key=lambda candidate: candidate.promotion.rank)
        for candidate in in_order:
            promotion = candidate.promotion
            if promotion.stacking == "best" and promotion.group not in self._best:
                self._apply_best([rival for rival in in_order if _is_rival(rival.promotion, promotion)])
            if self._best.get(promotion.group) is promotion:
                continue
            unmet = self._blocked(promotion) or self._apply(candidate)
            if unmet is not None:
                self.rejected.append(Unqualified(promotion, [unmet]))

    def _apply_best(self, rivals: Sequence[_Candidate]) -> None:
        """Apply the promotion of the group that takes most off these prices; among equals, the first in rank."""
        promotion = rivals[0].promotion
        if self._blocked(promotion) is not None:
            return
        winner = max(rivals, key=lambda rival: land(rival.promotion.effect, self.priced, rival.lines).discount_minor)
        if self._apply(winner) is None:
            self._best[promotion.group] = winner.promotion

    def _blocked(self, promotion: Promotion) -> Unmet | None:
        """Return the reason if another promotion of the group excludes this one: exclusive ones are never combined."""
        if promotion.is_voucher:
            return None
        group = promotion.group
        other = self._exclusive.get(group)
        if other is None and promotion.stacking == "exclusive":
            other = self._of_group.get(group)
        if other is not None:
            return Unmet("stacking", f"Can't be combined with {other.id} ({other.name}), which applied first.", None)
        other = self._best.get(group) if promotion.stacking == "best" else None
        if other is not None:
            return Unmet("stacking", f"Only the best promotion of its group applies: {other.id} ({other.name}).", None)
        return None

    def _apply(self, candidate: _Candidate) -> Unmet | None:
        """Apply the promotion to the current prices; return the reason if it takes nothing off."""
        promotion = candidate.promotion
        landing = land(promotion.effect, self.priced, candidate.lines)
        if landing.discount_minor == 0:
            return _no_effect(promotion, landing)
        minor, paid_units = self.priced.minor, self.priced.paid_units
        for line, taken, freed in landing.shares:
            minor[line] -= taken
            paid_units[line] -= freed
        if landing.shipping_minor:
            self.priced = replace(self.priced, shipping_minor=self.priced.shipping_minor - landing.shipping_minor)
        self.applied.append(Applied(promotion, landing.discount_minor, _receipt(promotion, landing)))
        if not promotion.is_voucher:
            self._of_group.setdefault(promotion.group, promotion)
            if promotion.stacking == "exclusive":
                self._exclusive[promotion.group] = promotion
        return None


def _is_rival(promotion: Promotion, other: Promotion) -> bool:
    return promotion.stacking == "best" and promotion.group == other.group and not promotion.is_voucher


def _receipt(promotion: Promotion, landing: Landing) -> dict[str, object]:
    """Everything the effect was computed from; `promotion` is an offer's or a discount's id."""
    return {
        "promotion": promotion.id,
        "revision": promotion.revision,
        "phase": promotion.effect.phase,
        "type": promotion.effect.type,
        **landing.receipt,
        "discount": landing.discount_minor,
    }


def _no_effect(promotion: Promotion, landing: Landing) -> Unmet:
    """Explain why it takes nothing off these prices: it uses no cap and consumes no discount (R14)."""
    effect = promotion.effect
    if effect.type == "free_shipping":
        return Unmet("no_effect", "There is no shipping cost left to discount.", None)
    if effect.type == "bogo" and landing.receipt["units"] <= effect.buy:
        units = landing.receipt["units"]
        selection = promotion.lines or promotion.criteria.selection
        what = "" if selection.is_everything else f" of {selection}"
        message = f"The cart has {units} matching units; the first free unit comes with {effect.buy + 1}."
        return Unmet("no_effect", message, f"add {effect.buy + 1 - units} more{what}")
    return Unmet("no_effect", "The items it applies to are already free.", None)

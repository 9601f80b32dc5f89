"""Apply promotions one after another, and choose among those that don't go together (R14, R80).

All promotions stand in one order: by phase, then by rank. Where a group has several exclusive promotions, or several of
which only the best applies, the group chooses when it is the turn of the first of them: by what each would take off
this cart, in whichever phase. The chosen one applies at once, or at its own place if that is in a later phase.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from vinr_server.core.carts.cart import PHASES, Applied, Cart, Promotion, Unqualified
from vinr_server.core.carts.effects import Landing, Priced, land
from vinr_server.core.carts.reasons import blocked, no_effect, not_chosen
from vinr_server.core.carts.values import CartValues
from vinr_server.core.conditions.judging import Unmet, reason
from vinr_server.core.kernel.values import dataclass, replace

# How many of the promotions that gave nothing are shown.
REJECTED_MAX = 50
# From this phase on prices are discounted: the item and BOGO phases are over.
ORDER = PHASES.index("order")

# Why a promotion's budget has not all that it would take off, in minor units; None where it has.
OverBudget = Callable[[Promotion, int], Unmet | None]


def nothing_over(_promotion: Promotion, _discount_minor: int) -> Unmet | None:
    """Nothing has a budget."""
    return None


# Promotions of one group that are exclusive, or of which the best applies.
Rivalry = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A promotion the cart qualifies for, with the lines it discounts, and those that match its criteria.

    `phase` is the place of its phase in the order of phases.
    """

    promotion: Promotion
    lines: Sequence[int]
    matching: Sequence[int]
    phase: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What each rival would take off, by its promotion's id, and the one that was chosen; None if all take nothing."""

    chosen: Promotion | None
    amounts_minor: Mapping[str, int]


class Run:
    """The prices while promotions apply one after another, and which promotions of each group applied before."""

    def __init__(
        self,
        cart: Cart,
        candidates: Sequence[Candidate],
        now: datetime,
        over_budget: OverBudget = nothing_over,
        explained: Collection[str] = (),
    ) -> None:
        self._cart, self._now, self._over_budget, self._explained = cart, now, over_budget, explained
        # The prices that the item and BOGO phases left; None before they are over.
        self._discounted: list[int] | None = None
        self.priced = Priced(
            cart.lines,
            [line.price_minor for line in cart.lines],
            [line.quantity for line in cart.lines],
            cart.shipping_minor,
        )
        self.applied: list[Applied] = []
        self.rejected: list[Unqualified] = []
        self._in_order = list(candidates)
        if len(candidates) > 1:
            self._in_order.sort(key=lambda candidate: (candidate.phase, candidate.promotion.rank))
        self._rivals: dict[Rivalry, list[Candidate]] = {}
        for candidate in self._in_order:
            if candidate.promotion.stacking != "stack" and not candidate.promotion.is_voucher:
                self._rivals.setdefault(_rivalry(candidate.promotion), []).append(candidate)
        self._choices: dict[Rivalry, Choice] = {}
        # By group, with what it took off, or will.
        self._first: dict[str | None, tuple[Promotion, int]] = {}
        self._exclusive: dict[str | None, tuple[Promotion, int]] = {}
        self._done: set[str] = set()
        self._is_trial = False

    def apply_all(self) -> None:
        """Apply every promotion in its turn, or record why it doesn't apply."""
        for place in range(len(self._in_order)):
            self._take_turn(place)

    def _take_turn(self, place: int) -> None:
        candidate = self._in_order[place]
        promotion = candidate.promotion
        if promotion.id in self._done:
            return
        short = self._unmet_threshold(candidate)
        if short is not None:
            self._done.add(promotion.id)
            self._reject(candidate, unmet=short)
            return
        other = self._blocker(promotion)
        if other is not None:
            self._reject(candidate, other=other)
            return
        if promotion.stacking == "stack" or promotion.is_voucher:
            self._apply(candidate)
            return
        rivalry = _rivalry(promotion)
        if rivalry not in self._choices:
            self._choose(place, rivalry)
            if promotion.id in self._done:
                return
        choice = self._choices[rivalry]
        if choice.chosen is None or choice.chosen is promotion:
            self._apply(candidate)
        elif promotion.id not in self._done:
            self._reject(candidate, choice=choice)

    def _unmet_threshold(self, candidate: Candidate) -> Unmet | None:
        """Why the discounted prices of the matching lines are not what the promotion asks for (R78)."""
        criteria = candidate.promotion.criteria
        if self._discounted is None and candidate.phase >= ORDER:
            self._discounted = list(self.priced.minor)
        if not criteria.is_discounted:
            return None
        minor = sum((self._discounted or self.priced.minor)[line] for line in candidate.matching)
        asked = criteria.unmet_subtotal(minor, is_before_discounts=False)
        return None if asked is None else reason(asked, minor, CartValues(self._cart, self._now))

    def _would_take_now(self, candidate: Candidate) -> int:
        """What the promotion would take off the prices of the moment."""
        if self._unmet_threshold(candidate) is not None:
            return 0
        would_minor = land(candidate.promotion.effect, self.priced, candidate.lines).discount_minor
        return would_minor if self._over_budget(candidate.promotion, would_minor) is None else 0

    # ---- choices

    def _choose(self, place: int, rivalry: Rivalry) -> None:
        """The group has chosen; what was chosen of this phase has applied."""
        rivals = self._rivals[rivalry]
        if len(rivals) == 1:
            self._choices[rivalry] = Choice(rivals[0].promotion, {})
            return
        amounts = self._would_take(place, rivalry)
        useful = [rival for rival in rivals if amounts[rival.promotion.id]]
        if not useful:
            self._choices[rivalry] = Choice(None, amounts)
            return
        winner = max(useful, key=lambda rival: amounts[rival.promotion.id])
        if rivalry[0] == "exclusive":
            winner = min(useful, key=lambda rival: _exclusive_rank(rival.promotion, amounts[rival.promotion.id]))
            self._exclusive[rivalry[1]] = (winner.promotion, amounts[winner.promotion.id])
        self._choices[rivalry] = Choice(winner.promotion, amounts)
        if winner.phase == self._in_order[place].phase:
            self._apply(winner)

    def _would_take(self, place: int, rivalry: Rivalry) -> dict[str, int]:
        """What each rival would take off if none of the others were there.

        Those of this phase are looked at now. For later phases a trial goes on without the rivals; in a trial other
        groups choose by the prices of the moment, so that a trial needs no trials.
        """
        here = self._in_order[place].phase
        amounts: dict[str, int] = {}
        later: list[Candidate] = []
        for rival in self._rivals[rivalry]:
            if rival.phase == here or self._is_trial:
                amounts[rival.promotion.id] = self._would_take_now(rival)
            else:
                later.append(rival)
        if later:
            amounts |= self._foreseen(place, rivalry)
        return amounts

    def _foreseen(self, place: int, rivalry: Rivalry) -> dict[str, int]:
        """What each rival of a later phase would take off at its place, without its rivals."""
        trial = self._fork()
        kind, group = rivalry
        here = self._in_order[place].phase
        amounts: dict[str, int] = {}
        for at in range(place, len(self._in_order)):
            candidate = self._in_order[at]
            promotion = candidate.promotion
            is_rival = _rivalry(promotion) == rivalry and not promotion.is_voucher
            if is_rival and candidate.phase != here:
                is_blocked = trial._blocker(promotion) is not None
                amounts[promotion.id] = 0 if is_blocked else trial._would_take_now(candidate)
            is_kept_out = kind == "exclusive" and promotion.group == group and not promotion.is_voucher
            if not is_rival and not is_kept_out:
                trial._take_turn(at)
        return amounts

    def _fork(self) -> Run:
        """A run that goes on from here, and changes nothing of this one."""
        trial = Run(self._cart, (), self._now, self._over_budget)
        trial._discounted = self._discounted
        trial.priced = replace(self.priced, minor=list(self.priced.minor), paid_units=list(self.priced.paid_units))
        trial._in_order, trial._rivals = self._in_order, self._rivals
        trial._choices, trial._done = dict(self._choices), set(self._done)
        trial._first, trial._exclusive = dict(self._first), dict(self._exclusive)
        trial._is_trial = True
        return trial

    def _blocker(self, promotion: Promotion) -> tuple[Promotion, int] | None:
        """Return the promotion of the group that excludes this one: exclusive ones are never combined."""
        if promotion.is_voucher:
            return None
        other = self._exclusive.get(promotion.group)
        if other is not None:
            # Exclusive rivals hear why another was chosen.
            return None if promotion.stacking == "exclusive" else other
        return self._first.get(promotion.group) if promotion.stacking == "exclusive" else None

    # ---- effects

    def _apply(self, candidate: Candidate) -> None:
        """Apply the promotion to the current prices, or record why it takes nothing off."""
        promotion = candidate.promotion
        self._done.add(promotion.id)
        landing = land(promotion.effect, self.priced, candidate.lines)
        if landing.discount_minor == 0:
            self._reject(candidate, landing=landing)
            return
        over = self._over_budget(promotion, landing.discount_minor)
        if over is not None:
            self._reject(candidate, unmet=over)
            return
        minor, paid_units = self.priced.minor, self.priced.paid_units
        for line, taken, freed in landing.shares:
            minor[line] -= taken
            paid_units[line] -= freed
        if landing.shipping_minor:
            self.priced = replace(self.priced, shipping_minor=self.priced.shipping_minor - landing.shipping_minor)
        self.applied.append(Applied(promotion, landing.discount_minor, _receipt(candidate, landing)))
        if not promotion.is_voucher:
            if promotion.group not in self._first:
                self._first[promotion.group] = (promotion, landing.discount_minor)
            if promotion.stacking == "exclusive":
                self._exclusive[promotion.group] = (promotion, landing.discount_minor)

    def _reject(
        self,
        candidate: Candidate,
        *,
        landing: Landing | None = None,
        other: tuple[Promotion, int] | None = None,
        choice: Choice | None = None,
        unmet: Unmet | None = None,
    ) -> None:
        """Record why the promotion gives nothing; nobody sees more than REJECTED_MAX of them."""
        promotion, currency = candidate.promotion, self._cart.currency
        if self._is_trial or (len(self.rejected) >= REJECTED_MAX and promotion.id not in self._explained):
            return
        if unmet is not None:
            self.rejected.append(Unqualified(promotion, [unmet]))
            return
        would = landing or land(promotion.effect, self.priced, candidate.lines)
        if (
            choice is not None
            and choice.chosen is not None
            and (choice.amounts_minor[promotion.id] or would.discount_minor)
        ):
            unmet = not_chosen(promotion, choice.chosen, choice.amounts_minor, currency)
        elif other is not None:
            unmet = blocked(*other, would.discount_minor, currency)
        else:
            unmet = no_effect(promotion, would, currency)
        self.rejected.append(Unqualified(promotion, [unmet]))


def _rivalry(promotion: Promotion) -> Rivalry:
    return (promotion.stacking, promotion.group)


def _exclusive_rank(promotion: Promotion, amount_minor: int) -> tuple[object, ...]:
    """Which of several exclusive promotions applies: by priority, then what it gives the customer, then age (R80)."""
    return (-promotion.priority, -amount_minor, promotion.created_at, promotion.id)


def _receipt(candidate: Candidate, landing: Landing) -> dict[str, object]:
    """Everything the effect was computed from; `promotion` is an offer's or a discount's id."""
    promotion = candidate.promotion
    return {
        "promotion": promotion.id,
        "revision": promotion.revision,
        "phase": PHASES[candidate.phase],
        "type": promotion.effect.type,
        **landing.receipt,
        "discount": landing.discount_minor,
    }

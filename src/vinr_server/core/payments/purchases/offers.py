"""Offers that a payment redeems: the best multiplier on what it earns, then flat bonuses, then gifts (R9, R18).

An offer is redeemed where the member is its target, the payment meets its conditions, and its caps have room; where it
adds nothing it takes no slot (R14). Targeting is judged now, whatever was true when the member opted in (R17).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.earning.conditions import Occasion, eligible_part, unmet_conditions
from vinr_server.core.earning.occasions import Result, points_of, reasons
from vinr_server.core.earning.rules import Boost
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import show_exact
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import claim_of, gift_refusal
from vinr_server.core.offers.budgets import members_of, unmet_budget
from vinr_server.core.offers.grants.states import usable_grant
from vinr_server.core.offers.in_force import offers_in_force
from vinr_server.core.offers.payloads import in_outcome
from vinr_server.core.offers.redemptions import limit_condition, limit_refusal, redeem_gift, redeem_offer
from vinr_server.core.offers.rows import Offer, OfferGrant, OfferRedemption, OfferRevision, OfferTerms
from vinr_server.core.offers.targeting import unmet_targeting
from vinr_server.core.payments.rows import Earning, Gift, Payment, Revision
from vinr_server.core.programs.members import program_of
from vinr_server.core.rewards.redemptions import give_gift_again, giving_condition, take_gift_back

Json = Mapping[str, Any]
# What a redemption's receipt says by itself.
_OF_OFFER = ("offer", "offer_revision")


class PaymentOffers:
    """The offers that a purchase redeems with one of its payments, account by account.

    `boosts_of` is asked before an account earns, the offers are redeemed as soon as it has: what one account has used
    is counted when the next asks, so that a customer with several has what one limit, and one cap, leaves them
    together. An order redeems an offer once; what it was redeemed for is frozen (R16).
    """

    def __init__(self, draft: Layer, context: Context, payment: Payment, reported_at: datetime | None) -> None:
        """`payment`: the one that redeems; `reported_at`: when the purchase was reported, None where that is now."""
        self._draft, self._context = draft, context
        self._payment, self._reported_at = payment, reported_at
        self._now = context.wall_now  # of the account that earns: by its program's clock
        self._multipliers: list[Offer] = []
        self._grants: dict[str, OfferGrant] = {}  # by offer, of the account that earns
        self._added: dict[str, int] = {}  # by offer, the points that a multiplier adds
        self.new_bonuses: list[Offer] = []
        self.new_gifts: list[Offer] = []
        self._redemptions: list[OfferRedemption] = []
        self._skipped: list[Json] = []

    def boosts_of(self, account: Account, occasion: Occasion, earning: Earning, *, may_redeem: bool) -> Sequence[Boost]:
        """The multiplier that the purchase has redeemed, if it still qualifies; else those it may redeem, best first.

        Ties: the older offer, then the lower id.
        """
        context = self._context
        self._now = context.now(program_of(self._draft, account).clock_id)
        self._multipliers, self.new_bonuses, self.new_gifts = [], [], []
        self._grants.clear()
        if may_redeem:
            in_force = offers_in_force(self._draft, "payment", account.program_id)
            known = {offer_id for offer_id, _revision in earning.offers}
            fresh = [offer for offer in in_force if offer.id not in known and not self._is_later(offer, account)]
            usable = [offer for offer in fresh if self._is_usable(offer, account, occasion)]
            multipliers = [offer for offer in usable if offer.terms.multiplier is not None]
            self._multipliers = sorted(multipliers, key=lambda offer: -_factor_of(offer.terms))
            self.new_bonuses = [offer for offer in usable if offer.terms.bonus is not None]
            self.new_gifts = [offer for offer in usable if offer.terms.gift is not None]
        if earning.multiplier is None:
            return [Boost(offer.id, offer.revision, _factor_of(offer.terms)) for offer in self._multipliers]
        terms = self._terms(earning.multiplier)
        self._multipliers = []
        still_qualifies = not unmet_conditions(terms.conditions, occasion)
        return [Boost(*earning.multiplier, _factor_of(terms))] if still_qualifies else []

    def within_budget(
        self, account: Account, boosts: Sequence[Boost], results_with: Callable[[Sequence[Boost]], Sequence[Result]]
    ) -> Sequence[Result]:
        """What each rule gives, with the best multiplier whose budget has all the points that it adds (R56)."""
        results = results_with(boosts)
        while self._multipliers:
            best_id = next((boost.offer_id for _result, boost in results if boost is not None), None)
            offer = next((offer for offer in self._multipliers if offer.id == best_id), None)
            if offer is None or offer.terms.budget is None or offer.terms.budget.measure != "points":
                return results
            added = points_of(results) - points_of(results_with(()))
            over = unmet_budget(self._draft, self._context, offer, members_of(offer, account), required=added)
            if not over:
                self._added[offer.id] = added
                return results
            self._skip(offer, account, over)
            self._multipliers = [other for other in self._multipliers if other is not offer]
            boosts = [boost for boost in boosts if boost.offer_id != offer.id]
            results = results_with(boosts)
        return results

    def redeem_multiplier(self, account: Account, best_id: str | None, entry_ids: Sequence[str]) -> Revision | None:
        """The multiplier that adds to the account's points is redeemed: counted, on record and announced.

        `best_id`: the offer, None where no offer adds anything; `entry_ids`: the awards that it adds to.
        """
        redeemed = None
        for offer in self._multipliers:
            if offer.id == best_id:
                self._redemptions.append(self._redeem_multiplier(offer, account, entry_ids))
                redeemed = (offer.id, offer.revision)
            else:
                self._skip_multiplier(offer, account, best_id)
        return redeemed

    def bonus_points(self, bonus: Revision, occasion: Occasion) -> int:
        """What a bonus that was redeemed gives now: nothing where the purchase no longer qualifies."""
        terms = self._terms(bonus)
        assert terms.bonus is not None, f"{bonus[0]} is no bonus"
        return 0 if unmet_conditions(terms.conditions, occasion) else terms.bonus.points

    def bonus_movement(self, bonus: Revision, occasion: Occasion) -> Movement:
        """Why a bonus gives points."""
        offer_id, revision = bonus
        offer, terms = self._draft.get(Offer, offer_id), self._terms(bonus)
        assert terms.bonus is not None, f"{offer_id} is no bonus"
        receipt = {
            "offer": offer_id,
            "offer_revision": revision,
            "flat": terms.bonus.points,
            **_counted(terms, occasion),
            "points": terms.bonus.points,
        }
        return Movement("award", reason=offer.name if offer is not None else None, receipt=receipt)

    def redeem_bonus(self, offer: Offer, account: Account, movement: Movement, *, entry_id: str) -> None:
        """The bonus is redeemed, with the entry that gave its points."""
        receipt = {name: value for name, value in (movement.receipt or {}).items() if name not in _OF_OFFER}
        newest = self._draft.get(Account, account.id) or account
        self._redemptions.append(
            redeem_offer(
                self._draft,
                self._context,
                offer,
                newest,
                receipt=receipt,
                now=self._now,
                entry_id=entry_id,
                payment_id=self._payment.id,
                grant=self._grants.get(offer.id),
                points=offer.terms.bonus.points if offer.terms.bonus is not None else 0,
            )
        )

    def redeem_gift(self, offer: Offer, account: Account, occasion: Occasion) -> Gift | None:
        """The reward is given; None, and the payment says why, where another gift has just taken the last of it."""
        unmet = self._unmet_gift(offer, account)
        if unmet:
            self._skip(offer, account, unmet)
            return None
        newest = self._draft.get(Account, account.id) or account
        use, redemption = redeem_gift(
            self._draft,
            self._context,
            offer,
            newest,
            now=self._now,
            receipt=_counted(offer.terms, occasion),
            payment_id=self._payment.id,
            grant=self._grants.get(offer.id),
        )
        self._redemptions.append(use)
        return Gift((offer.id, offer.revision), redemption.reward_id, redemption.id, redemption.discount_id)

    def settle_gift(self, gift: Gift, occasion: Occasion, is_refunded_whole: bool) -> Gift:
        """The member has the gift while the purchase qualifies: it is taken back where it can be, or given again."""
        is_earned = not is_refunded_whole and not unmet_conditions(self._terms(gift.offer).conditions, occasion)
        if is_earned != gift.is_taken:
            return gift
        move = give_gift_again if is_earned else take_gift_back
        has_moved = move(self._draft, self._context, gift.redemption_id, now=self._now)
        return replace(gift, is_taken=not is_earned) if has_moved else gift

    def with_offers(self, outcome: Json) -> dict[str, Any]:
        """The outcome of the payment with the offers it redeemed, and why others gave nothing."""
        shown = {"offer_redemptions": [in_outcome(use) for use in self._redemptions]} if self._redemptions else {}
        return {**outcome, "skipped": [*outcome["skipped"], *self._skipped], **shown}

    def _is_later(self, offer: Offer, account: Account) -> bool:
        """Whether the offer came, or was changed, after the purchase was reported: what becomes of this, is too late.

        One that lives by another clock than the account can't be compared.
        """
        reported_at, since = self._reported_at, offer.in_force_since
        is_comparable = offer.program_id is not None or program_of(self._draft, account).clock_id is None
        return is_comparable and reported_at is not None and since is not None and since > reported_at

    def _terms(self, revision: Revision) -> OfferTerms:
        """What the offer said then: where it says the same today, the catalogue has it."""
        current = self._draft.get(Offer, revision[0])
        if current is not None and current.revision == revision[1]:
            return current.terms
        offer = self._draft.get(OfferRevision, revision)
        assert offer is not None, f"revision {revision} of an offer is never deleted"
        return offer.terms

    def _is_usable(self, offer: Offer, account: Account, occasion: Occasion) -> bool:
        """Whether the payment may redeem the offer; the payment says why a targeted member may not."""
        draft, context = self._draft, self._context
        now = self._now
        if offer.terms.application == "opt_in" and claim_of(draft, offer, account) is None:
            return False
        if offer.is_granted and not self._has_grant(offer, account, occasion):
            return False
        if unmet_targeting(draft, context, offer.terms.targeting, account):
            return False
        refusal = limit_refusal(draft, offer, account, now=now)
        unmet = unmet_conditions(offer.terms.conditions, occasion)
        if refusal is not None:
            unmet.append(Unmet(limit_condition(refusal), refusal.message, None))
        unmet += _outside(offer, occasion.occurred_at)
        if offer.terms.budget is not None:
            unmet += unmet_budget(draft, context, offer, members_of(offer, account))
        unmet += self._unmet_gift(offer, account)
        if unmet:
            self._skip(offer, account, unmet)
        return not unmet

    def _has_grant(self, offer: Offer, account: Account, occasion: Occasion) -> bool:
        """Whether the member has a grant now that it also had when the purchase was made; it is remembered."""
        grant = usable_grant(self._draft, self._context, offer, account, occurred_at=occasion.occurred_at)
        if grant is not None:
            self._grants[offer.id] = grant
        return grant is not None

    def _unmet_gift(self, offer: Offer, account: Account) -> list[Unmet]:
        """Why the member can't be given the offer's reward, as it was before the payment; nothing if it is no gift."""
        if offer.terms.gift is None:
            return []
        before = self._draft.before(Account, account.id) or account
        refusal = gift_refusal(self._draft, offer, before, now=self._now)
        if refusal is None:
            return []
        return [Unmet(giving_condition(refusal), refusal.message, refusal.details.get("change"))]

    def _skip(self, offer: Offer, account: Account, unmet: Sequence[Unmet]) -> None:
        self._skipped.append({"account": account.id, "offer": offer.id, "unmet": reasons(unmet)})

    def _skip_multiplier(self, offer: Offer, account: Account, best_id: str | None) -> None:
        if best_id is not None:
            message = f"Only the best multiplier applies, and that is offer {best_id}."
            self._skip(offer, account, [Unmet("best", message, None)])
        else:
            message = "The payment earns no points that the offer would add to; it took no use of it."
            self._skip(offer, account, [Unmet("no_effect", message, "spend more")])

    def _redeem_multiplier(self, offer: Offer, account: Account, entry_ids: Sequence[str]) -> OfferRedemption:
        receipt = {"factor_e4": _factor_of(offer.terms), "points_transactions": list(entry_ids)}
        return redeem_offer(
            self._draft,
            self._context,
            offer,
            account,
            receipt=receipt,
            now=self._now,
            entry_id=entry_ids[0],
            payment_id=self._payment.id,
            grant=self._grants.get(offer.id),
            points=self._added.get(offer.id, 0),
        )


def _factor_of(terms: OfferTerms) -> int:
    assert terms.multiplier is not None, "it is no multiplier"
    return terms.multiplier.factor_e4


def _counted(terms: OfferTerms, occasion: Occasion) -> dict[str, Any]:
    """What the purchase counted for when the offer's conditions were met, for a receipt."""
    return {
        "currency": occasion.currency,
        "eligible": show_exact(eligible_part(terms.conditions, occasion)),
        "min_amount": terms.conditions.min_amount_minor,
    }


def _outside(offer: Offer, occurred_at: datetime | None) -> list[Unmet]:
    """A payment reported late, or imported, counts for an offer that was open when it was made, and is open now."""
    assert occurred_at is not None, "the occasion's instant is settled before its offers are looked at"
    if offer.starts_at is not None and occurred_at < offer.starts_at:
        return [Unmet("window", f"The payment was made before offer {offer.id} started.", None)]
    if offer.ends_at is not None and occurred_at >= offer.ends_at:
        return [Unmet("window", f"The payment was made after offer {offer.id} ended.", None)]
    return []

"""Offers that a payment redeems: the best multiplier on what it earns, then flat bonuses (R9, R18).

An offer is redeemed where the member is its target, the payment meets its conditions, and its caps have room; where it
adds nothing it takes no slot (R14). Targeting is judged now, whatever was true when the member opted in (R17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.earning.occasions import as_seen_by, reasons
from vinr_server.core.earning.rules import Boost, Occasion, Unmet, eligible_part, unmet_conditions
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.ledger.movements import Movement, accrue
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import claim_of
from vinr_server.core.offers.in_force import offers_in_force
from vinr_server.core.offers.payloads import in_outcome
from vinr_server.core.offers.redemptions import limit_condition, limit_refusal, redeem_offer
from vinr_server.core.offers.rows import Offer, OfferRedemption
from vinr_server.core.offers.targeting import unmet_targeting
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of

Json = Mapping[str, Any]


class PaymentOffers:
    """The offers that one payment may redeem, account by account.

    `boosts_of` is asked before an account earns, `redeem` is called as soon as it has: what one account has used is
    counted when the next asks, so that a customer with several has what one limit, and one cap, leaves them together.
    """

    def __init__(self, draft: Layer, context: Context, payment: Payment, occasion: Occasion) -> None:
        self._draft, self._context = draft, context
        self._payment, self._occasion = payment, occasion
        self._now = context.wall_now  # of the account that earns: by its program's clock
        self._multipliers: list[Offer] = []
        self._bonuses: list[Offer] = []
        self._redemptions: list[OfferRedemption] = []
        self._awards: list[Json] = []
        self._skipped: list[Json] = []

    def boosts_of(self, account: Account, occasion: Occasion) -> Sequence[Boost]:
        """The multipliers that the payment may redeem, the best first. Ties: the older offer, then the lower id."""
        context = self._context
        self._now = context.now(program_of(self._draft, account).clock_id)
        in_force = offers_in_force(self._draft, "payment", account.program_id)
        usable = [offer for offer in in_force if self._is_usable(offer, account, occasion)]
        multipliers = [offer for offer in usable if offer.terms.multiplier is not None]
        self._multipliers = sorted(multipliers, key=lambda offer: -_factor_of(offer))
        self._bonuses = [offer for offer in usable if offer.terms.bonus is not None]
        return [Boost(offer.id, offer.revision, _factor_of(offer)) for offer in self._multipliers]

    def redeem(self, account: Account, awards: Sequence[Json]) -> None:
        """What the account may redeem is redeemed, now that rules made it these awards: counted, on record and told."""
        boosted = [award for award in awards if "offer" in award]
        for offer in self._multipliers:
            if boosted and boosted[0]["offer"] == offer.id:
                self._redemptions.append(self._redeem_multiplier(offer, account, boosted))
            else:
                self._skip_multiplier(offer, account, boosted)
        for offer in self._bonuses:
            self._redemptions.append(self._redeem_bonus(offer, account))

    def with_offers(self, outcome: Json) -> dict[str, Any]:
        """The outcome of the payment with what its offers gave, and why others gave nothing."""
        told = {"offer_redemptions": [in_outcome(one) for one in self._redemptions]} if self._redemptions else {}
        awards, skipped = [*outcome["awards"], *self._awards], [*outcome["skipped"], *self._skipped]
        return {**outcome, "awards": awards, "skipped": skipped, **told}

    def _is_usable(self, offer: Offer, account: Account, occasion: Occasion) -> bool:
        """Whether the payment may redeem the offer; where the member is its target and yet can't, it is told why."""
        draft, context = self._draft, self._context
        now = self._now
        if offer.terms.application == "opt_in" and claim_of(draft, offer, account) is None:
            return False
        if unmet_targeting(draft, context, offer.terms.targeting, account, now=now):
            return False
        refusal = limit_refusal(draft, offer, account, now=now)
        unmet = unmet_conditions(offer.terms.conditions, occasion, subject="offer")
        if refusal is not None:
            unmet.append(Unmet(limit_condition(refusal), refusal.message, None))
        unmet += _outside(offer, occasion.occurred_at)
        if unmet:
            self._skip(offer, account, unmet)
        return not unmet

    def _skip(self, offer: Offer, account: Account, unmet: Sequence[Unmet]) -> None:
        self._skipped.append({"account": account.id, "offer": offer.id, "unmet": reasons(unmet)})

    def _skip_multiplier(self, offer: Offer, account: Account, boosted: Sequence[Json]) -> None:
        if boosted:
            message = f"Only the best multiplier applies, and that is offer {boosted[0]['offer']}."
            self._skip(offer, account, [Unmet("best", message, None)])
        else:
            message = "The payment earns no points that the offer would add to; it took no use of it."
            self._skip(offer, account, [Unmet("no_effect", message, "spend more")])

    def _redeem_multiplier(self, offer: Offer, account: Account, boosted: Sequence[Json]) -> OfferRedemption:
        receipt = {
            "factor_e4": _factor_of(offer),
            "points_transactions": [award["points_transaction"] for award in boosted],
        }
        return redeem_offer(
            self._draft,
            self._context,
            offer,
            account,
            receipt=receipt,
            now=self._now,
            entry_id=boosted[0]["points_transaction"],
            payment_id=self._payment.id,
        )

    def _redeem_bonus(self, offer: Offer, account: Account) -> OfferRedemption:
        assert offer.terms.bonus is not None, f"{offer.id} is no bonus"
        points = offer.terms.bonus.points
        mine = as_seen_by(self._draft, self._context, account, self._occasion)
        receipt = {
            "flat": points,
            "currency": mine.currency,
            "eligible": eligible_part(offer.terms.conditions, mine),
            "min_amount": offer.terms.conditions.min_amount_minor,
            "points": points,
        }
        movement = Movement(
            "award",
            reason=offer.name,
            source_type="payment",
            source_id=self._payment.id,
            receipt={"offer": offer.id, "offer_revision": offer.revision, **receipt},
            occurred_at=mine.occurred_at,
        )
        newest = self._draft.get(Account, account.id) or account
        program = program_of(self._draft, account)
        newest, entry, _payload = accrue(
            self._draft,
            self._context,
            newest,
            program,
            points=points,
            movement=movement,
            event_type="loyalty.points.earned",
        )
        award = {"account": account.id, "offer": offer.id, "points_transaction": entry.id, "points": points}
        self._awards.append(award)
        return redeem_offer(
            self._draft,
            self._context,
            offer,
            newest,
            receipt=receipt,
            now=self._now,
            entry_id=entry.id,
            payment_id=self._payment.id,
        )


def _factor_of(offer: Offer) -> int:
    assert offer.terms.multiplier is not None, f"{offer.id} is no multiplier"
    return offer.terms.multiplier.factor_e4


def _outside(offer: Offer, occurred_at: datetime | None) -> list[Unmet]:
    """A payment reported late, or imported, counts for an offer that was open when it was made, and is open now."""
    assert occurred_at is not None, "the occasion's instant is settled before its offers are looked at"
    if offer.starts_at is not None and occurred_at < offer.starts_at:
        return [Unmet("window", f"The payment was made before offer {offer.id} started.", None)]
    if offer.ends_at is not None and occurred_at >= offer.ends_at:
        return [Unmet("window", f"The payment was made after offer {offer.id} ended.", None)]
    return []

"""Bugs planted in gifts that apply by themselves: what they ask, and what becomes of them with their payment."""

from __future__ import annotations

from mutant import Mutant, scenario

USED_UP = scenario("gifts: A gift that is used up stays, and so does the member's use of the offer (R8, R15, R18)")

MUTANTS: list[Mutant] = [
    Mutant(
        "a gift that comes with a payment takes more of its reward than there is",
        "PaymentOffers.redeem_gift",
        "if unmet:",
        "if unmet and False:",
        scenario("gifts: Two gifts of one reward share its stock, in one payment too (R15)"),
    ),
    Mutant(
        "the tier that a payment reaches counts for its gift",
        "PaymentOffers._unmet_gift",
        "before = self._draft.before(Account, account.id) or account",
        "before = self._draft.get(Account, account.id) or account",
        scenario("gifts: The tier before the payment says which gifts it brings (R9, R18)"),
    ),
    Mutant(
        "a gift whose discount is used up is canceled with its payment",
        "take_gift_back",
        'discount.status in ("consumed", "reserved")',
        'discount.status == "reserved"',
        USED_UP,
    ),
    Mutant(
        "a refund frees the use of an offer whose gift stays",
        "change_purchase",
        "if use.redemption_id is None or not is_kept(draft, use.redemption_id):",
        "if True:",
        USED_UP,
    ),
    Mutant(
        "a gift that a session holds is canceled with its payment",
        "take_gift_back",
        'discount.status in ("consumed", "reserved")',
        'discount.status == "consumed"',
        scenario("gifts: A gift that a session holds stays with the member (R18)"),
    ),
    Mutant(
        "a gift that the merchant has canceled is given again",
        "PaymentOffers.settle_gift",
        "return replace(gift, is_taken=not is_earned) if has_moved else gift",
        "return replace(gift, is_taken=not is_earned)",
        scenario(
            "gifts: A gift that the merchant has canceled stays canceled, and frees its slot with the refund (R5, R15)"
        ),
    ),
    Mutant(
        "the cancellation of a refund gives a gift that somebody else has by now",
        "give_gift_again",
        "if _cap_refusal(draft, account, reward, reward.id) is not None:",
        "if False:",
        scenario("gifts: A gift that was taken back is not given again when somebody else has the last one (R15, R72)"),
    ),
    Mutant(
        "a gift stays when what is kept falls below its threshold",
        "PaymentOffers.settle_gift",
        "is_earned = not is_refunded_whole and not unmet_conditions(self._terms(gift.offer).conditions, occasion)",
        "is_earned = not is_refunded_whole",
        scenario("gifts: A gift goes when what is kept falls below its threshold, and comes back with it (R7, R75)"),
    ),
    Mutant(
        "an order brings its gift with each of its payments",
        "Earning.offers",
        "*(gift.offer for gift in self.gifts)",
        "*()",
        scenario("gifts: An order brings a gift once, and loses it when all of it is refunded (R74)"),
    ),
]

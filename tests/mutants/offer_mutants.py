"""Bugs planted in offers: their caps, targeting, windows and multipliers."""

from __future__ import annotations

from mutant import Mutant, scenario

LAST = "properties/test_property_races.py::test_what_is_there_once_is_given_once[last_of_an_offer]"

MUTANTS: list[Mutant] = [
    Mutant(
        "the counters of an offer are read without a lock",
        "KINDS",
        'Kind(Counter, _locked, "counters", bucket_of)',
        'Kind(Counter, _by_id, "counters", bucket_of)',
        LAST,
    ),
    Mutant(
        "an offer's counters are locked and counted in one statement",
        "_locked",
        "await reading.lock(kind.row_type, reading.wanted(kind.row_type, kind.place))",
        """
        wanted = reading.wanted(kind.row_type, kind.place)
        if kind.row_type is Counter:
            await reading.read(Counter, "id", wanted)
            held, reading.layers = reading.layers, {realm: type(one)() for realm, one in reading.layers.items()}
            await reading.lock(Counter, wanted)
            reading.layers = held
        else:
            await reading.lock(kind.row_type, wanted)
        """,
        LAST,
    ),
    Mutant(
        "a cart looks up the offers of every program",
        "name_offers_of_cart",
        "mine = (offer for offer in offers if offer.program_id in (None, account.program_id))",
        "mine = offers",
        "core/test_offers_in_force.py::test_offers_of_another_program_are_not_looked_up",
    ),
    Mutant(
        "the offers just beyond a cart's reach are looked up one by one",
        "name_offers_of_cart",
        "chain(found.within, found.beyond)",
        "found.within",
        "core/test_offers_in_force.py::test_every_counter_that_deciding_asks_for_was_looked_for",
    ),
    Mutant(
        "uses that a session will count are not looked up",
        "name_offers_of_cart",
        "is_held or _asks_of_uses(offer)",
        "_asks_of_uses(offer)",
        "core/test_offers_in_force.py::test_an_offer_without_limits_is_looked_up_where_its_use_is_counted[True]",
    ),
    Mutant(
        "a changed cart is looked up as it was",
        "name_changed_cart",
        "lambda cart, change: replace(cart, **change)",
        "lambda cart, change: cart",
        "core/test_offers_in_force.py::test_a_changed_cart_is_looked_up_as_it_becomes",
    ),
    Mutant(
        "a member's limit is counted for all members together",
        "counter_of",
        'return f"{counted_as}:{escaped(member_id)}:{id}"',
        'return f"{counted_as}:loy_:{id}"',
        scenario("offers: A multiplier multiplies once for each member unless it says otherwise (R15)"),
    ),
    Mutant(
        "who was a target at activation stays one",
        "PaymentOffers._is_usable",
        "unmet_targeting(draft, context, offer.terms.targeting, account)",
        "offer.terms.application == 'auto' and unmet_targeting(draft, context, offer.terms.targeting, account)",
        scenario("offers: Who leaves the segment after opting in loses the offer (R17)"),
    ),
    Mutant(
        "an offer is open at its very end",
        "_window_refusal",
        "now >= offer.ends_at",
        "now > offer.ends_at",
        scenario("offers: The window opens at its start and is closed at its very end (R15)"),
    ),
    Mutant(
        "a partial refund frees the member's slot",
        "change_purchase",
        "if purchase.is_refunded_whole and not was_refunded_whole:",
        "if cause.payment.refunded_minor:",
        scenario("offers: A full refund frees the member's slot and not the one of all (R15)"),
    ),
    Mutant(
        "an offer ends one use after its cap",
        "count_for_all",
        "after.used - used < most <= after.used",
        "after.used - used <= most < after.used",
        scenario("offers: The use that fills the cap ends the offer, in its own transaction (R15)"),
    ),
    Mutant(
        "the lowest multiplier wins",
        "PaymentOffers.boosts_of",
        "key=lambda offer: -_factor_of(offer.terms)",
        "key=lambda offer: _factor_of(offer.terms)",
        scenario("offers: Of several multipliers the best one applies alone and alone is used (R9, R15)"),
    ),
    Mutant(
        "a multiplier that adds nothing is used up",
        "results_of",
        "_points(after) > _points(before)",
        "_points(after) >= _points(before)",
        scenario("offers: A multiplier that adds nothing takes no use (R14)"),
    ),
    Mutant(
        "a refund forgets the offer's multiplier",
        "PaymentOffers.boosts_of",
        "[Boost(*earning.multiplier, _factor_of(terms))] if still_qualifies else []",
        "[Boost(*earning.multiplier, _factor_of(terms))] if still_qualifies and self._reported_at is None else []",
        scenario("offers: A refund takes back by the frozen multiplier, by any path (R7)"),
    ),
    Mutant(
        "an amendment redeems an offer that came after the purchase",
        "PaymentOffers._is_later",
        "since > reported_at",
        "since < reported_at",
        scenario(
            "purchases: What becomes of a purchase redeems offers that were in force when it was reported, and no later"
            " ones (R7, R75)"
        ),
    ),
    Mutant(
        "a refund that needs no new award leaves the multiplier unused",
        "_Settling._settle_offers",
        "self._offers.redeem_multiplier(account, offer_id, given or held)",
        "(self._offers.redeem_multiplier(account, offer_id, given) if given else None)",
        scenario("purchases: A multiplier to which a cap left nothing multiplies what a refund leaves (R7, R76)"),
    ),
    Mutant(
        "what was held of a cap stays held once the cap is gone",
        "count_for_all",
        "if not capped.is_counted:",
        "if capped.global_limit is None:",
        scenario("checkout: A cap taken away while a session holds a use is whole again when it is set (R15)"),
    ),
    Mutant(
        "a cap set later starts at nothing",
        "begin_counting",
        "if tally.used or tally.reserved:",
        "if tally.used < 0:",
        scenario("offers: A cap set later counts what was used before (R15)"),
    ),
    Mutant(
        "a cap set in a batch forgets the uses of that batch",
        "count_for_all",
        "if tally is not None:",
        "if tally is None and False:",
        "properties/test_property_offers.py::TestBatches"
        "::test_that_set_a_cap_between_uses_give_what_single_commands_give",
    ),
    Mutant(
        "a cap set later does not wait for who uses the offer",
        "LOCK_UNCOUNTED",
        "order by t.realm, t.id for update of t",
        "order by t.realm, t.id for no key update of t",
        "properties/test_property_offers.py::TestFirstCaps::test_wait_for_who_uses_the_offer",
    ),
    Mutant(
        "who uses an offer does not look whether it got its first cap",
        "save",
        "if uncounted and not await hold_uncounted(connection, uncounted):",
        "if uncounted and await hold_uncounted(connection, uncounted) is None:",
        "properties/test_property_offers.py::TestFirstCaps::test_are_seen_by_who_uses_the_offer_at_that_moment",
    ),
    Mutant(
        "who redeems a reward does not look whether it got its first stock",
        "_uncounted",
        "capped = loaded[realm].get(Reward, use.reward_id)",
        "capped = None",
        "properties/test_property_stock.py::TestFirstStocks::test_are_seen_by_who_redeems_at_that_moment",
    ),
    Mutant(
        "a stock set later does not count what was redeemed before",
        "decide_update_reward",
        "if reward.is_counted and not before.is_counted:",
        "if reward.is_counted and before.is_counted and False:",
        scenario("rewards: A stock that is set later counts what was redeemed before (R15)"),
    ),
    Mutant(
        "a gift passes by what a reward asks of a member",
        "giving_refusal",
        'name = reward.id if offer_id is None else f"{reward.id} of offer {offer_id}"',
        """
        name = reward.id if offer_id is None else f"{reward.id} of offer {offer_id}"
        if offer_id is not None:
            reward = replace(reward, tiers=(), starts_at=None, ends_at=None, per_member_limit=None)
        """,
        scenario("offers: A gift asks all that a redemption of the reward asks, but its points (R18)"),
    ),
    Mutant(
        "gifts are not counted for the reward's limit",
        "issue",
        "count_redemption(draft, context, account, reward, used=1)",
        """
        if paid_by is not None:
            count_redemption(draft, context, account, reward, used=1)
        """,
        scenario("offers: A gift and a redemption share the reward's limit for each member (R15)"),
    ),
    Mutant(
        "an offer of every program counts accounts",
        "Offer.member_id",
        "if self.program_id is not None:",
        "if True:",
        scenario("offers: An offer of every program is each customer's, whatever accounts it has (R21)"),
    ),
    Mutant(
        "what a purchase has used for one account is not counted for the next",
        "PaymentOffers._is_usable",
        "refusal = limit_refusal(draft, offer, account, now=now)",
        "refusal = limit_refusal(draft.below, offer, account, now=now)",
        scenario(
            "offers: One purchase takes no more of an offer's cap than there is, whatever accounts it earns for (R15)"
        ),
    ),
    Mutant(
        "only the first activation is told",
        "activate",
        'announce(draft, context, type="loyalty.offer.activated", account=account, data=claimed, now=now)',
        """
        if present is None:
            announce(draft, context, type="loyalty.offer.activated", account=account, data=claimed, now=now)
        """,
        scenario("offers: Every accepted activation is told (R18)"),
    ),
]

"""Which offers a member's event may redeem, and the rows that this decision needs.

A batch declares its counters before it knows how its own commands will change its members. This module declares what
will probably be needed: only a part of a member's counters is read, and a decision that needs another gets all of them.
So a wrong guess can cost time, but never break a cap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from vinr_server.core.budgets.counting import budget_counter, period_name
from vinr_server.core.carts.cart import Cart
from vinr_server.core.carts.index import MEMBERS, segment_key, tier_key
from vinr_server.core.codes.rows import Code
from vinr_server.core.earning.conditions import metadata_differences
from vinr_server.core.kernel.caps import CAPS, counter_of
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.budgets import members_of, zone_of_offer
from vinr_server.core.offers.promotions import offer_index
from vinr_server.core.offers.rows import ComesWith, Offer, OfferClaim, OfferGrant, OfferRedemption
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards.rows import Reward

# Everything that redeems offers for members.
WAYS: tuple[ComesWith, ...] = ("payment", "checkout", "activation")


def offers_in_force(layer: Layer, comes_with: ComesWith, program_id: str | None) -> list[Offer]:
    """List the published offers of a program, and those of every program, that this redeems; oldest first.

    The caller still has to check their windows and caps.
    """
    places = dict.fromkeys(((comes_with, program_id), (comes_with, None)))
    found = [offer for place in places for offer in layer.children(Offer, place) if offer.parent == place]
    return sorted(found, key=lambda offer: (offer.created_at, offer.id)) if len(found) > 1 else found


def redemptions_of(layer: Layer, payment: Payment) -> list[OfferRedemption]:
    """What the payment itself redeemed, and what the checkout session that it completed redeemed."""
    parents = (payment.id, payment.session_id)
    found = [use for parent in parents if parent is not None for use in layer.children(OfferRedemption, parent)]
    return [use for use in found if use.payment_id == payment.id]


# ---- what is needed of a member's offers


def name_cap(needs: Needs, offer_id: str) -> None:
    """Declare the counter of an offer's cap, and the clock that the offer lives by."""
    needs.row(Offer, offer_id)
    needs.counter(counter_of("offer", offer_id))


def name_offer_of_member(needs: Needs, seen: Layer, offer: Offer, account: Account) -> None:
    """Declare what a member has done with an offer: its counter, its claim or grants, and the counters of a gift."""
    member_id = offer.member_id(account)
    needs.counter(counter_of("offer", offer.id, member_id), beside=account.id)
    needs.row(OfferClaim, (offer.id, member_id), beside=account.id)
    if offer.is_granted:
        needs.children(OfferGrant, account.id)
    if offer.terms.budget is not None:
        name_budget(needs, seen, offer, members_of(offer, account))
    if offer.terms.gift is not None:
        name_gift(needs, offer.terms.gift.reward_id, account.id)


def name_budget(needs: Needs, seen: Layer, offer: Offer, member_ids: Iterable[str]) -> None:
    """Declare what counts the offer's budget, as far as that can be guessed: not by a test clock."""
    budget, at = offer.terms.budget, needs.at
    program = seen.get(Program, offer.program_id) if offer.program_id is not None else None
    if budget is None or at is None or (program is not None and program.clock_id is not None):
        return
    period = period_name(budget.period, at, zone_of_offer(seen, offer))
    for member_id in member_ids if budget.is_per_member else (None,):
        needs.counter(budget_counter(offer.id, period, member_id))


def name_grants_ever(needs: Needs, offer: Offer, account: Account) -> None:
    """Declare how many grants of the offer the member has had."""
    needs.counter(counter_of("grant", offer.id, offer.member_id(account)), beside=account.id)


def name_use(needs: Needs, seen: Layer, use: OfferRedemption, customer_id: str | None) -> None:
    """Declare the account that redeemed, its grant and code, and the counter of the member's uses.

    The customer is the account's.
    """
    offer = seen.get(Offer, use.offer_id)
    if use.grant_id is not None:
        needs.row(OfferGrant, use.grant_id)
    if use.code_id is not None:
        needs.row(Code, use.code_id)
    if use.budget_counter is not None:
        needs.counter(use.budget_counter)
    if use.account_id is None:
        if offer is not None and offer.per_member_limit is not None and customer_id is not None:
            needs.row(Customer, customer_id)
            name_limit_of_customer(needs, offer, needs.acting(customer_id))
        return
    needs.row(Account, use.account_id, beside=use.id)
    member_id = customer_id if offer is not None and offer.program_id is None else use.account_id
    if member_id is not None:
        acting_id = needs.acting(member_id)
        beside = use.id if acting_id == member_id else acting_id
        needs.counter(counter_of("offer", use.offer_id, acting_id), beside=beside)


def name_limit_of_customer(needs: Needs, offer: Offer, customer_id: str) -> None:
    """Declare the counter of a customer's uses of a checkout offer, if the offer has a limit for each."""
    if offer.per_member_limit is not None:
        needs.counter(counter_of("offer", offer.id, customer_id), beside=customer_id)


def name_gift(needs: Needs, reward_id: str, account_id: str | None) -> None:
    """Declare the counters of a reward's caps, including that of the member's limit."""
    needs.row(Reward, reward_id)
    needs.counter(counter_of("reward", reward_id))
    if account_id is not None:
        needs.counter(counter_of("reward", reward_id, account_id), beside=account_id)


def name_some_of_member(needs: Needs, *member_ids: str) -> None:
    """Declare a part of these members' counters and claims: a decision that needs others gets all of them."""
    needs.children(Counter, CAPS, Part.FIRST)
    for member_id in member_ids:
        needs.children(Counter, member_id, Part.FIRST)
        needs.children(OfferClaim, member_id, Part.FIRST)


def name_offers(
    needs: Needs,
    seen: Layer,
    comes_with: ComesWith,
    accounts: Iterable[Account],
    *,
    customer_id: str | None = None,
    is_enrolling: bool = True,
) -> None:
    """Declare what the accounts may redeem; members that the batch enrolls have no counters yet.

    `customer_id`: the customer that it is about, whose accounts these may not be yet.
    """
    if customer_id is not None:
        name_some_of_member(needs, customer_id)
    programs = set(needs.plans.enrollments) if is_enrolling else set()
    for account in accounts:
        programs.add(account.program_id)
        name_some_of_member(needs, account.id, account.customer_id)
        for offer in _probable(offers_in_force(seen, comes_with, account.program_id), account):
            name_offer_of_member(needs, seen, offer, account)
        if needs.whole and (OfferGrant, account.id) in needs.whole:
            needs.children(OfferGrant, account.id)
    if programs:
        name_some_of_member(needs)
    for program_id in programs:
        for offer in offers_in_force(seen, comes_with, program_id):
            if offer.is_counted:
                name_cap(needs, offer.id)
            name_budget(needs, seen, offer, ())
            if offer.terms.gift is not None:
                name_gift(needs, offer.terms.gift.reward_id, None)
    if needs.whole:
        name_whole(needs, seen)


def name_offers_of_cart(
    needs: Needs,
    seen: Layer,
    accounts: Sequence[Account],
    carts: Iterable[Cart],
    *,
    customer_id: str | None,
    is_held: bool,
    opened: Sequence[Offer] = (),
) -> None:
    """Declare what the carts may redeem: the offers within their reach and the nearest beyond it, not all offers.

    `opened`: offers that codes open, which no index finds. It is not yet known whether a member is in a segment, so its
    offers are declared as if it were.
    """
    name_some_of_member(needs, *(id for account in accounts for id in (account.id, account.customer_id)))
    if customer_id is not None:
        name_some_of_member(needs, customer_id)
    index = offer_index(seen)
    segments = list(map(segment_key, index.segments))
    tiers = [tier_key(account.tier) for account in accounts if account.tier is not None]
    buyers = (buyer.customer_id for account in accounts for buyer in account.buyers)
    customers = dict.fromkeys((*(() if customer_id is None else (customer_id,)), *buyers))
    programs = {None, *needs.plans.enrollments, *(account.program_id for account in accounts)}
    for cart in carts:
        found = index.find(cart, cart.ranked, [MEMBERS, *tiers, *segments])
        offers = []
        for offer in chain((promotion.source for promotion, _lines in chain(found.within, found.beyond)), opened):
            if offer.kind == "engagement":
                offers.append(offer)
                continue
            if offer.is_counted:
                name_cap(needs, offer.id)
            if offer.terms.budget is not None:
                name_budget(needs, seen, offer, customers)
            if customer_id is not None:
                name_limit_of_customer(needs, offer, customer_id)
        for offer in offers if len(programs) > 1 else ():
            if offer.program_id in programs and offer.is_counted:
                name_cap(needs, offer.id)
        for account in accounts:
            mine = (offer for offer in offers if offer.program_id in (None, account.program_id))
            asked = (offer for offer in _probable(mine, account) if is_held or _asks_of_uses(offer))
            for offer in asked:
                name_offer_of_member(needs, seen, offer, account)
            if needs.whole and (OfferGrant, account.id) in needs.whole:
                needs.children(OfferGrant, account.id)
    if needs.whole:
        name_whole(needs, seen)


def name_whole(needs: Needs, seen: Layer) -> None:
    """Declare every possible counter and claim of the members and caps that a decision has asked for."""
    counted = needs.parts.get(Counter, {})
    # Those of a rule and a member (a pair) are counters of no offer.
    whole = [parent for parent, part in counted.items() if part is Part.ALL and not isinstance(parent, tuple)]
    claims = [parent for parent, part in needs.parts.get(OfferClaim, {}).items() if part is Part.ALL]
    if not whole and not claims:
        return
    offers = [offer for offer in seen.every(Offer) if offer.deleted_at is None]
    gifts = {str(id) for id in needs.rows.get(Reward, ())}
    gifts.update(offer.terms.gift.reward_id for offer in offers if offer.terms.gift is not None)
    for member_id in claims:
        for offer in offers:
            needs.row(OfferClaim, (offer.id, member_id), beside=str(member_id))
    for member_id in whole:
        for offer in offers:
            if member_id == CAPS:
                name_cap(needs, offer.id)
            else:
                needs.counter(counter_of("offer", offer.id, str(member_id)), beside=str(member_id))
                if offer.is_granted:
                    needs.counter(counter_of("grant", offer.id, str(member_id)), beside=str(member_id))
        for reward_id in gifts:
            name_gift(needs, reward_id, None if member_id == CAPS else str(member_id))


def _asks_of_uses(offer: Offer) -> bool:
    """Whether a member's earlier uses of the offer matter; a use that gets counted needs them in any case."""
    return offer.terms.application != "auto" or offer.terms.per_member_limit is not None


def _probable(offers: Iterable[Offer], account: Account) -> Iterable[Offer]:
    """Leave out offers that the member can only get if the batch itself changes its tier or metadata."""
    for offer in offers:
        targeting = offer.terms.targeting
        if targeting.tiers and account.tier not in targeting.tiers:
            continue
        if targeting.metadata and metadata_differences(targeting.metadata, account.metadata):
            continue
        yield offer

"""Which offers may be redeemed by what is happening to a member, and the rows that deciding so needs.

A batch names its counters before it reads anything of its members. What is named here is what will probably be needed;
whoever needs another counter raises RowsMissing, and the batch is loaded again with it. So a guess can cost time, never
a cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from vinr_server.core.carts.index import MEMBERS, segment_key, tier_key
from vinr_server.core.earning.rules import metadata_differences
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Keys, member_of_counter, offer_counter, offer_member_counter, stock_counter
from vinr_server.core.kernel.needs import member_counter as reward_member_counter
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.promotions import offer_index
from vinr_server.core.offers.rows import ComesWith, Offer, OfferRedemption
from vinr_server.core.payments.rows import Payment

# All that redeems offers of members.
WAYS: tuple[ComesWith, ...] = ("payment", "checkout", "activation")
_COUNTER = offer_counter("")


def offers_in_force(layer: Layer, comes_with: ComesWith, program_id: str | None) -> list[Offer]:
    """Published offers of a program, and those of every program, that this redeems; older ones first.

    Whether their window is open and their cap has room is still to be seen.
    """
    places = dict.fromkeys(((comes_with, program_id), (comes_with, None)))
    found = [offer for place in places for offer in layer.children(Offer, place) if offer.parent == place]
    return sorted(found, key=lambda offer: (offer.created_at, offer.id)) if len(found) > 1 else found


def redemptions_of(layer: Layer, payment: Payment) -> list[OfferRedemption]:
    """What the payment redeemed by itself, and what the checkout session did that it completed."""
    parents = (payment.id, payment.session_id)
    found = [one for parent in parents if parent is not None for one in layer.children(OfferRedemption, parent)]
    return [one for one in found if one.payment_id == payment.id]


def name_offer_rows(layer: Layer, keys: Keys) -> None:
    """The counters and claims that the batch will need of offers are in the keys. Expects the accounts and payments."""
    _name_missing(keys)
    if keys.purchases:
        _name_of_members(layer, keys, "payment", keys.purchases)
    if keys.carts:
        _name_for_carts(layer, keys)
    for way in WAYS if keys.shoppers else ():
        _name_of_members(layer, keys, way, keys.shoppers)
    for payment_id in keys.refund_of:
        payment = layer.get(Payment, payment_id)
        for use in redemptions_of(layer, payment) if payment is not None else ():
            if use.account_id is not None:
                keys.offer_members.add((use.offer_id, use.account_id))
    for offer_id, name in keys.offer_members:
        _name_of_member(layer, keys, offer_id, name)
    keys.counters |= dict.fromkeys(map(offer_counter, keys.offers))


def _name_of_member(layer: Layer, keys: Keys, offer_id: str, name: str) -> None:
    """The counter and the claim of a member, who is named as an account or as a customer."""
    offer = layer.get(Offer, offer_id)
    account = layer.get(Account, name) or next((one for one in layer.children(Account, name)), None)
    if account is None:
        return
    # An offer that the batch itself makes is not known yet: its member is who the decision asked for.
    member_id = name if offer is None else offer.member_id(account)
    keys.counters[offer_member_counter(offer_id, member_id)] = account.id
    keys.offer_claims[offer_id, member_id] = account.id
    if offer is not None and offer.terms.gift is not None:
        reward_id = offer.terms.gift.reward_id
        keys.counters[stock_counter(reward_id)] = None
        keys.counters[reward_member_counter(reward_id, account.id)] = account.id


def _name_missing(keys: Keys) -> None:
    """What a decision has asked for when the batch was decided last."""
    for name in keys.whole:
        member = member_of_counter(name)
        if name.startswith("reward:"):
            keys.counters[name] = member[0] if member is not None else None
        elif member is not None:
            keys.offer_members.add((member[1], member[0]))
        elif name.startswith(_COUNTER):
            keys.offers.add(name.removeprefix(_COUNTER))


def _name_of_members(layer: Layer, keys: Keys, comes_with: ComesWith, names: set[str]) -> None:
    """What the members' purchases may redeem; members that the batch enrols have counted nothing yet."""
    programs = set(keys.programs)
    for account in layer.written(Account):
        if account.id not in names and account.customer_id not in names:
            continue
        programs.add(account.program_id)
        for offer in _probable(offers_in_force(layer, comes_with, account.program_id), account):
            keys.offer_members.add((offer.id, account.id))
    for program_id in programs:
        for offer in offers_in_force(layer, comes_with, program_id):
            if offer.is_counted:
                keys.offers.add(offer.id)


def _name_for_carts(layer: Layer, keys: Keys) -> None:
    """What the carts may redeem: the offers within their reach and the nearest beyond it, not all there are.

    Whether a member is in a segment is not known yet: its offers are named as if it were.
    """
    index = offer_index(layer)
    segments = list(map(segment_key, index.segments))
    by_customer: dict[str, list[Account]] = {}
    for account in layer.written(Account):
        by_customer.setdefault(account.customer_id, []).append(account)
    for customer_id, cart, is_held in keys.carts:
        accounts = by_customer.get(customer_id, ())
        tiers = [tier_key(account.tier) for account in accounts if account.tier is not None]
        found = index.find(cart, cart.ranked, [MEMBERS, *tiers, *segments])
        offers = [one.source for one, _lines in chain(found.within, found.beyond) if one.source.kind == "engagement"]
        programs = {None, *keys.programs, *(account.program_id for account in accounts)}
        for offer in offers if len(programs) > 1 else ():
            if offer.program_id in programs and offer.is_counted:
                keys.offers.add(offer.id)
        for account in accounts:
            mine = (offer for offer in offers if offer.program_id in (None, account.program_id))
            asked = (offer for offer in _probable(mine, account) if is_held or _asks_of_uses(offer))
            keys.offer_members.update((offer.id, account.id) for offer in asked)


def _asks_of_uses(offer: Offer) -> bool:
    """Whether it matters what a member has done with the offer before; a use that is counted asks in any case."""
    return offer.terms.application == "opt_in" or offer.terms.per_member_limit is not None


def _probable(offers: Iterable[Offer], account: Account) -> Iterable[Offer]:
    """Without those that the member can only get if the batch itself changes its tier or metadata."""
    for offer in offers:
        targeting = offer.terms.targeting
        if targeting.tiers and account.tier not in targeting.tiers:
            continue
        if targeting.metadata and metadata_differences(targeting.metadata, account.metadata):
            continue
        yield offer

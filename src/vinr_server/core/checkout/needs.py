"""What carts and checkout sessions need: their buyer, the discounts they name, and what the session holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from vinr_server.core.carts.cart import Cart
from vinr_server.core.checkout.credit import look_at_session_credit, name_session_credit
from vinr_server.core.checkout.first_order import name_first_order
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_accounts
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.in_force import name_cap, name_offers_of_cart, name_use
from vinr_server.core.offers.rows import Offer, OfferRedemption, OfferRevision
from vinr_server.core.rewards.discounts import name_owner
from vinr_server.core.rewards.returns import look_at_asked_redemptions, name_asked_redemptions
from vinr_server.core.rewards.rows import Discount


def look_at_buyer(needs: Needs, customer_id: str | None, discount_ids: Iterable[str]) -> None:
    """Declare a look at the customer's accounts and at the discounts that a cart names."""
    if customer_id is not None:
        needs.children(Account, customer_id, look=True)
    for id in discount_ids:
        needs.row(Discount, id, look=True)


def name_discounts(needs: Needs, seen: Layer, discount_ids: Iterable[str]) -> None:
    """Declare whose the discounts are, and what they were redeemed for."""
    for id in discount_ids:
        name_owner(needs, seen, id)


def name_buyer(
    needs: Needs,
    seen: Layer,
    customer_id: str | None,
    carts: Iterable[Cart],
    *,
    is_held: bool,
    opened: Sequence[Offer] = (),
) -> None:
    """Declare the customer's accounts and segments, whether they have bought before, and the counters of offers.

    `opened`: the offers that the carts' codes open.
    """
    accounts: list[Account] = []
    if customer_id is not None:
        name_first_order(needs, customer_id)
        accounts = name_accounts(needs, seen, customer_id)
        name_history(needs, seen, [account.id for account in accounts], customer_id)
    name_offers_of_cart(needs, seen, accounts, carts, customer_id=customer_id, is_held=is_held, opened=opened)


def name_changed_cart(needs: Needs, seen: Layer, session: CheckoutSession, opened: Sequence[Offer]) -> None:
    """Declare what is known about the session's buyer, or each that it may get, for each of its changed carts."""
    changes = needs.plans.carts.get(session.id)
    if changes is None:
        return
    carts = list(accumulate(changes, lambda cart, change: replace(cart, **change), initial=session.cart))
    for customer_id in dict.fromkeys((session.customer_id, *needs.plans.buyers.get(session.id, ()))):
        name_buyer(needs, seen, customer_id, carts, is_held=True, opened=opened)


def look_at_session(needs: Needs, session_id: str) -> None:
    """Declare a look at the session with what it holds: slots of offers, discounts, and its customer's accounts.

    Where a decision asked for them: also at the redemptions of which its order leaves points unused.
    """
    needs.row(CheckoutSession, session_id, look=True)
    needs.children(OfferRedemption, session_id, by="session_id", look=True)
    needs.look_along(Account, Of(CheckoutSession, session_id, "customer_id"), by="customer_id")
    needs.look_along(Discount, Of(CheckoutSession, session_id, "discount_ids"))
    needs.look_along(Discount, Of(CheckoutSession, session_id, "held_ids"))
    look_at_session_credit(needs, session_id)
    if needs.asked:
        look_at_asked_redemptions(needs)


def name_held(needs: Needs, seen: Layer, session_id: str) -> CheckoutSession | None:
    """Declare what the session holds: caps with the promised revisions, discounts, accounts."""
    session = seen.get(CheckoutSession, session_id)
    if session is None:
        return None
    if session.customer_id is not None:
        name_accounts(needs, seen, session.customer_id)
    name_discounts(needs, seen, (*session.discount_ids, *session.held_ids))
    name_session_credit(needs, session)
    for held in seen.children(OfferRedemption, session_id):
        if held.status == "reserved":
            name_cap(needs, held.offer_id)
            needs.row(OfferRevision, (held.offer_id, held.offer_revision))
            name_use(needs, seen, held, session.customer_id)
    if needs.asked:
        name_asked_redemptions(needs, seen)
    return session

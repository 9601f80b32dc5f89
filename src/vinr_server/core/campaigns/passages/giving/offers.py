"""What a member has of an offer, as branches ask it: a grant to use, a claim, or a redemption (R46)."""

from __future__ import annotations

from vinr_server.core.campaigns.definition import AskedOffer
from vinr_server.core.kernel.caps import counter_of
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import claim_of
from vinr_server.core.offers.grants.states import known_grants
from vinr_server.core.offers.in_force import name_some_of_member
from vinr_server.core.offers.rows import Offer, OfferClaim, OfferGrant
from vinr_server.core.programs.members import program_of


def name_asked_offer(needs: Needs, seen: Layer, asked: AskedOffer, account_id: str) -> None:
    """Declare what says how far the member is with the offer."""
    offer, account = seen.get(Offer, asked.offer_id), seen.find(Account, account_id)
    if offer is None or account is None:
        return
    member_id = _member_of(offer, account)
    name_some_of_member(needs, member_id)
    if asked.state == "granted":
        needs.children(OfferGrant, account.id)
    elif asked.state == "claimed":
        needs.row(OfferClaim, (offer.id, member_id), beside=account.id)
    else:
        needs.counter(counter_of("offer", offer.id, member_id), beside=account.id)


def _member_of(offer: Offer, account: Account) -> str:
    """Whose uses of the offer are counted: those of a cart's offer are its customer's."""
    return account.customer_id if offer.kind == "checkout" else offer.member_id(account)


def lacking_of_offer(draft: Layer, context: Context, asked: AskedOffer, account: Account) -> str | None:
    """What the member lacks of what is asked, in words; None where it has it, at the context's now."""
    offer = draft.get(Offer, asked.offer_id)
    if offer is None or offer.deleted_at is not None:
        return f"Offer {asked.offer_id} is deleted."
    if asked.state == "granted":
        now = context.now(program_of(draft, account).clock_id)
        mine = (grant for grant in known_grants(draft, account) if grant.offer_id == offer.id)
        has = any(grant.account_id == account.id and grant.status_at(now) == "open" for grant in mine)
        return None if has else f"Account {account.id} has no grant of offer {offer.id} to use."
    if asked.state == "claimed":
        has = claim_of(draft, offer, account) is not None
        return None if has else f"Account {account.id} has not opted in to offer {offer.id}."
    member_id = _member_of(offer, account)
    counter = draft.get(Counter, counter_of("offer", offer.id, member_id), of=(member_id, offer.id))
    has = counter is not None and counter.used > 0
    return None if has else f"Account {account.id} has not redeemed offer {offer.id}."

"""Which grant a redemption uses, and what becomes of it: held by a session, redeemed, free again (R48, R66).

A grant lives with its account, whose lock every command holds that gives, uses or frees one.
"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart, Undeclared
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import GrantStatus, Offer, OfferGrant, OfferRedemption
from vinr_server.core.programs.members import acting, program_of


def usable_grant(
    draft: Layer, context: Context, offer: Offer, account: Account, *, occurred_at: datetime | None = None
) -> OfferGrant | None:
    """The grant that the account's next use of the offer takes: of those in their time, the one that ends first.

    `occurred_at`: when the purchase was made, which must lie in the grant's time as well; None: now.
    Ties: the older one, then the lower id.
    """
    now = context.now(program_of(draft, account).clock_id)
    usable = [
        grant
        for grant in known_grants(draft, account)
        if grant.offer_id == offer.id
        and grant.account_id == account.id
        and grant.status == "open"
        and grant.redemption_id is None
        and grant.covers(now)
        and grant.covers(occurred_at or now)
    ]
    return min(usable, key=_soonest_end, default=None)


def grant_for(draft: Layer, context: Context, offer: Offer, account: Account | None) -> OfferGrant | None:
    """The grant that a cart's use of the offer takes; None where the offer needs none."""
    return usable_grant(draft, context, offer, account) if account is not None and offer.is_granted else None


def no_grant(offer: Offer, account: Account) -> Unmet:
    """What the member lacks: a grant that it can use now."""
    return Unmet(
        "grant", f"Account {account.id} has no grant of offer {offer.id} to use now.", f"grant offer {offer.id}"
    )


def known_grants(draft: Layer, account: Account) -> list[OfferGrant]:
    """The account's open grants. Raises InPart where a batch did not foresee that they are asked for."""
    try:
        return draft.children(OfferGrant, account.id)
    except Undeclared:
        raise InPart(OfferGrant, account.id) from None


def _soonest_end(grant: OfferGrant) -> tuple[bool, datetime, datetime, str]:
    return (grant.expires_at is None, grant.expires_at or grant.granted_at, grant.granted_at, grant.id)


def grant_of(draft: Layer, use: OfferRedemption) -> OfferGrant | None:
    """The grant that a redemption used or holds; None where its offer needs none."""
    if use.grant_id is None:
        return None
    grant = draft.get(OfferGrant, use.grant_id)
    assert grant is not None, f"grant {use.grant_id} was not loaded"
    return grant


def take_grant(draft: Layer, use: OfferRedemption) -> None:
    """The redemption has its grant: held while it is reserved, redeemed once it is confirmed.

    A session's promise holds, whatever became of the grant meanwhile (R16).
    """
    grant = grant_of(draft, use)
    if grant is not None:
        status = "redeemed" if use.status == "confirmed" else grant.status
        draft.put(replace(grant, status=status, redemption_id=use.id))


def free_grant(draft: Layer, use: OfferRedemption) -> None:
    """The grant can be used again, if its time isn't over and nobody has withdrawn it (R66)."""
    grant = grant_of(draft, use)
    if grant is None:
        return
    account = draft.get(Account, grant.account_id)
    assert account is not None, f"account {grant.account_id} was not loaded"
    status: GrantStatus = "open" if grant.withdrawn_at is None else "withdrawn"
    draft.put(replace(grant, status=status, redemption_id=None, account_id=acting(draft, account).id))


def is_free(draft: Layer, use: OfferRedemption) -> bool:
    """Whether no other redemption has the grant that this one used."""
    grant = grant_of(draft, use)
    return grant is None or grant.redemption_id is None

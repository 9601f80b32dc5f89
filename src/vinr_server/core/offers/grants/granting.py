"""An offer is granted to a member, by a call, a campaign's step or a code; and a grant is withdrawn (R48).

A grant promises nothing of caps: it reserves none, and its redemption asks again who the member is and what is left.
"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.conditions.membership import name_history
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.caps import count_for_member
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.spans.durations import Duration, later
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import program_refusal, targeting_refusal
from vinr_server.core.offers.budgets import budget_refusal, members_of
from vinr_server.core.offers.commands import GrantOffer, WithdrawGrant
from vinr_server.core.offers.in_force import (
    name_budget,
    name_cap,
    name_grants_ever,
    name_some_of_member,
    name_whole,
)
from vinr_server.core.offers.payloads import offer_grant_payload
from vinr_server.core.offers.redemptions import limit_refusal, member_refusal
from vinr_server.core.offers.rows import Offer, OfferGrant
from vinr_server.core.programs.members import closed, program_of


def grant_offer(
    draft: Layer,
    context: Context,
    offer: Offer,
    account: Account,
    *,
    source: Json | None,
    valid_for: Duration | None,
    at: datetime,
) -> OfferGrant | Rejected:
    """The account has one use more of the offer, from `at` on, and an event announces it; or why it has not.

    `source`: what gave it, by the names of the wire: a campaign with its step, or a code; None: a call.
    `valid_for`: how long the grant lasts; None: as long as the offer.
    Expects what `name_granting` declares, and the account as it is by now. Refuses: an offer that needs no grants;
    a closed account, or one of another program; whatever refuses a redemption now; the member's limit of grants.
    """
    refusal = granting_refusal(draft, context, offer, account, at=at)
    if refusal is not None:
        return refusal
    granted_at = whole_second(at)
    zone = program_of(draft, account).timezone
    grant = OfferGrant(
        bucket=account.bucket,
        id=context.make_id("gnt", account.bucket),
        offer_id=offer.id,
        account_id=account.id,
        source=source,
        granted_at=granted_at,
        expires_at=later(granted_at, valid_for, zone) if valid_for is not None else None,
        status="open",
        redemption_id=None,
        withdrawn_at=None,
        created_at=at,
    )
    draft.put(grant)
    _count(draft, offer, account, grant, 1)
    data = offer_grant_payload(grant, now=at, livemode=context.livemode)
    announce(draft, context, type="loyalty.offer.granted", account=account, data=data, now=at)
    return grant


def granting_refusal(
    draft: Layer, context: Context, offer: Offer, account: Account, *, at: datetime
) -> Rejected | None:
    """Why the offer can't be granted to the member at this instant; None where it can."""
    if not offer.is_granted:
        how = "by itself" if offer.terms.application == "auto" else "to members who activate it"
        return invalid(f"Offer {offer.id} applies {how}; it is not granted.", param="offer")
    return first_listed(
        closed(account) if account.status != "active" else None,
        program_refusal(offer, account),
        limit_refusal(draft, offer, account, now=at),
        member_refusal(draft, offer, offer.member_id(account), counted_as="grant", has_already="been granted"),
        targeting_refusal(draft, context, offer, account),
        budget_refusal(draft, context, offer, members_of(offer, account)),
    )


def withdraw_grant(draft: Layer, grant: OfferGrant, *, now: datetime) -> OfferGrant:
    """Nobody can use the grant any longer, and it no longer counts for the member's limit.

    A session that holds it keeps its promise. Expects it to be open, with its account and what counts its grants.
    """
    offer, account = draft.get(Offer, grant.offer_id), draft.get(Account, grant.account_id)
    assert offer is not None and account is not None, "what a grant names is never deleted"
    withdrawn = replace(grant, status="withdrawn", withdrawn_at=now)
    draft.put(withdrawn)
    _count(draft, offer, account, withdrawn, -1)
    return withdrawn


def _count(draft: Layer, offer: Offer, account: Account, grant: OfferGrant, used: int) -> None:
    count_for_member(draft, "grant", offer.id, offer.member_id(account), bucket=account.bucket, used=used)


# ---- by hand


def name_granting(needs: Needs, seen: Layer, offer_id: str, account_id: str) -> None:
    """Declare what granting the offer to the account asks. Expects the account and the offer to have been looked at."""
    name_history(needs, seen, [account_id])
    account, offer = seen.get(Account, account_id), seen.get(Offer, offer_id)
    if account is not None and offer is not None:
        name_some_of_member(needs, account.customer_id)
        name_grants_ever(needs, offer, account)
        name_budget(needs, seen, offer, members_of(offer, account))


def needs_grant_offer(command: GrantOffer, needs: Needs) -> None:
    """Needs the account, and the counter of the offer's cap."""
    name_account(needs, command.account_id, look=True)
    name_cap(needs, command.offer_id)
    name_some_of_member(needs, command.account_id)


def follow_grant_offer(command: GrantOffer, seen: Layer, needs: Needs) -> None:
    """Needs what segments ask of the member, and how many grants it has had."""
    name_granting(needs, seen, command.offer_id, command.account_id)
    if needs.whole:
        name_whole(needs, seen)


def decide_grant_offer(draft: Layer, command: GrantOffer, context: Context) -> Accepted | Rejected:
    """The account has one use more of the offer; each call gives one."""
    offer = draft.get(Offer, command.offer_id)
    if offer is None or offer.deleted_at is not None or offer.kind != "engagement":
        return missing("offer", command.offer_id, param="id")
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    now = context.now(program_of(draft, account).clock_id)
    granted = grant_offer(draft, context, offer, account, source=None, valid_for=command.valid_for, at=now)
    if isinstance(granted, Rejected):
        return replace(granted, param="id") if granted.param == "offer" else granted
    return Accepted(offer_grant_payload(granted, now=now, livemode=context.livemode))


def needs_withdraw_grant(command: WithdrawGrant, needs: Needs) -> None:
    """Needs the grant and its account."""
    needs.row(OfferGrant, command.id, look=True)
    needs.look_along(Account, Of(OfferGrant, command.id, "account_id"))


def follow_withdraw_grant(command: WithdrawGrant, seen: Layer, needs: Needs) -> None:
    """Needs the account, locked, and how many grants it has had."""
    grant = seen.get(OfferGrant, command.id)
    if grant is None:
        return
    account, offer = seen.get(Account, grant.account_id), seen.get(Offer, grant.offer_id)
    name_account(needs, needs.acting(grant.account_id))
    if account is not None and offer is not None:
        name_grants_ever(needs, offer, account)


def decide_withdraw_grant(draft: Layer, command: WithdrawGrant, context: Context) -> Accepted | Rejected:
    """The grant is withdrawn. Again, it changes nothing."""
    grant = draft.get(OfferGrant, command.id)
    if grant is None:
        return missing("grant", command.id, param="id")
    account = draft.get(Account, grant.account_id)
    assert account is not None, f"account {grant.account_id} was not loaded"
    now = context.now(program_of(draft, account).clock_id)
    status = grant.status_at(now)
    if status not in ("open", "withdrawn"):
        message = f"Grant {grant.id} is {status}: there is nothing to withdraw."
        return Rejected("grant_not_open", message, param="id", details={"status": status})
    if status == "open":
        grant = withdraw_grant(draft, grant, now=now)
    return Accepted(offer_grant_payload(grant, now=now, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    GrantOffer: (needs_grant_offer, decide_grant_offer, follow_grant_offer),
    WithdrawGrant: (needs_withdraw_grant, decide_withdraw_grant, follow_withdraw_grant),
}

"""A member opts in: the offer is claimed, and a bonus or a gift is also redeemed in the same transaction (R18)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from vinr_server.core.conditions.membership import name_history
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.movements import accrue
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.budgets import budget_refusal, members_of
from vinr_server.core.offers.commands import ActivateOffer
from vinr_server.core.offers.in_force import name_cap, name_offer_of_member, name_some_of_member, name_whole
from vinr_server.core.offers.payloads import offer_claim_payload, offer_redemption_payload
from vinr_server.core.offers.redemptions import limit_refusal, redeem_gift, redeem_offer
from vinr_server.core.offers.rows import Offer, OfferClaim, OfferRedemption
from vinr_server.core.offers.targeting import not_eligible, unmet_targeting
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.rewards.redemptions import giving_refusal
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.tiers.changing import judge_tiers


def needs_activate_offer(command: ActivateOffer, needs: Needs) -> None:
    """Needs the account, and the counter of the offer's cap."""
    name_account(needs, command.account_id, look=True)
    name_cap(needs, command.offer_id)
    name_some_of_member(needs, command.account_id)


def follow_activate_offer(command: ActivateOffer, seen: Layer, needs: Needs) -> None:
    """Needs what segments ask of the member, and the member's earlier uses of the offer."""
    name_activating(needs, seen, command.offer_id, command.account_id)
    if needs.whole:
        name_whole(needs, seen)


def name_activating(needs: Needs, seen: Layer, offer_id: str, account_id: str) -> None:
    """Declare what activating the offer asks of the member. Expects both to have been looked at."""
    name_history(needs, seen, [account_id])
    account, offer = seen.get(Account, account_id), seen.get(Offer, offer_id)
    if account is not None and offer is not None:
        name_some_of_member(needs, account.customer_id)
        name_offer_of_member(needs, seen, offer, account)


def decide_activate_offer(draft: Layer, command: ActivateOffer, context: Context) -> Accepted | Rejected:
    """The member has claimed the offer, and an event announces it; a bonus is awarded or a gift issued at once.

    Activating again is announced again: the earlier claim stays, and the bonus or gift is given again.
    """
    offer = draft.get(Offer, command.offer_id)
    if offer is None or offer.deleted_at is not None or offer.kind != "engagement":
        return missing("offer", command.offer_id, param="offer")
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    now = context.now(program_of(draft, account).clock_id)
    activated = activate(draft, context, offer, account, now=now)
    if isinstance(activated, Rejected):
        return activated
    claimed = offer_claim_payload(activated.claim, account_id=account.id, livemode=context.livemode)
    redemption = activated.redemption
    payload = {
        **claimed,
        "object": "offer_activation",
        "status": activated.status,
        "redemption": redemption and offer_redemption_payload(redemption, livemode=context.livemode),
    }
    return Accepted(payload, is_new=redemption is not None or activated.is_new)


class Activated(NamedTuple):
    """What a member has of an activation: its claim, and what was redeemed at once. `is_new`: it had none before."""

    claim: OfferClaim
    redemption: OfferRedemption | None
    is_new: bool

    @property
    def status(self) -> str:
        """Whether all is done, or a multiplier or a discount waits for its event."""
        return "redeemed" if self.redemption is not None else "claimed"


def activate(draft: Layer, context: Context, offer: Offer, account: Account, *, now: datetime) -> Activated | Rejected:
    """The member has claimed the offer, and an event announces it; a bonus is awarded or a gift issued at once.

    Expects what `name_activating` declares, and the offer's cap. Refuses: an offer that nobody opts in to; a closed
    account, or one of another program; whatever refuses a redemption now.
    """
    if offer.terms.requires_code:
        message = f"Offer {offer.id} is opened by a code, not by activation. Redeem one of its codes."
        return invalid(message, param="offer")
    if offer.terms.application != "opt_in":
        how = (
            "automatically to every member it is for" if offer.terms.application == "auto" else "to whom it is granted"
        )
        return invalid(f"Offer {offer.id} applies {how}; it needs no activation.", param="offer")
    refusal = first_listed(
        closed(account) if account.status == "closed" else None,
        program_refusal(offer, account),
        limit_refusal(draft, offer, account, now=now),
        targeting_refusal(draft, context, offer, account),
        budget_refusal(draft, context, offer, members_of(offer, account)),
        gift_refusal(draft, offer, account, now=now),
    )
    if refusal is not None:
        return refusal
    present = claim_of(draft, offer, account)
    claim = present or OfferClaim(account.bucket, offer.id, offer.member_id(account), account.id, offer.revision, now)
    if present is None:
        draft.put(claim)
    claimed = offer_claim_payload(claim, account_id=account.id, livemode=context.livemode)
    announce(draft, context, type="loyalty.offer.activated", account=account, data=claimed, now=now)
    redemption = redeem_at_once(draft, context, offer, account, now)
    return Activated(claim, redemption, is_new=present is None)


def program_refusal(offer: Offer, account: Account) -> Rejected | None:
    """Refuse an account that belongs to a different program than the offer."""
    if offer.program_id in (None, account.program_id):
        return None
    message = (
        f"Offer {offer.id} belongs to program {offer.program_id}, but account {account.id} to {account.program_id}."
        f" Use the customer's account in {offer.program_id}."
    )
    return Rejected("program_mismatch", message, param="offer")


def targeting_refusal(draft: Layer, context: Context, offer: Offer, account: Account) -> Rejected | None:
    """Refuse a member whom the offer is not for, as things stood before the command."""
    unmet = unmet_targeting(draft, context, offer.terms.targeting, account)
    return not_eligible(offer.id, unmet) if unmet else None


def gift_refusal(draft: Layer, offer: Offer, account: Account, *, now: datetime) -> Rejected | None:
    """Refuse if the offer's reward can't be given to this member now, by the same rules as if it cost points."""
    if offer.terms.gift is None:
        return None
    reward = draft.get(Reward, offer.terms.gift.reward_id)
    assert reward is not None, "rewards are archived, never deleted"
    return giving_refusal(draft, account, reward, now=now, offer_id=offer.id)


def claim_of(draft: Layer, offer: Offer, account: Account) -> OfferClaim | None:
    """Return the member's claim of an offer; None before the member opts in."""
    member_id = offer.member_id(account)
    return draft.get(OfferClaim, (offer.id, member_id), of=(member_id, offer.id))


def redeem_at_once(
    draft: Layer, context: Context, offer: Offer, account: Account, now: datetime, *, code_id: str | None = None
) -> OfferRedemption | None:
    """Give a bonus or a gift at activation, or by a code; a multiplier or a discount waits for its event."""
    if offer.terms.bonus is not None:
        points = offer.terms.bonus.points
        receipt = {"flat": points, "points": points, "activation": True}
        movement = Movement(
            "award",
            reason=offer.name,
            source_type="offer",
            source_id=offer.id,
            receipt={"offer": offer.id, "revision": offer.revision, **receipt},
        )
        account, entry, _payload = accrue(
            draft,
            context,
            account,
            program_of(draft, account),
            points=points,
            movement=movement,
            event_type="loyalty.points.earned",
        )
        judge_tiers(draft, context)
        account = draft.get(Account, account.id) or account
        return redeem_offer(
            *(draft, context, offer, account),
            receipt=receipt,
            now=now,
            entry_id=entry.id,
            points=points,
            code_id=code_id,
        )
    if offer.terms.gift is not None:
        use, _redemption = redeem_gift(draft, context, offer, account, now=now, code_id=code_id)
        return use
    return None


COMMANDS: Commands = {
    ActivateOffer: (needs_activate_offer, decide_activate_offer, follow_activate_offer),
}

"""A member redeems a code of an engagement offer: a bonus or a gift at once, anything else as a grant (R62)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.checkout.presenting import Objection, Presented, Shopper, codes_payload, objection_to
from vinr_server.core.codes.commands import RedeemCode
from vinr_server.core.codes.holders import holder_of, look_at_key, name_key, offer_of
from vinr_server.core.codes.keys import fold
from vinr_server.core.codes.rows import Code
from vinr_server.core.codes.uses import count_use
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import gift_refusal, program_refusal, redeem_at_once, targeting_refusal
from vinr_server.core.offers.budgets import budget_refusal, members_of
from vinr_server.core.offers.grants.granting import grant_offer, name_granting
from vinr_server.core.offers.in_force import name_offer_of_member, name_some_of_member, name_whole
from vinr_server.core.offers.payloads import offer_grant_payload, offer_redemption_payload
from vinr_server.core.offers.redemptions import limit_refusal
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.members import closed, program_of

Json = Mapping[str, Any]


def needs_redeem_code(command: RedeemCode, needs: Needs) -> None:
    """Needs the account, and the code."""
    name_account(needs, command.account_id, look=True)
    name_some_of_member(needs, command.account_id)
    look_at_key(needs, fold(command.code))


def follow_redeem_code(command: RedeemCode, seen: Layer, needs: Needs) -> None:
    """Needs the code with its offer, and what the offer asks of the member."""
    key = fold(command.code)
    name_key(needs, seen, key)
    holder = holder_of(seen, key)
    offer = offer_of(seen, holder) if holder is not None else None
    account = seen.get(Account, command.account_id)
    if offer is not None and account is not None and offer.kind == "engagement":
        name_granting(needs, seen, offer.id, account.id)
        name_offer_of_member(needs, seen, offer, account)
    if needs.whole:
        name_whole(needs, seen)


def decide_redeem_code(draft: Layer, command: RedeemCode, context: Context) -> Accepted | Rejected:
    """The member has the bonus or the gift, or one use of the offer; a use of the code is taken.

    Refuses: a code that does not apply, with its reason; and whatever would refuse the offer itself.
    """
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    holder = holder_of(draft, fold(command.code))
    if holder is None or holder.offer_id is None:
        return missing("code", command.code, param="code")
    offer, now = offer_of(draft, holder), context.now(program_of(draft, account).clock_id)
    against = objection_to(draft, context, holder, offer, Shopper(account.customer_id, [account], False, {}))
    if against is None and (offer is None or not _gives(offer)):
        against = Objection("no_effect", "present the code in a cart")
    if against is not None:
        return _not_applicable(command, Presented(command.code, holder, offer, against), against)
    assert offer is not None, "a deleted offer is not active"
    return _refusal(draft, context, offer, account, now) or _redeem(draft, context, holder, offer, account, now)


def _not_applicable(command: RedeemCode, presented: Presented, against: Objection) -> Rejected:
    """Say what stands against the code, as carts do."""
    change = f" To change that: {against.change}." if against.change is not None else ""
    message = f"Code {command.code} can't be redeemed for account {command.account_id}: {against.reason}.{change}"
    return Rejected("code_not_applicable", message, param="code", details={"codes": codes_payload([presented])})


def _gives(offer: Offer) -> bool:
    """Whether the offer gives something without a cart."""
    return offer.is_granted or offer.terms.bonus is not None or offer.terms.gift is not None


def _refusal(draft: Layer, context: Context, offer: Offer, account: Account, now: datetime) -> Rejected | None:
    return first_listed(
        closed(account) if account.status != "active" else None,
        program_refusal(offer, account),
        limit_refusal(draft, offer, account, now=now),
        targeting_refusal(draft, context, offer, account),
        gift_refusal(draft, offer, account, now=now),
        budget_refusal(draft, context, offer, members_of(offer, account)),
    )


def _redeem(
    draft: Layer, context: Context, code: Code, offer: Offer, account: Account, now: datetime
) -> Accepted | Rejected:
    """Give what the offer gives. Expects that nothing is against it."""
    livemode = context.livemode
    if offer.is_granted:
        grant = grant_offer(draft, context, offer, account, source={"code": code.id}, valid_for=None, at=now)
        if isinstance(grant, Rejected):
            return grant
        count_use(draft, context, code.id, used=1, account_id=account.id, now=now)
        shown = {"redemption": None, "grant": offer_grant_payload(grant, now=now, livemode=livemode)}
    else:
        use = redeem_at_once(draft, context, offer, account, now, code_id=code.id)
        assert use is not None, f"{offer.id} gives a bonus or a gift"
        shown = {"redemption": offer_redemption_payload(use, livemode=livemode), "grant": None}
    payload = {
        "object": "code_redemption",
        "code": code.id,
        "offer": offer.id,
        "account": account.id,
        "status": "granted" if offer.is_granted else "redeemed",
        **shown,
        "livemode": livemode,
    }
    return Accepted(payload)


COMMANDS: Commands = {RedeemCode: (needs_redeem_code, decide_redeem_code, follow_redeem_code)}

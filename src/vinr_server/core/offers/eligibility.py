"""Which offers a member can use now, and why not the others, decided just as a redemption would be (R17)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.earning.occasions import reasons
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import unix_or_none
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import claim_of, gift_refusal
from vinr_server.core.offers.budgets import members_of, unmet_budget
from vinr_server.core.offers.commands import ShowEligibleOffers
from vinr_server.core.offers.grants.states import no_grant, usable_grant
from vinr_server.core.offers.in_force import WAYS, name_offers, offers_in_force
from vinr_server.core.offers.payloads import incentive_payload
from vinr_server.core.offers.redemptions import limit_condition, limit_refusal
from vinr_server.core.offers.rows import Offer
from vinr_server.core.offers.targeting import unmet_targeting
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.rewards.redemptions import giving_condition

Json = Mapping[str, Any]


def needs_show_eligible_offers(command: ShowEligibleOffers, needs: Needs) -> None:
    """Needs the account."""
    name_account(needs, command.account_id, look=True)


def follow_show_eligible_offers(command: ShowEligibleOffers, seen: Layer, needs: Needs) -> None:
    """Needs what segments ask of the member, and the counters and claims of all live offers in its program."""
    account = seen.get(Account, command.account_id)
    if account is None:
        return
    name_history(needs, seen, [account.id])
    for way in WAYS:
        name_offers(needs, seen, way, [account])


def decide_show_eligible_offers(draft: Layer, command: ShowEligibleOffers, context: Context) -> Accepted | Rejected:
    """Every live offer of the member's program is listed, newest first, usable or not; nothing changes."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    now = context.now(program_of(draft, account).clock_id)
    in_force = [offer for way in WAYS for offer in offers_in_force(draft, way, account.program_id)]
    newest_first = sorted(in_force, key=lambda offer: (offer.created_at, offer.id), reverse=True)
    shown = [_show(draft, context, offer, account, now) for offer in newest_first]
    return Accepted({"object": "eligible_offers", "account": account.id, "data": shown}, is_new=False)


def _show(draft: Layer, context: Context, offer: Offer, account: Account, now: datetime) -> Json:
    unmet = unmet_targeting(draft, context, offer.terms.targeting, account)
    is_claimed = False
    if not unmet:
        is_claimed = offer.terms.application == "opt_in" and claim_of(draft, offer, account) is not None
        shut = closed(account) if account.status == "closed" else None
        limit = limit_refusal(draft, offer, account, now=now)
        refusal = first_listed(shut, limit, gift_refusal(draft, offer, account, now=now))
        if refusal is not None:
            condition = limit_condition(refusal) if refusal is limit else giving_condition(refusal)
            unmet = [Unmet(condition, refusal.message, refusal.details.get("change"))]
        elif over := unmet_budget(draft, context, offer, members_of(offer, account)):
            unmet = over
        elif offer.is_granted and usable_grant(draft, context, offer, account) is None:
            unmet = [no_grant(offer, account)]
    return {
        "offer": offer.id,
        "name": offer.name,
        "incentive": incentive_payload(offer.terms),
        "application": offer.terms.application,
        "eligible": not unmet,
        "claimed": is_claimed,
        "unmet": reasons(unmet),
        "starts_at": unix_or_none(offer.starts_at),
        "ends_at": unix_or_none(offer.ends_at),
    }


COMMANDS: Commands = {
    ShowEligibleOffers: (needs_show_eligible_offers, decide_show_eligible_offers, follow_show_eligible_offers),
}

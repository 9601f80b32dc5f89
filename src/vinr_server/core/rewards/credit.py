"""Rewards of store credit: granted with their redemption, and taken back whole or not at all (R25e)."""

from __future__ import annotations

from vinr_server.core.credit.grants import name_grant, spent_refusal, take_grant_back
from vinr_server.core.credit.movements import credit
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.settings import end_of_grant
from vinr_server.core.credit.wallets import look_at_wallets, name_wallets, wallet_for
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.rows import Json
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.moved import lot_of
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members.rows import Account
from vinr_server.core.rewards.rows import Redemption


def gives_credit(benefit: Json) -> bool:
    """Whether a reward gives store credit."""
    return bool(benefit["type"] == "store_credit")


def look_at_asked_wallets(needs: Needs) -> None:
    """Declare a look at the wallets of customers that a decision has asked for: few rewards give credit."""
    for customer_id in _asked(needs):
        look_at_wallets(needs, customer_id)


def name_asked_wallets(needs: Needs, seen: Layer) -> None:
    """Declare what granting credit to these customers moves."""
    for customer_id in _asked(needs):
        name_wallets(needs, seen, customer_id)


def _asked(needs: Needs) -> list[str]:
    return [str(key) for row_type, key in needs.asked if row_type is Wallet]


def grant_credit_for(
    draft: Layer, context: Context, account: Account, benefit: Json, *, redemption_id: str, reward_id: str
) -> str | None:
    """The member's customer has the credit that the reward gives; returns the grant's id, None of another benefit.

    Raises AlsoRows where nobody knew that the customer's wallets would be needed.
    """
    if not gives_credit(benefit):
        return None
    customer_id, currency = account.customer_id, benefit["currency"]
    draft.require_asked(Wallet, customer_id)
    wallet = wallet_for(draft, context, customer_id, currency)
    end = end_of_grant(draft, now_of(draft, context, wallet), expiry_months=benefit.get("expiry_months"))
    movement = Movement(
        "grant",
        source_type="redemption",
        source_id=redemption_id,
        receipt={"redemption": redemption_id, "reward": reward_id, "amount": benefit["amount"]},
    )
    _wallet, payload = credit(
        draft,
        context,
        wallet,
        amount_minor=benefit["amount"],
        movement=movement,
        origin="reward",
        expires_at=end,
    )
    return str(payload["id"])


def look_at_credit_of(needs: Needs, redemption_id: str) -> None:
    """Declare a look at what the redemption granted, if it did."""
    needs.look_along(Entry, Of(Redemption, redemption_id, "credit_entry_id"))


def name_credit_of(needs: Needs, seen: Layer, redemption: Redemption) -> None:
    """Declare the wallet and the lot of what the redemption granted."""
    name_grant(needs, seen, redemption.credit_entry_id)


def take_credit_back(draft: Layer, context: Context, redemption: Redemption, *, reason: str | None) -> Rejected | None:
    """All of the credit that the redemption granted is gone again; refused where any of it is spent, over or held."""
    grant_id = redemption.credit_entry_id
    if grant_id is None:
        return None
    refusal = spent_refusal(draft, context, grant_id, granted_by=f"redemption {redemption.id}")
    if refusal is not None:
        return refusal
    amount = lot_of(draft, grant_id).points
    receipt = {"redemption": redemption.id, "grant": grant_id, "granted": amount, "amount": amount}
    take_grant_back(draft, context, grant_id, reason=reason, receipt=receipt)
    return None

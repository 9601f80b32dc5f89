"""Rewards of store credit: granted with their redemption, and taken back whole or not at all (R25e)."""

from __future__ import annotations

from vinr_server.core.credit.movements import credit, take_back
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.settings import end_of_grant
from vinr_server.core.credit.wallets import (
    clock_of,
    look_at_wallets,
    make_wallet,
    name_wallets,
    swept_wallet,
    wallet_in,
)
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.moved import lot_of, own_lots
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.needs import name_wallet
from vinr_server.core.ledger.rows import Entry, Lot
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
    wallet = wallet_in(draft, customer_id, currency)
    if wallet is None:
        wallet = make_wallet(draft, context, customer_id, currency, clock_id=clock_of(draft, customer_id))
    now = now_of(draft, context, wallet)
    wallet = sweep(draft, context, wallet, now=now)
    end = end_of_grant(draft, now, expiry_months=benefit.get("expiry_months"))
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
    grant = seen.get(Entry, redemption.credit_entry_id) if redemption.credit_entry_id is not None else None
    if grant is not None:
        name_wallet(needs, grant.account_id, lots=Part.FIRST, beside=grant.id)
        needs.row(Lot, grant.id, beside=grant.id)


def take_credit_back(draft: Layer, context: Context, redemption: Redemption, *, reason: str | None) -> Rejected | None:
    """All of the credit that the redemption granted is gone again; refused where any of it is spent, over or held."""
    if redemption.credit_entry_id is None:
        return None
    wallet = swept_wallet(draft, context, lot_of(draft, redemption.credit_entry_id).account_id)
    lot = lot_of(draft, redemption.credit_entry_id)
    remaining = sum(own.free_points for own in own_lots(draft, lot))
    if remaining < lot.points:
        message = (
            f"Of the {lot.points} of store credit that redemption {redemption.id} granted, {remaining} is left"
            f" ({wallet.currency}, minor units). It can be canceled only while all of it is there."
        )
        details = {"granted": lot.points, "remaining": remaining}
        return Rejected("credit_spent", message, param="id", details=details)
    movement = Movement(
        "reversal",
        reason=reason,
        reverses_id=lot.id,
        receipt={"redemption": redemption.id, "grant": lot.id, "granted": lot.points, "amount": lot.points},
    )
    take_back(draft, context, wallet, lot, amount_minor=lot.points, movement=movement)
    return None

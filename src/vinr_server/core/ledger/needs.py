"""What moving points needs: the account, its deficits, and the lots that pay."""

from __future__ import annotations

from vinr_server.core.credit.rows import WALLET, Wallet
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.ledger.rows import Deficit, Lot
from vinr_server.core.members.rows import Account


def name_account(
    needs: Needs, account_id: str, *, lots: Part = Part.NONE, beside: str | None = None, look: bool = False
) -> None:
    """The account with what it owes is declared, and the lots that pay first where `lots` says so."""
    needs.row(Account, account_id, beside=beside, look=look)
    needs.children(Deficit, account_id)
    needs.children(Lot, account_id, lots)


def name_wallet(
    needs: Needs, wallet_id: str, *, lots: Part = Part.NONE, beside: str | None = None, look: bool = False
) -> None:
    """The wallet is declared, and the lots that pay first where `lots` says so. (It owes nothing, ever.)"""
    needs.row(Wallet, wallet_id, beside=beside, look=look)
    needs.children(Deficit, wallet_id)
    needs.children(Lot, wallet_id, lots)


def name_holder(needs: Needs, id: str, *, lots: Part = Part.NONE) -> None:
    """The account or the wallet with this id is declared, as `name_account` and `name_wallet` do."""
    (name_wallet if id.startswith(WALLET) else name_account)(needs, id, lots=lots)


def name_accounts(needs: Needs, seen: Layer, customer_id: str, *, lots: Part = Part.NONE) -> list[Account]:
    """Every account of a customer that was looked at is declared, each as `name_account` does.

    Of one that is merged, those of the customer that it is now as well.
    """
    accounts = seen.children(Account, customer_id)
    acting_id = needs.acting(customer_id)
    if acting_id != customer_id:
        accounts = [*accounts, *seen.children(Account, acting_id)]
    for account in accounts:
        name_account(needs, account.id, lots=lots)
    return accounts

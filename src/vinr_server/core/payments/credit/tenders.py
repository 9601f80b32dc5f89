"""Store credit among the tenders of a payment: refused where it is not there, spent with it (R25d)."""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.credit.movements import short_of, spend
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.wallets import (
    swept_wallet,
    wallet_refusal,
)
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.needs import name_wallet
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.payments.rows import Payment, credit_by_wallet


def look_at_tenders(needs: Needs, tenders: Sequence[Json]) -> None:
    """Declare the wallets that tenders name, with the lots that pay first."""
    for wallet_id in credit_by_wallet(tenders):
        name_wallet(needs, wallet_id, lots=Part.FIRST, look=True)


def tenders_refusal(draft: Layer, context: Context, command: CreatePayment, customer_id: str | None) -> Rejected | None:
    """Refuse a wallet that is unknown, in another currency, of another customer, or has less than it is to pay."""
    required = credit_by_wallet(command.tenders)
    for position, tender in enumerate(command.tenders):
        if tender.get("account") is None:
            continue
        param = f"tenders[{position}].account"
        wallet = draft.get(Wallet, tender["account"])
        refusal = wallet_refusal(wallet, tender["account"], customer_id or "", command.currency, param=param)
        if refusal is not None:
            return refusal
        required_minor = required[tender["account"]]
        wallet = swept_wallet(draft, context, tender["account"])
        if wallet.free_points < required_minor:
            return short_of(wallet, required_minor=required_minor, param=f"tenders[{position}].amount")
    return None


def spend_tenders(draft: Layer, context: Context, payment: Payment) -> Payment:
    """The wallets have paid their part. Expects `tenders_refusal` to be None."""
    spent: list[str] = []
    for wallet_id, amount_minor in credit_by_wallet(payment.tenders).items():
        if amount_minor:
            receipt = {"payment": payment.id, "payment_amount": payment.amount_minor, "amount": amount_minor}
            spent.append(spend_for(draft, context, wallet_id, payment, amount_minor, receipt))
    return replace(payment, credit_entry_ids=tuple(spent)) if spent else payment


def spend_for(
    draft: Layer, context: Context, wallet_id: str, payment: Payment, amount_minor: int, receipt: Json
) -> str:
    """The wallet pays so much of the payment; returns the transaction's id."""
    wallet = swept_wallet(draft, context, wallet_id)
    movement = Movement("spend", source_type="payment", source_id=payment.id, receipt=receipt)
    _wallet, payload = spend(draft, context, wallet, amount_minor=amount_minor, movement=movement)
    return str(payload["id"])

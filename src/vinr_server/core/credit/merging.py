"""Wallets of a merged customer: those of one currency become one (R28a)."""

from __future__ import annotations

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.wallets import make_wallet, wallet_in
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.book.transfers import transfer


def merge_wallets(draft: Layer, context: Context, from_id: str, into_id: str) -> None:
    """All credit of the one customer is the other's, lot by lot with its end; what is held stays held.

    Expects the wallets of both, with the lots of the first. No event says so: nobody has gained or lost anything.
    """
    for wallet in sorted(draft.children(Wallet, from_id), key=lambda wallet: wallet.id):
        into = wallet_in(draft, into_id, wallet.currency)
        if into is None:
            into = make_wallet(draft, context, into_id, wallet.currency, clock_id=wallet.clock_id)
        now = now_of(draft, context, into)
        wallet, into = (sweep(draft, context, each, now=now_of(draft, context, each)) for each in (wallet, into))
        wallet, into = transfer(draft, context, wallet, into, reason="merge", now=now)
        draft.put(replace(wallet, merged_into=into.id))

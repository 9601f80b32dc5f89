"""What has granted credit and takes it back whole or not at all: a reward's redemption, a refund in place of money."""

from __future__ import annotations

from vinr_server.core.credit.movements import take_back
from vinr_server.core.credit.wallets import swept_wallet
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.ledger.book.moved import lot_of, own_lots
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.needs import name_wallet
from vinr_server.core.ledger.rows import Entry, Lot


def name_grant(needs: Needs, seen: Layer, grant_id: str | None) -> None:
    """Declare the wallet and the lot of the grant, if there is one. Expects a look at it."""
    grant = seen.get(Entry, grant_id) if grant_id is not None else None
    if grant is not None:
        name_wallet(needs, grant.account_id, lots=Part.FIRST, beside=grant.id)
        needs.row(Lot, grant.id, beside=grant.id)


def spent_refusal(draft: Layer, context: Context, grant_id: str, *, granted_by: str) -> Rejected | None:
    """Refuse a grant of which any is spent, over or held. `granted_by`: what it is called in the message."""
    wallet = swept_wallet(draft, context, lot_of(draft, grant_id).account_id)
    lot = lot_of(draft, grant_id)
    remaining = sum(own.free_points for own in own_lots(draft, lot))
    if remaining == lot.points:
        return None
    message = (
        f"Of the {lot.points} of store credit that {granted_by} granted, {remaining} is left"
        f" ({wallet.currency}, minor units). It can be canceled only while all of it is there."
    )
    details = {"granted": lot.points, "remaining": remaining}
    return Rejected("credit_spent", message, param="id", details=details)


def take_grant_back(draft: Layer, context: Context, grant_id: str, *, reason: str | None, receipt: Json) -> None:
    """All of the grant is gone again, and it is announced. Expects `spent_refusal` to be None."""
    wallet = swept_wallet(draft, context, lot_of(draft, grant_id).account_id)
    lot = lot_of(draft, grant_id)
    movement = Movement("reversal", reason=reason, reverses_id=lot.id, receipt=receipt)
    take_back(draft, context, wallet, lot, amount_minor=lot.points, movement=movement)

"""Store credit that pays for a cart: after every discount, held by its session, spent when that is paid (R25c)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.checkout.rows import CheckoutSession, CreditTender
from vinr_server.core.credit.movements import short_of, spend, spend_held
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.wallets import look_at_wallets, name_wallets, swept_wallet, wallet_in
from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.holds import find_hold, release, reserve, resize
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.standing import standing
from vinr_server.core.ledger.needs import name_wallet

# ---- what is needed


def look_at_credit(needs: Needs, customer_id: str | None, credit: CreditTender | None) -> None:
    """Declare a look at the customer's wallets, where credit is to pay."""
    if customer_id is not None and credit is not None:
        look_at_wallets(needs, customer_id)


def name_credit(needs: Needs, seen: Layer, customer_id: str | None, credit: CreditTender | None) -> None:
    """Declare the wallets with the lots that pay first. Expects `look_at_credit`."""
    if customer_id is not None and credit is not None:
        name_wallets(needs, seen, customer_id)


def look_at_session_credit(needs: Needs, session_id: str) -> None:
    """Declare a look at the wallet that pays for the session, if one does."""
    needs.look_along(Wallet, Of(CheckoutSession, session_id, "wallet_id"))


def name_session_credit(needs: Needs, session: CheckoutSession) -> None:
    """Declare the wallet that pays for the session, with what it holds. Expects the look."""
    if session.wallet_id is not None:
        name_wallet(needs, session.wallet_id, lots=Part.FIRST)


# ---- what is applied


def asked_refusal(credit: CreditTender | None, customer_id: str | None) -> Rejected | None:
    """Refuse credit for a cart that names no customer."""
    if credit is None or customer_id is not None:
        return None
    message = "store_credit: the cart names no customer whose credit could pay. Name the customer, or leave it out."
    return invalid(message, param="store_credit")


def applied_credit(
    draft: Layer,
    context: Context,
    credit: CreditTender | None,
    *,
    customer_id: str | None,
    currency: str,
    total_minor: int,
    hold_id: str | None = None,
) -> CreditTender | None:
    """What credit pays of the total: as much as is asked for and there. Nothing is written or held.

    `hold_id`: what its session holds already counts as there.
    """
    if credit is None or customer_id is None:
        return None
    wallet = wallet_in(draft, customer_id, currency)
    if wallet is None:
        return CreditTender(credit.most_minor)
    over_minor, _next_end = standing(draft, wallet, now_of(draft, context, wallet))
    hold = find_hold(draft, wallet, hold_id)
    balance_minor = wallet.free_points - over_minor + (hold.points if hold is not None else 0)
    most_minor = total_minor if credit.most_minor is None else min(credit.most_minor, total_minor)
    return CreditTender(credit.most_minor, wallet.id, balance_minor, min(balance_minor, most_minor))


# ---- what is held


def hold_credit(
    draft: Layer, context: Context, session: CheckoutSession, credit: CreditTender | None
) -> CheckoutSession:
    """The session holds what credit pays of its total as it is now; what it held before and does not need is free.

    `credit`: what is asked for; None where nothing is.
    """
    held = session.credit
    hold_id = held.hold_id if held is not None else None
    applied = applied_credit(
        draft,
        context,
        credit,
        customer_id=session.customer_id,
        currency=session.cart.currency,
        total_minor=session.total_minor,
        hold_id=hold_id,
    )
    if applied is None or not applied.applied_minor:
        release_credit(draft, context, session)
        return replace(session, credit=applied)
    assert applied.wallet_id is not None, "nobody's credit pays nothing"
    wallet = swept_wallet(draft, context, applied.wallet_id)
    hold = find_hold(draft, wallet, hold_id)
    if hold is not None and hold.points == applied.applied_minor:
        return replace(session, credit=replace(applied, hold_id=hold.id))
    until = _end_by(draft, context, session, wallet)
    id, points = context.make_id("hold", wallet.bucket), applied.applied_minor
    if hold is None:
        reserve(draft, wallet, id=id, points=points, expires_at=until, now=now_of(draft, context, wallet))
    else:
        resize(draft, context, wallet, hold, id=id, points=points, expires_at=until)
    return replace(session, credit=replace(applied, hold_id=id))


def _end_by(draft: Layer, context: Context, session: CheckoutSession, wallet: Wallet) -> datetime:
    """The session's end, by the clock of the wallet."""
    if wallet.clock_id == session.clock_id:
        return session.expires_at
    return now_of(draft, context, wallet) + (session.expires_at - context.now(session.clock_id))


def release_credit(draft: Layer, context: Context, session: CheckoutSession) -> None:
    """What the session holds is free again, in its lots; what is over there expires (R11c)."""
    if session.credit is None or session.wallet_id is None:
        return
    wallet = swept_wallet(draft, context, session.wallet_id)
    hold = find_hold(draft, wallet, session.credit.hold_id)
    if hold is not None:
        now = now_of(draft, context, wallet)
        release(draft, context, wallet, hold, now=now)


# ---- what is spent


def credit_refusal(draft: Layer, context: Context, session: CheckoutSession) -> Rejected | None:
    """Refuse a session whose hold is over by its wallet's own clock, where the credit is not there any longer."""
    credit = session.credit
    if credit is None or not credit.applied_minor or credit.wallet_id is None:
        return None
    wallet = swept_wallet(draft, context, credit.wallet_id)
    if find_hold(draft, wallet, credit.hold_id) is not None or wallet.free_points >= credit.applied_minor:
        return None
    return short_of(wallet, required_minor=credit.applied_minor, param="checkout_session")


def spend_session_credit(
    draft: Layer, context: Context, session: CheckoutSession, *, payment_id: str | None
) -> str | None:
    """What the session holds of credit is spent; returns the transaction's id. Expects `credit_refusal` to be None."""
    credit = session.credit
    if credit is None or not credit.applied_minor or credit.wallet_id is None:
        return None
    wallet = swept_wallet(draft, context, credit.wallet_id)
    movement = Movement(
        "spend",
        source_type="checkout_session" if payment_id is None else "payment",
        source_id=session.id if payment_id is None else payment_id,
        receipt={"checkout_session": session.id, "total": session.total_minor, "amount": credit.applied_minor},
    )
    hold = find_hold(draft, wallet, credit.hold_id)
    if hold is not None:
        return spend_held(draft, context, wallet, hold, movement=movement)[1].id
    _wallet, payload = spend(draft, context, wallet, amount_minor=credit.applied_minor, movement=movement)
    return str(payload["id"])

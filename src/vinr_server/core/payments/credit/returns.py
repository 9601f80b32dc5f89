"""Store credit that refunds return or grant, and that is spent again where one is undone (R26a, R26c)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.credit.grants import name_grant, spent_refusal, take_grant_back
from vinr_server.core.credit.movements import credit, put_credit_back, short_of
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.settings import end_of_return
from vinr_server.core.credit.wallets import name_wallets, swept_wallet, wallet_for, wallet_in
from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of, Part
from vinr_server.core.kernel.payloads import unix_or_none
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.lots import NEVER, Use
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.movements import uses_back
from vinr_server.core.ledger.needs import name_wallet
from vinr_server.core.ledger.rows import Entry, Lot, LotUse
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.payments.commands import RefundPayment
from vinr_server.core.payments.credit.tenders import spend_for
from vinr_server.core.payments.rows import Payment, Refund
from vinr_server.core.programs.members import acting_customer, clock_of

# ---- what a refund moves


def look_at_refunded_credit(needs: Needs, payment_id: str | Of, *, is_granting: bool) -> None:
    """Declare a look at what the payment spent of credit, and, for a grant, the wallets."""
    spent = Of(Payment, payment_id, "credit_entry_ids")
    needs.look_along(Entry, spent)
    needs.look_along(LotUse, spent, by="entry_id")
    if is_granting:
        needs.look_along(Account, Of(Payment, payment_id, "customer_id"), by="customer_id")
        needs.look_along(Wallet, Of(Payment, payment_id, "customer_id"), by="customer_id")


def name_refunded_credit(needs: Needs, seen: Layer, payment: Payment, *, is_granting: bool) -> None:
    """Declare the wallets and lots that paid, and what came back; for a grant, all wallets of the customer."""
    for id in payment.credit_entry_ids:
        entry = seen.get(Entry, id)
        if entry is None:
            continue
        name_wallet(needs, entry.account_id, lots=Part.FIRST, beside=id)
        needs.children(Entry, id, beside=id)
        for use in seen.here(LotUse, id):
            needs.row(Lot, use.lot_id, beside=id)
    if is_granting and payment.customer_id is not None:
        needs.row(Customer, payment.customer_id)
        needs.children(Wallet, payment.customer_id)
        name_wallets(needs, seen, payment.customer_id)


def return_credit(draft: Layer, context: Context, payment: Payment, refund: Refund) -> None:
    """What the refund returns of credit is back where it came from, the last spent first (R26c)."""
    left_minor = refund.credit_returned_minor
    for id in reversed(payment.credit_entry_ids):
        spent = draft.get(Entry, id)
        assert spent is not None, f"the spend {id} was not loaded"
        returned_minor = sum(back.points for back in draft.children(Entry, id))
        amount_minor = min(left_minor, -spent.points - returned_minor)
        if amount_minor:
            swept_wallet(draft, context, spent.account_id)  # before its lots are read
            uses = uses_back(draft, id, points=amount_minor, returned_points=returned_minor)
            _return(draft, context, payment, refund, spent, uses)
            left_minor -= amount_minor
    assert left_minor == 0, f"{left_minor} more of {payment.id} was to be returned than it spent"


def _return(
    draft: Layer, context: Context, payment: Payment, refund: Refund, spent: Entry, uses: Sequence[Use]
) -> None:
    """The lots hold it again; what would end before the days of a return are over is a new lot that lasts so long."""
    wallet, paying = swept_wallet(draft, context, spent.account_id), draft.get(Wallet, spent.account_id)
    assert paying is not None, "loaded with the spend"
    now = now_of(draft, context, wallet)
    lasts_until = end_of_return(draft, now)
    receipt = {"payment": payment.id, "refund": refund.id, "spend": spent.id, "spent": -spent.points}
    movement = Movement("return", reason=refund.reason, source_type="refund", source_id=refund.id, reverses_id=spent.id)

    def is_late(use: Use) -> bool:
        return lasts_until is not None and (use.lot.expires_at or NEVER) < lasts_until

    in_time = [use for use in uses if not is_late(use)]
    if in_time:
        moved = replace(movement, receipt=receipt | {"amount": sum(use.points for use in in_time)})
        wallet, _entry = put_credit_back(draft, context, wallet, paying, in_time, movement=moved)
    late: dict[str, int] = {}
    for use in filter(is_late, uses):
        origin = use.lot.origin or ""
        late[origin] = late.get(origin, 0) + use.points
    for origin, amount_minor in sorted(late.items()):
        lasting = receipt | {"amount": amount_minor, "lasts_until": unix_or_none(lasts_until)}
        wallet, _payload = credit(
            draft,
            context,
            wallet,
            amount_minor=amount_minor,
            movement=replace(movement, receipt=lasting),
            origin=origin or None,
            expires_at=lasts_until,
            event_type="store_credit.returned",
        )


def grant_instead(
    draft: Layer, context: Context, payment: Payment, refund: Refund, *, expires_at: datetime | None
) -> str | None:
    """What the refund grants in place of money is credit of its customer; returns the grant's id (R26a)."""
    if not refund.credit_granted_minor:
        return None
    wallet = wallet_for(draft, context, _customer_of(draft, payment), payment.currency)
    receipt = {"payment": payment.id, "refund": refund.id, "amount": refund.credit_granted_minor}
    _wallet, payload = credit(
        draft,
        context,
        wallet,
        amount_minor=refund.credit_granted_minor,
        movement=Movement("grant", reason=refund.reason, source_type="refund", source_id=refund.id, receipt=receipt),
        origin="refund",
        expires_at=expires_at,
    )
    return str(payload["id"])


def _customer_of(draft: Layer, payment: Payment) -> str:
    assert payment.customer_id is not None, "refused before"
    return acting_customer(draft, payment.customer_id)


def grant_refusal(draft: Layer, context: Context, payment: Payment, command: RefundPayment) -> Rejected | None:
    """Refuse an end of granted credit that is over. Expects what a grant needs to be declared."""
    expires_at = command.credit_expires_at
    if expires_at is None or not command.credit_minor:
        return None
    customer_id = _customer_of(draft, payment)
    wallet = wallet_in(draft, customer_id, payment.currency)
    clock_id = wallet.clock_id if wallet is not None else clock_of(draft, customer_id)
    if expires_at > context.now(clock_id):
        return None
    message = f"credit_expires_at: {expires_at.isoformat()} is over. Send a later instant, or leave it out."
    return invalid(message, param="credit_expires_at")


# ---- a refund is undone


def look_at_granted_credit(needs: Needs, refund_id: str) -> None:
    """Declare a look at what the refund granted in place of money, if it did."""
    needs.look_along(Entry, Of(Refund, refund_id, "credit_grant_id"))


def name_granted_credit(needs: Needs, seen: Layer, refund: Refund) -> None:
    """Declare the wallet and the lot of what the refund granted."""
    name_grant(needs, seen, refund.credit_grant_id)


def undo_refusal(draft: Layer, context: Context, payment: Payment, refund: Refund) -> Rejected | None:
    """Refuse to undo a refund whose credit is not there any longer: credit is never below 0."""
    if refund.credit_grant_id is not None:
        refusal = spent_refusal(draft, context, refund.credit_grant_id, granted_by=f"refund {refund.id}")
        if refusal is not None:
            return refusal
    if not refund.credit_returned_minor:
        return None
    wallet = swept_wallet(draft, context, _paying_id(draft, payment))
    if wallet.free_points - refund.credit_granted_minor >= refund.credit_returned_minor:
        return None
    return short_of(wallet, required_minor=refund.credit_returned_minor + refund.credit_granted_minor, param="id")


def undo_credit(draft: Layer, context: Context, payment: Payment, refund: Refund, *, reason: str | None) -> Payment:
    """What the refund granted is gone again, and what it returned is spent again. Expects `undo_refusal` to be None."""
    names = {"payment": payment.id, "refund": refund.id}
    if refund.credit_grant_id is not None:
        receipt = names | {"grant": refund.credit_grant_id, "amount": refund.credit_granted_minor}
        take_grant_back(draft, context, refund.credit_grant_id, reason=reason, receipt=receipt)
    if not refund.credit_returned_minor:
        return payment
    amount_minor = refund.credit_returned_minor
    paying_id = _paying_id(draft, payment)
    spent_id = spend_for(draft, context, paying_id, payment, amount_minor, names | {"amount": amount_minor})
    return replace(payment, credit_entry_ids=(*payment.credit_entry_ids, spent_id))


def _paying_id(draft: Layer, payment: Payment) -> str:
    """The wallet that paid."""
    spent = draft.get(Entry, payment.credit_entry_ids[0])
    assert spent is not None, "loaded with its payment"
    return spent.account_id

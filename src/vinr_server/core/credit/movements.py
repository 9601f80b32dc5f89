"""Store credit comes and goes: granted, spent, adjusted, and taken back or returned, by the book of points (R25)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.credit.commands import AboutWallet, AdjustCredit, GrantCredit, ReverseCredit, SpendCredit
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.settings import end_of_grant
from vinr_server.core.credit.wallets import (
    look_at_named,
    name_named,
    named_wallet,
    swept_wallet,
    wallet_for,
)
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.holds import capture
from vinr_server.core.ledger.book.lots import Use
from vinr_server.core.ledger.book.moved import lot_of, own_lots
from vinr_server.core.ledger.book.posting import Movement, announce_entry, land, new_lot, post
from vinr_server.core.ledger.book.transfers import transfer
from vinr_server.core.ledger.movements import debit, put_back, uses_back
from vinr_server.core.ledger.needs import name_wallet
from vinr_server.core.ledger.payloads import credit_payload
from vinr_server.core.ledger.reversals import claw_back
from vinr_server.core.ledger.rows import Entry, Hold, Lot, LotUse
from vinr_server.core.members.rows import Customer
from vinr_server.core.payments.rows import Payment

# What a spend by hand has in its receipt, and one that paid an order has not.
BY_HAND: Json = {"manual": True}


# ---- what moves


def credit(
    draft: Layer,
    context: Context,
    wallet: Wallet,
    *,
    amount_minor: int,
    movement: Movement,
    origin: str | None,
    expires_at: datetime | None,
    event_type: str = "store_credit.granted",
) -> tuple[Wallet, Json]:
    """The wallet holds a new lot. Expects a swept wallet and an end that lies ahead. Returns it and the payload."""
    now = now_of(draft, context, wallet)
    wallet, entry = post(draft, context, wallet, points=amount_minor, movement=movement, now=now)
    lot = replace(new_lot(entry, available_at=now, expires_at=expires_at), origin=origin)
    wallet, lot = land(draft, wallet, lot, cause_id=entry.id, now=now)
    return wallet, announce_entry(draft, context, wallet, entry, lot, event_type=event_type, now=now)


def spend(
    draft: Layer, context: Context, wallet: Wallet, *, amount_minor: int, movement: Movement
) -> tuple[Wallet, Json]:
    """The lots pay in R3's order. Expects a swept wallet that has the amount free. Returns it and the payload."""
    now = now_of(draft, context, wallet)
    wallet, entry = debit(draft, context, wallet, points=amount_minor, movement=movement, now=now)
    event_type = "store_credit.adjusted" if movement.kind == "adjustment" else "store_credit.spent"
    return wallet, announce_entry(draft, context, wallet, entry, event_type=event_type, now=now)


def spend_held(
    draft: Layer, context: Context, wallet: Wallet, hold: Hold, *, movement: Movement
) -> tuple[Wallet, Entry]:
    """All that the hold reserves is spent, and announced."""
    now = now_of(draft, context, wallet)
    wallet, entry = capture(draft, context, wallet, hold, points=hold.points, movement=movement, now=now)
    announce_entry(draft, context, wallet, entry, event_type="store_credit.spent", now=now)
    return wallet, entry


def short_of(
    wallet: Wallet | None,
    *,
    required_minor: int,
    customer_id: str | None = None,
    currency: str | None = None,
    param: str = "amount",
) -> Rejected:
    """Say what is there, what is held, and what is missing. Expects a swept wallet, or None for no wallet."""
    balance, held = 0, 0
    if wallet is not None:
        balance, held, customer_id, currency = (
            *(wallet.free_points, wallet.held_points),
            *(wallet.customer_id, wallet.currency),
        )
    beside = f" ({held} more are held)" if held else ""
    message = (
        f"Customer {customer_id} has {balance} of store credit{beside} ({currency}, minor units);"
        f" {required_minor} are needed. Spend {balance} at most."
    )
    details = {
        "balance": balance,
        "held": held,
        "required": required_minor,
        "shortfall": required_minor - balance,
        "currency": currency,
    }
    return Rejected("insufficient_credit", message, param=param, details=details)


def _short_of(wallet: Wallet | None, command: AboutWallet, required_minor: int) -> Rejected:
    return short_of(wallet, required_minor=required_minor, customer_id=command.customer_id, currency=command.currency)


# ---- grant, spend, adjust


def needs_grant_credit(command: GrantCredit, needs: Needs) -> None:
    """The wallet, and the payment that it is for."""
    _name(needs, command, command.payment_id)


def _name(needs: Needs, command: AboutWallet, payment_id: str | None) -> None:
    look_at_named(needs, command)
    if payment_id is not None:
        needs.row(Payment, payment_id)


def follow_grant_credit(command: GrantCredit, seen: Layer, needs: Needs) -> None:
    """The customer's wallets, or the wallet's customer."""
    name_named(needs, seen, command)


def decide_grant_credit(draft: Layer, command: GrantCredit, context: Context) -> Accepted | Rejected:
    """The wallet holds a new lot; a customer's first grant makes it."""
    named = named_wallet(draft, context, command)
    if isinstance(named, Rejected):
        return named
    wallet = named or _wallet_for(draft, context, command)
    now = now_of(draft, context, wallet)
    refusal = first_listed(_over(command.expires_at, now), _payment_refusal(draft, command.payment_id, wallet))
    if refusal is not None:
        return refusal
    end = command.expires_at or end_of_grant(draft, now, expiry_months=command.expiry_months)
    receipt = {**BY_HAND, "amount": command.amount_minor} | ({} if end is None else {"expires_at": unix(end)})
    movement = _movement("grant", command, receipt)
    _wallet, payload = credit(
        draft,
        context,
        wallet,
        amount_minor=command.amount_minor,
        movement=movement,
        origin=command.origin,
        expires_at=end,
    )
    return Accepted(payload)


def _over(expires_at: datetime | None, now: datetime) -> Rejected | None:
    """Refuse an end that is over."""
    if expires_at is None or expires_at > now:
        return None
    message = f"expires_at: {expires_at.isoformat()} is over; it is {now.isoformat()} now. Send a later instant."
    return invalid(message, param="expires_at")


def _wallet_for(draft: Layer, context: Context, command: AboutWallet) -> Wallet:
    assert command.customer_id is not None and command.currency is not None, "the edge asks for them"
    return wallet_for(draft, context, command.customer_id, command.currency)


def _movement(kind: str, command: GrantCredit | SpendCredit, receipt: Json) -> Movement:
    return Movement(
        kind,
        reason=command.reason,
        source_type=None if command.payment_id is None else "payment",
        source_id=command.payment_id,
        receipt=receipt,
        metadata=command.metadata,
    )


def _payment_refusal(draft: Layer, payment_id: str | None, wallet: Wallet) -> Rejected | None:
    """Refuse a payment that is unknown, in another currency, or of another customer than the wallet."""
    if payment_id is None:
        return None
    payment = draft.get(Payment, payment_id)
    if payment is None:
        return missing("payment", payment_id, param="payment")
    if payment.currency != wallet.currency:
        message = f"Payment {payment.id} is in {payment.currency}, the store credit in {wallet.currency}."
        return Rejected("parameter_conflict", message, param="payment", details={"currency": payment.currency})
    customer = draft.get(Customer, wallet.customer_id)
    known = (None, wallet.customer_id, *(customer.merged_from if customer is not None else ()))
    if payment.customer_id not in known:
        message = f"Payment {payment.id} is of customer {payment.customer_id}, the credit of {wallet.customer_id}."
        return Rejected("not_eligible", message, param="payment", details={"condition": "customer"})
    return None


def needs_spend_credit(command: SpendCredit, needs: Needs) -> None:
    """The wallet, and the payment that it is for."""
    _name(needs, command, command.payment_id)


def follow_spend_credit(command: SpendCredit, seen: Layer, needs: Needs) -> None:
    """The customer's wallets, or the wallet's customer."""
    name_named(needs, seen, command)


def decide_spend_credit(draft: Layer, command: SpendCredit, context: Context) -> Accepted | Rejected:
    """The credit is spent from the lots in their order, soonest end first; never more than is free."""
    wallet = named_wallet(draft, context, command)
    if isinstance(wallet, Rejected):
        return wallet
    if wallet is None or wallet.free_points < command.amount_minor:
        return _short_of(wallet, command, command.amount_minor)
    refusal = _payment_refusal(draft, command.payment_id, wallet)
    if refusal is not None:
        return refusal
    movement = _movement("spend", command, {**BY_HAND, "amount": command.amount_minor})
    _wallet, payload = spend(draft, context, wallet, amount_minor=command.amount_minor, movement=movement)
    return Accepted(payload)


def needs_adjust_credit(command: AdjustCredit, needs: Needs) -> None:
    """The wallet."""
    look_at_named(needs, command)


def follow_adjust_credit(command: AdjustCredit, seen: Layer, needs: Needs) -> None:
    """The customer's wallets, or the wallet's customer."""
    name_named(needs, seen, command)


def decide_adjust_credit(draft: Layer, command: AdjustCredit, context: Context) -> Accepted | Rejected:
    """The balance is corrected: up by a new lot, down from the lots by R3, never below what can be spent."""
    named = named_wallet(draft, context, command)
    if isinstance(named, Rejected):
        return named
    receipt = {**BY_HAND, "amount": command.amount_minor}
    movement = Movement("adjustment", reason=command.reason, receipt=receipt, metadata=command.metadata)
    if command.amount_minor > 0:
        wallet = named or _wallet_for(draft, context, command)
        end = end_of_grant(draft, now_of(draft, context, wallet))
        _wallet, payload = credit(
            draft,
            context,
            wallet,
            amount_minor=command.amount_minor,
            movement=movement,
            origin=None,
            expires_at=end,
            event_type="store_credit.adjusted",
        )
        return Accepted(payload)
    if named is None or named.free_points < -command.amount_minor:
        return _short_of(named, command, -command.amount_minor)
    _wallet, payload = spend(draft, context, named, amount_minor=-command.amount_minor, movement=movement)
    return Accepted(payload)


# ---- reverse


def needs_reverse_credit(command: ReverseCredit, needs: Needs) -> None:
    """The transaction, what came of it, and which lots paid for it."""
    needs.row(Entry, command.transaction_id, look=True)
    needs.children(Entry, command.transaction_id)
    needs.children(LotUse, command.transaction_id, look=True)


def follow_reverse_credit(command: ReverseCredit, seen: Layer, needs: Needs) -> None:
    """The wallet, the grant's own lot, and the lots that paid."""
    entry = seen.get(Entry, command.transaction_id)
    if entry is None:
        return
    name_wallet(needs, entry.account_id, lots=Part.FIRST, beside=entry.id)
    needs.row(Lot, entry.id)
    for use in seen.children(LotUse, entry.id):
        needs.row(Lot, use.lot_id, beside=entry.id)


def decide_reverse_credit(draft: Layer, command: ReverseCredit, context: Context) -> Accepted | Rejected:
    """What is left of a grant is taken back, or what a spend by hand took is back in its lots (R25b)."""
    entry = draft.get(Entry, command.transaction_id)
    paying = draft.get(Wallet, entry.account_id) if entry is not None else None
    if entry is None or paying is None:
        return missing("credit transaction", command.transaction_id, param="transaction")
    wallet = swept_wallet(draft, context, paying.id)
    if entry.points > 0 and entry.kind in ("grant", "adjustment"):
        return _take_back(draft, context, command, wallet, entry)
    if entry.kind == "spend" and entry.receipt.get("manual"):
        return _give_back(draft, context, command, wallet, paying, entry)
    remedy = {"spend": "refund the payment instead", "return": "spend it again instead"}.get(
        entry.kind, "adjust the balance instead"
    )
    message = f"{entry.id} is of kind {entry.kind}; only grants and spends by hand are reversed: {remedy}."
    return Rejected("not_reversible", message, param="transaction", details={"kind": entry.kind, "reversible": 0})


def _take_back(
    draft: Layer, context: Context, command: ReverseCredit, wallet: Wallet, entry: Entry
) -> Accepted | Rejected:
    """What its own lot has free is taken, never another's."""
    lot = lot_of(draft, entry.id)
    reversible = sum(own.free_points for own in own_lots(draft, lot))
    amount_minor = _amount(draft, command, entry, reversible, context)
    if not isinstance(amount_minor, int):
        return amount_minor
    movement = Movement(
        "reversal",
        reason=command.reason,
        reverses_id=entry.id,
        receipt={"grant": entry.id, "granted": entry.points, "amount": amount_minor},
        metadata=command.metadata,
    )
    return Accepted(take_back(draft, context, wallet, lot, amount_minor=amount_minor, movement=movement))


def take_back(
    draft: Layer, context: Context, wallet: Wallet, lot: Lot, *, amount_minor: int, movement: Movement
) -> Json:
    """Of a grant that much is gone again, and announced; returns the payload. Expects a swept wallet that has it."""
    now = now_of(draft, context, wallet)
    wallet, taken = claw_back(draft, context, wallet, lot=lot, points=amount_minor, movement=movement, now=now)
    return announce_entry(draft, context, wallet, taken, event_type="store_credit.reversed", now=now)


def _give_back(
    draft: Layer, context: Context, command: ReverseCredit, wallet: Wallet, paying: Wallet, entry: Entry
) -> Accepted | Rejected:
    """What the spend took is back in the lots that paid, the last used first; what is over expires again (R5)."""
    returned = sum(back.points for back in draft.children(Entry, entry.id))
    amount_minor = _amount(draft, command, entry, -entry.points - returned, context)
    if not isinstance(amount_minor, int):
        return amount_minor
    movement = Movement(
        "return",
        reason=command.reason,
        reverses_id=entry.id,
        receipt={"spend": entry.id, "spent": -entry.points, "amount": amount_minor},
        metadata=command.metadata,
    )
    uses = uses_back(draft, entry.id, points=amount_minor, returned_points=returned)
    _wallet, back = put_credit_back(draft, context, wallet, paying, uses, movement=movement)
    return Accepted(_shown(draft, context, back))


def _shown(draft: Layer, context: Context, entry: Entry) -> Json:
    """The transaction as it is retrieved: of the wallet that has it, with the lot that it granted."""
    wallet = draft.get(Wallet, entry.account_id)
    assert wallet is not None, f"the wallet of {entry.id} was not loaded"
    return credit_payload(entry, wallet, draft.find(Lot, entry.id), livemode=context.livemode)


def put_credit_back(
    draft: Layer, context: Context, wallet: Wallet, paying: Wallet, uses: Sequence[Use], *, movement: Movement
) -> tuple[Wallet, Entry]:
    """The lots hold again what they paid, and it is announced; what is over expires again (R5).

    `paying`: the wallet that spent it; of a merged one it moves on at once to `wallet`, which acts for it.
    """
    now = now_of(draft, context, wallet)
    if uses[0].lot.account_id == wallet.id:
        paying = wallet
    paying, entry = put_back(
        draft, context, paying, uses, movement=movement, now=now, event_type="store_credit.returned"
    )
    if paying.id == wallet.id:
        return paying, entry
    _paying, wallet = transfer(draft, context, paying, wallet, reason="merge", now=now)
    return wallet, entry


def _amount(
    draft: Layer, command: ReverseCredit, entry: Entry, reversible: int, context: Context
) -> int | Accepted | Rejected:
    """How much is reversed: as asked, or all that is left. Where nothing is left, the answer says so."""
    if reversible == 0:
        backs = draft.children(Entry, entry.id)
        last = max(backs, key=lambda back: back.sequence, default=entry)
        return Accepted({**_shown(draft, context, last), "already_reversed": True}, is_new=False)
    amount_minor = reversible if command.amount_minor is None else command.amount_minor
    if amount_minor > reversible:
        message = f"Of {entry.id} only {reversible} is left to reverse; {amount_minor} was asked for."
        return Rejected("not_reversible", message, param="amount", details={"reversible": reversible})
    return amount_minor


COMMANDS: Commands = {
    GrantCredit: (needs_grant_credit, decide_grant_credit, follow_grant_credit),
    SpendCredit: (needs_spend_credit, decide_spend_credit, follow_spend_credit),
    AdjustCredit: (needs_adjust_credit, decide_adjust_credit, follow_adjust_credit),
    ReverseCredit: (needs_reverse_credit, decide_reverse_credit, follow_reverse_credit),
}

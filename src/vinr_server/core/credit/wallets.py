"""Wallets: one for each customer and currency, found or made, and shown (R25)."""

from __future__ import annotations

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.credit.commands import AboutWallet, CreateWallet
from vinr_server.core.credit.payloads import wallet_payload
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.ledger.book.holders import now_of
from vinr_server.core.ledger.book.standing import standing
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.needs import name_accounts, name_wallet
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.programs.members import clock_of


def look_at_wallets(needs: Needs, customer_id: str) -> None:
    """Declare a look at the customer's wallets, and at its accounts: a new wallet lives by the first one's clock."""
    needs.row(Customer, customer_id)
    needs.children(Account, customer_id, look=True)
    needs.children(Wallet, customer_id, look=True)


def name_wallets(needs: Needs, seen: Layer, customer_id: str) -> None:
    """Declare the customer's wallets with the lots that pay first. Expects `look_at_wallets`."""
    name_accounts(needs, seen, customer_id)
    for id in dict.fromkeys((customer_id, needs.acting(customer_id))):
        for wallet in seen.children(Wallet, id):
            name_wallet(needs, wallet.id, lots=Part.FIRST)


def look_at_named(needs: Needs, command: AboutWallet) -> None:
    """Declare the wallet that a command names by its id, or a look at those of the customer that it names."""
    if command.account_id is not None:
        name_wallet(needs, command.account_id, lots=Part.FIRST, look=True)
    elif command.customer_id is not None:
        look_at_wallets(needs, command.customer_id)


def name_named(needs: Needs, seen: Layer, command: AboutWallet) -> None:
    """Declare what follows from that look: the wallet's customer, or the customer's wallets."""
    if command.account_id is None:
        assert command.customer_id is not None, "the edge asks for one of them"
        name_wallets(needs, seen, command.customer_id)
        return
    wallet = seen.get(Wallet, command.account_id)
    if wallet is not None:
        needs.row(Customer, wallet.customer_id)


def wallet_in(draft: Layer, customer_id: str, currency: str) -> Wallet | None:
    """The customer's wallet in the currency, if there is one. Expects all of its wallets."""
    wallets = (wallet for wallet in draft.children(Wallet, customer_id) if wallet.merged_into is None)
    return next((wallet for wallet in wallets if wallet.currency == currency), None)


def named_wallet(draft: Layer, context: Context, command: AboutWallet) -> Wallet | Rejected | None:
    """The wallet that the command names, swept; None where its customer has none in the currency.

    Refuses an unknown id, and one of another currency or another customer than the command names, too.
    """
    if command.account_id is None:
        assert command.customer_id is not None and command.currency is not None, "the edge asks for them"
        wallet = wallet_in(draft, command.customer_id, command.currency)
    else:
        wallet = draft.get(Wallet, command.account_id)
        refusal = wallet_refusal(wallet, command.account_id, command.customer_id, command.currency)
        if refusal is not None:
            return refusal
    return None if wallet is None else sweep(draft, context, wallet, now=now_of(draft, context, wallet))


def swept_wallet(draft: Layer, context: Context, wallet_id: str) -> Wallet:
    """The wallet, or the one that acts for it, with every lot that is over written off. Expects it and its lots."""
    wallet = draft.get(Wallet, wallet_id)
    if wallet is not None and wallet.merged_into is not None:
        wallet = draft.get(Wallet, wallet.merged_into)
    assert wallet is not None, f"wallet {wallet_id} was not loaded"
    return sweep(draft, context, wallet, now=now_of(draft, context, wallet))


def wallet_refusal(
    wallet: Wallet | None, wallet_id: str, customer_id: str | None, currency: str | None, *, param: str = "account"
) -> Rejected | None:
    """Refuse a wallet that is not there, or is of another currency or customer; None of these asks nothing."""
    if wallet is None:
        return missing("store credit account", wallet_id, param=param)
    if currency is not None and wallet.currency != currency:
        message = f"Store credit account {wallet.id} is in {wallet.currency}, not in {currency}. Nothing is converted."
        return Rejected("parameter_conflict", message, param=param, details={"currency": wallet.currency})
    if customer_id is not None and wallet.customer_id != customer_id:
        message = f"Store credit account {wallet.id} is of {wallet.customer_id}, not of {customer_id or 'a guest'}."
        return Rejected("not_eligible", message, param=param, details={"condition": "customer"})
    return None


def wallet_for(draft: Layer, context: Context, customer_id: str, currency: str) -> Wallet:
    """The customer's wallet in the currency, swept; a new one, by the customer's clock, where it has none."""
    wallet = wallet_in(draft, customer_id, currency)
    if wallet is None:
        return make_wallet(draft, context, customer_id, currency, clock_id=clock_of(draft, customer_id))
    return swept_wallet(draft, context, wallet.id)


def make_wallet(draft: Layer, context: Context, customer_id: str, currency: str, *, clock_id: str | None) -> Wallet:
    """The customer has an empty wallet in the currency, for good on this clock. Expects that it has none yet."""
    bucket = context.bucket_of(customer_id)
    wallet = Wallet(
        bucket=bucket,
        id=context.make_id("crd", bucket),
        customer_id=customer_id,
        currency=currency,
        clock_id=clock_id,
        ledger_balance_points=0,
        sequence=0,
        next_expiry_at=None,
        created_at=context.now(clock_id),
    )
    draft.put(wallet)
    return wallet


def show_wallet(draft: Layer, wallet: Wallet, context: Context) -> Json:
    """The wallet's payload from the loaded rows. Expects its live lots, unless it is new."""
    over_points, next_end = standing(draft, wallet, now_of(draft, context, wallet))
    return wallet_payload(wallet, overdue_points=over_points, next_expiry=next_end, livemode=context.livemode)


def needs_create_wallet(command: CreateWallet, needs: Needs) -> None:
    """The customer's wallets and accounts, and the test clock."""
    look_at_wallets(needs, command.customer_id)
    if command.clock_id is not None:
        needs.row(TestClock, command.clock_id)


def follow_create_wallet(command: CreateWallet, seen: Layer, needs: Needs) -> None:
    """The lots of the wallet that is there already, to show its balance."""
    name_wallets(needs, seen, command.customer_id)


def decide_create_wallet(draft: Layer, command: CreateWallet, context: Context) -> Accepted | Rejected:
    """The customer has one wallet in the currency; creating it again returns the one that is there."""
    if command.clock_id is not None:
        if context.livemode:
            return invalid("Test clocks exist only in test mode.", param="test_clock")
        clock = draft.get(TestClock, command.clock_id)
        if clock is None or clock.deleted_at is not None:
            return missing("test clock", command.clock_id, param="test_clock")
    present = wallet_in(draft, command.customer_id, command.currency)
    if present is None:
        clock_id = command.clock_id or clock_of(draft, command.customer_id)
        wallet = make_wallet(draft, context, command.customer_id, command.currency, clock_id=clock_id)
        return Accepted(show_wallet(draft, wallet, context))
    if command.clock_id not in (None, present.clock_id):
        lives = "real time" if present.clock_id is None else present.clock_id
        message = f"Store credit account {present.id} lives by {lives}; its clock can't be changed."
        return Rejected("parameter_conflict", message, param="test_clock", details={"account": present.id})
    return Accepted(show_wallet(draft, present, context), is_new=False)


COMMANDS: Commands = {
    CreateWallet: (needs_create_wallet, decide_create_wallet, follow_create_wallet),
}

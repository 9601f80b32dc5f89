"""Store credit: a customer's wallet in each currency, and every movement of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.currencies import read_currency, read_currency_or_none
from vinr_server.api.contract.input import (
    INTEGER_MAX,
    ClockId,
    Count,
    CreditEntryId,
    CustomerId,
    Input,
    Instant,
    Metadata,
    Months,
    PaymentId,
    Text,
    WalletId,
    sent,
)
from vinr_server.api.contract.operation import FIND, MADE, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, require_no_query, retrieve
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.zones import read_credit_end
from vinr_server.api.resources.points import Source
from vinr_server.core.credit import commands, payloads, rows
from vinr_server.core.credit.settings import DEFAULTS
from vinr_server.core.kernel.calendar import ExpiryRounding
from vinr_server.core.ledger import rows as ledger
from vinr_server.core.ledger.payloads import credit_payload
from vinr_server.storage.reads.credit import wallet_figures, wallets_of
from vinr_server.storage.reads.holdings import lots_of
from vinr_server.storage.reads.scopes import (
    CREDIT,
    CREDIT_OF_PAYMENT,
    IN_CURRENCY,
    OF_CUSTOMER,
    OF_ORIGIN,
    UNMERGED_WALLETS,
)

URL = "/v1/store_credit"

CreditKind = Literal["grant", "spend", "return", "expiry", "reversal", "adjustment", "transfer"]


class CreateStoreCreditAccountInput(Input):
    customer: CustomerId
    currency: str
    test_clock: ClockId | None = None


class AboutWalletInput(Input):
    account: WalletId | None = None
    customer: CustomerId | None = None
    currency: str | None = None


class GrantCreditInput(AboutWalletInput, kw_only=True):
    amount: Count
    origin: commands.Origin = "goodwill"
    expires_at: Instant = None
    expiry_months: Months | None = None
    payment: PaymentId | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class SpendCreditInput(AboutWalletInput, kw_only=True):
    amount: Count
    payment: PaymentId | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class AdjustCreditInput(AboutWalletInput, kw_only=True):
    amount: Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
    reason: Text
    metadata: Metadata = {}


class ReverseCreditInput(Input):
    transaction: CreditEntryId
    amount: Count | None = None
    reason: Text | None = None
    metadata: Metadata = {}


class UpdateCreditSettingsInput(Input):
    default_expiry_months: Months | UnsetType | None = UNSET
    expiry_rounding: ExpiryRounding | UnsetType = UNSET
    return_days: Annotated[int, Meta(ge=0, le=366)] | UnsetType = UNSET


class NextCreditExpiry(Reply):
    at: int
    amount: int


class StoreCreditAccount(Reply):
    id: str
    object: Literal["store_credit_account"]
    customer: Reference
    currency: str
    balance: int
    held: int
    next_expiry: NextCreditExpiry | None
    sequence: int
    test_clock: Reference | None
    merged_into: Reference | None
    created: int
    livemode: bool


class CreditTransaction(Reply):
    id: str
    object: Literal["credit_transaction"]
    account: Reference
    customer: Reference
    currency: str
    kind: CreditKind
    amount: int
    balance_after: int
    sequence: int
    origin: commands.Origin | None
    reason: str | None
    source: Source | None
    payment: Reference | None
    reverses: Reference | None
    expires_at: int | None
    receipt: Figures
    metadata: Json
    occurred_at: int
    created: int
    livemode: bool
    already_reversed: bool | UnsetType = UNSET


class CreditSettings(Reply):
    object: Literal["credit_settings"]
    default_expiry_months: int | None
    expiry_rounding: ExpiryRounding
    return_days: int
    livemode: bool


def create_store_credit_account(call: Call) -> commands.CreateWallet:
    body: CreateStoreCreditAccountInput = call.body
    return commands.CreateWallet(body.customer, read_currency(body.currency, param="currency"), body.test_clock)


def read_whose(body: AboutWalletInput) -> dict[str, Any]:
    """Which wallet is meant: by its id, or by its customer and currency."""
    currency = read_currency_or_none(body.currency, param="currency")
    if body.account is None:
        for name in ("customer", "currency"):
            if getattr(body, name) is None:
                message = f"{name} is required where no account is named. Send account, or customer and currency."
                raise Problem("parameter_missing", message, param=name)
    return {"account_id": body.account, "customer_id": body.customer, "currency": currency}


async def grant_credit(call: Call) -> commands.GrantCredit:
    body: GrantCreditInput = call.body
    if body.expires_at is not None and body.expiry_months is not None:
        message = "expires_at and expiry_months both say when the credit ends. Send one of them."
        raise Problem("parameter_conflict", message, param="expiry_months")
    return commands.GrantCredit(
        amount_minor=body.amount,
        origin=body.origin,
        expires_at=await read_credit_end(call, body.expires_at, param="expires_at"),
        expiry_months=body.expiry_months,
        payment_id=body.payment,
        reason=body.reason,
        metadata=read_metadata(body.metadata),
        **read_whose(body),
    )


def spend_credit(call: Call) -> commands.SpendCredit:
    body: SpendCreditInput = call.body
    return commands.SpendCredit(
        amount_minor=body.amount,
        payment_id=body.payment,
        reason=body.reason,
        metadata=read_metadata(body.metadata),
        **read_whose(body),
    )


def adjust_credit(call: Call) -> commands.AdjustCredit:
    body: AdjustCreditInput = call.body
    if body.amount == 0:
        message = "amount: an adjustment of 0 changes nothing. Send a positive or negative number."
        raise Problem("parameter_invalid", message, param="amount")
    return commands.AdjustCredit(
        amount_minor=body.amount, reason=body.reason, metadata=read_metadata(body.metadata), **read_whose(body)
    )


def reverse_credit(call: Call) -> commands.ReverseCredit:
    body: ReverseCreditInput = call.body
    return commands.ReverseCredit(body.transaction, body.amount, body.reason, read_metadata(body.metadata))


def update_credit_settings(call: Call) -> commands.UpdateCreditSettings:
    return commands.UpdateCreditSettings(sent(call.body, "default_expiry_months", "expiry_rounding", "return_days"))


async def retrieve_credit_settings(call: Call) -> Any:
    """The realm's settings, or the defaults where nobody has changed any."""
    require_no_query(call)
    settings = await call.reader.row(call.caller.realm, rows.CreditSettings, rows.SETTINGS)
    return payloads.settings_payload(settings or DEFAULTS, livemode=call.caller.livemode)


WALLETS = Listing(
    rows.Wallet, {"customer": ("customer_id", text), "currency": ("currency", text)}, within=UNMERGED_WALLETS
)
ENTRIES = Listing(
    ledger.Entry,
    {
        "account": ("account_id", text),
        "customer": (OF_CUSTOMER, text),
        "currency": (IN_CURRENCY, text),
        "kind": ("kind", one_of(CreditKind)),
        "origin": (OF_ORIGIN, one_of(commands.Origin)),
        "payment": (CREDIT_OF_PAYMENT, text),
    },
    within=CREDIT,
    order=("id",),
    order_by_filter=("account", ("sequence",)),
)


async def show_wallets(call: Call, wallets: Sequence[rows.Wallet]) -> list[Any]:
    """Wallets with what can be spent at their current time."""
    ids = [wallet.id for wallet in wallets]
    figures = await wallet_figures(call.reader, call.caller.realm, ids, datetime.now(UTC)) if ids else {}
    return [
        payloads.wallet_payload(
            figures[id].wallet,
            overdue_points=figures[id].overdue_points,
            next_expiry=figures[id].next_expiry,
            livemode=call.caller.livemode,
        )
        for id in ids
    ]


async def show_credit(call: Call, entries: Sequence[ledger.Entry]) -> list[Any]:
    """Transactions, each with its wallet's customer and currency, and a grant with its origin and end."""
    realm, livemode = call.caller.realm, call.caller.livemode
    lots = await lots_of(call.reader, realm, [entry.id for entry in entries])
    wallets = await wallets_of(call.reader, realm, list({entry.account_id for entry in entries}))
    return [
        credit_payload(entry, wallets[entry.account_id], lots.get(entry.id), livemode=livemode) for entry in entries
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_store_credit_account",
        method="POST",
        path=f"{URL}/accounts",
        sdk="storeCredit.accounts.create",
        summary="Open a customer's store credit in a currency; opening it again answers with the existing account.",
        body=CreateStoreCreditAccountInput,
        translate=create_store_credit_account,
        reply=StoreCreditAccount,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "parameter_conflict"),
        example={"customer": "cust_8sJ2k", "currency": "EUR"},
    ),
    Operation(
        id="retrieve_store_credit_account",
        method="GET",
        path=f"{URL}/accounts/{{id}}",
        sdk="storeCredit.accounts.retrieve",
        summary="Retrieve one store credit account.",
        read=retrieve(rows.Wallet, "store credit account", show_wallets),
        is_timely=True,
        reply=StoreCreditAccount,
        refusals=FIND,
    ),
    Operation(
        id="list_store_credit_accounts",
        method="GET",
        path=f"{URL}/accounts",
        sdk="storeCredit.accounts.list",
        summary="List store credit accounts, newest first.",
        read=list_of(WALLETS, f"{URL}/accounts", show_wallets),
        listing=WALLETS,
        is_timely=True,
        reply=ListOf(StoreCreditAccount),
    ),
    Operation(
        id="grant_credit",
        method="POST",
        path=f"{URL}/grant",
        sdk="storeCredit.grant",
        summary="Give a customer store credit; the first grant opens the account.",
        body=GrantCreditInput,
        translate=grant_credit,
        reply=CreditTransaction,
        answers=MADE,
        refusals=(*FIND, "parameter_conflict", "not_eligible"),
        example={"customer": "cust_8sJ2k", "currency": "EUR", "amount": 2500, "origin": "goodwill"},
    ),
    Operation(
        id="spend_credit",
        method="POST",
        path=f"{URL}/spend",
        sdk="storeCredit.spend",
        summary="Spend store credit, the soonest to end first; never more than there is.",
        body=SpendCreditInput,
        translate=spend_credit,
        reply=CreditTransaction,
        answers=MADE,
        refusals=(*FIND, "parameter_conflict", "not_eligible", "insufficient_credit"),
        example={"customer": "cust_8sJ2k", "currency": "EUR", "amount": 1000, "reason": "sold by phone"},
    ),
    Operation(
        id="adjust_credit",
        method="POST",
        path=f"{URL}/adjust",
        sdk="storeCredit.adjust",
        summary="Correct a store credit balance, up or down.",
        body=AdjustCreditInput,
        translate=adjust_credit,
        reply=CreditTransaction,
        answers=MADE,
        refusals=(*FIND, "parameter_conflict", "not_eligible", "insufficient_credit"),
        example={"customer": "cust_8sJ2k", "currency": "EUR", "amount": -200, "reason": "counted twice"},
    ),
    Operation(
        id="reverse_credit",
        method="POST",
        path=f"{URL}/reverse",
        sdk="storeCredit.reverse",
        summary="Take back what is left of a grant, or return a spend that was made by hand.",
        body=ReverseCreditInput,
        translate=reverse_credit,
        reply=CreditTransaction,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "not_reversible"),
        example={"transaction": "crt_0197a3", "reason": "granted twice"},
    ),
    Operation(
        id="list_credit",
        method="GET",
        path=f"{URL}/transactions",
        sdk="storeCredit.list",
        summary="List store credit transactions, newest first.",
        read=list_of(ENTRIES, f"{URL}/transactions", show_credit),
        listing=ENTRIES,
        is_timely=True,
        reply=ListOf(CreditTransaction),
    ),
    Operation(
        id="retrieve_credit",
        method="GET",
        path=f"{URL}/transactions/{{id}}",
        sdk="storeCredit.retrieve",
        summary="Retrieve one store credit transaction.",
        read=retrieve(ledger.Entry, "credit transaction", show_credit, prefix="crt_"),
        reply=CreditTransaction,
        refusals=FIND,
    ),
    Operation(
        id="retrieve_credit_settings",
        method="GET",
        path=f"{URL}/settings",
        sdk="storeCredit.settings.retrieve",
        summary="Retrieve how long store credit lasts.",
        read=retrieve_credit_settings,
        reply=CreditSettings,
    ),
    Operation(
        id="update_credit_settings",
        method="POST",
        path=f"{URL}/settings",
        sdk="storeCredit.settings.update",
        summary="Change how long store credit lasts that is granted from now on.",
        body=UpdateCreditSettingsInput,
        translate=update_credit_settings,
        reply=CreditSettings,
        example={"default_expiry_months": 24},
    ),
)

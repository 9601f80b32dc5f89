"""Accounts: the membership of a customer in a program, with its balance and tier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vinr_server.api.contract.input import CustomerId, Input, Metadata, NoInput, ProgramId
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import find, list_of, retrieve
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.resources.account_replies import (
    AccountStatus,
    Lot,
    LoyaltyAccount,
    LoyaltyMember,
    MemberStatus,
)
from vinr_server.api.resources.bulk_accounts import (
    BulkAccounts,
    CreateAccountsInput,
    OpeningAccountInput,
    create_accounts,
)
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.ledger import rows as ledger
from vinr_server.core.ledger.payloads import lot_payload
from vinr_server.core.members import commands, payloads, rows
from vinr_server.core.tiers.progress import tier_payload
from vinr_server.storage.reads.holdings import holdings_of
from vinr_server.storage.reads.scopes import LIVE_LOTS, MEMBERS, NEXT_EXPIRY, TIER_EXPIRES_AT, TIER_LOCKED, UNMERGED

URL = "/v1/loyalty/accounts"


class CreateAccountInput(Input):
    program: ProgramId
    customer: CustomerId
    metadata: Metadata = {}


class UpdateAccountInput(Input):
    metadata: Metadata = {}


def create_account(call: Call) -> commands.CreateAccount:
    body: CreateAccountInput = call.body
    return commands.CreateAccount(body.program, body.customer, read_metadata(body.metadata))


def update_account(call: Call) -> commands.UpdateAccount:
    return commands.UpdateAccount(call.id, read_metadata(call.body.metadata, allows_null=True))


def close_account(call: Call) -> commands.CloseAccount:
    return commands.CloseAccount(call.id)


def reopen_account(call: Call) -> commands.ReopenAccount:
    return commands.ReopenAccount(call.id)


FILTERS = {
    "program": ("program_id", text),
    "customer": ("customer_id", text),
    "tier": ("tier", text),
}
INSTANTS = {"next_expiry": NEXT_EXPIRY, "tier_expires_at": TIER_EXPIRES_AT}
SWITCHES = {"locked": TIER_LOCKED}
ACCOUNTS = Listing(
    rows.Account,
    {**FILTERS, "status": ("status", one_of(AccountStatus))},
    instants=INSTANTS,
    switches=SWITCHES,
    within=MEMBERS,
)
# What merged members had leaves with those who act for them.
EXPORTED = Listing(
    rows.Account,
    {**FILTERS, "status": ("status", one_of(MemberStatus))},
    instants=INSTANTS,
    switches=SWITCHES,
    within=UNMERGED,
)
LOTS = Listing(ledger.Lot, {}, order=("sequence",), within=LIVE_LOTS, created_column="available_at")


async def show_accounts(call: Call, accounts: Sequence[rows.Account]) -> list[Any]:
    """Accounts with what they can spend at their program's current time."""
    figures = await call.reader.account_figures(call.caller.realm, accounts, datetime.now(UTC)) if accounts else {}
    return [
        payloads.account_payload(
            figures[account.id].account,
            tier=tier_payload(
                figures[account.id].account,
                figures[account.id].credits,
                figures[account.id].coming,
                figures[account.id].scale,
                now=figures[account.id].now,
            ),
            overdue_points=figures[account.id].overdue_points,
            next_expiry=figures[account.id].next_expiry,
            next_pending=figures[account.id].next_pending,
            livemode=call.caller.livemode,
        )
        for account in accounts
    ]


async def show_lots(call: Call, lots: Sequence[ledger.Lot]) -> list[Any]:
    """An account's lots, each with when it ends as things stand."""
    account = await find(call, rows.Account, "account")
    return [lot_payload(lot, account, livemode=call.caller.livemode) for lot in lots]


async def show_members(call: Call, accounts: Sequence[rows.Account]) -> list[Any]:
    """Accounts with all that leaves with them: lots, ends, the customer's e-mail."""
    holdings = await holdings_of(call.reader, call.caller.realm, accounts, datetime.now(UTC)) if accounts else {}
    return [
        {
            "id": holding.account.id,
            "object": "loyalty_member",
            "program": holding.account.program_id,
            "customer": holding.account.customer_id,
            "email": holding.email,
            "points": holding.account.free_points - holding.overdue_points,
            "lots": [
                {
                    "points": lot.points,
                    "available_at": unix(lot.available_at),
                    "expires_at": None if lot.expires_at is None else unix(lot.expires_at),
                }
                for lot in holding.lots
            ],
            "lifetime_points": holding.account.lifetime_points,
            "tier": holding.account.tier,
            "status": holding.account.status,
            "metadata": holding.account.metadata,
            "created": unix(holding.account.created_at),
            "livemode": call.caller.livemode,
        }
        for holding in (holdings[account.id] for account in accounts)
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_account",
        method="POST",
        path=URL,
        sdk="loyalty.accounts.create",
        summary="Enroll a customer in a program; enrolling again answers with the existing account.",
        body=CreateAccountInput,
        translate=create_account,
        reply=LoyaltyAccount,
        answers=MADE_OR_FOUND,
        refusals=(*FIND, "account_closed"),
        example={"program": "prog_summer", "customer": "cust_8sJ2k", "metadata": {"signup_source": "checkout"}},
    ),
    Operation(
        id="create_accounts",
        method="POST",
        path=f"{URL}/bulk",
        sdk="loyalty.accounts.createMany",
        summary="Enroll up to 1,000 members with the points, lifetime and tier they bring; a result for each.",
        body=CreateAccountsInput,
        submit=create_accounts,
        items=("accounts", OpeningAccountInput),
        also=("customers:write", "loyalty.points:write"),
        reply=BulkAccounts,
        example={
            "program": "prog_summer",
            "accounts": [
                {
                    "customer": "cust_grace",
                    "email": "grace@example.com",
                    "joined_at": "2024-03-01",
                    "lots": [{"points": 120, "expires_at": "2027-03-01"}],
                    "lifetime_points": 900,
                    "tier": "gold",
                }
            ],
        },
    ),
    Operation(
        id="retrieve_account",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.accounts.retrieve",
        summary="Retrieve one account.",
        read=retrieve(rows.Account, "account", show_accounts),
        is_timely=True,
        reply=LoyaltyAccount,
        refusals=FIND,
    ),
    Operation(
        id="update_account",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="loyalty.accounts.update",
        summary="Change an account's metadata.",
        body=UpdateAccountInput,
        translate=update_account,
        reply=LoyaltyAccount,
        immutable=("id", "program", "customer", "tier", "balance"),
        refusals=(*FIND, "immutable_field"),
        example={"metadata": {"region": "EU"}},
    ),
    Operation(
        id="close_account",
        method="POST",
        path=f"{URL}/{{id}}/close",
        sdk="loyalty.accounts.close",
        summary="Close an account: it no longer earns or redeems.",
        body=NoInput,
        translate=close_account,
        reply=LoyaltyAccount,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="reopen_account",
        method="POST",
        path=f"{URL}/{{id}}/reopen",
        sdk="loyalty.accounts.reopen",
        summary="Reopen a closed account: it earns and redeems again.",
        body=NoInput,
        translate=reopen_account,
        reply=LoyaltyAccount,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="export_accounts",
        method="GET",
        path=f"{URL}/export",
        sdk="loyalty.accounts.export",
        summary="List accounts with their lots and e-mails, newest first: what accounts/bulk takes in another realm.",
        also=("customers:read",),
        read=list_of(EXPORTED, f"{URL}/export", show_members),
        listing=EXPORTED,
        is_timely=True,
        reply=ListOf(LoyaltyMember),
    ),
    Operation(
        id="list_account_lots",
        method="GET",
        path=f"{URL}/{{id}}/lots",
        sdk="loyalty.accounts.lots",
        summary="List the lots of an account that still hold points, the newest first, each with its end.",
        read=list_of(LOTS, f"{URL}/{{id}}/lots", show_lots, of=("account_id", rows.Account, "account")),
        listing=LOTS,
        is_timely=True,
        reply=ListOf(Lot),
        refusals=FIND,
    ),
    Operation(
        id="list_accounts",
        method="GET",
        path=URL,
        sdk="loyalty.accounts.list",
        summary="List accounts, newest first.",
        read=list_of(ACCOUNTS, URL, show_accounts),
        listing=ACCOUNTS,
        is_timely=True,
        reply=ListOf(LoyaltyAccount),
    ),
)

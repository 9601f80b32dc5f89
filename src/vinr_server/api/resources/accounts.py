"""Accounts: the membership of a customer in a program, with its balance and tier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from vinr_server.api.contract.input import CustomerId, Input, Metadata, NoInput, ProgramId
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.members import commands, payloads, rows

URL = "/v1/loyalty/accounts"


class CreateAccountInput(Input):
    program: ProgramId
    customer: CustomerId
    metadata: Metadata = {}


class UpdateAccountInput(Input):
    metadata: Metadata = {}


AccountStatus = Literal["active", "closed"]


class TierProgress(Reply):
    next_tier: str
    points_needed: int


class NextExpiry(Reply):
    at: int
    points: int


class LoyaltyAccount(Reply):
    id: str
    object: Literal["loyalty_account"]
    program: Reference
    customer: Reference
    balance: int
    pending: int
    lifetime_points: int
    tier: str | None
    tier_progress: TierProgress | None
    next_expiry: NextExpiry | None
    sequence: int
    status: AccountStatus
    metadata: Json
    created: int
    livemode: bool


def create_account(call: Call) -> commands.CreateAccount:
    body: CreateAccountInput = call.body
    return commands.CreateAccount(body.program, body.customer, read_metadata(body.metadata))


def update_account(call: Call) -> commands.UpdateAccount:
    return commands.UpdateAccount(call.id, read_metadata(call.body.metadata, allows_null=True))


def close_account(call: Call) -> commands.CloseAccount:
    return commands.CloseAccount(call.id)


ACCOUNTS = Listing(
    rows.Account,
    {
        "program": ("program_id", text),
        "customer": ("customer_id", text),
        "tier": ("tier", text),
        "status": ("status", one_of(AccountStatus)),
    },
)


async def show_accounts(call: Call, accounts: Sequence[rows.Account]) -> list[Any]:
    """Accounts with what they can spend at their program's current time."""
    figures = await call.reader.account_figures(call.caller.realm, accounts, datetime.now(UTC)) if accounts else {}
    return [
        payloads.account_payload(
            figures[account.id].account,
            tiers=figures[account.id].tiers,
            overdue_points=figures[account.id].overdue_points,
            next_expiry=figures[account.id].next_expiry,
            livemode=call.caller.livemode,
        )
        for account in accounts
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
        refusals=FIND,
        example={"program": "prog_summer", "customer": "cust_8sJ2k", "metadata": {"signup_source": "checkout"}},
    ),
    Operation(
        id="retrieve_account",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.accounts.retrieve",
        summary="Retrieve one account.",
        read=retrieve(rows.Account, "account", show_accounts),
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
        id="list_accounts",
        method="GET",
        path=URL,
        sdk="loyalty.accounts.list",
        summary="List accounts, newest first.",
        read=list_of(ACCOUNTS, URL, show_accounts),
        listing=ACCOUNTS,
        reply=ListOf(LoyaltyAccount),
    ),
)

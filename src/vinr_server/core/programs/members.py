"""Who is a member: a customer's accounts, an account's program, and the clock they live by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program


class CatalogueIsOlder(Exception):
    """A row names something newer than the batch's catalogue: the batch is loaded and run again."""

    sqlstate = "40001"


def enrolled(draft: Layer, customer_id: str, program_id: str) -> Account | None:
    """Return the customer's account in a program, if there is one."""
    accounts = draft.children(Account, customer_id)
    return next((account for account in accounts if account.program_id == program_id), None)


def acting(draft: Layer, account: Account) -> Account:
    """The account itself, or the one it was merged into, which a batch that knows of the merge has declared.

    (While rows are only looked at, nobody may know of it yet: then it is the account itself.)
    """
    return account if account.merged_into is None else draft.get(Account, account.merged_into) or account


def program_of(draft: Layer, account: Account) -> Program:
    """Return the account's program; it is never deleted, but may be newer than this catalogue."""
    program = draft.get(Program, account.program_id)
    if program is None:
        raise CatalogueIsOlder(account.program_id)
    return program


def acting_customer(draft: Layer, customer_id: str) -> str:
    """The customer itself, or the one that it is now. Expects all of its accounts."""
    accounts = draft.children(Account, customer_id)
    return next((account.merged_customer_id for account in accounts if account.merged_customer_id), customer_id)


def accounts_of(draft: Layer, customer_id: str) -> list[Account]:
    """The accounts of the customer, or of the one it is now, in the order of enrollment. Expects all of them."""
    accounts = draft.children(Account, acting_customer(draft, customer_id))
    return sorted(accounts, key=lambda account: (account.created_at, account.id))


def clock_of(draft: Layer, customer_id: str) -> str | None:
    """The clock by which all of a customer lives: that of its first account; None: real time. Expects its accounts."""
    accounts = accounts_of(draft, customer_id)
    return program_of(draft, accounts[0]).clock_id if accounts else None


def instants_of(draft: Layer, context: Context, accounts: Sequence[Account]) -> list[datetime]:
    """The current time of each account's program; real time if there is no account. The first is when it happens (R1).

    A payment, a refund or an event has no program: it happens by the clock of its member.
    """
    return [context.now(program_of(draft, account).clock_id) for account in accounts] or [context.wall_now]


def closed(account: Account) -> Rejected:
    """Say that the account takes no part until it is reopened."""
    message = f"Account {account.id} is closed: it can't earn or redeem. Reopen it first."
    return Rejected("account_closed", message, param="account", details={"account": account.id})

"""Accounts and customers: enroll, update, close, reopen (an enrollment is unique on program and customer)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.occasions import earn_on
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.pending import next_pending, with_due
from vinr_server.core.ledger.book.reminders import require_idle
from vinr_server.core.ledger.book.standing import standing
from vinr_server.core.ledger.book.sweeping import caught_up
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.commands import (
    CreateAccount,
    CreateCustomer,
    UpdateAccount,
    UpdateCustomer,
)
from vinr_server.core.members.needs import name_enrolment
from vinr_server.core.members.payloads import account_payload, customer_payload
from vinr_server.core.members.rows import Account, Customer, MergedFrom
from vinr_server.core.programs.members import closed, enrolled, program_of
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.rows import ReferralProgram
from vinr_server.core.tiers.changing import credits_of, judge_tiers, pending_credits, scale_of
from vinr_server.core.tiers.progress import tier_payload

Json = Mapping[str, Any]


def needs_create_account(command: CreateAccount, needs: Needs) -> None:
    """The customer's accounts, to find one in the program; and the chosen id."""
    name_enrolment(needs, command.customer_id, command.program_id)
    if command.account_id:
        needs.row(Claim, command.account_id)


def follow_create_account(command: CreateAccount, seen: Layer, needs: Needs) -> None:
    """The lots of the account that is there already, to show its balance."""
    name_accounts(needs, seen, command.customer_id, lots=Part.FIRST)


def decide_create_account(draft: Layer, command: CreateAccount, context: Context) -> Accepted | Rejected:
    """The customer is enrolled once; enrolling again returns the account that is there.

    Refuses a closed account: enrolling does not reopen it.
    """
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    existing = enrolled(draft, command.customer_id, program.id)
    if existing is not None and existing.status == "closed":
        return closed(existing)
    if existing is not None:
        return Accepted(show_account(draft, existing, context), is_new=False)
    payload = enrol(
        draft, context, program, command.customer_id, metadata=command.metadata, account_id=command.account_id
    )
    return Accepted(payload)


def enrol(
    draft: Layer, context: Context, program: Program, customer_id: str, *, metadata: Json, account_id: str | None = None
) -> Json:
    """The customer has a new account, at the tier its points reach, with what enrolling earns; returns its payload."""
    account = open_account(draft, context, program, customer_id, metadata=metadata, account_id=account_id)
    occasion = Occasion("loyalty.account.created", "account", account.id, account.created_at, metadata=metadata)
    earn_on(draft, context, [account], occasion)
    judge_tiers(draft, context)
    account = draft.get(Account, account.id) or account
    payload = show_account(draft, account, context)
    announce(draft, context, type="loyalty.account.created", account=account, data=payload, now=account.created_at)
    return payload


def open_account(
    draft: Layer,
    context: Context,
    program: Program,
    customer_id: str,
    *,
    metadata: Json,
    account_id: str | None = None,
    joined_at: datetime | None = None,
) -> Account:
    """The customer has an empty account; nothing is earned or announced yet."""
    customer = draft.get(Customer, customer_id)
    account = empty_account(
        context,
        program,
        customer_id,
        metadata=metadata,
        now=joined_at or context.now(program.clock_id),
        merged_from=customer.merged_from if customer else (),
    )
    account = replace(account, may_convert=bool(draft.children(ReferralProgram, program.id)))
    if account_id:
        account = replace(account, id=account_id)
        claim_id(draft, context, account_id, owner_bucket=account.bucket)
    draft.put(account)
    return account


def empty_account(
    context: Context,
    program: Program,
    customer_id: str,
    *,
    metadata: Json,
    now: datetime,
    merged_from: Iterable[str] = (),
) -> Account:
    """An account of the customer with no points, at the tier that takes none; not in the draft yet."""
    bucket = context.bucket_of(customer_id)
    return Account(
        bucket=bucket,
        id=context.make_id("loy", bucket),
        program_id=program.id,
        customer_id=customer_id,
        ledger_balance_points=0,
        lifetime_points=0,
        sequence=0,
        tier=next((tier.id for tier in program.tiers if tier.threshold == 0), None),
        next_expiry_at=None,
        status="active",
        metadata=metadata,
        created_at=now,
        merged_from=tuple(MergedFrom(id, None) for id in merged_from) or None,
        reminder_revision=program.reminder_plan.revision,
        tier_revision=program.tiers_revision,
    )


def show_account(draft: Layer, account: Account, context: Context) -> Json:
    """The account's payload from the loaded rows. Expects its live lots, unless it is new."""
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    over_points, next_end = standing(draft, account, now)
    require_idle(draft, account)
    return account_payload(
        account,
        tier=tier_payload(
            account,
            credits_of(draft, account, program.tier_policy),
            pending_credits(draft.here(Lot, account.id), program.tier_policy),
            scale_of(account, program),
            now=now,
        ),
        overdue_points=over_points,
        next_expiry=next_end,
        next_pending=next_pending(draft, account),
        livemode=context.livemode,
    )


def needs_update_account(command: UpdateAccount, needs: Needs) -> None:
    """The account, with lots for its balance."""
    name_account(needs, command.account_id, lots=Part.FIRST)


def decide_update_account(draft: Layer, command: UpdateAccount, context: Context) -> Accepted | Rejected:
    """The account's metadata is merged with what was given; null removes a key."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="id")
    merged = merge_metadata(account.metadata, command.metadata)
    if isinstance(merged, Rejected):
        return merged
    account = replace(account, metadata=merged)
    draft.put(account)
    return Accepted(show_account(draft, account, context), is_new=False)


def with_status(draft: Layer, account: Account, context: Context, status: str) -> Json:
    """The account has this status, and what was due before shows nothing of it; returns its payload."""
    program = program_of(draft, account)
    account = caught_up(draft, context, account, program, now=context.now(program.clock_id))
    account = replace(account, status=status)
    draft.put(account)
    account = with_due(draft, account)
    return show_account(draft, account, context)


def needs_create_customer(command: CreateCustomer, needs: Needs) -> None:
    """The chosen id, and the customer that may have it."""
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Customer, command.id)


def decide_create_customer(draft: Layer, command: CreateCustomer, context: Context) -> Accepted | Rejected:
    """The customer is known by its id; the same body again returns what is there.

    A customer that a merge has noted before anybody created it keeps what the merge brought where this names nothing.
    """
    noted = _noted(draft, command.id)
    present = made_before(draft, context, Customer, command.id) if noted is None else None
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(customer_payload(present, livemode=context.livemode), is_new=False)
    customer_id = command.id or context.make_id("cust", 0)
    bucket = context.bucket_of(customer_id)
    claim_id(draft, context, customer_id, owner_bucket=bucket)
    customer = noted or Customer(bucket, customer_id, None, None, {}, context.wall_now)
    customer = with_email(
        replace(customer, name=command.name or customer.name, metadata={**customer.metadata, **command.metadata}),
        command.email or customer.email,
    )
    draft.put(customer)
    return Accepted(customer_payload(customer, livemode=context.livemode))


def _noted(draft: Layer, customer_id: str | None) -> Customer | None:
    """The row of a customer whose id nobody has claimed: one that others were merged into."""
    if customer_id is None or draft.get(Claim, customer_id) is not None:
        return None
    customer = draft.get(Customer, customer_id)
    return customer if customer is not None and customer.merged_from else None


def with_email(customer: Customer, email: str | None) -> Customer:
    """The customer has this address, and is found by it however its letters are written."""
    return replace(customer, email=email, email_key=None if email is None else email.casefold())


def needs_update_customer(command: UpdateCustomer, needs: Needs) -> None:
    """The customer's own row."""
    needs.row(Customer, command.customer_id)


def decide_update_customer(draft: Layer, command: UpdateCustomer, context: Context) -> Accepted | Rejected:
    """The customer's fields are those given; metadata is merged."""
    customer = draft.get(Customer, command.customer_id)
    if customer is None:
        return missing("customer", command.customer_id, param="id")
    merged = merge_metadata(customer.metadata, command.metadata or {})
    if isinstance(merged, Rejected):
        return merged
    customer = replace(customer, metadata=merged, **command.changes)
    customer = with_email(customer, customer.email)
    draft.put(customer)
    return Accepted(customer_payload(customer, livemode=context.livemode), is_new=False)


# Enrolling is decided where payments are: see payments/guests.py.
COMMANDS: Commands = {
    CreateCustomer: (needs_create_customer, decide_create_customer),
    UpdateCustomer: (needs_update_customer, decide_update_customer),
    UpdateAccount: (needs_update_account, decide_update_account),
}

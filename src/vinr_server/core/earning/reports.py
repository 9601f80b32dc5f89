"""Reported events: any business event of the merchant's own, earning by the rules that name its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.conditions.membership import name_history
from vinr_server.core.earning.commands import ReportEvent
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.earning.occasions import earn_on, name_caps, reasons
from vinr_server.core.events.announcements import emit, sequence_of
from vinr_server.core.events.payloads import event_payload
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.claims import claim_id, made_before
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.ledger.awards import in_the_future
from vinr_server.core.ledger.needs import name_account, name_accounts
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import accounts_of, instants_of
from vinr_server.core.tiers.changing import judge_tiers

# Of customers merchants report much themselves, such as customer.birthday: one name alone is the engine's.
RESERVED = (
    *("loyalty.", "offer.", "payment.", "campaign.", "store_credit.", "segment.", "referral."),
    *("code.", "code_batch."),
    "webhook_endpoint.",
    "customer.merged",
)


def needs_report_event(command: ReportEvent, needs: Needs) -> None:
    """The member's accounts, and the event that may have the chosen id."""
    if command.id:
        needs.row(Claim, command.id)
        needs.row(Event, command.id)
    if command.customer_id:
        needs.children(Account, command.customer_id, look=True)
    if command.account_id:
        name_account(needs, command.account_id, look=True)


def follow_report_event(command: ReportEvent, seen: Layer, needs: Needs) -> list[Account]:
    """What the customer's accounts owe, and what rules ask of them, and what capped ones have given them.

    Returns these accounts, as far as they were looked at.
    """
    accounts = name_accounts(needs, seen, command.customer_id) if command.customer_id else []
    linked = seen.get(Account, command.account_id) if command.account_id else None
    accounts = [*accounts, *([linked] if linked is not None else [])]
    name_history(needs, seen, [account.id for account in accounts])
    name_caps(needs, seen, accounts, command.type, occurred_at=command.occurred_at)
    return accounts


def decide_report_event(draft: Layer, command: ReportEvent, context: Context) -> Accepted | Rejected:
    """The event is recorded as it came, and every rule in force for its type has made its award."""
    if command.type.startswith(RESERVED):
        message = (
            f"Events of type {command.type!r} are the engine's own. Report payments at /v1/payments, and choose another"
            " name for your own events."
        )
        return Rejected("reserved_event_type", message, param="type")
    present = made_before(draft, context, Event, command.id)
    if isinstance(present, Rejected):
        return present
    if present is not None:
        return Accepted(event_payload(present, livemode=context.livemode), is_new=False)
    linked = linked_accounts(draft, command)
    accounts = [] if isinstance(linked, Rejected) else linked
    instants = instants_of(draft, context, accounts)
    refusal = first_listed(in_the_future(command.occurred_at, *instants), linked)
    if refusal is not None:
        return refusal
    bucket = context.bucket_of(accounts[0].customer_id if accounts else command.customer_id or command.id or "")
    event_id = command.id or context.make_id("evt", bucket)
    outcome = earn_on(draft, context, accounts, occasion_of(command, event_id))
    judge_tiers(draft, context)
    if command.unlinked is not None:
        note = {"account": None, "unmet": reasons([Unmet("customer", command.unlinked, None)])}
        outcome = {**outcome, "skipped": [note, *outcome["skipped"]]}
    event = Event(
        bucket=bucket,
        id=event_id,
        type=command.type,
        account_id=accounts[0].id if len(accounts) == 1 else None,
        data=command.data,
        sequence=sequence_of(draft, accounts),
        created_at=instants[0],
        outcome=outcome,
        is_deliverable=context.is_deliverable,
        request_id=context.request_id,
        idempotency_key=context.idempotency_key,
    )
    emit(draft, context, event)
    if command.id is not None:
        claim_id(draft, context, event_id, owner_bucket=bucket)
    return Accepted(event_payload(event, livemode=context.livemode))


def linked_accounts(draft: Layer, command: ReportEvent) -> list[Account] | Rejected:
    """The accounts that the event is about: the one that it names, or all of its customer."""
    if command.account_id is not None:
        account = draft.get(Account, command.account_id)
        if account is None:
            return missing("account", command.account_id, param="data.metadata.loyalty_account")
        if command.customer_id not in (None, account.customer_id):
            message = f"data.customer is {command.customer_id}, but account {account.id} is of {account.customer_id}."
            return Rejected("parameter_conflict", message, param="data.customer")
        return [account]
    if command.customer_id is None:
        return []
    return accounts_of(draft, command.customer_id)


def occasion_of(command: ReportEvent, event_id: str) -> Occasion:
    """The event as earning rules see it."""
    metadata: Mapping[str, Any] = command.data.get("metadata") or {}
    return Occasion(
        trigger=command.type,
        source_type="event",
        source_id=event_id,
        occurred_at=command.occurred_at,
        currency=command.currency,
        eligible_minor=command.amount_minor,
        minor_per_unit=command.minor_per_unit,
        metadata=metadata,
        data=command.data,
    )


# Reports are decided where referrals convert: see core/converting.py.

"""From rows to answers: retrieve one object, list many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vinr_server.api import replies
from vinr_server.api.contract.pages import Listing, flag, one_of, text
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.access import payloads as access_payloads
from vinr_server.core.access.rows import ApiKey, ApiKeyAct
from vinr_server.core.clocks import payloads as clocks_payloads
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.earning import payloads as earning_payloads
from vinr_server.core.earning.rows import EarningRule
from vinr_server.core.events import payloads as events_payloads
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.answers import missing
from vinr_server.core.kernel.rows import Row
from vinr_server.core.ledger import payloads as ledger_payloads
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members import payloads as members_payloads
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.payments import payloads as payments_payloads
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs import payloads as programs_payloads
from vinr_server.core.programs.rows import Program
from vinr_server.core.rewards import payloads as rewards_payloads
from vinr_server.core.rewards.rows import Discount, Redemption, Reward
from vinr_server.storage.reads.reader import CursorMissing, PageQuery

Read = Callable[[Call], Awaitable[Any]]
Show = Callable[..., Any]


async def show_accounts(call: Call, accounts: Sequence[Account]) -> list[Any]:
    """Accounts with what they can spend at their program's now."""
    figures = await call.reader.account_figures(call.caller.realm, accounts, datetime.now(UTC)) if accounts else {}
    return [
        members_payloads.account_payload(
            figures[account.id].account,
            tiers=figures[account.id].tiers,
            overdue_points=figures[account.id].overdue_points,
            next_expiry=figures[account.id].next_expiry,
            livemode=call.caller.livemode,
        )
        for account in accounts
    ]


def shown_by(show: Show) -> Callable[[Call, Sequence[Any]], Awaitable[list[Any]]]:
    """The rows, each by its payload."""

    async def show_all(call: Call, rows: Sequence[Any]) -> list[Any]:
        return [show(row, livemode=call.caller.livemode) for row in rows]

    return show_all


async def show_clocks(_call: Call, clocks: Sequence[TestClock]) -> list[Any]:
    """Test clocks, which exist in one mode only."""
    return [clocks_payloads.clock_payload(clock) for clock in clocks]


async def show_api_keys(call: Call, keys: Sequence[ApiKey]) -> list[Any]:
    """Keys with their status by now."""
    return [access_payloads.api_key_payload(key, now=datetime.now(UTC), livemode=call.caller.livemode) for key in keys]


Shows = Callable[[Call, Sequence[Any]], Awaitable[list[Any]]]


def retrieve(row_type: type[Row], kind: str, show: Shows) -> Read:
    """Answer the object with the id in the URL."""

    async def read(call: Call) -> Any:
        if call.query:
            name = next(iter(call.query))
            raise Problem("unknown_parameter", f"Unknown parameter {name}. Retrieving takes none.", param=name)
        return (await show(call, [await find(call, row_type, kind)]))[0]

    return read


async def find(call: Call, row_type: type[Row], kind: str) -> Any:
    """The row with the id in the URL; refused where there is none, or it is deleted."""
    row = await call.reader.one(call.caller.realm, row_type, call.id)
    if row is None or getattr(row, "deleted_at", None) is not None:
        raise Problem.of(missing(kind, call.id, param="id"))
    return row


def list_of(listing: Listing, url: str, show: Shows, *, of: tuple[str, type[Row], str] | None = None) -> Read:
    """Answer one page; with `of` (column, row type, kind) only what belongs to the object with the id in the URL."""

    async def read(call: Call) -> Any:
        query, here = listing.query(call.query), url
        if of is not None:
            column, row_type, kind = of
            await find(call, row_type, kind)
            query, here = replace(query, equal={**query.equal, column: call.id}), url.replace("{id}", call.id)
        return await page_of(call, query, here, show)

    return read


async def page_of(call: Call, query: PageQuery, url: str, show: Shows) -> dict[str, Any]:
    """The page as the wire shows it."""
    try:
        rows, has_more = await call.reader.page(call.caller.realm, query)
    except CursorMissing as error:
        param = "ending_before" if query.after is None else "starting_after"
        raise Problem("parameter_invalid", f"{param}: no such object: {str(error)!r}.", param=param) from None
    return {"object": "list", "url": url, "has_more": has_more, "data": await show(call, rows)}


PROGRAMS = Listing(Program, {"status": ("status", one_of(replies.CatalogueStatus))})
RULES = Listing(
    EarningRule,
    {"program": ("program_id", text), "trigger": ("trigger", text), "active": ("is_active", flag)},
    where="t.deleted_at is null",
)
REWARDS = Listing(Reward, {"program": ("program_id", text), "status": ("status", one_of(replies.CatalogueStatus))})
CLOCKS = Listing(TestClock, {"status": ("status", one_of(replies.ClockStatus))}, where="t.deleted_at is null")
CUSTOMERS = Listing(Customer, {"email": ("email", text)})
ACCOUNTS = Listing(
    Account,
    {
        "program": ("program_id", text),
        "customer": ("customer_id", text),
        "tier": ("tier", text),
        "status": ("status", one_of(replies.AccountStatus)),
    },
)
ENTRIES = Listing(
    Entry,
    {
        "account": ("account_id", text),
        "kind": ("kind", one_of(replies.EntryKind)),
        "payment": ("source_id", text),
        "rule": ("rule_id", text),
    },
    order=("id",),
    order_by_filter=("account", ("sequence",)),
)
REDEMPTIONS = Listing(
    Redemption,
    {
        "account": ("account_id", text),
        "reward": ("reward_id", text),
        "status": ("status", one_of(replies.RedemptionStatus)),
    },
    order=("id",),
)
PAYMENTS = Listing(Payment, {"customer": ("customer_id", text), "currency": ("currency", text)})
EVENTS = Listing(Event, {"type": ("type", text), "account": ("account_id", text)})
API_KEYS = Listing(ApiKey, {"kind": ("kind", one_of(replies.KeyKind))})
API_KEY_ACTS = Listing(
    ApiKeyAct, {"api_key": ("key_id", text), "action": ("action", one_of(replies.KeyAction)), "actor": ("actor", text)}
)

show_api_key_acts = shown_by(access_payloads.api_key_act_payload)
show_programs = shown_by(programs_payloads.program_payload)
show_rules = shown_by(earning_payloads.rule_payload)
show_rewards = shown_by(rewards_payloads.reward_payload)
show_customers = shown_by(members_payloads.customer_payload)
show_entries = shown_by(ledger_payloads.entry_payload)
show_redemptions = shown_by(rewards_payloads.redemption_payload)
show_discounts = shown_by(rewards_payloads.discount_payload)
show_payments = shown_by(payments_payloads.payment_payload)
show_events = shown_by(events_payloads.event_payload)

retrieve_discount = retrieve(Discount, "discount", show_discounts)

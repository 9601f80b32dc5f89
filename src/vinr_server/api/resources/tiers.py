"""Tiers by hand, one or a thousand at once, and the tiers that a member has held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import AccountId, Input, Instant, Key, Text
from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing
from vinr_server.api.contract.reads import find, list_of
from vinr_server.api.contract.reply import Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.edge.zones import zone_of_account
from vinr_server.api.resources.account_replies import LoyaltyAccount, TierLock, TierMetric
from vinr_server.api.resources.bulk import Bulk, Request, read_items, submit_items
from vinr_server.api.resources.bulk_accounts import BulkAccounts
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.members.rows import Account
from vinr_server.core.tiers import commands
from vinr_server.core.tiers.rows import TierChange
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer

URL = "/v1/loyalty/accounts"
TIERS = Bulk("set_tiers", field="accounts", shown_as="account", url=f"{URL}/tiers")


class SetTierInput(Input, kw_only=True):
    tier: Key | None
    expires_at: Instant = None
    locked_until: Instant = None
    lock: TierLock | None = None
    reason: Text | None = None
    notify: bool = True


class AccountTierInput(SetTierInput, kw_only=True):
    account: AccountId


class SetTiersInput(Input):
    accounts: Annotated[list[Any], Meta(min_length=1, max_length=1000)]


TierCauseType = Literal[
    "enrolled",
    "earned",
    "activated",
    "imported",
    "merged",
    "reversal",
    "expired",
    "grace_ended",
    "lock_ended",
    "set",
    "settings",
]


class TierCause(Reply):
    """What changed a tier: an entry or a payment, and the figures it was judged by."""

    type: TierCauseType
    points_transaction: Reference | UnsetType | None = UNSET
    payment: Reference | UnsetType | None = UNSET
    metric: TierMetric | UnsetType = UNSET
    value: int | UnsetType = UNSET
    threshold: int | UnsetType | None = UNSET
    revision: int | UnsetType = UNSET
    lifetime_points: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class HeldTier(Reply):
    """A tier that the account holds or held; `until` is null for the one it holds."""

    id: str
    object: Literal["held_tier"]
    account: Reference
    tier: str | None
    since: int
    until: int | None
    cause: TierCause
    livemode: bool


async def set_tier(call: Call) -> commands.SetTier:
    """One account's tier."""
    body: SetTierInput = call.body
    zone = await zone_of_account(call, call.id, body.expires_at, body.locked_until)
    return _command(call.id, body, zone)


def _command(account_id: str, body: SetTierInput, zone: str) -> commands.SetTier:
    """A bare date means the end of that day."""
    return commands.SetTier(
        account_id,
        body.tier,
        expires_at=read_instant_or_none(body.expires_at, param="expires_at", zone=zone, is_end=True),
        locked_until=read_instant_or_none(body.locked_until, param="locked_until", zone=zone, is_end=True),
        lock=body.lock,
        reason=body.reason,
        is_notified=body.notify,
    )


async def set_tiers(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
    """Every account's tier is set by itself, in the order of the body."""
    body: SetTiersInput = call.body
    zones = await call.reader.zones_of_accounts(call.caller.realm, _accounts(body.accounts))

    def command_of(item: AccountTierInput) -> commands.SetTier:
        return _command(item.account, item, zones.get(item.account, "UTC"))

    items = read_items(TIERS, body.accounts, AccountTierInput, command_of)
    request = Request(call, idempotency_key, request_id, is_dry_run)
    return await submit_items(TIERS, request, writer, items, whole={"deliver_events": True})


def _accounts(items: Sequence[Any]) -> list[str]:
    named = (item.get("account") for item in items if isinstance(item, Mapping))
    return list(dict.fromkeys(id for id in named if isinstance(id, str)))


HISTORY = Listing(TierChange, {}, order=("number",), created_column="since")


async def show_history(call: Call, changes: Sequence[TierChange]) -> list[Any]:
    """Held tiers, the newest first: each until the next one."""
    account = await find(call, Account, "account")
    later = {change.number: change.since for change in changes}
    if changes:
        after = changes[0].number + 1
        since = await call.reader.tier_since(call.caller.realm, account.id, after)
        later |= {after: since} if since is not None else {}
    return [
        {
            "id": change.id,
            "object": "held_tier",
            "account": account.id,
            "tier": change.tier,
            "since": unix(change.since),
            "until": unix(later[change.number + 1]) if change.number + 1 in later else None,
            "cause": change.cause,
            "livemode": call.caller.livemode,
        }
        for change in changes
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="set_tier",
        method="POST",
        path=f"{URL}/{{id}}/tier",
        sdk="loyalty.accounts.setTier",
        summary="Give a member a tier by hand, until an instant, and lock it if you like.",
        body=SetTierInput,
        translate=set_tier,
        reply=LoyaltyAccount,
        refusals=(*FIND, "not_eligible", "account_closed"),
        example={"tier": "gold", "expires_at": "2027-12-31", "reason": "status match"},
    ),
    Operation(
        id="set_tiers",
        method="POST",
        path=f"{URL}/tiers",
        sdk="loyalty.accounts.setTiers",
        summary="Give up to 1,000 members the tiers they bring from another system; a result for each.",
        body=SetTiersInput,
        submit=set_tiers,
        items=("accounts", AccountTierInput),
        reply=BulkAccounts,
        example={
            "accounts": [
                {"account": "loy_123", "tier": "gold", "expires_at": "2026-12-31", "notify": False},
            ]
        },
    ),
    Operation(
        id="list_tier_history",
        method="GET",
        path=f"{URL}/{{id}}/tiers",
        sdk="loyalty.accounts.tierHistory",
        summary="List the tiers that a member holds and held, the newest first, each with what made it so.",
        read=list_of(HISTORY, f"{URL}/{{id}}/tiers", show_history, of=("account_id", Account, "account")),
        listing=HISTORY,
        is_timely=True,
        reply=ListOf(HeldTier),
        refusals=FIND,
    ),
)

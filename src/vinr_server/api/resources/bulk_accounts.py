"""Accounts in bulk, with what their members bring from another system: points, their ends, lifetime and tier."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import (
    INTEGER_MAX,
    Count,
    CustomerId,
    Email,
    Input,
    Instant,
    Key,
    Metadata,
    Minor,
    ProgramId,
)
from vinr_server.api.contract.reply import BulkReply, Error, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.identity import read_email
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.resources.account_replies import LoyaltyAccount
from vinr_server.api.resources.bulk import Bulk, Request, read_items, submit_items
from vinr_server.core.members import commands
from vinr_server.engine.submission import Reply as Answer
from vinr_server.engine.writer import Writer

ACCOUNTS = Bulk("create_accounts", field="accounts", shown_as="account", url="/v1/loyalty/accounts/bulk")
LOTS_MAX = 500


class OpeningLotInput(Input):
    points: Count
    expires_at: Instant = None
    available_at: Instant = None


class OpeningAccountInput(Input):
    customer: CustomerId
    email: Email | None = None
    joined_at: Instant = None
    points: Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)] | None = None
    lots: Annotated[list[OpeningLotInput], Meta(max_length=LOTS_MAX)] = []
    lifetime_points: Minor | None = None
    tier: Key | None = None
    metadata: Metadata = {}


class CreateAccountsInput(Input):
    accounts: Annotated[list[Any], Meta(min_length=1, max_length=1000)]
    program: ProgramId
    deliver_events: bool = False


class BulkAccountResult(Reply):
    status: int
    account: LoyaltyAccount | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class BulkAccounts(BulkReply):
    data: list[BulkAccountResult]


async def create_accounts(
    call: Call, writer: Writer, *, idempotency_key: str | None, request_id: str, is_dry_run: bool
) -> Answer:
    """Every account is decided by itself, in the order of the body."""
    body: CreateAccountsInput = call.body
    zone = await call.zone_of_program(body.program)
    items = read_items(
        ACCOUNTS, body.accounts, OpeningAccountInput, lambda item: _command(item, program=body.program, zone=zone)
    )
    whole = {"program": body.program, "deliver_events": body.deliver_events}
    request = Request(call, idempotency_key, request_id, is_dry_run)
    return await submit_items(ACCOUNTS, request, writer, items, whole=whole)


def _command(item: OpeningAccountInput, *, program: str, zone: str) -> commands.ImportAccount:
    lots = tuple(_lot(lot, zone, at=f"lots[{place}].") for place, lot in enumerate(item.lots))
    brought = sum(lot.points for lot in lots)
    if lots and item.points is not None and item.points != brought:
        message = f"points is {item.points}, but the lots hold {brought}. Send lots alone, or points alone."
        raise Problem("parameter_conflict", message, param="points")
    return commands.ImportAccount(
        program_id=program,
        customer_id=item.customer,
        email=read_email(item.email, param="email"),
        joined_at=read_instant_or_none(item.joined_at, param="joined_at", zone=zone),
        points=brought if lots else item.points or 0,
        lots=lots,
        lifetime_points=item.lifetime_points,
        tier=item.tier,
        metadata=read_metadata(item.metadata),
    )


def _lot(lot: OpeningLotInput, zone: str, *, at: str) -> commands.OpeningLot:
    """A bare date as the end means the end of that day."""
    expires_at = read_instant_or_none(lot.expires_at, param=f"{at}expires_at", zone=zone, is_end=True)
    available_at = read_instant_or_none(lot.available_at, param=f"{at}available_at", zone=zone)
    _require_order(available_at, expires_at, at)
    return commands.OpeningLot(lot.points, expires_at, available_at)


def _require_order(available_at: datetime | None, expires_at: datetime | None, at: str) -> None:
    if available_at is not None and expires_at is not None and expires_at <= available_at:
        message = f"{at}expires_at must lie after {at}available_at."
        raise Problem("parameter_invalid", message, param=f"{at}expires_at")

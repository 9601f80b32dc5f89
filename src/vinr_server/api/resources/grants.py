"""Grants: uses of an offer that members were given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.input import NoInput
from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.core.offers import rows
from vinr_server.core.offers.commands import WithdrawGrant
from vinr_server.core.offers.payloads import offer_grant_payload
from vinr_server.storage.reads.scopes import GRANT_STATUS, OF_CAMPAIGN

URL = "/v1/engagement/grants"


class GrantSource(Reply):
    """What gave a grant: a campaign's step, or a code."""

    campaign: Reference | UnsetType = UNSET
    enrolment: Reference | UnsetType = UNSET
    step: str | UnsetType = UNSET
    code: Reference | UnsetType = UNSET


class OfferGrant(Reply):
    id: str
    object: Literal["offer_grant"]
    offer: Reference
    account: Reference
    source: GrantSource | None
    granted_at: int
    expires_at: int | None
    status: rows.ShownGrantStatus
    redemption: Reference | None
    created: int
    livemode: bool


def withdraw_grant(call: Call) -> WithdrawGrant:
    return WithdrawGrant(call.id)


GRANTS = Listing(
    rows.OfferGrant,
    {
        "offer": ("offer_id", text),
        "account": ("account_id", text),
        "status": (GRANT_STATUS, one_of(rows.ShownGrantStatus)),
        "campaign": (OF_CAMPAIGN, text),
    },
)


async def show_grants(call: Call, grants: Sequence[rows.OfferGrant]) -> list[Any]:
    """Grants, each with its status at its account's current time."""
    ids = list({grant.account_id for grant in grants})
    instants = await call.reader.instants_of_accounts(call.caller.realm, ids, datetime.now(UTC)) if ids else {}
    return [
        offer_grant_payload(grant, now=instants[grant.account_id], livemode=call.caller.livemode) for grant in grants
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="retrieve_grant",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="engagement.grants.retrieve",
        summary="Retrieve one grant of an offer.",
        read=retrieve(rows.OfferGrant, "grant", show_grants),
        reply=OfferGrant,
        refusals=FIND,
    ),
    Operation(
        id="withdraw_grant",
        method="POST",
        path=f"{URL}/{{id}}/withdraw",
        sdk="engagement.grants.withdraw",
        summary="Take back a grant that nobody has used. A checkout session that holds it keeps its promise.",
        body=NoInput,
        translate=withdraw_grant,
        reply=OfferGrant,
        refusals=(*FIND, "grant_not_open"),
        example={},
    ),
    Operation(
        id="list_grants",
        method="GET",
        path=URL,
        sdk="engagement.grants.list",
        summary="List grants of offers, newest first.",
        read=list_of(GRANTS, URL, show_grants),
        listing=GRANTS,
        reply=ListOf(OfferGrant),
    ),
)

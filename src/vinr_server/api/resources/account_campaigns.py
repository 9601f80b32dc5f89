"""The campaigns that a member is in, and the challenges that it can begin, with its progress: what its page shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of
from vinr_server.api.contract.reads import find
from vinr_server.api.contract.reply import ChallengeProgress, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.core.campaigns import rows
from vinr_server.core.campaigns.challenges.figures import progress_payload
from vinr_server.core.campaigns.commands import FindChallenges
from vinr_server.core.kernel.payloads import unix, unix_or_none
from vinr_server.core.members.rows import Account
from vinr_server.storage.campaigns.progress import campaigns_of, courses_of

URL = "/v1/loyalty/accounts/{id}/campaigns"


class AccountCampaign(Reply):
    """A campaign that a member is in. `progress`: of a challenge, as it is now.

    `not_entered`: a challenge that the first of what counts lets it enter; it has no id and no entry yet.
    """

    id: str | None
    object: Literal["account_campaign"]
    campaign: Reference
    name: str
    type: rows.CampaignType
    account: Reference
    status: rows.EnrolmentStatus | Literal["not_entered"]
    step: str | None
    due_at: int | None
    entered_at: int | None
    progress: ChallengeProgress | None
    livemode: bool


CAMPAIGNS = Listing(rows.Enrolment, {"type": ("type", one_of(rows.CampaignType))}, is_paged=False)


async def list_account_campaigns(call: Call) -> dict[str, Any]:
    """The campaigns that the account is in, the newest entry first; then the challenges that it can enter, in order."""
    given = CAMPAIGNS.query(call.query).equal
    account: Account = await find(call, Account, "account")
    realm, pool = call.caller.realm, call.reader.pool
    inside = await campaigns_of(pool, realm, account.id, account.bucket, given.get("type"))
    courses = await courses_of(pool, realm, [place.enrolment for place in inside], datetime.now(UTC))
    data: list[Any] = []
    for enrolment, name, type in inside:
        course = courses.get(enrolment.id)
        data.append(
            {
                "id": enrolment.id,
                "object": "account_campaign",
                "campaign": enrolment.campaign_id,
                "name": name,
                "type": type,
                "account": enrolment.account_id,
                "status": enrolment.status,
                "step": enrolment.step,
                "due_at": unix_or_none(enrolment.due_at),
                "entered_at": unix(enrolment.entered_at),
                "progress": progress_payload(course[0], now=course[1]) if course is not None else None,
                "livemode": call.caller.livemode,
            }
        )
    if account.status == "active" and given.get("type") != "journey":
        found = await call.evaluated(FindChallenges(account.id))
        data += [_not_entered(place, account, livemode=call.caller.livemode) for place in found["challenges"]]
    return {"object": "list", "url": URL.replace("{id}", account.id), "has_more": False, "data": data}


def _not_entered(found: Mapping[str, Any], account: Account, *, livemode: bool) -> dict[str, Any]:
    return {
        "id": None,
        "object": "account_campaign",
        "campaign": found["campaign"],
        "name": found["name"],
        "type": "challenge",
        "account": account.id,
        "status": "not_entered",
        "step": None,
        "due_at": None,
        "entered_at": None,
        "progress": found["progress"],
        "livemode": livemode,
    }


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="list_account_campaigns",
        method="GET",
        path=URL,
        sdk="loyalty.accounts.campaigns",
        summary="List the campaigns that a member is in, and challenges that it can begin, with its progress now.",
        read=list_account_campaigns,
        listing=CAMPAIGNS,
        is_timely=True,
        reply=ListOf(AccountCampaign),
        refusals=FIND,
    ),
)

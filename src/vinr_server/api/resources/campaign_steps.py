"""What came of each step of a campaign."""

from __future__ import annotations

from typing import Any, Literal

from vinr_server.api.contract.operation import FIND, ListOf, Operation
from vinr_server.api.contract.pages import Listing
from vinr_server.api.contract.reads import find
from vinr_server.api.contract.reply import Figures, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.campaigns import URL
from vinr_server.core.campaigns import rows
from vinr_server.core.kernel.answers import missing
from vinr_server.storage.campaigns.figures import StepFigures, step_figures


class CampaignStep(Reply):
    id: str
    object: Literal["campaign_step"]
    campaign: Reference
    revision: int
    kind: str
    entered: int
    inside: int
    outcomes: Figures
    skipped: Figures
    points: int
    livemode: bool


def _number(value: str, param: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:10]) < 2**31):
        raise Problem("parameter_invalid", f"{param}: send the number of a revision, from 1 on.", param=param)
    return int(value)


REVISION = Listing(rows.CampaignRevision, {"revision": ("revision", _number)}, is_paged=False)


async def revision_asked(call: Call, campaign: rows.Campaign) -> tuple[int, rows.CampaignRevision | None]:
    """The revision in force, None before there is one, or the one that the query asks for, with its number."""
    given = REVISION.query(call.query).equal
    number = given.get("revision", campaign.revision)
    id = rows.revision_id(campaign.id, number)
    revision: rows.CampaignRevision | None = await call.reader.row(call.caller.realm, rows.CampaignRevision, id)
    if revision is None and "revision" in given:
        raise Problem.of(missing("revision", str(number), param="revision"))
    return number, revision


async def list_campaign_steps(call: Call) -> dict[str, Any]:
    """Every step of the revision in force, or of the one that is asked for, in the order of its definition."""
    campaign: rows.Campaign = await find(call, rows.Campaign, "campaign")
    number, revision = await revision_asked(call, campaign)
    figures = await step_figures(call.reader.pool, call.caller.realm, campaign.id, number)
    steps = revision.definition.steps if revision is not None else {}
    nothing = StepFigures(0, 0, {}, {}, 0)
    data = [
        {
            "id": step_id,
            "object": "campaign_step",
            "campaign": campaign.id,
            "revision": number,
            "kind": step.kind,
            **figures.get(step_id, nothing)._asdict(),
            "livemode": call.caller.livemode,
        }
        for step_id, step in steps.items()
    ]
    return {"object": "list", "url": f"{URL}/{campaign.id}/steps", "has_more": False, "data": data}


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="list_campaign_steps",
        method="GET",
        path=f"{URL}/{{id}}/steps",
        sdk="engagement.campaigns.steps",
        summary="Show what came of each step of a campaign: who came to it, is there, and left it by which outcome.",
        read=list_campaign_steps,
        listing=REVISION,
        is_timely=True,
        reply=ListOf(CampaignStep),
        refusals=FIND,
    ),
)

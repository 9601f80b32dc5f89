"""Whether a campaign did what it is for: who reached its goal, with it and without."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from vinr_server.api.contract.operation import FIND, Operation
from vinr_server.api.contract.reads import find
from vinr_server.api.contract.reply import Json, Reference, Reply, ShownRate
from vinr_server.api.edge.call import Call
from vinr_server.api.resources.campaign_steps import REVISION, revision_asked
from vinr_server.api.resources.campaigns import URL
from vinr_server.core.campaigns import rows
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.statistics import Arm, is_mismatch, is_too_few, lift, newcombe
from vinr_server.core.kernel.numbers import show_decimal
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.storage.campaigns.results import NOBODY, Results, results_of


class ResultsArm(Reply):
    enrolments: int
    members: int
    converted: int
    rate: ShownRate | None


class RateDifference(Reply):
    rate: ShownRate
    low: ShownRate
    high: ShownRate


class SplitWayResults(ResultsArm):
    way: str
    difference: RateDifference | None
    lift: ShownRate | None
    too_few: bool


class SplitResults(Reply):
    step: str
    ways: list[SplitWayResults]


class CampaignResults(Reply):
    object: Literal["campaign_results"]
    campaign: Reference
    revision: int
    revisions: list[int]
    goal: Json | None
    holdout_share: int
    as_of: int
    treated: ResultsArm
    holdout: ResultsArm
    difference: RateDifference | None
    lift: ShownRate | None
    too_few: bool
    sample_ratio_mismatch: bool
    splits: list[SplitResults]
    livemode: bool


async def retrieve_campaign_results(call: Call) -> dict[str, Any]:
    """The results of the revision in force, or of the one that is asked for."""
    campaign: rows.Campaign = await find(call, rows.Campaign, "campaign")
    number, revision = await revision_asked(call, campaign)
    found = await results_of(call.reader.pool, call.caller.realm, campaign.id, number, datetime.now(UTC))
    definition = revision.definition if revision is not None else None
    share = definition.holdout if definition is not None else 0
    return {
        "object": "campaign_results",
        "campaign": campaign.id,
        "revision": number,
        "revisions": found.revisions,
        "goal": revision.given.get("goal") if revision is not None else None,
        "holdout_share": share,
        "as_of": unix(found.as_of),
        "treated": _arm(found.treated),
        "holdout": _arm(found.held_out),
        **_compared(found.treated, found.held_out),
        "sample_ratio_mismatch": is_mismatch(found.treated.members, found.held_out.members, holdout=share),
        "splits": _splits(definition, found) if definition is not None else [],
        "livemode": call.caller.livemode,
    }


def _arm(arm: Arm) -> Wire:
    return {**arm._asdict(), "rate": _shown(arm.rate)}


def _shown(scaled: int | None) -> ShownRate | None:
    return None if scaled is None else show_decimal(scaled)


def _compared(first: Arm, second: Arm) -> Wire:
    """How the first group did against the second."""
    found = newcombe(first, second)
    return {
        "difference": None if found is None else {name: _shown(bound) for name, bound in found._asdict().items()},
        "lift": _shown(lift(first, second)),
        "too_few": is_too_few(first, second),
    }


def _splits(definition: Definition, found: Results) -> list[Wire]:
    """Each split's ways in their order, each against the first."""
    shown: list[Wire] = []
    for step_id, step in definition.steps.items():
        if step.split is None:
            continue
        arms = [(way.name, found.ways.get((step_id, way.name), NOBODY)) for way in step.split.ways]
        ways = [{"way": name, **_arm(arm), **_compared(arm, arms[0][1])} for name, arm in arms]
        shown.append({"step": step_id, "ways": ways})
    return shown


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="retrieve_campaign_results",
        method="GET",
        path=f"{URL}/{{id}}/results",
        sdk="engagement.campaigns.results",
        summary="Show who reached a campaign's goal, of those whose goal is over: treated, held out, and by split.",
        read=retrieve_campaign_results,
        listing=REVISION,
        is_timely=True,
        reply=CampaignResults,
        refusals=FIND,
    ),
)

"""A simulation as the wire shows it: the way of one member, and what came of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vinr_server.core.campaigns.payloads import enrolment_payload
from vinr_server.core.campaigns.rows import Enrolment, EnrolmentStep
from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.simulation.commands import Moment, SimulateCampaign, Simulated


def simulation_payload(simulated: Simulated, command: SimulateCampaign, *, livemode: bool) -> Wire:
    """The simulation object; of one member with all that it went through."""
    payload: Wire = {
        "object": "campaign_simulation",
        "campaign": simulated.campaign.id,
        "revision": simulated.revision.revision,
        "from": unix(simulated.begins_at),
        "until": unix(command.until),
        "members": len(command.account_ids),
        "entered": _entered(simulated, "open", "over", "failed"),
        "held_out": _entered(simulated, "holdout"),
        "not_entered": _not_entered(simulated),
        "steps": list(_steps(simulated)),
        "livemode": livemode,
    }
    if len(simulated.passages) == 1:
        (passages,) = simulated.passages.values()
        payload["enrolments"] = [
            enrolment_payload(row, simulated.log.get(row.id, ()), livemode=livemode) for row in passages
        ]
        payload["events"] = [
            _event(moment, answer) for moment, answer in zip(command.moments, simulated.answers, strict=True)
        ]
    return payload


def _entered(simulated: Simulated, *statuses: str) -> int:
    """How many members began a passage that is now in one of these states."""
    return sum(
        any(row.id in simulated.begun and row.status in statuses for row in passages)
        for passages in simulated.passages.values()
    )


def _not_entered(simulated: Simulated) -> dict[str, int]:
    """How many members a call did not let in, by why."""
    refused = Counter(answer.code for answer in simulated.entries if isinstance(answer, Rejected))
    present = sum(isinstance(answer, Accepted) and "already_enrolled" in answer.payload for answer in simulated.entries)
    return {**refused, **({"already_enrolled": present} if present else {})}


def _event(moment: Moment, answer: Accepted | Rejected) -> Wire:
    """What campaigns did of it; or why it would be refused."""
    shown: Wire = {"type": moment.type, "at": unix(moment.at)}
    if isinstance(answer, Rejected):
        return shown | {"refusal": {"code": answer.code, "message": answer.message}}
    return shown | {"campaigns": answer.payload.get("campaigns", [])}


def _steps(simulated: Simulated) -> Iterator[Wire]:
    """Each step of the revision with its figures, as the steps of a campaign show them."""
    number = simulated.revision.revision
    passages = [row for rows in simulated.passages.values() for row in rows if row.revision == number]
    taken = [step for row in passages for step in simulated.log.get(row.id, ()) if step.revision == number]
    for step_id, step in simulated.revision.definition.steps.items():
        yield {"id": step_id, "kind": step.kind, **_figures(step_id, passages, taken)}


def _figures(step_id: str, passages: list[Enrolment], taken: list[EnrolmentStep]) -> Wire:
    mine = [step for step in taken if step.step == step_id]
    inside = sum(row.step == step_id and row.status in ("open", "failed") for row in passages)
    return {
        "entered": inside + len(mine),
        "inside": inside,
        "outcomes": dict(Counter(step.outcome for step in mine)),
        "skipped": dict(Counter(step.detail["refusal"]["code"] for step in mine if "refusal" in step.detail)),
        "points": sum(step.detail.get("effect", {}).get("points", 0) for step in mine),
    }

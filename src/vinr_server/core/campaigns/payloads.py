"""Campaigns as the wire shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.campaigns.entries.rows import CampaignScan
from vinr_server.core.campaigns.rows import (
    Campaign,
    CampaignRevision,
    DefinitionProblem,
    Enrolment,
    EnrolmentStep,
    Reached,
)
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none


def campaign_payload(campaign: Campaign, revision: CampaignRevision | None, *, now: datetime, livemode: bool) -> Wire:
    """The campaign object, with the definition in force and the draft, if it differs."""
    drafted = campaign.drafted
    return {
        "id": campaign.id,
        "object": "campaign",
        "program": campaign.program_id,
        "name": campaign.name,
        "type": campaign.type,
        "status": campaign.status_at(now),
        "revision": campaign.revision,
        "definition": revision.given if revision is not None else None,
        "draft": drafted.given if drafted is not None else None,
        "problems": problems_payload(drafted.problems if drafted is not None else ()),
        "starts_at": unix_or_none(campaign.starts_at),
        "ends_at": unix_or_none(campaign.ends_at),
        "priority": campaign.priority,
        "published_at": unix_or_none(campaign.published_at),
        "next_entry_at": unix_or_none(campaign.next_entry_at if campaign.is_live else None),
        "metadata": campaign.metadata,
        "created": unix(campaign.created_at),
        "livemode": livemode,
    }


def problems_payload(problems: Sequence[DefinitionProblem]) -> list[Wire]:
    """What is wrong with a definition."""
    return [{"path": problem.path, "problem": problem.problem} for problem in problems]


def scan_payload(scan: CampaignScan, *, livemode: bool) -> Wire:
    """The campaign_scan object; its `name` is the `source` of the entries by it."""
    return {
        "id": scan.id,
        "object": "campaign_scan",
        "campaign": scan.campaign_id,
        "name": scan.name,
        "type": scan.entry_type,
        "segment": scan.segment_id,
        "status": scan.status,
        "as_of": unix(scan.as_of),
        "entered": scan.entered,
        "refused": scan.refused,
        "created": unix(scan.started_at),
        "done_at": unix_or_none(scan.done_at),
        "livemode": livemode,
    }


def enrolment_payload(
    enrolment: Enrolment,
    log: Sequence[EnrolmentStep] | None = None,
    *,
    progress: Wire | None = None,
    livemode: bool,
) -> Wire:
    """The enrollment object; with its log where one enrollment is retrieved, and its progress where it is read."""
    payload: Wire = {
        "id": enrolment.id,
        "object": "enrolment",
        "campaign": enrolment.campaign_id,
        "revision": enrolment.revision,
        "account": enrolment.account_id,
        "customer": enrolment.customer_id,
        "program": enrolment.program_id,
        "status": enrolment.status,
        "step": enrolment.step,
        "position": enrolment.position,
        "due_at": unix_or_none(enrolment.due_at),
        "entered_at": unix(enrolment.entered_at),
        "entry": {"type": enrolment.entry_type, "source": enrolment.entry_source},
        "ways": dict(enrolment.ways),
        "outcome": enrolment.outcome,
        "over_at": unix_or_none(enrolment.over_at),
        "goal_until": unix_or_none(enrolment.goal_until),
        "converted": None if enrolment.conversion is None else conversion_payload(enrolment.conversion),
        "revoked": _revoked(enrolment),
        "livemode": livemode,
    }
    if enrolment.error is not None:
        payload["error"] = enrolment.error
    if progress is not None:
        payload["progress"] = progress
    if log is not None:
        payload["log"] = [_step(step) for step in sorted(log, key=lambda step: step.position)]
    return payload


def conversion_payload(reached: Reached) -> Wire:
    """The event that reached a goal, with what was paid by it."""
    payload: Wire = {"event": reached.event_id, "at": unix(reached.at)}
    if reached.amount_minor is not None:
        payload |= {"amount": reached.amount_minor, "currency": reached.currency}
    return payload


def _revoked(enrolment: Enrolment) -> Wire | None:
    """What went back with the payment that let the member enter; not what came back into which counter."""
    if enrolment.revoked is None:
        return None
    return {name: enrolment.revoked[name] for name in ("points", "withdrawn", "kept")}


def _step(step: EnrolmentStep) -> Wire:
    return {
        "position": step.position,
        "step": step.step,
        "kind": step.kind,
        "at": unix(step.at),
        "outcome": step.outcome,
        **{name: value for name, value in step.detail.items() if name != "budget"},
    }

"""What an attempt gave is taken back, as its contributions no longer complete it (R55)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.campaigns.challenges.standing import Completed
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.passages.entering import passage_payload
from vinr_server.core.campaigns.passages.giving.budgets import give_back
from vinr_server.core.campaigns.passages.giving.taking_back import TAKEN_BACK, name_given
from vinr_server.core.campaigns.rows import PROGRESS, Campaign, Enrolment
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.moved import lot_of
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import take_back_award
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account

Json = Mapping[str, Any]
# What is said of each thing that a step gave.
_SHOWN: Mapping[str, Mapping[str, str]] = {
    "grant": {"grant": "grant"},
    "redemption": {"redemption": "redemption", "discount": "discount"},
    "code_id": {"code": "code_id"},
}


def name_attempts(needs: Needs, layer: Layer, enrolment: Enrolment) -> None:
    """All that revoking the attempts of a passage may change is declared."""
    name_account(needs, enrolment.account_id, lots=Part.FIRST, beside=enrolment.id)
    for _step_id, result in _given(enrolment):
        if "points_transaction" in result:
            needs.row(Lot, result["points_transaction"])
            needs.row(Entry, result["points_transaction"])
        if "budget" in result:
            needs.counter(result["budget"]["counter"])
    name_given(needs, layer, enrolment.account_id, [result for _step_id, result in _given(enrolment)])


def _given(enrolment: Enrolment) -> Iterator[tuple[str, Json]]:
    """What the steps of all attempts gave that may be taken back."""
    standing = enrolment.challenge
    done = [attempt.results for attempt in standing.attempts] if standing is not None else []
    for results in (*done, enrolment.results):
        yield from results.items()


def revoke(draft: Layer, context: Context, enrolment: Enrolment, *, source_id: str, now: datetime) -> Enrolment:
    """The last attempt is none: points are clawed back, open grants withdrawn; what is used stays, and is listed.

    If its steps are being taken, the rest is not. Expects what `name_given` declares.
    """
    standing = enrolment.challenge
    assert standing is not None and standing.attempts, f"{enrolment.id} has no attempt to revoke"
    attempt, number = standing.attempts[-1], len(standing.attempts)
    results = enrolment.results if attempt.status == "running" else attempt.results
    enrolment = replace(enrolment, challenge=replace(standing, attempts=standing.attempts[:-1]))
    if attempt.status == "running":
        status = "open" if enrolment.status == "failed" else enrolment.status
        enrolment = replace(enrolment, status=status, step=PROGRESS, results={}, heard=(), waits_since=None,
                            due_at=now, failures=0, error=None)  # fmt: skip
    taken, enrolment = _take_back(draft, context, enrolment, attempt, results, number, now=now)
    account = draft.get(Account, enrolment.account_id)
    data = {**passage_payload(enrolment), "attempt": number, "source": source_id, **taken}
    announce(draft, context, type="campaign.revoked", account=account, data=data, now=now)
    return enrolment


def _take_back(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    attempt: Completed,
    results: Json,
    number: int,
    *,
    now: datetime,
) -> tuple[Json, Enrolment]:
    """What was reversed and withdrawn, and what was used and stays; and the passage, which keeps the sums."""
    definition = _definition(draft, enrolment, attempt)
    reversed: list[Json] = []
    withdrawn: list[Json] = []
    kept: list[Json] = []
    before = enrolment.revoked or {"points": 0, "withdrawn": (), "kept": (), "budget": {}}
    returned = dict(before["budget"])
    for step_id, result in results.items():
        points, count = 0, len(withdrawn)
        if "points_transaction" in result and _goes_back(definition, step_id):
            points = _claw_back(draft, context, enrolment, step_id, result["points_transaction"], number)
            reversed.append({"step": step_id, "points": points, "points_transaction": result["points_transaction"]})
        for name, take_back in TAKEN_BACK.items():
            if name in result:
                shown = {word: result[of] for word, of in _SHOWN[name].items() if result.get(of) is not None}
                (withdrawn if take_back(draft, context, result[name], now) else kept).append({"step": step_id, **shown})
        if "budget" in result and (points or len(withdrawn) > count):
            give_back(draft, context, result["budget"], points=points, returned=returned)
    sums = {
        "points": before["points"] + sum(back["points"] for back in reversed),
        "withdrawn": [*before["withdrawn"], *map(_id_of, withdrawn)],
        "kept": [*before["kept"], *map(_id_of, kept)],
        "budget": returned,
    }
    return {"reversed": reversed, "withdrawn": withdrawn, "kept": kept}, replace(enrolment, revoked=sums)


def _id_of(given: Json) -> str:
    return next(str(given[name]) for name in ("grant", "redemption", "code") if name in given)


def _definition(draft: Layer, enrolment: Enrolment, attempt: Completed) -> Definition:
    campaign = draft.get(Campaign, enrolment.campaign_id)
    said = revision_of(draft, campaign, attempt.revision) if campaign is not None else None
    assert said is not None, f"revision {attempt.revision} of {enrolment.campaign_id} is not in the catalogue"
    return said.definition


def _goes_back(definition: Definition, step_id: str) -> bool:
    step = definition.steps.get(step_id)
    return step is not None and step.award is not None and step.award.clawback != "none"


def _claw_back(draft: Layer, context: Context, enrolment: Enrolment, step_id: str, award_id: str, number: int) -> int:
    before = lot_of(draft, award_id).reversed_points
    take_back_award(
        draft,
        context,
        enrolment.account_id,
        award_id,
        reason="challenge revoked",
        source_type="campaign",
        source_id=enrolment.id,
        receipt={"campaign": enrolment.campaign_id, "step": step_id, "attempt": number},
    )
    return lot_of(draft, award_id).reversed_points - before

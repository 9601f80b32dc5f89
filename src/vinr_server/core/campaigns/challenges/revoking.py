"""What an attempt gave is taken back, as its contributions no longer complete it (R55)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vinr_server.core.campaigns.challenges.standing import Completed
from vinr_server.core.campaigns.changes import definition_by
from vinr_server.core.campaigns.passages.entering import passage_payload
from vinr_server.core.campaigns.passages.giving.taking_back import take_step_back
from vinr_server.core.campaigns.rows import PROGRESS, Enrolment
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account

# What is said of each thing that a step gave.
_SHOWN: Mapping[str, Mapping[str, str]] = {
    "grant": {"grant": "grant"},
    "redemption": {"redemption": "redemption", "discount": "discount"},
    "code_id": {"code": "code_id"},
}


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
    definition = definition_by(draft, enrolment.campaign_id, attempt.revision)
    assert definition is not None, f"revision {attempt.revision} of {enrolment.campaign_id} is not in the catalogue"
    reversed: list[Json] = []
    withdrawn: list[Json] = []
    kept: list[Json] = []
    before = enrolment.revoked or {"points": 0, "withdrawn": (), "kept": (), "budget": {}}
    returned = dict(before["budget"])
    for step_id, result in results.items():
        back = take_step_back(
            draft,
            context,
            enrolment,
            definition,
            step_id,
            result,
            reason="challenge revoked",
            receipt={"attempt": number},
            at=now,
            returned=returned,
        )
        if back.points is not None:
            award_id = result["points_transaction"]
            reversed.append({"step": step_id, "points": back.points, "points_transaction": award_id})
        for name, is_gone in back.is_gone.items():
            shown = {word: result[of] for word, of in _SHOWN[name].items() if result.get(of) is not None}
            (withdrawn if is_gone else kept).append({"step": step_id, **shown})
    sums = {
        "points": before["points"] + sum(back["points"] for back in reversed),
        "withdrawn": [*before["withdrawn"], *map(_id_of, withdrawn)],
        "kept": [*before["kept"], *map(_id_of, kept)],
        "budget": returned,
    }
    return {"reversed": reversed, "withdrawn": withdrawn, "kept": kept}, replace(enrolment, revoked=sums)


def _id_of(given: Json) -> str:
    return next(str(given[name]) for name in ("grant", "redemption", "code") if name in given)

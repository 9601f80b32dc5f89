"""The payment that let a member enter is refunded whole: the passage ends, and what it gave for it goes back (R49)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.passages.entering import end, passages_named
from vinr_server.core.campaigns.passages.giving.taking_back import take_step_back
from vinr_server.core.campaigns.passages.stepping import definition_of
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.tiers.changing import judge_tiers


def refund_entries(draft: Layer, context: Context) -> None:
    """The passages are over that began with a payment which the command has refunded whole; what they gave goes back.

    Awards are reversed; grants, rewards and codes that nobody has used are withdrawn. What was used stays, and is
    listed. Raises AlsoRows for passages that nobody has read.
    """
    for event in [event for event in draft.written(Event) if event.type == "payment.refunded"]:
        payment = draft.find(Payment, event.data["id"])
        if payment is None or not payment.is_refunded_whole:
            continue
        ids = [did["enrolment"] for did in payment.outcome.get("campaigns", ()) if did.get("did") == "entered"]
        for enrolment in passages_named(draft, ids):
            _take_back(draft, context, enrolment)


def _take_back(draft: Layer, context: Context, enrolment: Enrolment) -> None:
    definition, account = definition_of(draft, enrolment), draft.find(Account, enrolment.account_id)
    if definition is None or account is None or enrolment.challenge is not None:
        return  # what a challenge gave goes with its contributions (R55)
    at = context.now(program_of(draft, account).clock_id)
    if enrolment.status in ("open", "failed") and definition.exit_on_refund:
        enrolment = end(draft, context, enrolment, definition, "entry_refunded", at=at)
    revoked = _revoked(draft, context, enrolment, definition, at=at)
    if revoked is not None:
        draft.put(replace(draft.get(Enrolment, enrolment.id) or enrolment, revoked=revoked))
    judge_tiers(draft, context)


def _revoked(
    draft: Layer, context: Context, enrolment: Enrolment, definition: Definition, *, at: datetime
) -> Json | None:
    """What the passage gave is taken back, by step: points that are tied to the payment, and what nobody has used.

    Shape: all that has gone back so far, as the passage keeps it; None where nothing has, nor was used before.
    """
    before = enrolment.revoked or {"points": 0, "withdrawn": (), "budget": {}}
    points, withdrawn, kept = before["points"], list(before["withdrawn"]), list[str]()
    returned = dict(before["budget"])
    for step_id, given in enrolment.results.items():
        back = take_step_back(
            draft,
            context,
            enrolment,
            definition,
            step_id,
            given,
            reason="entry refunded",
            receipt={},
            at=at,
            returned=returned,
            without=withdrawn,
        )
        points += back.points or 0
        for name, is_gone in back.is_gone.items():
            (withdrawn if is_gone else kept).append(given[name])
    if not points and not withdrawn and not kept:
        return None
    return {"points": points, "withdrawn": withdrawn, "kept": kept, "budget": returned}

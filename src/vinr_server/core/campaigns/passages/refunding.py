"""The payment that let a member enter is refunded whole: the passage ends, and what it gave for it goes back (R49)."""

from __future__ import annotations

from collections.abc import Iterator

from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.passages.entering import end
from vinr_server.core.campaigns.passages.stepping import definition_of
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs, Part
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import take_back_award
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import program_of
from vinr_server.core.tiers.changing import judge_tiers


def refund_entries(draft: Layer, context: Context) -> None:
    """The passages are over that began with a payment which the command has refunded whole; their awards are reversed.

    What a member no longer has, such as a used reward, stays. Raises AlsoRows for passages that nobody has read.
    """
    for event in [event for event in draft.written(Event) if event.type == "payment.refunded"]:
        payment = draft.find(Payment, event.data["id"])
        if payment is None or not payment.is_refunded_whole:
            continue
        ids = [did["enrolment"] for did in payment.outcome.get("campaigns", ()) if did.get("did") == "entered"]
        unread = [id for id in ids if not draft.declares(Enrolment, id) and not draft.is_made(id)]
        if unread:
            raise AlsoRows(Enrolment, unread)
        for id in ids:
            enrolment = draft.get(Enrolment, id)
            if enrolment is not None:
                _take_back(draft, context, enrolment)


def name_refunded(needs: Needs, enrolment: Enrolment) -> None:
    """All that reversing the awards of a passage may change is declared."""
    name_account(needs, enrolment.account_id, lots=Part.FIRST, beside=enrolment.id)
    for award_id in _award_ids(enrolment):
        needs.row(Lot, award_id)
        needs.row(Entry, award_id)


def _award_ids(enrolment: Enrolment) -> Iterator[str]:
    for result in enrolment.results.values():
        if "points_transaction" in result:
            yield result["points_transaction"]


def _take_back(draft: Layer, context: Context, enrolment: Enrolment) -> None:
    definition, account = definition_of(draft, enrolment), draft.find(Account, enrolment.account_id)
    if definition is None or account is None or enrolment.challenge is not None:
        return  # what a challenge gave goes with its contributions (R55)
    at = context.now(program_of(draft, account).clock_id)
    if enrolment.status in ("open", "failed") and definition.exit_on_refund:
        enrolment = end(draft, context, enrolment, definition, "entry_refunded", at=at)
    for step_id, award_id in _tied_awards(enrolment, definition):
        take_back_award(
            draft,
            context,
            enrolment.account_id,
            award_id,
            reason="entry refunded",
            source_type="campaign",
            source_id=enrolment.id,
            receipt={"campaign": enrolment.campaign_id, "step": step_id},
        )
    judge_tiers(draft, context)


def _tied_awards(enrolment: Enrolment, definition: Definition) -> Iterator[tuple[str, str]]:
    """The awards that go with the entry payment: all that don't say that they stay."""
    for step_id, result in enrolment.results.items():
        step = definition.steps.get(step_id)
        award = step.award if step is not None else None
        if "points_transaction" in result and award is not None and award.clawback != "none":
            yield step_id, result["points_transaction"]

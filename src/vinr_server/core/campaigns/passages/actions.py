"""What steps do to a member: points, rewards, messages, metadata. What is refused holds nothing up (R48)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from vinr_server.core.campaigns.definition import Definition, Step
from vinr_server.core.campaigns.passages.capping import capped, note_meeting
from vinr_server.core.campaigns.passages.entering import passage_payload
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.codes import issuing as codes
from vinr_server.core.earning.conditions import value_at
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Rejected, missing
from vinr_server.core.kernel.commands import Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.numbers import NUMBER_MAX
from vinr_server.core.kernel.payloads import unix_or_none
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.movements import accrue
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.activation import activate
from vinr_server.core.offers.grants.granting import grant_offer
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.members import program_of
from vinr_server.core.rewards.redemptions import giving_refusal, issue
from vinr_server.core.rewards.rows import Reward
from vinr_server.core.segments.members import set_place
from vinr_server.core.segments.rows import Segment


class Acting(NamedTuple):
    """What an action works with: who, where in the campaign, and the instant, which the context has as its now.

    `entered`: what the campaign said at the entry, whose caps hold.
    """

    draft: Layer
    context: Context
    account: Account
    enrolment: Enrolment
    step_id: str
    step: Step
    definition: Definition
    entered: Definition

    @property
    def names(self) -> Json:
        """The step, as receipts name it."""
        enrolment = self.enrolment
        return {
            "campaign": enrolment.campaign_id,
            "revision": enrolment.revision,
            "enrolment": enrolment.id,
            "step": self.step_id,
            "position": enrolment.position + 1,
        }


def award_points(acting: Acting) -> Json | Rejected:
    """The account has a new lot of the step's points."""
    draft, context, account, award = acting.draft, acting.context, acting.account, acting.step.award
    assert award is not None, "a step that awards says how much"
    if max(account.lifetime_points, account.ledger_balance_points) + award.points > NUMBER_MAX:
        return Rejected("parameter_invalid", f"Account {account.id} would exceed the maximum of {NUMBER_MAX} points.")
    movement = Movement(
        "award",
        reason=award.reason,
        source_type="campaign",
        source_id=acting.enrolment.id,
        receipt={**acting.names, "points": award.points},
    )
    _account, entry, _payload = accrue(
        draft,
        context,
        account,
        program_of(draft, account),
        points=award.points,
        movement=movement,
        event_type="loyalty.points.earned",
    )
    return {"points": award.points, "points_transaction": entry.id}


def issue_reward(acting: Acting) -> Json | Rejected:
    """The member has the reward at no points; its stock and the member's limit count it."""
    draft, context, account = acting.draft, acting.context, acting.account
    reward = draft.get(Reward, acting.step.reward_id or "")
    if reward is None:
        return missing("reward", acting.step.reward_id or "", param="reward")
    now = context.now(program_of(draft, account).clock_id)
    refusal = giving_refusal(draft, account, reward, now=now)
    if refusal is not None:
        return refusal
    redemption, _payload = issue(
        draft,
        context,
        account,
        reward,
        reward.benefit,
        redemption_id=context.make_id("rdm", account.bucket),
        paid_by=None,
        metadata={},
        now=now,
    )
    shown = {"redemption": redemption.id, "reward": reward.id, "voucher_code": redemption.voucher_code}
    return {**shown, "discount": redemption.discount_id}


def send_event(acting: Acting) -> Json | Rejected:
    """`campaign.message` announces what the merchant's own systems are to send, unless a cap keeps it back."""
    message = acting.step.message
    assert message is not None, "a step that sends says what"
    context, campaign_id = acting.context, acting.enrolment.campaign_id
    now = context.now(program_of(acting.draft, acting.account).clock_id)
    refusal = capped(acting.draft, campaign_id, acting.entered, acting.account, "messages", at=now)
    if refusal is not None:
        return refusal
    note_meeting(acting.draft, acting.enrolment, "messages", at=now)
    data = {
        **passage_payload(acting.enrolment),
        "position": acting.enrolment.position + 1,
        "step": acting.step_id,
        "name": message.name,
        "data": filled(message.data, acting.enrolment),
    }
    event = announce(acting.draft, acting.context, type="campaign.message", account=acting.account, data=data, now=now)
    return {"event": event.id}


def filled(value: Any, enrolment: Enrolment) -> Any:
    """The data with what its references stand for; null where that is nothing."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str):
            return _referred(reference, enrolment)
        return {key: filled(inner, enrolment) for key, inner in value.items()}
    return [filled(inner, enrolment) for inner in value] if isinstance(value, list | tuple) else value


def _referred(reference: str, enrolment: Enrolment) -> Any:
    kind, _dot, path = reference.partition(".")
    return value_at(enrolment.entry.data if kind == "entry" else enrolment.results, path)


def set_metadata(acting: Acting) -> Json | Rejected:
    """The account's metadata has these keys, and the account these places in static segments."""
    draft, account, marks = acting.draft, acting.account, acting.step.marks
    assert marks is not None, "a step that marks says how"
    segments = {id: draft.get(Segment, id) for id in (*marks.add, *marks.remove)}
    for id, segment in segments.items():
        if segment is None or segment.type != "static":
            return missing("segment", id, param="segments")
    merged = merge_metadata(account.metadata, marks.account)
    if isinstance(merged, Rejected):
        return merged
    draft.put(replace(account, metadata=merged))
    for ids, is_in in ((marks.add, True), (marks.remove, False)):
        for id in ids:
            segment = segments[id]
            assert segment is not None, "looked up above"
            set_place(draft, acting.context, segment, account.id, is_in=is_in)
    return {}


def grant(acting: Acting) -> Json | Rejected:
    """The member has one use more of the offer, for as long as the step says; an `opt_in` one is activated."""
    granted, draft = acting.step.grant, acting.draft
    assert granted is not None, "a step that grants says what"
    offer = draft.get(Offer, granted.offer_id)
    if offer is None or offer.deleted_at is not None:
        return missing("offer", granted.offer_id, param="offer")
    context = acting.context
    at = context.now(program_of(draft, acting.account).clock_id)
    if not offer.is_granted:
        return _activate(acting, offer, at)
    source = {"campaign": acting.enrolment.campaign_id, "enrolment": acting.enrolment.id, "step": acting.step_id}
    made = grant_offer(draft, acting.context, offer, acting.account, source=source, valid_for=granted.valid_for, at=at)
    if isinstance(made, Rejected):
        return made
    ends_at = unix_or_none(made.expires_at)
    return {"grant": made.id, "offer": offer.id, "status": "granted", "expires_at": ends_at}


def _activate(acting: Acting, offer: Offer, at: datetime) -> Json | Rejected:
    activated = activate(acting.draft, acting.context, offer, acting.account, now=at)
    if isinstance(activated, Rejected):
        return activated
    use = activated.redemption
    effect = {"offer": offer.id, "status": activated.status, "offer_redemption": use.id if use is not None else None}
    return effect | ({"points": offer.terms.bonus.points} if offer.terms.bonus is not None else {})


def issue_code(acting: Acting) -> Json | Rejected:
    """The member has a code of the batch that nobody else has."""
    issued = acting.step.issue
    assert issued is not None, "a step that issues says of what"
    code = codes.issue_code(acting.draft, acting.context, issued.batch_id, acting.account, expires_in=issued.expires_in)
    if isinstance(code, Rejected):
        return code
    return {"code": code.code, "code_id": code.id, "expires_at": unix_or_none(code.expires_at)}


ACTIONS = {
    "issue_code": issue_code,
    "grant_offer": grant,
    "award_points": award_points,
    "issue_reward": issue_reward,
    "send_event": send_event,
    "set_metadata": set_metadata,
}
